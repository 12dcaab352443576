//! One transition of a trial, with all that hangs on it: guard, counters, event, the point's value.

use super::{point, sweep};
use crate::{
    ids::{AttemptNumber, AttemptRef, SweepId, Token, TrialNumber},
    store::{
        AttemptRow, EventRow, Millis, StoreError, SweepRow, TrialRow, error::Rows,
        working::WorkingSet,
    },
    sweep::{SweepEvent, SweepState},
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
    pub(super) fn new(actor: &'a str, reason: &'a str, at: Millis) -> Self {
        Self {
            actor,
            reason,
            at,
            token: None,
        }
    }

    pub(super) fn coordinator(reason: &'a str, at: Millis) -> Self {
        Self::new("coordinator", reason, at)
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

    /// What it says itself, as this [`actor`](Self::actor).
    pub(super) fn cause<'a>(&self, actor: &'a str, reason: &'a str, at: Millis) -> Cause<'a> {
        Cause {
            token: Some(self.attempt.token),
            ..Cause::new(actor, reason, at)
        }
    }

    /// It has the trial.
    pub(super) fn runs(&self) -> bool {
        self.stands(AttemptState::Running, TrialState::Running)
    }

    /// Given up for lost, but nobody has the trial since.
    pub(super) fn can_be_taken_back(&self) -> bool {
        self.stands(AttemptState::Lost, TrialState::Queued)
    }

    /// Whether it is its trial's newest attempt, and both stand so.
    fn stands(&self, attempt: AttemptState, trial: TrialState) -> bool {
        let is_newest = self.trial.attempts == self.attempt.attempt.0;
        is_newest && (self.attempt.state, self.trial.state) == (attempt, trial)
    }
}

/// Finds what a worker speaks about. Anything but the right token is fenced, a sweep that was removed too.
pub(super) fn speak(store: &mut WorkingSet, who: &AttemptRef) -> Rows<Speaker> {
    let sweep = store.sweep_named(who.sweep.as_str())?;
    let sweep = sweep.ok_or(StoreError::Fenced)?;
    let attempt = store.attempt((sweep.key, who.trial, who.attempt))?;
    let attempt = attempt.filter(|attempt| attempt.token == who.token);
    let attempt = attempt.ok_or(StoreError::Fenced)?.clone();
    let trial = store.trial((sweep.key, who.trial))?;
    Ok(Speaker {
        trial: trial.ok_or(StoreError::Fenced)?.clone(),
        sweep,
        attempt,
    })
}

/// A sweep by name.
pub(super) fn find_sweep(store: &mut WorkingSet, id: &SweepId) -> Rows<SweepRow> {
    store
        .sweep_named(id.as_str())?
        .ok_or_else(|| StoreError::no_sweep(id.as_str()))
}

/// A trial by number.
pub(super) fn find_trial(
    store: &mut WorkingSet,
    sweep: &SweepRow,
    number: TrialNumber,
) -> Rows<TrialRow> {
    let trial = store.trial((sweep.key, number))?.cloned();
    trial.ok_or_else(|| StoreError::no_trial(&sweep.id, number))
}

/// Takes one step of the state machine: `trial` has whatever else changes in it; its state is set here. Counters go into
/// `sweep`, which the caller stores. Gives the state that its attempt goes into, if it does.
pub(super) fn step(
    store: &mut WorkingSet,
    sweep: &mut SweepRow,
    trial: &mut TrialRow,
    event: TrialEvent,
    cause: Cause<'_>,
) -> Rows<Option<AttemptState>> {
    let from = trial.state;
    let next = trial::next(from, event, trial.asked).map_err(|error| match cause.token {
        Some(_) => StoreError::Fenced,
        None => StoreError::Refused(format!("{}/{}: {error}", sweep.id, trial.number)),
    })?;
    trial.changed = cause.at;
    let attempt = match next {
        Next::Asks(request) => {
            trial.asked = Some(request);
            None
        }
        Next::Goes {
            trial: to,
            attempt,
            cause: end,
        } => {
            trial.state = to;
            trial.asked = None;
            let has_stopped = matches!(
                sweep.state,
                SweepState::Stopping | SweepState::Stopped | SweepState::Failed
            );
            trial.cause = match end {
                // It ran, and was asked to end with its sweep.
                Some(EndCause::Cancelled) if has_stopped => Some(EndCause::Stopped),
                end => end,
            };
            if to == TrialState::Diverged {
                // A typed outcome, never a number in a ranking; the curve keeps what was measured.
                trial.objective = None;
            }
            trial.reason = if to.is_terminal() {
                why(to, event, cause.reason)
            } else {
                String::new()
            };
            attempt
        }
    };
    store.put_trial(trial.clone(), cause.token);
    count(sweep, trial.kind, from, -1);
    count(sweep, trial.kind, trial.state, 1);
    store.append_event(event_row(trial, from.as_str(), event.as_str(), cause));
    if trial.kind == TrialKind::Search && trial.state != from {
        point::refresh(store, sweep, from, trial)?;
    }
    Ok(attempt)
}

/// Stores the sweep's counters; a sweep that was to stop has ended with its last running trial. Gives its state.
pub(super) fn settle(store: &mut WorkingSet, mut sweep: SweepRow, at: Millis) -> Rows<SweepState> {
    if sweep.state == SweepState::Stopping && sweep.running == 0 {
        let reason = sweep.reason.clone();
        let cause = Cause::coordinator(&reason, at);
        sweep::move_on(store, &mut sweep, SweepEvent::Stopped, cause)?;
    }
    let state = sweep.state;
    store.put_sweep(sweep);
    Ok(state)
}

/// The event of a trial's transition; `from` is empty for a new trial.
pub(super) fn event_row(trial: &TrialRow, from: &str, event: &str, cause: Cause<'_>) -> EventRow {
    EventRow {
        at: cause.at,
        trial: Some(trial.number),
        attempt: (trial.attempts > 0).then_some(AttemptNumber(trial.attempts)),
        actor: cause.actor.to_owned(),
        event: event.to_owned(),
        from: from.to_owned(),
        to: trial.state.as_str().to_owned(),
        reason: cause.reason.to_owned(),
        epoch: Some(trial.epoch),
        to_epoch: Some(trial.to_epoch),
        objective: trial.objective,
        ..EventRow::of(trial.sweep)
    }
}

/// Counts a trial in, or out, by what is added.
pub(super) fn count(sweep: &mut SweepRow, kind: TrialKind, state: TrialState, by: i64) {
    let add = |count: &mut u64| *count = count.saturating_add_signed(by);
    match state {
        TrialState::Queued => add(&mut sweep.queued),
        TrialState::Running => add(&mut sweep.running),
        _ => {}
    }
    if kind == TrialKind::Search {
        add(&mut sweep.counts[state as usize]);
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
