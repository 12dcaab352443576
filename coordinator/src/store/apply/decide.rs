//! What the search decided: applied once, all of it or nothing.

use super::{
    point::reopen,
    step::{Cause, count, event_row, find_trial, settle, step},
    sweep::{fail, move_on, settle_definition},
    worker::end_all,
};
use crate::{
    ids::TrialNumber,
    store::{
        Millis, NewTrial, PointRow, PointValue, StoreError, SweepRow, TrialRow, WinnerRef,
        command::{Action, Decide, Decided},
        error::Rows,
        rounds, warnings,
        working::WorkingSet,
    },
    sweep::{SweepEvent, SweepState},
    trial::{TrialEvent, TrialKind, TrialState},
};

/// Applies the next decision; an earlier one was applied before.
pub(super) fn decide(store: &mut WorkingSet, decide: &Decide) -> Rows<Decided> {
    let sweep = store.sweep_if_there(decide.sweep)?;
    let mut sweep = sweep.ok_or_else(|| StoreError::no_sweep(""))?;
    let (number, last) = (decide.number, sweep.decisions);
    if number <= last {
        return Ok(Decided {
            applied: false,
            last,
            state: sweep.state,
        });
    }
    if number != last + 1 {
        return Err(StoreError::Invalid(format!(
            "{}: decision {number} came after decision {last}",
            sweep.id
        )));
    }
    sweep.decisions = number;
    let (trials, places) = named(&decide.actions);
    store.will_read(sweep.key, trials, places)?;
    for action in &decide.actions {
        act(store, &mut sweep, action, decide.at)?;
    }
    Ok(Decided {
        applied: true,
        last: number,
        state: settle(store, sweep, decide.at)?,
    })
}

/// Trials and points that actions speak of.
fn named(actions: &[Action]) -> (Vec<TrialNumber>, Vec<WinnerRef>) {
    let (mut trials, mut places) = (Vec::new(), Vec::new());
    for action in actions {
        match action {
            Action::Enqueue(new) => {
                trials.extend(new.iter().map(|trial| trial.number));
                places.extend(new.iter().map(NewTrial::place));
            }
            Action::Promote { trial, .. } | Action::Prune { trial, .. } => trials.push(*trial),
            _ => {}
        }
    }
    places.sort_unstable();
    places.dedup();
    (trials, places)
}

fn act(store: &mut WorkingSet, sweep: &mut SweepRow, action: &Action, at: Millis) -> Rows<()> {
    let cause = |reason| Cause::new("search", reason, at);
    match action {
        Action::Round(round) => rounds::put(store.changed_file()?, sweep.key, round)?,
        Action::Reserve(up_to) => sweep.next_number = sweep.next_number.max(up_to.0 + 1),
        Action::Enqueue(trials) => {
            for trial in trials {
                enqueue(store, sweep, trial, cause(""))?;
            }
        }
        Action::Promote {
            trial,
            to_epoch,
            wish,
        } => {
            let mut trial = find_trial(store, sweep, *trial)?;
            let goes_on = trial.state == TrialState::Waiting && trial.to_epoch < *to_epoch;
            if goes_on && sweep.state != SweepState::Stopping {
                trial.to_epoch = *to_epoch;
                trial.queue_order = wish.queue_order;
                trial.waits_at_end = wish.waits_at_end;
                trial.keep_weights = wish.keep_weights;
                let reason = format!("to epoch {to_epoch}");
                let event = TrialEvent::Promoted;
                step(store, sweep, &mut trial, event, cause(&reason))?;
            }
        }
        Action::Prune { trial, reason } => {
            let mut trial = find_trial(store, sweep, *trial)?;
            if !trial.state.is_terminal() && trial.asked.is_none() {
                let event = TrialEvent::Pruned;
                step(store, sweep, &mut trial, event, cause(reason))?;
            }
        }
        Action::Warn { key, text } => {
            warnings::insert(store.changed_file()?, sweep.key, key, text)?;
        }
        Action::WarnInstead {
            family,
            warnings: found,
        } => {
            let file = store.changed_file()?;
            warnings::delete(file, sweep.key, family)?;
            for (key, text) in found {
                warnings::insert(file, sweep.key, key, text)?;
            }
        }
        Action::Best(place) => sweep.best = Some(*place),
        Action::Plan { trials, epochs } => {
            (sweep.trials_planned, sweep.epochs_planned) = (*trials, *epochs);
        }
        Action::CheckPassed => {
            sweep.checked = true;
            if !sweep.state.has_ended() && sweep.state != SweepState::Paused {
                move_on(store, sweep, SweepEvent::CheckPassed, cause(""))?;
            }
        }
        Action::Settle { definition } => settle_definition(store, sweep, definition)?,
        Action::TestAccuracy(mean) => sweep.test_accuracy = Some(*mean),
        Action::Complete { winner, reason } => {
            sweep.best = winner.or(sweep.best);
            move_on(store, sweep, SweepEvent::Complete, cause(reason))?;
            let over = cause("the search is done");
            end_all(store, sweep, TrialEvent::Pruned, over)?;
        }
        Action::Fail { reason } => {
            if !sweep.state.has_ended() {
                fail(store, sweep, cause(reason))?;
            }
        }
    }
    Ok(())
}

/// A new trial; nothing when it is there already. A sweep that is to end takes none.
fn enqueue(
    store: &mut WorkingSet,
    sweep: &mut SweepRow,
    new: &NewTrial,
    cause: Cause<'_>,
) -> Rows<()> {
    let place = new.place();
    if let Some(old) = store.trial((sweep.key, new.number))? {
        let of_old = (old.kind, old.place, old.repeat, old.fold);
        if of_old == (new.kind, place, new.repeat, new.fold) {
            return Ok(());
        }
        return Err(StoreError::Invalid(format!(
            "{}/{} is another trial already: its number was not reserved",
            sweep.id, new.number
        )));
    }
    if sweep.state == SweepState::Stopping || sweep.state.has_ended() {
        return Ok(());
    }
    let is_new_point = store.insert_point(PointRow {
        sweep: sweep.key,
        place,
        params_json: new.params_json.clone(),
        spec_json: new.spec_json.clone(),
        value: PointValue::default(),
    })?;
    if is_new_point && new.kind == TrialKind::Search {
        sweep.points += 1;
    }
    sweep.next_number = sweep.next_number.max(new.number.0 + 1);
    insert(
        store,
        sweep,
        TrialRow::queued(sweep.key, new, cause.at),
        cause,
    )
}

/// Stores a queued trial, counts it and says so.
pub(super) fn insert(
    store: &mut WorkingSet,
    sweep: &mut SweepRow,
    row: TrialRow,
    cause: Cause<'_>,
) -> Rows<()> {
    if row.kind == TrialKind::Search {
        reopen(store, sweep, row.place)?;
        sweep.trials += 1;
    }
    count(sweep, row.kind, row.state, 1);
    store.append_event(event_row(&row, "", "queued", cause));
    store.insert_trial(row);
    Ok(())
}
