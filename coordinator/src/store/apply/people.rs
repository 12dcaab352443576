//! What people do with one trial, and what they should find about a worker.

use super::step::{Cause, find_sweep, find_trial, step};
use crate::{
    ids::SweepKey,
    store::{
        EventRow,
        command::{CancelTrial, RecordWorker},
        error::Rows,
        working::WorkingSet,
    },
    trial::{StopRequest, TrialEvent, TrialState},
};

/// Cancels a queued or waiting trial; asks a running one. A repeated cancel changes nothing.
pub(super) fn cancel(store: &mut WorkingSet, cancel: &CancelTrial) -> Rows<TrialState> {
    let mut sweep = find_sweep(store, &cancel.sweep)?;
    let mut trial = find_trial(store, &sweep, cancel.trial)?;
    let asked = trial.asked == Some(StopRequest::Cancel);
    if asked || trial.state == TrialState::Cancelled {
        return Ok(trial.state);
    }
    let cause = Cause::new(&cancel.actor, "cancelled", cancel.at);
    step(store, &mut sweep, &mut trial, TrialEvent::Cancelled, cause)?;
    store.put_sweep(sweep);
    Ok(trial.state)
}

/// An event of a worker.
pub(super) fn record_worker(store: &mut WorkingSet, record: &RecordWorker) -> Rows<()> {
    store.append_event(EventRow {
        at: record.at,
        actor: format!("worker {}", record.worker),
        event: record.event.clone(),
        reason: record.reason.clone(),
        ..EventRow::of(SweepKey(0))
    });
    Ok(())
}
