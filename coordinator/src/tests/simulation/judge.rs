//! What must hold over everything that a world has stored.

use std::sync::{Arc, Mutex};

use super::{machine::Ledger, world::LEASE};
use crate::{
    ids::{SweepId, TrialNumber},
    store::{Reader, Store, TrialFilter, WorkingSet},
    trial::TrialState,
};

/// What came out of one trial: number, parameters, state, epoch, objective.
pub type Outcome = (u64, String, TrialState, u32, Option<f64>);

/// Checks the invariants, that nothing acknowledged is missing, and that nobody was expired unheard after a start of the
/// coordinator (`boots`, Unix milliseconds). The outcome of all trials, and all events as text.
pub fn judge(
    seed: u64,
    disk: &Arc<Mutex<WorkingSet>>,
    ledger: &mut Ledger,
    boots: &[i64],
) -> (Vec<Outcome>, String) {
    let (trials, findings) = disk.lock().unwrap().checked();
    assert_eq!(findings, [], "seed {seed}");
    assert!(trials > 0);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let store = Store::on_disk(Arc::clone(disk));
    runtime.block_on(stored(store.read(), ledger, boots, seed))
}

async fn stored(
    read: &Reader,
    ledger: &mut Ledger,
    boots: &[i64],
    seed: u64,
) -> (Vec<Outcome>, String) {
    let sweep = SweepId::new("toy");
    let trials = read.trials(&sweep, &TrialFilter::default()).await.unwrap();
    for (trial, attempt, how) in &ledger.ends {
        let detail = read.trial(&sweep, TrialNumber(*trial)).await.unwrap();
        let row = detail.attempts.iter().find(|row| row.attempt.0 == *attempt);
        let state = row.map(|row| row.state.as_str());
        assert_eq!(
            state,
            Some(*how),
            "seed {seed}: the acknowledged end of {trial}, attempt {attempt}"
        );
    }
    for (trial, attempt, epoch) in &ledger.reports {
        let detail = read.trial(&sweep, TrialNumber(*trial)).await.unwrap();
        let known = detail.curve.iter().any(|point| point.epoch == *epoch);
        let later = detail.summary.row.state.is_terminal() && detail.summary.row.epoch < *epoch;
        assert!(
            known || later,
            "seed {seed}: the acknowledged epoch {epoch} of {trial}, attempt {attempt}"
        );
    }
    let events = read.events(&sweep, None, 0, 1_000_000).await.unwrap();
    for event in &events {
        let lease = i64::try_from(LEASE.as_millis()).unwrap();
        let early = |boot: &&i64| **boot <= event.at && event.at < **boot + lease;
        let boot = boots.iter().find(early).filter(|_| event.event == "lost");
        assert_eq!(
            boot, None,
            "seed {seed}: expired right after boot: {event:?}"
        );
        ledger.saw(format!("{}: {} -> {}", event.event, event.from, event.to));
    }
    let outcome = trials
        .into_iter()
        .map(|trial| {
            (
                trial.row.number.0,
                trial.params_json,
                trial.row.state,
                trial.row.epoch,
                trial.row.objective,
            )
        })
        .collect();
    (outcome, format!("{events:?}"))
}
