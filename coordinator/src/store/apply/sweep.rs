//! What people do with a sweep, and how it ends.

use std::sync::Arc;

use super::{
    blobs::unneeded,
    step::{Cause, find_sweep},
    worker::end_all,
};
use crate::{
    ids::Hash,
    store::{
        EventRow, StoreError, SweepRow, blobs,
        command::{ChangeSweep, ExtendSweep, RemoveSweep, SweepChange},
        error::Rows,
        sweeps,
        working::WorkingSet,
    },
    sweep::{self, SweepEvent, SweepState},
    trial::TrialEvent,
};

/// Pauses, resumes, stops, fails.
pub(super) fn change(store: &mut WorkingSet, change: &ChangeSweep) -> Rows<SweepState> {
    let mut sweep = find_sweep(store, &change.sweep)?;
    let cause = Cause::new(&change.actor, &change.reason, change.at);
    match change.change {
        SweepChange::Pause => move_on(store, &mut sweep, SweepEvent::Pause, cause)?,
        SweepChange::Resume => {
            let checked = sweep.checked;
            move_on(store, &mut sweep, SweepEvent::Resume { checked }, cause)?;
        }
        SweepChange::Stop => stop(store, &mut sweep, cause)?,
        SweepChange::Fail(key) if key != sweep.key => return Err(StoreError::no_sweep("")),
        SweepChange::Fail(_) => fail(store, &mut sweep, cause)?,
    }
    let state = sweep.state;
    store.put_sweep(sweep);
    Ok(state)
}

/// An ended sweep goes on with a definition that has one round more.
pub(super) fn extend(store: &mut WorkingSet, extend: &ExtendSweep) -> Rows<SweepState> {
    let mut sweep = find_sweep(store, &extend.sweep)?;
    if sweep.next_number != extend.first_trial.0 {
        return Err(StoreError::Busy);
    }
    let cause = Cause::new(&extend.actor, &extend.reason, extend.at);
    move_on(store, &mut sweep, SweepEvent::Extend, cause)?;
    settle_definition(store, &mut sweep, &extend.definition)?;
    sweep.next_number = extend.reserve.0 + 1;
    // Nothing that was decided without knowing of it comes after it.
    sweep.decisions += 1;
    let state = sweep.state;
    store.put_sweep(sweep);
    Ok(state)
}

/// Keeps the definition with what has been settled since the launch; the caller stores the row.
pub(super) fn settle_definition(
    store: &mut WorkingSet,
    sweep: &mut SweepRow,
    definition: &[u8],
) -> Rows<()> {
    Arc::make_mut(&mut sweep.sweep).definition = definition.to_vec();
    sweeps::set_definition(store.changed_file()?, sweep.key, definition)
}

/// Takes one step of the sweep's state machine; the same state again leaves no trace.
pub(super) fn move_on(
    store: &mut WorkingSet,
    sweep: &mut SweepRow,
    event: SweepEvent,
    cause: Cause<'_>,
) -> Rows<()> {
    let old = sweep.state;
    let new = next_of(sweep, event)?;
    if new == old {
        return Ok(());
    }
    sweep.state = new;
    sweep.ended = new.has_ended().then_some(cause.at);
    sweep.reason = if new.has_ended() || new == SweepState::Stopping {
        cause.reason.to_owned()
    } else {
        String::new()
    };
    record(store, sweep, event.as_str(), old.as_str(), cause);
    Ok(())
}

/// Queued and waiting trials are cancelled, running ones asked; ends now when none runs.
fn stop(store: &mut WorkingSet, sweep: &mut SweepRow, cause: Cause<'_>) -> Rows<()> {
    let event = SweepEvent::Stop {
        running: sweep.running,
    };
    // Refuses what cannot be stopped before anything is written.
    if next_of(sweep, event)? == sweep.state {
        return Ok(());
    }
    end_all(store, sweep, TrialEvent::Stopped, cause)?;
    move_on(store, sweep, event, cause)
}

fn next_of(sweep: &SweepRow, event: SweepEvent) -> Rows<SweepState> {
    sweep::next(sweep.state, event)
        .map_err(|error| StoreError::Refused(format!("{}: {error}", sweep.id)))
}

/// It cannot go on: what is left is cancelled.
pub(super) fn fail(store: &mut WorkingSet, sweep: &mut SweepRow, cause: Cause<'_>) -> Rows<()> {
    move_on(store, sweep, SweepEvent::Fail, cause)?;
    end_all(store, sweep, TrialEvent::Stopped, cause)
}

/// Removes an ended sweep; gives the blobs that nothing refers to any more.
pub(super) fn remove(store: &mut WorkingSet, remove: &RemoveSweep) -> Rows<Vec<Hash>> {
    let sweep = find_sweep(store, &remove.sweep)?;
    if !sweep.state.has_ended() {
        let id = &sweep.id;
        return Err(StoreError::Refused(match sweep.state {
            SweepState::Stopping => {
                format!("{id} is stopping: it can be removed when its last running trial has ended")
            }
            state => format!(
                "{id} is {}: stop it first (`hone stop {id}`)",
                state.as_str()
            ),
        }));
    }
    let named = blobs::of_sweep(store.file()?, sweep.key)?;
    let hashes = named.into_iter().map(|row| row.blob.hash).collect();
    store.delete_sweep(sweep.key)?;
    unneeded(store, hashes)
}

/// An event of the sweep itself.
pub(super) fn record(
    store: &mut WorkingSet,
    sweep: &SweepRow,
    event: &str,
    from: &str,
    cause: Cause<'_>,
) {
    store.append_event(EventRow {
        at: cause.at,
        actor: cause.actor.to_owned(),
        event: event.to_owned(),
        from: from.to_owned(),
        to: sweep.state.as_str().to_owned(),
        reason: cause.reason.to_owned(),
        ..EventRow::of(sweep.key)
    });
}
