//! Each way in which a trial can end has its word, and its times.

use super::bench::{Bench, both, id, round, trial};
use crate::{
    ids::TrialNumber,
    store::{
        NewTrial, Outcome,
        command::{Action, CancelTrial, ChangeSweep, Finish, SweepChange},
    },
    trial::EndCause,
};

fn cause(b: &Bench, number: u64) -> Option<EndCause> {
    let summary = b.trial(number).summary;
    assert_eq!(summary.row.cause.is_some(), summary.ended.is_some());
    summary.row.cause
}

fn cancel(b: &mut Bench, number: u64) {
    let at = b.tick();
    b.apply(CancelTrial {
        sweep: id(),
        trial: TrialNumber(number),
        actor: "user".to_owned(),
        at,
    })
    .unwrap();
}

fn stop(b: &mut Bench) {
    let at = b.tick();
    b.apply(ChangeSweep {
        sweep: id(),
        change: SweepChange::Stop,
        actor: "user".to_owned(),
        reason: "enough".to_owned(),
        at,
    })
    .unwrap();
}

#[test]
fn what_a_worker_says_names_the_cause() {
    both(|b| {
        b.with_trials(5);
        b.complete(1, 0.5);
        let ends = [
            (Outcome::EndedEarly, EndCause::Patience),
            (
                Outcome::Diverged {
                    epoch: 2,
                    reason: "loss is NaN".to_owned(),
                },
                EndCause::Diverged,
            ),
            (
                Outcome::Failed {
                    message: "poisoned: or so".to_owned(),
                },
                EndCause::Failed,
            ),
        ];
        assert_eq!(cause(b, 1), Some(EndCause::Done));
        for (number, (outcome, expected)) in (2..).zip(ends) {
            let granted = b.grant(1).unwrap();
            b.report(&granted.attempt, 1, 0.5).unwrap();
            b.finish(&granted.attempt, outcome).unwrap();
            assert_eq!(cause(b, number), Some(expected));
        }
        assert_eq!(cause(b, 5), None);
        assert_eq!(b.findings(), []);
    });
}

#[test]
fn a_trial_starts_once_and_is_poisoned_by_the_crash_limit() {
    both(|b| {
        b.with_trials(1);
        assert_eq!(b.trial(1).summary.row.started, None);
        let mut first = None;
        for _ in 0..3 {
            assert_eq!(cause(b, 1), None);
            let granted = b.grant(1).unwrap();
            first = first.or(Some(b.at));
            b.expire(&granted.attempt).unwrap();
        }
        let summary = b.trial(1).summary;
        assert_eq!(summary.row.cause, Some(EndCause::Poisoned));
        assert!(summary.row.started.is_some());
        assert_eq!((summary.row.started, summary.ended), (first, Some(b.at)));
        assert_eq!(b.findings(), []);
    });
}

#[test]
fn a_person_the_search_and_a_stop_have_words_of_their_own() {
    both(|b| {
        b.launch();
        let waits = |number| NewTrial {
            waits_at_end: number == 1,
            ..trial(number)
        };
        b.decide(vec![
            round(6),
            Action::Enqueue((1..=6).map(waits).collect()),
        ]);
        let granted = b.grant(1).unwrap();
        for epoch in 1..=3 {
            b.report(&granted.attempt, epoch, 0.5).unwrap();
        }
        let rung = Outcome::ReachedRung { checkpoint: None };
        b.finish(&granted.attempt, rung).unwrap();
        assert_eq!(cause(b, 1), None);
        b.decide(vec![Action::Prune {
            trial: TrialNumber(1),
            reason: "others are better".to_owned(),
        }]);
        assert_eq!(cause(b, 1), Some(EndCause::Pruned));
        let (asked, stopped, done) = (
            b.grant(1).unwrap(),
            b.grant(2).unwrap(),
            b.grant(3).unwrap(),
        );
        cancel(b, 2);
        b.finish(&asked.attempt, Outcome::Ended).unwrap();
        cancel(b, 5);
        stop(b);
        b.finish(&stopped.attempt, Outcome::Ended).unwrap();
        for epoch in 1..=3 {
            b.report(&done.attempt, epoch, 0.5).unwrap();
        }
        b.finish(&done.attempt, Outcome::Completed).unwrap();
        let causes = [2, 3, 4, 5, 6].map(|number| cause(b, number).unwrap().as_str());
        assert_eq!(
            causes,
            ["cancelled", "stopped", "done", "cancelled", "stopped"]
        );
        assert_eq!(b.findings(), []);
    });
}

#[test]
fn the_first_state_of_a_diagnosis_is_its_word() {
    both(|b| {
        b.with_trials(4);
        for (number, (said, word)) in (1..).zip([
            (
                r#"[{"state":"overfitting"},{"state":"healthy"}]"#,
                Some("overfitting"),
            ),
            (r#"{"state":"slow"}"#, Some("slow")),
            (r#"[{"state":7}]"#, None),
            ("", None),
        ]) {
            let granted = b.grant(1).unwrap();
            b.report(&granted.attempt, 1, 0.5).unwrap();
            let finish = Finish {
                diagnosis_json: said.to_owned(),
                ..b.finish_of(&granted.attempt, Outcome::EndedEarly)
            };
            b.apply(finish).unwrap();
            assert_eq!(b.trial(number).summary.diagnosis.as_deref(), word);
        }
        assert_eq!(b.findings(), []);
    });
}
