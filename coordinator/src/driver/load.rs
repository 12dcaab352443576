//! A sweep from the store, after a restart or when it is met first: its definition and the trials that it has.

use std::collections::BTreeSet;

use super::active::ActiveSweep;
use crate::{
    Error,
    ids::{SweepId, TrialNumber},
    rpc,
    state::State,
    store::{StoreError, SweepRow, TrialFilter},
    trial::{TrialKind, TrialState},
};

/// Trials read at once.
const PAGE: u64 = 1000;

/// Makes the sweep as it was left; its results are still to be taken in.
pub async fn load(state: &State, row: &SweepRow) -> Result<ActiveSweep, Error> {
    let id = &row.id;
    let stored = &row.sweep.definition;
    let definition = rpc::convert::definition::stored(stored)?;
    let (_, plan) = rpc::convert::definition::parse(definition)?;
    let mut sweep = ActiveSweep::new(id.clone(), plan, stored.clone(), row.decisions, row.checked)
        .map_err(|error| Error::Broken(error.to_string()))?;
    if row.decisions == 0 {
        return Ok(sweep);
    }
    for_each_trial(
        state,
        id,
        &[TrialState::Queued, TrialState::Running],
        async |trial| {
            sweep.known(trial.number);
            Ok(())
        },
    )
    .await?;
    give_up(state, id, &mut sweep).await?;
    if sweep.reports().is_some() {
        for_each_trial(state, id, &[], async |trial| {
            if trial.kind == TrialKind::Search {
                take_curve(state, id, &mut sweep, trial.number).await?;
            }
            Ok(())
        })
        .await?;
    }
    tracing::info!(sweep = %id, state = row.state.as_str(), "sweep loaded");
    Ok(sweep)
}

/// An extended sweep had ended before: what it had planned then and not begun is over.
async fn give_up(state: &State, id: &SweepId, sweep: &mut ActiveSweep) -> Result<(), StoreError> {
    let mut missing: BTreeSet<TrialNumber> = sweep.closed_trials().into_iter().collect();
    if missing.is_empty() {
        return Ok(());
    }
    for_each_trial(state, id, &[], async |trial| {
        missing.remove(&trial.number);
        Ok(())
    })
    .await?;
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
    let Some(metric) = sweep.reports() else {
        return Ok(());
    };
    for point in state.store.read().trial(id, number).await?.curve {
        if let Some((_, value)) = point.metrics.iter().find(|(name, _)| *name == metric) {
            sweep.epoch(number, point.epoch, *value);
        }
    }
    Ok(())
}

async fn for_each_trial(
    state: &State,
    id: &SweepId,
    states: &[TrialState],
    mut each: impl AsyncFnMut(&crate::store::TrialSummary) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut filter = TrialFilter {
        limit: Some(PAGE),
        states: states.to_vec(),
        ..TrialFilter::default()
    };
    loop {
        let page = state.store.read().trials(id, &filter).await?;
        for trial in &page {
            each(trial).await?;
            filter.after = trial.number.0;
        }
        if (page.len() as u64) < PAGE {
            return Ok(());
        }
    }
}
