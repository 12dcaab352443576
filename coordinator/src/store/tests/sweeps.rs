//! Sweeps: launching, the same file again, fairness, stopping, removing.

use super::bench::{both, digits, fenced, hash, id, sweep, trial};
use crate::{
    ids::{RequestId, SweepId, SweepKey, TrialNumber},
    store::{
        OfferedData, Outcome, StoreError, TrialFilter, TrialSort,
        command::{
            Action, ChangeSweep, Decide, ExtendSweep, LaunchOutcome, LaunchSweep, RemoveSweep,
            RetryTrials, SweepChange,
        },
        queries,
    },
    sweep::SweepState,
    trial::TrialState,
};

fn change(change: SweepChange) -> ChangeSweep {
    ChangeSweep {
        sweep: id(),
        change,
        actor: "user".to_owned(),
        reason: "enough".to_owned(),
        at: 77,
    }
}

#[test]
fn the_same_file_goes_on_and_other_content_gets_another_name() {
    both(|b| {
        let first = b.launch();
        assert_eq!(
            (first.outcome, first.renamed),
            (LaunchOutcome::Started, false)
        );
        b.apply(change(SweepChange::Pause)).unwrap();
        let again = b.launch();
        assert_eq!(
            (again.sweep, again.outcome),
            (id(), LaunchOutcome::Continued)
        );
        assert_eq!(b.row().state, SweepState::Running);
        let mut other = sweep("s");
        other.identity = "other content".to_owned();
        let renamed = b.launch_as("s", other);
        assert_eq!((renamed.sweep.as_str(), renamed.renamed), ("s-2", true));
        b.apply(change(SweepChange::Stop)).unwrap();
        assert_eq!(b.launch().outcome, LaunchOutcome::Ended);
        let anew = LaunchSweep {
            name: "s".to_owned(),
            sweep: sweep("s"),
            data: None,
            data_before: Vec::new(),
            again: true,
            request: RequestId([250; 16]),
            at: 80,
        };
        assert_eq!(b.apply(anew.clone()).unwrap().sweep.as_str(), "s-3");
        // The same call again has no second effect.
        assert_eq!(b.apply(anew).unwrap().sweep.as_str(), "s-3");
        assert_eq!(queries::sweeps(b.read()).unwrap().len(), 3);
        assert!(matches!(
            b.apply(LaunchSweep {
                name: "a/b".to_owned(),
                sweep: sweep("a/b"),
                data: None,
                data_before: Vec::new(),
                again: false,
                request: RequestId([251; 16]),
                at: 81,
            }),
            Err(StoreError::Invalid(_))
        ));
    });
}

#[test]
fn the_same_file_on_other_data_is_another_sweep() {
    both(|b| {
        let launch = |b: &mut super::bench::Bench, data, before: &[u8]| {
            b.launch_on("s", sweep("s"), data, before).map(|l| {
                (
                    l.sweep.to_string(),
                    l.outcome,
                    l.on_other_data.map(|o| o.to_string()),
                )
            })
        };
        let (started, goes_on) = (LaunchOutcome::Started, LaunchOutcome::Continued);
        let named = |name: &str, how, other: Option<&str>| {
            Ok((name.to_owned(), how, other.map(str::to_owned)))
        };
        assert_eq!(launch(b, Some(1), &[]), named("s", started, None));
        assert_eq!(b.row().data, Some(digits(1)), "pinned before any grant");
        assert_eq!(launch(b, Some(2), &[]), named("s-2", started, Some("s")));
        assert_eq!(launch(b, Some(1), &[2]), named("s", goes_on, None));
        // One that cannot read its data joins the newest.
        assert_eq!(launch(b, None, &[]), named("s-2", goes_on, None));
        // In the very place where 1 lay before, lies 3 now.
        let refused = launch(b, Some(3), &[1]).unwrap_err();
        let words = refused.to_string();
        let (old, new) = (digits(1).hash.short(), digits(3).hash.short());
        assert!(
            words.contains(&format!("from {old} to {new}")) && words.contains("--again"),
            "{words}"
        );
        assert_eq!(
            queries::sweeps(b.read()).unwrap().len(),
            2,
            "nothing is stored"
        );
        // What lay there when nothing was begun says nothing.
        assert_eq!(launch(b, Some(3), &[9]), named("s-3", started, Some("s-2")));
    });
}

