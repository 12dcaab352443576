//! What people do with one trial, and what they should find about a worker.

use super::step::{Cause, find_sweep, find_trial, step};
use crate::ids::SweepKey;
use crate::{
    store::{
        command::{CancelTrial, RecordWorker},
        error::Rows,
        events::EventRow,
        working::WorkingSet,
    },
    trial::{TrialEvent, TrialState},
};

/// Cancels a queued or waiting trial; asks a running one. A repeated cancel changes nothing.
pub(super) fn cancel(store: &mut WorkingSet, cancel: &CancelTrial) -> Rows<TrialState> {
    let mut sweep = find_sweep(store, &cancel.sweep)?;
    let trial = find_trial(store, &sweep, cancel.trial)?;
    let asked = trial.asked == Some(crate::trial::StopRequest::Cancel);
    if asked || trial.state == TrialState::Cancelled {
        return Ok(trial.state);
    }
    let cause = Cause {
        actor: &cancel.actor,
        reason: "cancelled",
        at: cancel.at,
        token: None,
    };
    let event = TrialEvent::Cancelled;
    let (trial, _) = step(store, &mut sweep, &trial, trial.clone(), event, cause)?;
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
