//! One transition of a trial, with all that hangs on it: guard, counters, event, the point's value.

use super::{super::StoreError, point, sweep};
use crate::{
    ids::{AttemptRef, SweepId, Token, TrialNumber},
    store::{
        attempts::AttemptRow,
        command::Millis,
        error::Rows,
        events::EventRow,
        sweeps::SweepRow,
        trials::TrialRow,
        working::{Guard, WorkingSet},
    },
    sweep::SweepState,
    trial::{self, AttemptState, EndCause, Next, TrialEvent, TrialKind, TrialState},
};

/// Who, when, why.
#[derive(Clone, Copy)]
pub(super) struct Cause<'a> {
    pub actor: &'a str,
    pub reason: &'a str,
    pub at: Millis,
    /// Where a worker speaks: the statement repeats it.
    pub token: Option<Token>,
}

impl<'a> Cause<'a> {
    pub(super) fn coordinator(reason: &'a str, at: Millis) -> Self {
        Self {
            actor: "coordinator",
            reason,
            at,
            token: None,
        }
    }
}

/// A worker that has shown the right token, and what it speaks about.
pub(super) struct Speaker {
    pub sweep: SweepRow,
    pub trial: TrialRow,
    pub attempt: AttemptRow,
}

impl Speaker {
    pub(super) fn actor(&self) -> String {
        format!("worker {}", self.attempt.worker)
    }

    /// Given up for lost, but nobody has the trial since.
    pub(super) fn can_be_taken_back(&self) -> bool {
        self.attempt.state == AttemptState::Lost
            && self.trial.state == TrialState::Queued
            && self.trial.attempts == self.attempt.attempt.0
    }
}

/// Finds what a worker speaks about. Anything but the right token is fenced, a sweep that was removed too.
pub(super) fn speak(store: &WorkingSet, who: &AttemptRef) -> Rows<Speaker> {
    let key = store
        .sweep_key(who.sweep.as_str())?
        .ok_or(StoreError::Fenced)?;
    let attempt = store
        .attempt((key, who.trial, who.attempt))?
        .filter(|attempt| attempt.token == who.token)
        .ok_or(StoreError::Fenced)?;
    let trial = store.trial((key, who.trial))?.ok_or(StoreError::Fenced)?;
    Ok(Speaker {
        sweep: store.sweep(key)?,
        trial,
        attempt,
    })
}

/// A sweep by name.
pub(super) fn find_sweep(store: &WorkingSet, id: &SweepId) -> Rows<SweepRow> {
    match store.sweep_key(id.as_str())? {
        Some(key) => store.sweep(key),
        None => Err(StoreError::NotFound {
            what: "sweep",
            name: id.to_string(),
            known: Vec::new(),
        }),
    }
}

/// A trial by number.
pub(super) fn find_trial(
    store: &WorkingSet,
    sweep: &SweepRow,
    number: TrialNumber,
) -> Rows<TrialRow> {
    store
        .trial((sweep.key, number))?
        .ok_or_else(|| StoreError::NotFound {
            what: "trial",
            name: format!("{}/{number}", sweep.id),
            known: Vec::new(),
        })
}

/// Takes one step of the state machine: `new` is the trial with whatever else changes in it; its state is set here.
/// Counters go into `sweep`, which the caller stores. Gives the trial as stored.
pub(super) fn step(
    store: &mut WorkingSet,
    sweep: &mut SweepRow,
    old: &TrialRow,
    mut new: TrialRow,
    event: TrialEvent,
    cause: Cause<'_>,
) -> Rows<(TrialRow, Option<AttemptState>)> {
    let next = trial::next(old.state, event, old.asked).map_err(|error| match cause.token {
        Some(_) => StoreError::Fenced,
        None => StoreError::Refused(format!("{}/{}: {error}", sweep.id, old.number)),
    })?;
    new.changed = cause.at;
    let attempt = match next {
        Next::Asks(request) => {
            new.asked = Some(request);
            None
        }
        Next::Goes {
            trial,
            attempt,
            cause: end,
        } => {
            new.state = trial;
            new.asked = None;
            let has_stopped = matches!(
                sweep.state,
                SweepState::Stopping | SweepState::Stopped | SweepState::Failed
            );
            new.cause = match end {
                // It ran, and was asked to end with its sweep.
                Some(EndCause::Cancelled) if has_stopped => Some(EndCause::Stopped),
                end => end,
            };
            if trial == TrialState::Diverged {
                // A typed outcome, never a number in a ranking; the curve keeps what was measured.
                new.objective = None;
            }
            new.reason = if trial.is_terminal() {
                why(trial, event, cause.reason)
            } else {
                String::new()
            };
            attempt
        }
    };
    let guard = Guard {
        state: old.state,
        attempts: old.attempts,
        token: cause.token,
    };
    if !store.update_trial(guard, new.clone())? {
        return Err(StoreError::Fenced);
    }
    count(sweep, old, &new);
    store.append_event(event_row(sweep, Some(old), &new, event.as_str(), cause));
    if new.kind == TrialKind::Search && new.state != old.state {
        point::refresh(store, sweep, old, &new)?;
    }
    Ok((new, attempt))
}

