//! What the search decided: applied once, all of it or nothing.

use super::{
    step::{Cause, count_in, event_row, find_sweep, settle, step},
    sweep::{fail, move_on, settle_definition},
    worker::end_all,
};
use crate::{
    ids::TrialNumber,
    store::{
        StoreError,
        command::{Action, Decide, Decided, Millis},
        error::Rows,
        points::{PointRow, PointValue},
        rounds,
        sweeps::SweepRow,
        trials::TrialRow,
        values::{NewTrial, WinnerRef},
        warnings,
        working::WorkingSet,
    },
    sweep::{SweepEvent, SweepState},
    trial::{TrialEvent, TrialKind, TrialState},
};

/// Applies the next decision; an earlier one was applied before.
pub(super) fn decide(store: &mut WorkingSet, decide: &Decide) -> Rows<Decided> {
    let mut sweep = find_sweep(store, &decide.sweep)?;
    let told = |sweep: &SweepRow, applied| Decided {
        applied,
        last: sweep.decisions,
        state: sweep.state,
    };
    if decide.number <= sweep.decisions {
        return Ok(told(&sweep, false));
    }
    if decide.number != sweep.decisions + 1 {
        return Err(StoreError::Invalid(format!(
            "{}: decision {} came after decision {}",
            sweep.id, decide.number, sweep.decisions
        )));
    }
    sweep.decisions = decide.number;
    let (trials, places) = named(&decide.actions);
    store.will_read(sweep.key, trials, places)?;
    for action in &decide.actions {
        act(store, &mut sweep, action, decide.at)?;
    }
    let sweep = settle(store, sweep, decide.at)?;
    Ok(told(&sweep, true))
}

/// Trials and points that actions speak of.
fn named(actions: &[Action]) -> (Vec<TrialNumber>, Vec<WinnerRef>) {
    let (mut trials, mut places) = (Vec::new(), Vec::new());
    for action in actions {
        match action {
            Action::Enqueue(new) => {
                trials.extend(new.iter().map(|trial| trial.number));
                places.extend(new.iter().map(place));
            }
            Action::Promote { trial, .. } | Action::Prune { trial, .. } => trials.push(*trial),
            _ => {}
        }
    }
    places.sort_unstable();
    places.dedup();
    (trials, places)
}

fn place(new: &NewTrial) -> WinnerRef {
    WinnerRef {
        round: new.round,
        point: new.point,
    }
}

fn act(store: &mut WorkingSet, sweep: &mut SweepRow, action: &Action, at: Millis) -> Rows<()> {
    let cause = |reason| Cause {
        actor: "search",
        reason,
        at,
        token: None,
    };
    match action {
        Action::Round(round) => rounds::put(store.changed_file()?, sweep.key, round)?,
        Action::Reserve(up_to) => sweep.next_number = sweep.next_number.max(up_to.0 + 1),
        Action::Enqueue(trials) => {
            for trial in trials {
                enqueue(store, sweep, trial, at)?;
            }
        }
        Action::Promote { .. } => promote(store, sweep, action, at)?,
        Action::Prune { trial, reason } => {
            let old = planned(store, sweep, *trial)?;
            if !old.state.is_terminal() && old.asked.is_none() {
                let event = TrialEvent::Pruned;
                step(store, sweep, &old, old.clone(), event, cause(reason))?;
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
fn enqueue(store: &mut WorkingSet, sweep: &mut SweepRow, new: &NewTrial, at: Millis) -> Rows<()> {
    let place = place(new);
    if let Some(old) = store.trial((sweep.key, new.number))? {
        let same = old.kind == new.kind
            && (old.place, old.repeat, old.fold) == (place, new.repeat, new.fold);
        return if same {
            Ok(())
        } else {
            Err(StoreError::Invalid(format!(
                "{}/{} is another trial already: its number was not reserved",
                sweep.id, new.number
            )))
        };
    }
    if sweep.state == SweepState::Stopping || sweep.state.has_ended() {
        return Ok(());
    }
    let point = PointRow {
        sweep: sweep.key,
        place,
        params_json: new.params_json.clone(),
        spec_json: new.spec_json.clone(),
        value: PointValue::default(),
    };
    let search = new.kind == TrialKind::Search;
    if store.insert_point(point)? && search {
        sweep.points += 1;
    }
    sweep.next_number = sweep.next_number.max(new.number.0 + 1);
    let row = TrialRow::queued(sweep.key, new, at);
    insert(store, sweep, row, "search", at)
}

/// Stores a queued trial, counts it and says so.
pub(super) fn insert(
    store: &mut WorkingSet,
    sweep: &mut SweepRow,
    row: TrialRow,
    actor: &str,
    at: Millis,
) -> Rows<()> {
    if row.kind == TrialKind::Search {
        super::point::reopen(store, sweep, row.place)?;
    }
    count_in(sweep, row.kind, row.state);
    if row.kind == TrialKind::Search {
        sweep.trials += 1;
    }
    let cause = Cause {
        actor,
        reason: "",
        at,
        token: None,
    };
    store.append_event(event_row(sweep, None, &row, "queued", cause));
    store.insert_trial(row);
    Ok(())
}

fn promote(store: &mut WorkingSet, sweep: &mut SweepRow, action: &Action, at: Millis) -> Rows<()> {
    let Action::Promote {
        trial,
        to_epoch,
        queue_order,
        waits_at_end,
        keep_weights,
    } = action
    else {
        return Ok(());
    };
    let old = planned(store, sweep, *trial)?;
    let stopping = sweep.state == SweepState::Stopping;
    if old.state != TrialState::Waiting || old.to_epoch >= *to_epoch || stopping {
        return Ok(());
    }
    let mut new = old.clone();
    new.to_epoch = *to_epoch;
    new.queue_order = *queue_order;
    new.waits_at_end = *waits_at_end;
    new.keep_weights = *keep_weights;
    let reason = format!("to epoch {to_epoch}");
    let cause = Cause {
        actor: "search",
        reason: &reason,
        at,
        token: None,
    };
    step(store, sweep, &old, new, TrialEvent::Promoted, cause)?;
    Ok(())
}

fn planned(store: &WorkingSet, sweep: &SweepRow, number: TrialNumber) -> Rows<TrialRow> {
    super::step::find_trial(store, sweep, number)
}
