//! Random commands one by one, each on what stands in the file alone, and in groups of any size over rows in memory: the
//! same answers and the same rows, and the checker finds nothing.

use std::collections::BTreeSet;

use proptest::{collection::vec, prelude::*, test_runner::Config};

use super::bench::{Bench, checkpoint, epoch_of, id, round, trial};
use crate::{
    ids::{AttemptRef, SessionId, TrialNumber},
    store::{
        NewTrial, Outcome, TrialFilter, Wish,
        command::{
            Action, CancelTrial, ChangeSweep, CollectBlobs, Command, CommitBlob, Decide, Epoch,
            ExtendSweep, Lines, Log, Reply, RetryTrials, ReturnSession, SweepChange, TakeBack,
        },
        error::Rows,
        events, logs, queries,
    },
};

/// One thing that happens. Small numbers choose among what there is.
#[derive(Clone, Debug)]
enum Step {
    Enqueue(u64, bool),
    Promote(u64),
    Prune(u64),
    Grant(u8, bool),
    /// So many epochs, from the next one or from the last one again.
    Report(usize, u32, bool),
    /// With so many epochs, from the next one or from the last one again.
    Finish(usize, u32, bool, u8),
    Release(usize, bool),
    Expire(usize),
    TakeBack(usize),
    Leave(u8, bool),
    Cancel(u64),
    Retry(u64),
    Change(u8),
    Log(usize, u64),
    Commit(usize, bool),
    Collect,
    /// The coordinator ends and another one begins.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let number = 1..8_u64;
    let lease = 0..6_usize;
    prop_oneof![
        3 => (number.clone(), any::<bool>()).prop_map(|(n, waits)| Step::Enqueue(n, waits)),
        2 => number.clone().prop_map(Step::Promote),
        1 => number.clone().prop_map(Step::Prune),
        6 => (0..3_u8, any::<bool>()).prop_map(|(worker, holds)| Step::Grant(worker, holds)),
        9 => (lease.clone(), 0..4_u32, any::<bool>()).prop_map(|(l, n, again)| Step::Report(l, n, again)),
        4 => (lease.clone(), 0..3_u32, any::<bool>(), 0..6_u8)
            .prop_map(|(l, n, again, how)| Step::Finish(l, n, again, how)),
        2 => (lease.clone(), any::<bool>()).prop_map(|(lease, saves)| Step::Release(lease, saves)),
        3 => lease.clone().prop_map(Step::Expire),
        2 => lease.clone().prop_map(Step::TakeBack),
        1 => (lease.clone(), 0..4_u64).prop_map(|(lease, first)| Step::Log(lease, first)),
        1 => (lease, any::<bool>()).prop_map(|(lease, stored)| Step::Commit(lease, stored)),
        1 => Just(Step::Collect),
        1 => Just(Step::Restart),
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

fn next_epochs(first: u32, count: u32) -> Vec<Epoch> {
    let told = |epoch: u32| Epoch {
        checkpoint: (epoch == 2).then(|| checkpoint(70, epoch, false)),
        ..epoch_of(epoch, f64::from(epoch) / 10.0)
    };
    (first..first + count).map(told).collect()
}

/// The command that a step amounts to, as things stand in `b`; `None`: nothing to speak of.
fn command(b: &mut Bench, leases: &[AttemptRef], step: &Step) -> Option<Command> {
    let newest = |n: usize| leases.iter().rev().nth(n).cloned();
    let at = b.tick();
    let decide = |b: &Bench, action| Decide {
        sweep: b.row().key,
        number: b.row().decisions + 1,
        actions: vec![action],
        at,
    };
    Some(match step {
        Step::Enqueue(n, waits) => {
            let new = NewTrial {
                waits_at_end: *waits,
                point: (n - 1) / 2,
                repeat: (n % 2) as u32,
                ..trial(*n)
            };
            let mut decide = decide(b, Action::Enqueue(vec![new]));
            decide.actions.insert(0, round(4));
            decide.into()
        }
        Step::Promote(n) => {
            let promote = Action::Promote {
                trial: TrialNumber(*n),
                to_epoch: 4,
                wish: Wish {
                    queue_order: 0,
                    waits_at_end: false,
                    keep_weights: false,
                },
            };
            decide(b, promote).into()
        }
        Step::Prune(n) => {
            let prune = Action::Prune {
                trial: TrialNumber(*n),
                reason: "out".to_owned(),
            };
            decide(b, prune).into()
        }
        Step::Grant(worker, holds) => {
            let mut ask = b.ask(*worker);
            if *holds {
                ask.local_checkpoints = vec![checkpoint(50, 1, false).hash];
            }
            ask.into()
        }
        Step::Report(lease, epochs, again) => {
            let attempt = newest(*lease)?;
            let last = b.trial(attempt.trial.0).summary.row.epoch;
            let mut report = b.report_of(&attempt, 0, 0.0);
            report.epochs = next_epochs(last + u32::from(!again), *epochs);
            report.into()
        }
        Step::Finish(lease, epochs, again, how) => {
            let attempt = newest(*lease)?;
            let last = b.trial(attempt.trial.0).summary.row.epoch;
            let mut finish = b.finish_of(&attempt, outcome(*how));
            finish.epochs = next_epochs(last + u32::from(!again), *epochs);
            finish.lines.lines = vec!["the end".to_owned()];
            finish.into()
        }
        Step::Release(lease, saves) => {
            let attempt = newest(*lease)?;
            let blob = saves.then(|| checkpoint(50, 1, true));
            b.release_of(&attempt, blob).into()
        }
        Step::Expire(lease) => {
            let attempt = newest(*lease)?;
            b.expire_of(&attempt).into()
        }
        Step::TakeBack(lease) => TakeBack {
            attempt: newest(*lease)?,
            at,
        }
        .into(),
        Step::Leave(worker, crashed) => ReturnSession {
            session: SessionId([*worker; 16]),
            crashed: *crashed,
            excused: false,
            elsewhere: BTreeSet::new(),
            reason: "gone".to_owned(),
            at,
        }
        .into(),
        Step::Cancel(n) => CancelTrial {
            sweep: id(),
            trial: TrialNumber(*n),
            actor: "user".to_owned(),
            at,
        }
        .into(),
        Step::Retry(n) => RetryTrials {
            sweep: id(),
            trials: vec![TrialNumber(*n)],
            hinged: Vec::new(),
            actor: "user".to_owned(),
            at,
        }
        .into(),
        Step::Change(7..) => {
            let next = b.row().next_number;
            ExtendSweep {
                sweep: id(),
                definition: format!("from {next}").into_bytes(),
                first_trial: TrialNumber(next),
                reserve: TrialNumber(next),
                actor: "user".to_owned(),
                reason: String::new(),
                at,
            }
            .into()
        }
        Step::Change(n) => ChangeSweep {
            sweep: id(),
            change: match n {
                0..=2 => SweepChange::Pause,
                3..=5 => SweepChange::Resume,
                _ => SweepChange::Stop,
            },
            actor: "user".to_owned(),
            reason: "so".to_owned(),
            at,
        }
        .into(),
        Step::Log(lease, first) => Log {
            attempt: newest(*lease)?,
            lines: Lines {
                first: *first,
                lines: vec!["a line".to_owned(), "another".to_owned()],
            },
        }
        .into(),
        Step::Commit(lease, stored) => CommitBlob {
            attempt: newest(*lease)?,
            blob: checkpoint(50, 1, *stored),
            at,
        }
        .into(),
        Step::Collect => CollectBlobs {
            sweep: id(),
            after: TrialNumber(0),
        }
        .into(),
        Step::Restart => return None,
    })
}

/// All that a sweep's rows say.
fn everything(b: &Bench) -> String {
    let db = b.read();
    let key = b.row().key;
    let filter = TrialFilter {
        all_kinds: true,
        ..TrialFilter::default()
    };
    let listed = queries::trials(db, &b.row(), &filter).unwrap();
    let trials: Vec<_> = listed.iter().map(|trial| trial.row.number).collect();
    let details: Vec<_> = trials.iter().map(|number| b.trial(number.0)).collect();
    let logs: Vec<_> = trials
        .iter()
        .map(|number| logs::of_trial(db, (key, *number)))
        .collect();
    format!(
        "{:#?}\n{details:#?}\n{logs:?}\n{:#?}\n{:#?}\n{:#?}",
        b.detail(),
        events::select(db, key, None, 0, u64::MAX).unwrap(),
        events::results(db, key, 0).unwrap(),
        queries::open_attempts(db).unwrap(),
    )
}

/// Commands that wait for their group, with what was answered to each alone.
struct Behind {
    grouped: Bench,
    commands: Vec<Command>,
    expected: Vec<Rows<Reply>>,
}

impl Behind {
    fn commit(&mut self) -> Result<(), TestCaseError> {
        let found = self
            .grouped
            .set
            .apply_group(&self.commands, crate::store::apply::apply);
        let expected = std::mem::take(&mut self.expected);
        let commands = std::mem::take(&mut self.commands);
        for ((command, expected), found) in commands.iter().zip(expected).zip(found) {
            prop_assert_eq!(expected, found, "{:?}", command);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(Config { cases: 256, failure_persistence: None, ..Config::default() })]

    #[test]
    fn groups_and_single_commands_never_differ(
        steps in vec((step(), 0..6_u8), 100),
        group in 1..6_u8,
    ) {
        let mut single = Bench::forgetful();
        let mut behind = Behind {
            grouped: Bench::new(),
            commands: Vec::new(),
            expected: Vec::new(),
        };
        single.launch();
        behind.grouped.launch();
        let mut leases = Vec::new();
        for (step, die) in &steps {
            if let Some(command) = command(&mut single, &leases, step) {
                let reply = single.apply_command(&command);
                if let Ok(Reply::Grant(Some(granted))) = &reply {
                    leases.push(granted.attempt.clone());
                }
                behind.commands.push(command);
                behind.expected.push(reply);
            }
            if *die < group {
                behind.commit()?;
            }
            if matches!(step, Step::Restart) {
                behind.commit()?;
                behind.grouped.restart();
                single.restart();
            }
        }
        behind.commit()?;
        prop_assert_eq!(everything(&single), everything(&behind.grouped));
        prop_assert_eq!(behind.grouped.findings(), []);
    }
}