#[test]
fn a_sweep_that_nothing_is_pinned_to_takes_the_next_launchers_data() {
    both(|b| {
        b.launch();
        assert_eq!(b.row().data, None);
        let launched = b.launch_on("s", sweep("s"), Some(4), &[7]).unwrap();
        assert_eq!(launched.outcome, LaunchOutcome::Continued);
        assert_eq!(b.row().data, Some(digits(4)));
        b.with_trials(1);
        let ask = b.ask(1);
        assert_ne!(ask.data[0].set, digits(4));
        assert!(
            b.apply(ask).unwrap().is_none(),
            "other data than the launcher's"
        );
    });
}

#[test]
fn a_failed_sweep_is_over_for_the_same_file() {
    both(|b| {
        b.with_trials(2);
        let granted = b.grant(1).unwrap();
        b.apply(change(SweepChange::Fail(SweepKey(1)))).unwrap();
        assert_eq!(b.row().state, SweepState::Failed);
        assert_eq!(b.row().reason, "enough");
        assert_eq!(b.state(2), TrialState::Cancelled);
        b.finish(&granted.attempt, Outcome::Ended).unwrap();
        assert_eq!(b.state(1), TrialState::Cancelled);
        let again = b.launch();
        assert_eq!(
            (again.sweep.as_str(), again.outcome),
            ("s", LaunchOutcome::Ended)
        );
    });
}

#[test]
fn a_stop_waits_for_the_trials_that_run() {
    both(|b| {
        b.with_trials(3);
        let granted = b.grant(1).unwrap();
        assert_eq!(
            b.apply(change(SweepChange::Stop)).unwrap(),
            SweepState::Stopping
        );
        assert_eq!(b.row().state, SweepState::Stopping);
        assert_eq!(b.row().ended, None);
        assert_eq!(b.detail().summary.counts, [0, 1, 0, 0, 0, 0, 2, 0]);
        assert!(b.grant(2).is_none());
        // What is said then is what happens: it is not taken back, nor begun again.
        assert_eq!(b.launch().outcome, LaunchOutcome::Stopping);
        let extend = |first_trial| ExtendSweep {
            sweep: SweepId::new("s"),
            definition: b"one round more".to_vec(),
            first_trial: TrialNumber(first_trial),
            reserve: TrialNumber(4),
            actor: "user".to_owned(),
            reason: String::new(),
            at: 7,
        };
        let refused = [
            b.apply(change(SweepChange::Resume)).unwrap_err(),
            b.apply(change(SweepChange::Pause)).unwrap_err(),
            b.apply(extend(4)).unwrap_err(),
            b.apply(RemoveSweep { sweep: id() }).unwrap_err(),
        ];
        for error in refused {
            assert!(error.to_string().contains("stopping"), "{error}");
        }
        let stop = b.apply(change(SweepChange::Stop)).unwrap();
        assert_eq!(stop, SweepState::Stopping, "twice is once");
        b.restart();
        assert_eq!(b.row().state, SweepState::Stopping);
        // A decision made before the stop was known brings nothing new.
        b.decide(vec![Action::Enqueue(vec![trial(4)])]);
        assert_eq!(b.detail().summary.counts.iter().sum::<u64>(), 3);
        let ended = b.finish(&granted.attempt, Outcome::Ended).unwrap();
        assert_eq!(
            (ended.state, ended.sweep),
            (TrialState::Cancelled, SweepState::Stopped)
        );
        assert_eq!(b.row().reason, "enough");
        assert_eq!(
            b.apply(change(SweepChange::Stop)).unwrap(),
            SweepState::Stopped
        );
        assert!(matches!(
            b.apply(change(SweepChange::Pause)),
            Err(StoreError::Refused(_))
        ));
        assert_eq!(b.apply(extend(3)), Err(StoreError::Busy));
        assert_eq!(b.row().sweep.definition, sweep("s").definition);
        b.apply(extend(4)).unwrap();
        assert_eq!(b.row().sweep.definition, b"one round more");
        assert_eq!(b.row().next_number, 5);
        b.decide(vec![Action::Enqueue(vec![trial(4)])]);
        assert_eq!(b.grant(1).unwrap().attempt.trial, TrialNumber(4));
    });
}

