//! Databases to plant faults into, with something in every column.

use std::path::PathBuf;

use super::super::bench::{Bench, checkpoint, epoch_of, hash, round, sweep, trial};
use crate::{
    ids::{SweepId, TrialNumber},
    store::{
        BlobKind, BlobRef, NewSweep, NewTrial, Outcome, WinnerRef,
        command::{
            Action, CancelTrial, CommitBlob, Decide, Finish, Granted, Lines, Log, RecordWorker,
            RetryTrials,
        },
    },
    trial::TrialKind,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A whole search over real calls, with faults: it is replayed.
    Simulated,
    /// Made command by command: a check, folds, a retry, tests, logs, and a sweep under way.
    ByHand,
}

pub(super) struct Base {
    kind: Kind,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Base {
    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn path(&self) -> &std::path::Path {
        &self.path
    }

    pub(super) fn has_search(&self) -> bool {
        self.kind == Kind::Simulated
    }
}

pub(super) const BASES: [fn() -> Base; 2] = [simulated, by_hand];

pub(super) fn simulated() -> Base {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hone.db");
    crate::tests::simulation::disturbed(&path);
    Base {
        kind: Kind::Simulated,
        path,
        _folder: folder,
    }
}

pub(super) fn by_hand() -> Base {
    let mut b = Bench::new();
    ended(&mut b);
    under_way(&mut b);
    let path = b.path();
    b.set.close();
    Base {
        kind: Kind::ByHand,
        path,
        _folder: b.folder,
    }
}

/// Sweep `s`: a check, two folds of two points and a third that fails and is tried again, a test, an end.
fn ended(b: &mut Bench) {
    b.launch_as(
        "s",
        NewSweep {
            check: true,
            folds: 2,
            ..sweep("s")
        },
    );
    let outside = |number, kind| NewTrial {
        kind,
        round: 0,
        point: number,
        ..trial(number)
    };
    decide(
        b,
        "s",
        vec![Action::Enqueue(vec![outside(30, TrialKind::Check)])],
    );
    finish(b, Outcome::Completed, r#"{"passed":true}"#);
    let folded = |number: u64, point, fold| NewTrial {
        point,
        fold,
        ..trial(number)
    };
    let trials = [(1, 0, 0), (2, 0, 1), (3, 1, 0), (4, 1, 1), (5, 2, 0)];
    let trials = trials.map(|(number, point, fold)| folded(number, point, fold));
    decide(
        b,
        "s",
        vec![
            Action::CheckPassed,
            round(3),
            Action::Reserve(TrialNumber(40)),
            Action::Plan {
                trials: 5,
                epochs: 15,
            },
            Action::Enqueue(trials.to_vec()),
        ],
    );
    for value in [0.9, 0.7, 0.6, 0.5] {
        train(b, value);
    }
    finish(
        b,
        Outcome::Failed {
            message: "no memory".to_owned(),
        },
        "",
    );
    let at = b.tick();
    b.apply(RetryTrials {
        sweep: SweepId::new("s"),
        trials: vec![TrialNumber(5)],
        hinged: Vec::new(),
        actor: "user".to_owned(),
        at,
    })
    .unwrap();
    train(b, 0.4);
    let warn = |key: &str| Action::Warn {
        key: key.to_owned(),
        text: format!("about {key}"),
    };
    let place = WinnerRef { round: 1, point: 0 };
    let test = NewTrial {
        weights_of: Some(TrialNumber(1)),
        ..outside(31, TrialKind::Test)
    };
    decide(
        b,
        "s",
        vec![
            warn("a"),
            warn("b"),
            Action::Best(place),
            Action::Enqueue(vec![test]),
        ],
    );
    finish(
        b,
        Outcome::Completed,
        r#"{"metrics":{"test_accuracy":0.75}}"#,
    );
    let complete = Action::Complete {
        winner: Some(place),
        reason: "trained to the end".to_owned(),
    };
    decide(b, "s", vec![Action::TestAccuracy(0.75), complete]);
}

/// Sweep `r`: a trial that waits, one that was given back with its checkpoint, one that runs and is to stop.
fn under_way(b: &mut Bench) {
    b.launch_as("r", sweep("r"));
    let waits = |number| NewTrial {
        waits_at_end: number == 1,
        ..trial(number)
    };
    decide(
        b,
        "r",
        vec![round(4), Action::Enqueue((1..=4).map(waits).collect())],
    );
    let granted = b.grant(1).unwrap();
    report(b, &granted, 0.5);
    let at_rung = Some(checkpoint(8, 3, true));
    b.finish(
        &granted.attempt,
        Outcome::ReachedRung {
            checkpoint: at_rung,
        },
    )
    .unwrap();
    let granted = b.grant(1).unwrap();
    b.report(&granted.attempt, 1, 0.3).unwrap();
    let blob = checkpoint(9, 1, true);
    b.release(&granted.attempt, Some(blob)).unwrap();
    // Taken up again, and lost.
    let granted = b.grant(2).unwrap();
    b.report(&granted.attempt, 2, 0.4).unwrap();
    let at = b.tick();
    b.apply(CommitBlob {
        attempt: granted.attempt.clone(),
        blob: checkpoint(10, 2, true),
        at,
    })
    .unwrap();
    b.expire(&granted.attempt).unwrap();
    let granted = b.grant(2).unwrap();
    b.report(&granted.attempt, 3, 0.45).unwrap();
    let granted = b.grant(3).unwrap();
    b.report(&granted.attempt, 1, 0.2).unwrap();
    let at = b.tick();
    b.apply(CancelTrial {
        sweep: SweepId::new("r"),
        trial: granted.attempt.trial,
        actor: "user".to_owned(),
        at,
    })
    .unwrap();
    let at = b.tick();
    b.apply(RecordWorker {
        worker: "w1".to_owned(),
        event: "quarantined".to_owned(),
        reason: "three crashes".to_owned(),
        at,
    })
    .unwrap();
}

fn decide(b: &mut Bench, sweep: &str, actions: Vec<Action>) {
    let row = crate::store::queries::find(b.read(), Some(sweep)).unwrap();
    let number = row.decisions + 1;
    let at = b.tick();
    b.apply(Decide {
        sweep: row.key,
        number,
        actions,
        at,
    })
    .unwrap();
}

fn report(b: &mut Bench, granted: &Granted, value: f64) {
    for epoch in 1..=granted.trial.to_epoch {
        b.report(&granted.attempt, epoch, value).unwrap();
    }
}

/// Trains the next trial, with lines of a log, a diagnosis and its weights.
fn train(b: &mut Bench, value: f64) {
    let granted = b.grant(1).unwrap();
    report(b, &granted, value);
    let lines = |first: u64, text: &str| Lines {
        first,
        lines: vec![text.to_owned()],
    };
    let attempt = granted.attempt.clone();
    b.apply(Log {
        attempt,
        lines: lines(0, "begun"),
    })
    .unwrap();
    let weights = BlobRef {
        hash: hash(100 + granted.attempt.trial.0 as u8),
        size: 20,
        kind: BlobKind::Weights,
        epoch: 3,
        stored: true,
    };
    let at = b.tick();
    b.apply(CommitBlob {
        attempt: granted.attempt.clone(),
        blob: weights,
        at,
    })
    .unwrap();
    let finish = Finish {
        weights: Some(weights),
        diagnosis_json: "[]".to_owned(),
        lines: lines(1, "done"),
        ..b.finish_of(&granted.attempt, Outcome::Completed)
    };
    b.apply(finish).unwrap();
}

fn finish(b: &mut Bench, outcome: Outcome, result: &str) {
    let granted = b.grant(1).unwrap();
    let epochs = match granted.trial.kind {
        TrialKind::Test => Vec::new(),
        _ => vec![epoch_of(1, 0.1)],
    };
    let finish = Finish {
        result_json: result.to_owned(),
        epochs,
        ..b.finish_of(&granted.attempt, outcome)
    };
    b.apply(finish).unwrap();
}
