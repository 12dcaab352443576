//! A sweep from the store, after a restart or when it is met first: its definition and the trials that it has.

use std::collections::BTreeSet;

use super::{active::ActiveSweep, retries::Retries};
use crate::{
    Error, definition,
    ids::{SweepId, TrialNumber},
    state::State,
    store::{StoreError, SweepRow, TrialFilter, TrialResult, TrialSummary},
    trial::{TrialKind, TrialState},
};

/// Makes the sweep as it was left; its results, which are given beside it, are still to be taken in. `publish` is called before curves
/// are read: what is reported from then on is left in the inbox, and nothing is in neither.
pub async fn load(
    state: &State,
    row: &SweepRow,
    publish: impl FnOnce(&ActiveSweep),
) -> Result<(ActiveSweep, Vec<TrialResult>), Error> {
    let id = &row.id;
    // Of a sweep that had the name before, or read from the file now.
    state.driver_inbox.take_epochs(id);
    // Trials first: read the other way round, one that ends in between would be in neither.
    let open = open_trials(state, id).await?;
    let results = state.store.read().results(id, 0).await?;
    let mut retries = Retries::default();
    let ended = results
        .iter()
        .map(|result| (result.number, result.retry_of));
    let under_way = open
        .iter()
        .map(|trial| (trial.row.number, trial.row.retry_of));
    for (number, of) in ended.chain(under_way) {
        if let Some(of) = of {
            retries.add(number, of);
        }
    }
    let stored = &row.sweep.definition;
    let mut sweep = ActiveSweep::new(
        (row.key, id.clone()),
        definition::parse_stored(stored)?,
        state.driver_inbox.take_plan(stored),
        stored.clone(),
        row.decisions,
        row.checked,
        retries,
    )
    .map_err(|error| Error::Broken(error.to_string()))?;
    publish(&sweep);
    if row.decisions == 0 {
        return Ok((sweep, results));
    }
    for trial in open
        .iter()
        .filter(|trial| trial.row.kind == TrialKind::Search)
    {
        sweep.known(trial.row.number);
    }
    give_up(state, id, &mut sweep).await?;
    if sweep.reports().is_some() {
        let mut filter = TrialFilter::default();
        while let Some(page) = state.store.read().next_trials(id, &mut filter).await? {
            for trial in page {
                take_curve(state, id, &mut sweep, trial.row.number).await?;
            }
        }
    }
    tracing::info!(sweep = %id, state = row.state.as_str(), "sweep loaded");
    Ok((sweep, results))
}

/// Queued and running trials of every kind.
async fn open_trials(state: &State, id: &SweepId) -> Result<Vec<TrialSummary>, StoreError> {
    let mut open = Vec::new();
    let mut filter = TrialFilter {
        states: vec![TrialState::Queued, TrialState::Running],
        all_kinds: true,
        ..TrialFilter::default()
    };
    while let Some(page) = state.store.read().next_trials(id, &mut filter).await? {
        open.extend(page);
    }
    Ok(open)
}

/// An extended sweep had ended before: what it had planned then and not begun is over.
async fn give_up(state: &State, id: &SweepId, sweep: &mut ActiveSweep) -> Result<(), StoreError> {
    let mut missing: BTreeSet<TrialNumber> = sweep.closed_trials().into_iter().collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut filter = TrialFilter::default();
    while let Some(page) = state.store.read().next_trials(id, &mut filter).await? {
        for trial in page {
            missing.remove(&trial.row.number);
        }
    }
    for number in missing {
        sweep.give_up(number);
    }
    Ok(())
}

async fn take_curve(
    state: &State,
    id: &SweepId,
    sweep: &mut ActiveSweep,
    number: TrialNumber,
) -> Result<(), StoreError> {
    for point in state.store.read().trial(id, number).await?.curve {
        // As it was reported, to the last bit; JSON may be read back a little off.
        sweep.epoch(number, point.epoch, point.objective.unwrap_or(f64::NAN));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        state::EpochValue,
        tests::harness::{TestCoordinator, compared},
    };

    #[tokio::test]
    async fn what_is_reported_while_curves_are_read_is_neither_lost_nor_taken_twice() {
        let coordinator = TestCoordinator::start().await;
        let id = SweepId::new(&coordinator.launch(compared(4)).await);
        let worker = coordinator.worker("one").await;
        let lease = worker.acquire().await;
        for epoch in 1..=2 {
            worker.report(&lease, epoch, 0.5).await.unwrap();
        }
        let (state, _folder) = coordinator.into_state().await;
        let row = state.store.read().row(&id).await.unwrap();
        let trial = TrialNumber(1);
        let publish = |sweep: &ActiveSweep| {
            assert!(sweep.running.is_empty(), "what came until now is lost");
            let told = [(2, 0.9), (3, 0.1)].map(|(epoch, value)| EpochValue {
                trial,
                epoch,
                value,
            });
            state.driver_inbox.epochs_recorded(&id, told.to_vec());
        };
        let (mut sweep, _) = load(&state, &row, publish).await.unwrap();
        for told in state.driver_inbox.take_epochs(&id) {
            sweep.epoch(told.trial, told.epoch, told.value);
        }
        // The second epoch is that of the file, and the best so far.
        assert_eq!(sweep.running[&trial], (3, Some(0.5)));
        state.store.close().await;
    }
}