#[test]
fn a_stop_is_kept_whatever_was_decided_before_it_was_known() {
    both(|b| {
        for action in [
            Action::CheckPassed,
            Action::Complete {
                winner: None,
                reason: "the plan is done".to_owned(),
            },
            Action::Fail {
                reason: "nothing works".to_owned(),
            },
        ] {
            let name = format!("s{action:?}").to_lowercase();
            let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
            let launched = b.launch_as(&name, sweep(&name)).sweep;
            let key = queries::find(b.read(), Some(launched.as_str()))
                .unwrap()
                .key;
            let decide = |number, actions| Decide {
                sweep: key,
                number,
                actions,
                at: 5,
            };
            b.apply(decide(1, vec![Action::Enqueue(vec![trial(1)])]))
                .unwrap();
            let granted = b.grant(1).unwrap();
            let mut stop = change(SweepChange::Stop);
            stop.sweep = launched.clone();
            b.apply(stop).unwrap();
            let late = b.apply(decide(2, vec![action])).unwrap();
            assert_eq!(late.state, SweepState::Stopping);
            let ended = b.expire(&granted.attempt).unwrap();
            assert_eq!(
                (ended.state, ended.sweep),
                (TrialState::Cancelled, SweepState::Stopped)
            );
        }
    });
}

#[test]
fn every_order_is_gone_through_page_by_page() {
    both(|b| {
        b.with_trials(7);
        for value in [0.5, 0.9, 0.5, 0.7] {
            b.complete(1, value);
        }
        let all = |b: &super::bench::Bench, sort, limit| {
            let mut filter = TrialFilter {
                sort,
                limit: Some(limit),
                ..TrialFilter::default()
            };
            let mut numbers = Vec::new();
            loop {
                let page = queries::trials(b.read(), &b.row(), &filter).unwrap();
                numbers.extend(page.iter().map(|trial| trial.row.number.0));
                match page.last() {
                    Some(last) => filter.past = Some(last.row.listed()),
                    None => return numbers,
                }
            }
        };
        for (sort, order) in [
            (TrialSort::Number, [1, 2, 3, 4, 5, 6, 7]),
            (TrialSort::Objective, [2, 4, 1, 3, 5, 6, 7]),
            (TrialSort::Recent, [4, 3, 2, 1, 7, 6, 5]),
        ] {
            for limit in 1..=8 {
                assert_eq!(all(b, sort, limit), order, "{sort:?}, pages of {limit}");
            }
        }
        let mut other = sweep("t");
        other.objective.maximize = false;
        b.launch_as("t", other);
        let enqueue = vec![Action::Enqueue((1..=3).map(trial).collect())];
        b.apply(Decide {
            sweep: SweepKey(2),
            number: 1,
            actions: enqueue,
            at: 5,
        })
        .unwrap();
        b.apply(change(SweepChange::Stop)).unwrap();
        b.complete(1, 0.5);
        b.complete(1, 0.3);
        let mut filter = TrialFilter {
            sort: TrialSort::Objective,
            limit: Some(1),
            ..TrialFilter::default()
        };
        let mut numbers = Vec::new();
        let row = queries::find(b.read(), Some("t")).unwrap();
        while let Some(trial) = queries::trials(b.read(), &row, &filter).unwrap().pop() {
            numbers.push(trial.row.number.0);
            filter.past = Some(trial.row.listed());
        }
        assert_eq!(numbers, [2, 1, 3], "smaller is better");
    });
}

#[test]
fn a_decision_about_a_removed_sweep_never_meets_another_one() {
    both(|b| {
        b.with_trials(1);
        let key = b.row().key;
        b.apply(change(SweepChange::Stop)).unwrap();
        b.apply(RemoveSweep { sweep: id() }).unwrap();
        b.launch();
        assert_ne!(b.row().key, key);
        // As the driver made it before it heard of the end.
        let late = Decide {
            sweep: key,
            number: 1,
            actions: vec![Action::Enqueue(vec![trial(1)])],
            at: 9,
        };
        assert!(matches!(b.apply(late), Err(StoreError::NotFound { .. })));
        assert_eq!(b.row().decisions, 0);
    });
}

