//! Trials that are tried again, and the sweeps that run again with them.

use std::ops::Range;

use super::bench::{Bench, both, id, sweep, trial};
use crate::{
    ids::{SweepKey, TrialNumber},
    store::{
        NewSweep, NewTrial, Outcome, StoreError,
        command::{Action, CancelTrial, ChangeSweep, RetryTrials, SweepChange},
        error::Rows,
        queries,
    },
    sweep::SweepState,
    trial::{TrialKind, TrialState},
};

fn retry(b: &mut Bench, trials: &[u64], hinged: &[Range<u64>]) -> Rows<Vec<u64>> {
    let at = b.tick();
    let numbers = b.apply(RetryTrials {
        sweep: id(),
        trials: trials.iter().copied().map(TrialNumber).collect(),
        hinged: hinged.to_vec(),
        actor: "user".to_owned(),
        at,
    })?;
    Ok(numbers.into_iter().map(|number| number.0).collect())
}

/// All numbers from this one on.
fn behind(start: u64) -> Range<u64> {
    start..u64::MAX
}

fn fail(b: &mut Bench, message: &str) {
    let granted = b.grant(1).unwrap();
    let message = message.to_owned();
    b.finish(&granted.attempt, Outcome::Failed { message })
        .unwrap();
}

fn diverge(b: &mut Bench) {
    let granted = b.grant(1).unwrap();
    let outcome = Outcome::Diverged {
        epoch: 1,
        reason: "loss is NaN".to_owned(),
    };
    b.finish(&granted.attempt, outcome).unwrap();
}

fn change(b: &mut Bench, change: SweepChange) {
    let at = b.tick();
    b.apply(ChangeSweep {
        sweep: id(),
        change,
        actor: "search".to_owned(),
        reason: "nothing works".to_owned(),
        at,
    })
    .unwrap();
}

fn missing(b: &Bench, diverged: bool) -> Vec<u64> {
    let missing = queries::missing(b.read(), &b.row(), diverged).unwrap();
    missing.into_iter().map(|number| number.0).collect()
}

fn nothing_is_wrong(b: &Bench) {
    assert_eq!(b.findings(), []);
}

#[test]
fn a_failed_sweep_runs_again_with_all_that_it_lacks() {
    both(|b| {
        b.with_trials(5);
        fail(b, "no module");
        diverge(b);
        let at = b.tick();
        b.apply(CancelTrial {
            sweep: id(),
            trial: TrialNumber(5),
            actor: "user".to_owned(),
            at,
        })
        .unwrap();
        let running = b.grant(1).unwrap();
        change(b, SweepChange::Fail(SweepKey(1)));
        assert_eq!(b.state(4), TrialState::Cancelled);
        assert_eq!(
            missing(b, false),
            [1, 3, 4],
            "what a person cancelled stays so"
        );
        assert_eq!(missing(b, true), [1, 2, 3, 4]);

        let warn = |key: &str| Action::Warn {
            key: key.to_owned(),
            text: format!("about {key}"),
        };
        b.decide(vec![warn("from"), warn("diverged 1")]);
        let decisions = b.row().decisions;
        assert_eq!(retry(b, &[1, 2, 3, 4], &[]).unwrap(), [6, 7, 8, 9]);
        assert_eq!(
            b.detail().warnings,
            ["about from"],
            "the rest is found anew"
        );
        let detail = b.detail();
        assert_eq!(detail.summary.row.state, SweepState::Running);
        assert_eq!(
            (detail.summary.row.reason.as_str(), detail.summary.row.ended),
            ("", None)
        );
        assert_eq!(
            detail.summary.counts,
            [4, 0, 0, 0, 0, 0, 1, 0],
            "a retry is in its trial's place"
        );
        assert_eq!(detail.summary.counts.iter().sum::<u64>(), 5);
        let late = b.try_decide(
            decisions + 1,
            vec![Action::Fail {
                reason: "late".to_owned(),
            }],
        );
        assert!(
            !late.unwrap().applied,
            "decided without knowing of the retries"
        );

        // The one that was asked to end does so, and nobody counts it.
        b.finish(&running.attempt, Outcome::Ended).unwrap();
        assert_eq!(b.state(3), TrialState::Cancelled);
        for value in [0.1, 0.2, 0.3, 0.4] {
            b.complete(1, value);
        }
        let detail = b.detail();
        assert_eq!(detail.summary.counts, [0, 0, 0, 4, 0, 0, 1, 0]);
        assert_eq!(detail.rounds[0].row.finished, 5);
        assert_eq!(detail.best.unwrap().trials, [TrialNumber(9)]);
        let key = b.row().key;
        let events = crate::store::events::select(b.read(), key, None, 0, 1000).unwrap();
        let told = events.iter().find(|event| event.event == "retry").unwrap();
        assert_eq!(
            (
                told.actor.as_str(),
                told.from.as_str(),
                told.to.as_str(),
                told.reason.as_str()
            ),
            ("user", "failed", "running", "4 trials are tried again")
        );
        nothing_is_wrong(b);
    });
}

