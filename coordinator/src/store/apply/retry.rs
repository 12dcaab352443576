//! Trying trials again: a new trial for each, in the place of the old one.

use super::{
    decide::insert,
    step::{Cause, find_sweep, find_trial},
    sweep::move_on,
};
use crate::{
    ids::TrialNumber,
    store::{
        StoreError, SweepRow, TrialRow, command::RetryTrials, error::Rows, trials, warnings,
        working::WorkingSet,
    },
    sweep::{SweepEvent, SweepState},
    trial::{StopRequest, TrialKind, TrialState},
};

/// New trials of the same points, with the next numbers behind the plan; an ended sweep runs again.
pub(super) fn retry(store: &mut WorkingSet, retry: &RetryTrials) -> Rows<Vec<TrialNumber>> {
    let mut sweep = find_sweep(store, &retry.sweep)?;
    let (mut under_way, mut old) = (Vec::new(), Vec::new());
    for number in &retry.trials {
        let trial = newest(store, &sweep, *number)?;
        if trial.number != *number && !trial.state.is_terminal() {
            under_way.push(trial.number);
        } else {
            check(&sweep, &trial)?;
            old.push(trial);
        }
    }
    if old.is_empty() && !retry.trials.is_empty() {
        return Ok(under_way);
    }
    check_hinged(store, &sweep, retry)?;
    revive(store, &mut sweep, &old, retry)?;
    let mut numbers = under_way;
    for trial in old {
        let number = TrialNumber(sweep.next_number);
        sweep.next_number += 1;
        let new = again(trial, number, retry.at);
        insert(
            store,
            &mut sweep,
            new,
            Cause::new(&retry.actor, "", retry.at),
        )?;
        numbers.push(number);
    }
    sweep.decisions += 1;
    // The search is made anew, and says again what it still finds; what was said before any result stays.
    let file = store.changed_file()?;
    for (key, _) in warnings::of_sweep(file, sweep.key)? {
        if !["from", "budget"].contains(&key.as_str()) {
            warnings::delete(file, sweep.key, &key)?;
        }
    }
    store.put_sweep(sweep);
    Ok(numbers)
}

/// The trial, or the last of its retries.
fn newest(store: &mut WorkingSet, sweep: &SweepRow, number: TrialNumber) -> Rows<TrialRow> {
    let mut trial = find_trial(store, sweep, number)?;
    while let Some(retry) = trials::retries(store.file()?, trial.key())?.pop() {
        trial = retry;
    }
    Ok(trial)
}

/// Whether it has ended without a result, in a sweep that can still use one.
fn check(sweep: &SweepRow, trial: &TrialRow) -> Rows<()> {
    use TrialState::{Cancelled, Completed, Diverged, Failed, Pruned, Running};
    let name = format!("{}/{}", sweep.id, trial.number);
    let refused = |problem: String| Err(StoreError::Refused(problem));
    if matches!(sweep.state, SweepState::Stopping | SweepState::Stopped) {
        return refused(format!(
            "{} is {}: its trials cannot be tried again",
            sweep.id,
            sweep.state.as_str()
        ));
    }
    let is_check = trial.kind == TrialKind::Check;
    if is_check && sweep.trials > 0 {
        return refused(format!("{name} is the check of a sweep that has begun"));
    }
    match trial.state {
        Failed | Diverged | Cancelled => Ok(()),
        // Nothing was trained yet: the check may have been wrong, or what it looked at is mended.
        Completed if is_check => Ok(()),
        // The sweep's failure has asked it to end.
        Running
            if sweep.state == SweepState::Failed && trial.asked == Some(StopRequest::Cancel) =>
        {
            Ok(())
        }
        Completed | Pruned => refused(format!(
            "{name} is {}: only a trial that ended without a result can be tried again",
            trial.state.as_str()
        )),
        state => refused(format!(
            "{name} is {}: only a trial that has ended can be tried again",
            state.as_str()
        )),
    }
}

fn check_hinged(store: &mut WorkingSet, sweep: &SweepRow, retry: &RetryTrials) -> Rows<()> {
    for range in &retry.hinged {
        if let Some(first) = trials::first_planned(store.file()?, sweep.key, range)? {
            return Err(StoreError::BuiltUpon {
                sweep: sweep.id.clone(),
                first,
            });
        }
    }
    Ok(())
}

/// An ended sweep goes on; with its check if that is what is tried again.
fn revive(
    store: &mut WorkingSet,
    sweep: &mut SweepRow,
    old: &[TrialRow],
    retry: &RetryTrials,
) -> Rows<()> {
    if !sweep.state.has_ended() {
        return Ok(());
    }
    if old.iter().any(|trial| trial.kind == TrialKind::Check) {
        sweep.checked = false;
        sweep.check_json = "".into();
    }
    let reason = match old {
        [one] => format!("trial {} is tried again", one.number),
        all => format!("{} trials are tried again", all.len()),
    };
    let cause = Cause::new(&retry.actor, &reason, retry.at);
    let checked = sweep.checked;
    move_on(store, sweep, SweepEvent::Retry { checked }, cause)
}

fn again(old: TrialRow, number: TrialNumber, at: i64) -> TrialRow {
    TrialRow {
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
        changed: at,
        cause: None,
        started: None,
        ..old
    }
}