#[test]
fn a_free_slot_goes_to_the_sweep_with_the_fewest_running_trials() {
    both(|b| {
        b.with_trials(4);
        b.launch_as("t", sweep("t"));
        let trials = (1..=4).map(trial).collect();
        b.apply(Decide {
            sweep: SweepKey(2),
            number: 1,
            actions: vec![Action::Enqueue(trials)],
            at: 5,
        })
        .unwrap();
        let mut got = Vec::new();
        for worker in 0..4 {
            got.push(b.grant(worker).unwrap().attempt.sweep.to_string());
        }
        assert_eq!(got, ["s", "t", "s", "t"]);
        let mut only = b.ask(9);
        only.sweeps = vec![SweepId::new("t")];
        assert_eq!(b.apply(only).unwrap().unwrap().attempt.sweep.as_str(), "t");
    });
}

#[test]
fn trials_go_to_workers_that_have_the_trainer_and_the_pinned_data() {
    both(|b| {
        b.with_trials(3);
        let mut other = b.ask(1);
        other.trainers = vec!["mine".to_owned()];
        assert!(b.apply(other).unwrap().is_none());
        let mut none = b.ask(1);
        none.data.clear();
        assert!(b.apply(none).unwrap().is_none());
        b.grant(1).unwrap();
        assert_eq!(b.row().data, Some(digits(7)));
        let mut changed = b.ask(2);
        changed.data[0].set = digits(8);
        assert!(b.apply(changed).unwrap().is_none());
        let mut renamed = b.ask(2);
        renamed.data = vec![OfferedData {
            name: "my-digits".to_owned(),
            set: digits(7),
        }];
        let granted = b.apply(renamed).unwrap().unwrap();
        assert!(!granted.pinned_data);
        assert_eq!(granted.data.unwrap().hash, hash(7));
    });
}

#[test]
fn a_removed_sweep_leaves_nothing_and_fences_its_workers() {
    both(|b| {
        b.with_trials(2);
        let done = b.complete(1, 0.5);
        let remove = RemoveSweep { sweep: id() };
        assert!(matches!(
            b.apply(remove.clone()),
            Err(StoreError::Refused(_))
        ));
        b.apply(change(SweepChange::Stop)).unwrap();
        b.apply(remove.clone()).unwrap();
        assert!(matches!(
            b.apply(remove),
            Err(StoreError::NotFound { what: "sweep", .. })
        ));
        fenced(b.report(&done.attempt, 1, 0.5));
        assert!(queries::sweeps(b.read()).unwrap().is_empty());
        let latest = queries::find(b.read(), None);
        assert!(matches!(latest, Err(StoreError::NotFound { .. })));
    });
}

#[test]
fn listings_sort_filter_and_page() {
    both(|b| {
        b.with_trials(4);
        b.complete(1, 0.5);
        b.complete(1, 0.9);
        b.complete(1, 0.7);
        let list = |b: &super::bench::Bench, filter: TrialFilter| -> Vec<u64> {
            let trials = queries::trials(b.read(), &b.row(), &filter).unwrap();
            trials.iter().map(|trial| trial.row.number.0).collect()
        };
        let sorted = |sort| TrialFilter {
            sort,
            ..TrialFilter::default()
        };
        assert_eq!(list(b, TrialFilter::default()), [1, 2, 3, 4]);
        assert_eq!(list(b, sorted(TrialSort::Objective)), [2, 3, 1, 4]);
        assert_eq!(list(b, sorted(TrialSort::Recent)), [3, 2, 1, 4]);
        let completed = TrialFilter {
            states: vec![TrialState::Completed],
            limit: Some(2),
            after: 1,
            ..TrialFilter::default()
        };
        assert_eq!(list(b, completed), [2, 3]);
        let round = TrialFilter {
            round: Some(2),
            ..TrialFilter::default()
        };
        assert!(list(b, round).is_empty());
    });
}

#[test]
fn what_has_not_ended_cannot_be_tried_again() {
    both(|b| {
        b.with_trials(1);
        let retry = RetryTrials {
            sweep: id(),
            trials: vec![TrialNumber(1)],
            hinged: Vec::new(),
            actor: "user".to_owned(),
            at: 4,
        };
        assert!(matches!(
            b.apply(retry.clone()),
            Err(StoreError::Refused(_))
        ));
        b.complete(1, 0.5);
        b.apply(change(SweepChange::Stop)).unwrap();
        assert!(matches!(b.apply(retry), Err(StoreError::Refused(_))));
    });
}
