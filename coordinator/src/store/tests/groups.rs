//! Groups of commands in SQLite: stored together, and each for itself when one of them goes wrong.

use super::bench::{Bench, checkpoint, trial};
use crate::{
    ids::{SweepKey, TrialNumber},
    store::{
        Outcome, StoreError,
        command::{Action, Command, Decide, Reply},
        error::Rows,
    },
    trial::TrialState,
};

fn sqlite(trials: u64) -> Bench {
    let mut b = Bench::new();
    b.with_trials(trials);
    b
}

fn together(b: &mut Bench, commands: &[Command]) -> Vec<Rows<Reply>> {
    b.set.apply_group(commands, crate::store::apply::apply)
}

/// What somebody else does to the file while the writer has it.
fn script(b: &Bench, sql: &'static str) {
    b.set.db().script(sql).unwrap();
}

#[test]
fn a_command_sees_what_the_one_before_it_in_its_group_did() {
    let mut b = sqlite(2);
    let ask = b.ask(1);
    let again = ask.clone();
    let other = b.ask(2);
    let replies = together(&mut b, &[ask.into(), again.into(), other.into()]);
    let granted: Vec<_> = replies
        .into_iter()
        .map(|reply| match reply {
            Ok(Reply::Grant(Some(granted))) => granted,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(granted[0].attempt, granted[1].attempt);
    assert!(granted[1].repeated && !granted[2].repeated);
    let attempt = &granted[0].attempt;
    let mut commands: Vec<Command> = (1..=3)
        .map(|epoch| b.report_of(attempt, epoch, 0.5).into())
        .collect();
    commands.push(b.report_of(attempt, 3, 0.5).into());
    commands.push(b.finish_of(attempt, Outcome::Completed).into());
    commands.push(b.finish_of(attempt, Outcome::Completed).into());
    let replies = together(&mut b, &commands);
    assert!(matches!(&replies[3], Ok(Reply::Report(reported)) if reported.repeated == 1));
    assert!(matches!(&replies[5], Ok(Reply::Finish(ended)) if ended.repeated));
    assert_eq!(b.state(1), TrialState::Completed);
    assert_eq!(b.state(2), TrialState::Running);
    assert_eq!(b.findings(), []);
}

#[test]
fn lost_and_granted_anew_in_one_group() {
    let mut b = sqlite(1);
    let old = b.grant(1).unwrap();
    b.report(&old.attempt, 1, 0.5).unwrap();
    let expire = b.expire_of(&old.attempt);
    let ask = b.ask(2);
    let late = b.report_of(&old.attempt, 2, 0.5);
    let replies = together(&mut b, &[expire.into(), ask.into(), late.into()]);
    assert!(
        matches!(&replies[1], Ok(Reply::Grant(Some(granted))) if granted.attempt.attempt.0 == 2)
    );
    assert_eq!(replies[2], Err(StoreError::Fenced));
    assert_eq!(b.trial(1).attempts.len(), 2);
    assert_eq!(b.findings(), []);
}

#[test]
fn a_command_that_fails_halfway_leaves_nothing_and_its_group_is_stored() {
    let mut b = sqlite(3);
    let first = b.grant(1).unwrap();
    let late = b.grant(2).unwrap();
    b.expire(&late.attempt).unwrap();
    let good = b.report_of(&first.attempt, 1, 0.5);
    // Taken back first, and then refused: it has no reports.
    let bad = b.finish_of(&late.attempt, Outcome::Completed);
    let enqueue = |number| Action::Enqueue(vec![trial(number)]);
    let half = Decide {
        sweep: SweepKey(1),
        number: b.row().decisions + 1,
        actions: vec![
            enqueue(9),
            Action::Prune {
                trial: TrialNumber(77),
                reason: "there is none".to_owned(),
            },
        ],
        at: b.tick(),
    };
    let last = b.report_of(&first.attempt, 2, 0.6);
    let commands = [good.into(), bad.into(), half.into(), last.into()];
    let replies = together(&mut b, &commands);
    assert!(replies[0].is_ok() && replies[3].is_ok());
    assert!(matches!(replies[1], Err(StoreError::Invalid(_))));
    assert!(matches!(replies[2], Err(StoreError::NotFound { .. })));
    assert_eq!(b.state(late.attempt.trial.0), TrialState::Queued);
    assert_eq!(b.trial(1).summary.row.epoch, 2);
    let detail = b.row();
    assert_eq!((detail.queued, detail.running, detail.decisions), (2, 1, 1));
    let key = b.row().key;
    assert_eq!(
        crate::store::trials::select(b.read(), (key, TrialNumber(9))).unwrap(),
        None
    );
    assert_eq!(b.findings(), []);
}

#[test]
fn what_memory_got_wrong_the_file_refuses() {
    for change in [
        // Somebody else has given the trial out, or has ended it, or has another secret for the attempt.
        "UPDATE trials SET attempts = 2 WHERE number = 1",
        "UPDATE trials SET attempts = 1, state = 'completed' WHERE number = 1",
        "UPDATE attempts SET token = randomblob(16) WHERE trial = 1",
    ] {
        let mut b = sqlite(3);
        let one = b.grant(1).unwrap();
        let two = b.grant(2).unwrap();
        script(&b, change);
        let commands = [
            b.report_of(&one.attempt, 1, 0.5).into(),
            b.report_of(&two.attempt, 1, 0.5).into(),
        ];
        let replies = together(&mut b, &commands);
        assert_eq!(replies[0], Err(StoreError::Fenced), "{change}");
        assert!(replies[1].is_ok(), "{change}");
        assert_eq!(b.trial(1).curve.len(), 0, "{change}");
        assert_eq!(b.trial(2).summary.row.epoch, 1, "{change}");
    }
}

#[test]
fn a_queue_longer_than_memory_is_granted_in_order() {
    let trials = 1_300;
    let mut b = sqlite(trials);
    for number in 1..=trials {
        if number == 600 {
            b.restart();
        }
        let granted = b.grant(1).unwrap();
        assert_eq!(granted.attempt.trial, TrialNumber(number));
    }
    assert!(b.grant(1).is_none());
}

#[test]
fn a_point_is_worth_the_same_whether_its_trials_are_in_memory() {
    let worth = |restarts: bool| {
        let mut b = Bench::new();
        b.with_trials(0);
        let repeats = (0..4).map(|repeat| crate::store::NewTrial {
            point: 0,
            repeat,
            ..trial(u64::from(repeat) + 1)
        });
        b.decide(vec![Action::Enqueue(repeats.collect())]);
        for n in 1..=4_u32 {
            b.complete(1, f64::from(n) / 10.0);
            if restarts {
                b.restart();
            }
        }
        let best = b.detail().best.unwrap();
        (best.objective, best.spread, best.repeats, best.trials)
    };
    assert_eq!(worth(true), worth(false));
    assert_eq!(worth(false).2, 4);
}

#[test]
fn a_full_disk_refuses_the_whole_group_and_memory_forgets_it() {
    let mut b = sqlite(3);
    let granted = b.grant(1).unwrap();
    script(&b, "PRAGMA max_page_count = 1");
    let mut large = b.report_of(&granted.attempt, 1, 0.5);
    large.epochs[0].layers = vec![0; 400_000];
    let ask = b.ask(2);
    let commands = [large.clone().into(), ask.clone().into()];
    for reply in together(&mut b, &commands) {
        assert!(matches!(reply, Err(StoreError::DiskFull(_))), "{reply:?}");
    }
    assert_eq!((b.row().epochs_trained, b.row().running), (0, 1));
    script(&b, "PRAGMA max_page_count = 4294967294");
    let blob = checkpoint(9, 1, true);
    let commands = [
        large.into(),
        ask.into(),
        b.release_of(&granted.attempt, Some(blob)).into(),
    ];
    assert!(together(&mut b, &commands).iter().all(Result::is_ok));
    assert_eq!((b.row().epochs_trained, b.row().running), (1, 1));
    assert_eq!(b.trial(1).blobs, [blob]);
    assert_eq!(b.findings(), []);
}