/// Ends the attempt that `step` said goes into `state`.
pub(super) fn end_attempt(
    store: &mut WorkingSet,
    sweep: &mut SweepRow,
    mut attempt: AttemptRow,
    state: AttemptState,
    cause: Cause<'_>,
) -> Rows<()> {
    let from = attempt.state;
    attempt.state = state;
    attempt.ended = Some(cause.at);
    attempt.reason = cause.reason.to_owned();
    sweep.last_end = sweep.last_end.max(Some(cause.at));
    if !store.update_attempt(from, attempt)? {
        return Err(StoreError::Fenced);
    }
    Ok(())
}

/// Stores the sweep's counters; a sweep that was to stop has ended with its last running trial.
pub(super) fn settle(store: &mut WorkingSet, mut sweep: SweepRow, at: Millis) -> Rows<SweepRow> {
    if sweep.state == SweepState::Stopping && sweep.running == 0 {
        sweep::end_of_stop(store, &mut sweep, at)?;
    }
    store.put_sweep(sweep.clone());
    Ok(sweep)
}

/// The event of a trial's transition; `old` is `None` for a new trial.
pub(super) fn event_row(
    sweep: &SweepRow,
    old: Option<&TrialRow>,
    new: &TrialRow,
    event: &str,
    cause: Cause<'_>,
) -> EventRow {
    EventRow {
        at: cause.at,
        trial: Some(new.number),
        attempt: (new.attempts > 0).then_some(crate::ids::AttemptNumber(new.attempts)),
        actor: cause.actor.to_owned(),
        event: event.to_owned(),
        from: old.map_or("", |old| old.state.as_str()).to_owned(),
        to: new.state.as_str().to_owned(),
        reason: cause.reason.to_owned(),
        epoch: Some(new.epoch),
        to_epoch: Some(new.to_epoch),
        objective: new.objective,
        ..EventRow::of(sweep.key)
    }
}

/// Moves a trial from one counter to another.
pub(super) fn count(sweep: &mut SweepRow, old: &TrialRow, new: &TrialRow) {
    uncount(sweep, old.kind, old.state);
    count_in(sweep, new.kind, new.state);
}

/// Counts a trial in.
pub(super) fn count_in(sweep: &mut SweepRow, kind: TrialKind, state: TrialState) {
    match state {
        TrialState::Queued => sweep.queued += 1,
        TrialState::Running => sweep.running += 1,
        _ => {}
    }
    if kind == TrialKind::Search {
        sweep.counts[state as usize] += 1;
    }
}

fn uncount(sweep: &mut SweepRow, kind: TrialKind, state: TrialState) {
    let less = |count: &mut u64| *count = count.saturating_sub(1);
    match state {
        TrialState::Queued => less(&mut sweep.queued),
        TrialState::Running => less(&mut sweep.running),
        _ => {}
    }
    if kind == TrialKind::Search {
        less(&mut sweep.counts[state as usize]);
    }
}

fn why(state: TrialState, event: TrialEvent, reason: &str) -> String {
    match event {
        TrialEvent::Crashed { in_a_row } | TrialEvent::Lost { in_a_row }
            if state == TrialState::Failed =>
        {
            format!(
                "poisoned: {in_a_row} attempts in a row ended without a new epoch; the last: {reason}"
            )
        }
        TrialEvent::EndedEarly if reason.is_empty() => "ended early".to_owned(),
        _ => reason.to_owned(),
    }
}