#[test]
fn a_trial_of_an_ended_sweep_is_tried_again_unless_something_hinges_on_it() {
    both(|b| {
        b.with_trials(3);
        fail(b, "no module");
        b.complete(1, 0.5);
        b.complete(1, 0.6);
        b.decide(vec![Action::Complete {
            winner: None,
            reason: "done".to_owned(),
        }]);
        let before = b.detail();
        assert_eq!(
            retry(b, &[1], &[behind(2)]),
            Err(StoreError::BuiltUpon {
                sweep: id(),
                first: TrialNumber(2)
            })
        );
        assert_eq!(b.detail(), before);
        assert_eq!(retry(b, &[1], &[4..5, 9..u64::MAX]).unwrap(), [4]);
        assert_eq!(b.row().state, SweepState::Running);
        // The retry itself is none of the plan's.
        fail(b, "no module");
        assert_eq!(
            retry(b, &[1], &[behind(4)]).unwrap(),
            [5],
            "of the newest retry"
        );
        assert_eq!(b.trial(5).summary.row.retry_of, Some(TrialNumber(4)));
        assert_eq!(retry(b, &[1], &[]).unwrap(), [5], "it is under way");
        b.complete(1, 0.7);
        assert_eq!(b.detail().summary.counts, [0, 0, 0, 3, 0, 0, 0, 0]);
        assert!(
            matches!(retry(b, &[1], &[]), Err(StoreError::Refused(_))),
            "it has a result now"
        );
        nothing_is_wrong(b);
    });
}

#[test]
fn a_point_that_diverged_has_the_value_of_its_retry() {
    both(|b| {
        b.with_trials(1);
        diverge(b);
        assert_eq!(b.detail().summary.best, None);
        retry(b, &[1], &[]).unwrap();
        b.complete(1, 0.75);
        let best = b.detail().best.unwrap();
        assert_eq!(
            (best.objective, best.repeats, best.trials),
            (0.75, 1, vec![TrialNumber(2)])
        );
        nothing_is_wrong(b);
    });
}

#[test]
fn results_and_stopped_sweeps_are_left_alone() {
    both(|b| {
        b.with_trials(3);
        b.complete(1, 0.5);
        fail(b, "no module");
        let refused = |b: &mut Bench, trial| match retry(b, &[trial], &[]) {
            Err(StoreError::Refused(words)) => words,
            other => panic!("{other:?}"),
        };
        assert!(refused(b, 1).contains("s/1 is completed"));
        assert!(refused(b, 3).contains("s/3 is queued"));
        let granted = b.grant(1).unwrap();
        change(b, SweepChange::Stop);
        assert!(refused(b, 2).contains("s is stopping"));
        b.finish(&granted.attempt, Outcome::Ended).unwrap();
        assert!(refused(b, 2).contains("s is stopped"));
        nothing_is_wrong(b);
    });
}

#[test]
fn a_sweep_whose_check_failed_checks_again() {
    both(|b| {
        let checked = NewSweep {
            check: true,
            ..sweep("s")
        };
        b.launch_as("s", checked);
        let check_trial = NewTrial {
            kind: TrialKind::Check,
            round: 0,
            ..trial(1)
        };
        b.decide(vec![Action::Enqueue(vec![check_trial])]);
        let granted = b.grant(1).unwrap();
        let mut finish = b.finish_of(&granted.attempt, Outcome::Completed);
        finish.result_json = r#"{"passed": false}"#.to_owned();
        b.apply(finish).unwrap();
        b.decide(vec![Action::Fail {
            reason: "the check failed".to_owned(),
        }]);
        assert_eq!(missing(b, false), [1]);
        assert_eq!(retry(b, &[1], &[]).unwrap(), [2]);
        let detail = b.detail();
        assert_eq!(
            (detail.summary.row.state, detail.summary.row.checked),
            (SweepState::Checking, false)
        );
        assert_eq!(&*detail.summary.row.check_json, "");
        assert_eq!(b.grant(1).unwrap().trial.kind, TrialKind::Check);
        nothing_is_wrong(b);
    });
}

#[test]
fn a_sweep_that_failed_before_its_first_trial_goes_on() {
    both(|b| {
        b.launch();
        b.decide(vec![Action::Fail {
            reason: "so".to_owned(),
        }]);
        assert!(missing(b, true).is_empty());
        assert!(retry(b, &[], &[]).unwrap().is_empty());
        assert_eq!(b.row().state, SweepState::Running);
    });
}

#[test]
fn what_is_decided_for_an_ended_sweep_does_not_fail_it() {
    both(|b| {
        b.with_trials(1);
        change(b, SweepChange::Stop);
        b.decide(vec![Action::Fail {
            reason: "late".to_owned(),
        }]);
        assert_eq!(b.row().state, SweepState::Stopped);
    });
}
