//! Random commands against both appliers: the same answers and the same rows, and the checker finds nothing.

use proptest::{collection::vec, prelude::*, test_runner::Config};

use super::bench::{Bench, checkpoint, id, trial};
use crate::{
    ids::{AttemptRef, SessionId, TrialNumber},
    store::{
        NewTrial, Outcome, TrialFilter,
        command::{
            Action, CancelTrial, ChangeSweep, RetryTrial, ReturnSession, SweepChange, TakeBack,
        },
        compose, verify,
    },
};

/// One thing that happens. Small numbers choose among what there is.
#[derive(Clone, Debug)]
enum Step {
    Enqueue(u64, bool),
    Promote(u64),
    Prune(u64),
    Grant(u8, bool),
    /// The next epoch, or the last one again.
    Report(usize, bool),
    Finish(usize, u8),
    Release(usize, bool),
    Expire(usize),
    TakeBack(usize),
    Leave(u8, bool),
    Cancel(u64),
    Retry(u64),
    Change(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let number = 1..8_u64;
    let lease = 0..6_usize;
    prop_oneof![
        3 => (number.clone(), any::<bool>()).prop_map(|(n, waits)| Step::Enqueue(n, waits)),
        2 => number.clone().prop_map(Step::Promote),
        1 => number.clone().prop_map(Step::Prune),
        6 => (0..3_u8, any::<bool>()).prop_map(|(worker, holds)| Step::Grant(worker, holds)),
        9 => (lease.clone(), any::<bool>()).prop_map(|(lease, again)| Step::Report(lease, again)),
        4 => (lease.clone(), 0..6_u8).prop_map(|(lease, how)| Step::Finish(lease, how)),
        2 => (lease.clone(), any::<bool>()).prop_map(|(lease, saves)| Step::Release(lease, saves)),
        3 => lease.clone().prop_map(Step::Expire),
        2 => lease.prop_map(Step::TakeBack),
        1 => (0..3_u8, any::<bool>()).prop_map(|(worker, crashed)| Step::Leave(worker, crashed)),
        1 => number.clone().prop_map(Step::Cancel),
        1 => number.prop_map(Step::Retry),
        1 => (0..8_u8).prop_map(Step::Change),
    ]
}

fn outcome(how: u8) -> Outcome {
    match how {
        0 | 1 => Outcome::Completed,
        2 => Outcome::ReachedRung {
            checkpoint: Some(checkpoint(60, 1, true)),
        },
        3 => Outcome::Diverged {
            epoch: 1,
            reason: "loss is NaN".to_owned(),
        },
        4 => Outcome::Ended,
        _ => Outcome::Crashed {
            message: "no memory".to_owned(),
            others_connected: true,
        },
    }
}

/// Takes one step; says what came of it.
fn take(b: &mut Bench, leases: &mut Vec<AttemptRef>, step: &Step) -> String {
    let newest = |n: usize| leases.iter().rev().nth(n).cloned();
    let at = b.tick();
    let number = b.detail().decisions + 1;
    match step {
        Step::Enqueue(n, waits) => {
            let new = NewTrial {
                waits_at_end: *waits,
                point: (n - 1) / 2,
                repeat: (n % 2) as u32,
                ..trial(*n)
            };
            format!(
                "{:?}",
                b.try_decide(number, vec![Action::Enqueue(vec![new])])
            )
        }
        Step::Promote(n) => {
            let promote = Action::Promote {
                trial: TrialNumber(*n),
                to_epoch: 4,
                queue_order: 0,
                waits_at_end: false,
                keep_weights: false,
            };
            format!("{:?}", b.try_decide(number, vec![promote]))
        }
        Step::Prune(n) => {
            let prune = Action::Prune {
                trial: TrialNumber(*n),
                reason: "out".to_owned(),
            };
            format!("{:?}", b.try_decide(number, vec![prune]))
        }
        Step::Grant(worker, holds) => {
            let mut ask = b.ask(*worker);
            if *holds {
                ask.local_checkpoints = vec![checkpoint(50, 1, false).hash];
            }
            let granted = b.apply(ask);
            if let Ok(Some(granted)) = &granted {
                leases.push(granted.attempt.clone());
            }
            format!("{granted:?}")
        }
        Step::Report(lease, again) => newest(*lease).map_or_else(String::new, |attempt| {
            let last = b.trial(attempt.trial.0).summary.epoch;
            let epoch = last + u32::from(!again);
            format!("{:?}", b.report(&attempt, epoch, f64::from(epoch) / 10.0))
        }),
        Step::Finish(lease, how) => newest(*lease).map_or_else(String::new, |attempt| {
            format!("{:?}", b.finish(&attempt, outcome(*how)))
        }),
        Step::Release(lease, saves) => newest(*lease).map_or_else(String::new, |attempt| {
            let blob = saves.then(|| checkpoint(50, 1, true));
            format!("{:?}", b.release(&attempt, blob))
        }),
        Step::Expire(lease) => {
            newest(*lease).map_or_else(String::new, |attempt| format!("{:?}", b.expire(&attempt)))
        }
        Step::TakeBack(lease) => newest(*lease).map_or_else(String::new, |attempt| {
            format!("{:?}", b.apply(TakeBack { attempt, at }))
        }),
        Step::Leave(worker, crashed) => {
            let leave = ReturnSession {
                session: SessionId([*worker; 16]),
                crashed: *crashed,
                excused: false,
                others_connected: false,
                reason: "gone".to_owned(),
                at,
            };
            format!("{:?}", b.apply(leave))
        }
        Step::Cancel(n) => {
            let cancel = CancelTrial {
                sweep: id(),
                trial: TrialNumber(*n),
                actor: "user".to_owned(),
                at,
            };
            format!("{:?}", b.apply(cancel))
        }
        Step::Retry(n) => {
            let retry = RetryTrial {
                sweep: id(),
                trial: TrialNumber(*n),
                actor: "user".to_owned(),
                at,
            };
            format!("{:?}", b.apply(retry))
        }
        Step::Change(n) => {
            let change = match n {
                0..=2 => SweepChange::Pause,
                3..=5 => SweepChange::Resume,
                6 => SweepChange::Stop,
                _ => SweepChange::Extend,
            };
            let change = ChangeSweep {
                sweep: id(),
                change,
                actor: "user".to_owned(),
                reason: "so".to_owned(),
                at,
            };
            format!("{:?}", b.apply(change))
        }
    }
}

/// All that a sweep's rows say.
fn everything(b: &Bench) -> String {
    let read = b.read();
    let key = compose::find(read, Some("s")).unwrap();
    let filter = TrialFilter {
        all_kinds: true,
        ..TrialFilter::default()
    };
    let trials = compose::trials(read, &id(), &filter).unwrap();
    let details: Vec<_> = trials.iter().map(|t| b.trial(t.number.0)).collect();
    format!(
        "{:#?}\n{details:#?}\n{:#?}\n{:#?}\n{:#?}",
        b.detail(),
        read.events(key, None, 0, u64::MAX).unwrap(),
        read.results(key, 0).unwrap(),
        compose::open_attempts(read).unwrap(),
    )
}

proptest! {
    #![proptest_config(Config { cases: 48, failure_persistence: None, ..Config::default() })]

    #[test]
    fn sqlite_and_memory_never_differ(steps in vec(step(), 100)) {
        let mut memory = Bench::new(Bench::memory());
        let mut sqlite = Bench::new(Bench::sqlite());
        let mut leases = (Vec::new(), Vec::new());
        memory.launch();
        sqlite.launch();
        for step in &steps {
            let expected = take(&mut memory, &mut leases.0, step);
            let found = take(&mut sqlite, &mut leases.1, step);
            prop_assert_eq!(expected, found, "{:?}", step);
        }
        prop_assert_eq!(everything(&memory), everything(&sqlite));
        let (_, findings) = verify::check(memory.read()).unwrap();
        prop_assert!(findings.is_empty(), "{:?}", findings);
    }
}
