//! What people do with one trial, and what they should find about a worker.

use super::{
    decide::insert,
    step::{Cause, find_sweep, find_trial, step},
};
use crate::{
    ids::TrialNumber,
    store::{
        StoreError,
        command::{CancelTrial, RecordWorker, RetryTrial},
        history::Event,
        rows::{EventRow, Rows, TrialRow, Write},
    },
    trial::{TrialEvent, TrialState},
};

/// Cancels a queued or waiting trial; asks a running one. A repeated cancel changes nothing.
pub(super) fn cancel<W: Write>(store: &mut W, cancel: &CancelTrial) -> Rows<TrialState> {
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
    store.put_sweep(sweep)?;
    Ok(trial.state)
}

/// A new trial of the same point, with the next number behind the plan.
pub(super) fn retry<W: Write>(store: &mut W, retry: &RetryTrial) -> Rows<TrialNumber> {
    let mut sweep = find_sweep(store, &retry.sweep)?;
    let old = find_trial(store, &sweep, retry.trial)?;
    if let Some(earlier) = store.retries_of(sweep.key, old.number)?.first() {
        return Ok(earlier.number);
    }
    if !old.state.is_terminal() {
        return Err(StoreError::Refused(format!(
            "{}/{} is {}: only a trial that has ended can be tried again",
            sweep.id,
            old.number,
            old.state.as_str()
        )));
    }
    if sweep.state.has_ended() || sweep.stopping {
        return Err(StoreError::Refused(format!(
            "{} is {}: its trials cannot be tried again",
            sweep.id,
            sweep.state.as_str()
        )));
    }
    let number = TrialNumber(sweep.next_number);
    sweep.next_number += 1;
    let new = TrialRow {
        number,
        retry_of: Some(old.number),
        state: TrialState::Queued,
        asked: None,
        attempts: 0,
        worker: String::new(),
        objective: None,
        epoch: 0,
        most_epochs: 0,
        weights_hash: None,
        seconds: 0.0,
        images: 0,
        checkpoint: None,
        reason: String::new(),
        changed: retry.at,
        ..old
    };
    insert(store, &mut sweep, &new, &retry.actor, retry.at)?;
    store.put_sweep(sweep)?;
    Ok(number)
}

/// An event of a worker.
pub(super) fn record_worker<W: Write>(store: &mut W, record: &RecordWorker) -> Rows<()> {
    store.append_event(EventRow {
        sweep: None,
        event: Event {
            seq: 0,
            at: record.at,
            sweep: None,
            trial: None,
            attempt: None,
            actor: format!("worker {}", record.worker),
            event: record.event.clone(),
            from: String::new(),
            to: String::new(),
            reason: record.reason.clone(),
        },
        result: None,
    })
}
