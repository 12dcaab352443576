//! A database that has seen much: trials written through the store itself, hundreds in a commit.

use std::{path::Path, sync::Arc};

use hone_coordinator::{
    TrialKind,
    ids::{RequestId, Seed, SessionId, SweepId, SweepKey, Token, TrialNumber},
    search::VERSION,
    store::{
        NewRound, NewSweep, NewTrial, Objective, Outcome, Store,
        command::{
            Action, ChangeSweep, Decide, Epoch, Finish, Grant, LaunchSweep, Lines, Operation,
            Report, SweepChange,
        },
    },
};
use hone_proto::v1::Settled;
use prost::Message as _;
use tokio::task::JoinSet;

use crate::worker::{EPOCHS, POINTS, sweep};

/// Trials under way at once.
const WAVE: u64 = 400;

/// Stores a sweep with so many completed trials, each with all its reports; `ends` says whether it is over then.
pub async fn fill(database: &Path, name: &str, trials: u64, ends: bool) {
    let store = Store::open(database, "filling").await.expect("a database");
    let store = Arc::new(store);
    let sweep = store.apply(launch(name)).await.expect("a launch").sweep;
    let round = Action::Round(NewRound {
        round: 1,
        points: POINTS,
        rungs: vec![(EPOCHS, POINTS)],
        repeats: 1,
        top: None,
        box_json: "[]".to_owned(),
    });
    let mut number = 1;
    decide(
        &store,
        number,
        vec![round, Action::Reserve(TrialNumber(POINTS + 10))],
    )
    .await;
    let mut first = 1;
    while first <= trials {
        let wave = first..(first + WAVE).min(trials + 1);
        first = wave.end;
        number += 1;
        let new = wave.clone().map(trial).collect();
        decide(&store, number, vec![Action::Enqueue(new)]).await;
        run(&store, &sweep, wave).await;
    }
    if ends {
        let stop = ChangeSweep {
            sweep,
            change: SweepChange::Stop,
            actor: "user".to_owned(),
            reason: "filled".to_owned(),
            at: 1,
        };
        store.apply(stop).await.expect("a stop");
    }
    store.close().await;
}

fn launch(name: &str) -> LaunchSweep {
    let mut definition = sweep(name);
    // Without it this is a sweep of the first version, with which no coordinator goes on.
    definition.settled = Some(Settled {
        search_version: VERSION,
        ..Settled::default()
    });
    LaunchSweep {
        name: name.to_owned(),
        sweep: NewSweep {
            identity: definition.identity.clone(),
            seed: Seed(definition.seed),
            trainer: definition.trainer.clone(),
            objective: Objective {
                metric: "score".to_owned(),
                maximize: true,
                at_best: false,
                target: None,
            },
            data_source: None,
            folds: 1,
            check: false,
            definition: definition.encode_to_vec(),
        },
        data: None,
        data_before: Vec::new(),
        again: false,
        request: RequestId(bytes(0)),
        at: 1,
    }
}

async fn decide(store: &Store, number: u64, actions: Vec<Action>) {
    let decide = Decide {
        // The only one of the file.
        sweep: SweepKey(1),
        number,
        actions,
        at: 1,
    };
    store.apply(decide).await.expect("a decision");
}

/// Grants, reports and finishes a wave, all of its calls of one kind in one group.
async fn run(store: &Arc<Store>, sweep: &SweepId, wave: std::ops::Range<u64>) {
    let grants = wave.map(|number| grant(sweep, number));
    let granted = all(store, grants).await.into_iter().flatten();
    let attempts: Vec<_> = granted.map(|granted| granted.attempt).collect();
    for epoch in 1..=EPOCHS {
        let reports = attempts.iter().map(|attempt| Report {
            attempt: attempt.clone(),
            epochs: vec![Epoch {
                epoch,
                metrics: vec![("score".to_owned(), f64::from(epoch))],
                layers: Vec::new(),
                weights_hash: Some(hone_coordinator::ids::Hash([1; 32])),
                seconds: 0.1,
                images: 1000,
                checkpoint: None,
            }],
            at: 1,
        });
        all(store, reports).await;
    }
    let finishes = attempts.iter().map(|attempt| Finish {
        attempt: attempt.clone(),
        outcome: Outcome::Completed,
        weights: None,
        diagnosis_json: String::new(),
        result_json: String::new(),
        epochs: Vec::new(),
        lines: Lines::default(),
        at: 1,
    });
    all(store, finishes).await;
}

async fn all<O: Operation + Send + 'static>(
    store: &Arc<Store>,
    operations: impl Iterator<Item = O>,
) -> Vec<O::Answer> {
    let mut under_way = JoinSet::new();
    for operation in operations {
        let store = Arc::clone(store);
        under_way.spawn(async move { store.apply(operation).await.expect("an answer") });
    }
    under_way.join_all().await
}

fn grant(sweep: &SweepId, number: u64) -> Grant {
    Grant {
        session: SessionId(bytes(1)),
        worker: "filler".to_owned(),
        request: RequestId(bytes(number)),
        token: Token(bytes(number)),
        trainers: vec!["toy".to_owned()],
        data: Vec::new(),
        local_checkpoints: Vec::new(),
        sweeps: vec![sweep.clone()],
        at: 1,
    }
}

fn trial(number: u64) -> NewTrial {
    NewTrial {
        number: TrialNumber(number),
        kind: TrialKind::Search,
        round: 1,
        point: number - 1,
        repeat: 0,
        fold: 0,
        params_json: r#"{"params.lr":0.0001,"params.reg":1.0}"#.to_owned(),
        spec_json: r#"{"params":{"lr":0.0001,"reg":1.0}}"#.to_owned(),
        seed: Seed(1).of_trial(1, number - 1, 0, 0),
        to_epoch: EPOCHS,
        full_epochs: EPOCHS,
        queue_order: 0,
        waits_at_end: false,
        keep_weights: false,
        weights_of: None,
    }
}

fn bytes(number: u64) -> [u8; 16] {
    let mut bytes = [0xff; 16];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes
}
