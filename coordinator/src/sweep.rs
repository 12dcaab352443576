//! PURE: every state transition of a sweep, in one match.

/// Where a sweep stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SweepState {
    /// Its check is to pass first.
    Checking,
    /// Trials are granted.
    Running,
    /// Nothing is granted; running trials give themselves back.
    Paused,
    /// A person ended it, and trials of it still run: with the last of them it is stopped.
    Stopping,
    /// Done, with a winner.
    Completed,
    /// Ended by a person.
    Stopped,
    /// Could not go on.
    Failed,
}

/// All states, in order.
pub const SWEEP_STATES: [SweepState; 7] = [
    SweepState::Checking,
    SweepState::Running,
    SweepState::Paused,
    SweepState::Stopping,
    SweepState::Completed,
    SweepState::Stopped,
    SweepState::Failed,
];

impl SweepState {
    /// Whether nothing more happens unless somebody extends it.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Stopped | Self::Failed)
    }

    /// Whether its trials may be granted.
    pub fn grants(self) -> bool {
        matches!(self, Self::Checking | Self::Running)
    }

    /// As shown, and as events tell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Checking => "checking",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopping => "stopping",
            Self::Completed => "completed",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        SWEEP_STATES
            .into_iter()
            .find(|state| state.as_str() == name)
    }

    /// As the table `sweeps` has it: a state whose word its CHECK knows, and whether a stop waits for running trials.
    pub fn stored(self) -> (Self, bool) {
        match self {
            Self::Stopping => (Self::Running, true),
            other => (other, false),
        }
    }

    /// What [`stored`](Self::stored) stands for.
    pub fn of_stored(state: Self, stopping: bool) -> Self {
        if stopping && !state.has_ended() {
            Self::Stopping
        } else {
            state
        }
    }
}

/// What can happen to a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SweepEvent {
    /// The check found nothing that must stop it.
    CheckPassed,
    /// Nothing more is granted, running trials are given back.
    Pause,
    /// Goes on; `checked` says whether its check has passed (or it has none): as running rather than as checking.
    Resume { checked: bool },
    /// Queued and waiting trials are cancelled, those that still run are asked to end; it has ended with the last of them.
    Stop { running: u64 },
    /// The last trial of a sweep that is to stop has ended.
    Stopped,
    /// The search is done.
    Complete,
    /// It cannot go on.
    Fail,
    /// An ended sweep gets a round more.
    Extend,
    /// Trials of a sweep that has ended are tried again; `checked` as in `Resume`.
    Retry { checked: bool },
}

impl SweepEvent {
    /// As stored in `events`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CheckPassed => "check_passed",
            Self::Pause => "pause",
            Self::Resume { .. } => "resume",
            Self::Stop { .. } => "stop",
            Self::Stopped => "stopped",
            Self::Complete => "complete",
            Self::Fail => "fail",
            Self::Extend => "extend",
            Self::Retry { .. } => "retry",
        }
    }
}

/// The event does not fit the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a {} sweep cannot take `{}`{}", state.as_str(), event.as_str(), instead(*state))]
pub struct NoSuchTransition {
    pub state: SweepState,
    pub event: SweepEvent,
}

/// What will happen in its place, where that is sure.
fn instead(state: SweepState) -> &'static str {
    match state {
        SweepState::Stopping => {
            ": it ends as stopped with its last running trial, and can be extended then"
        }
        _ => "",
    }
}

/// The one place where a sweep's state changes. The same state again means: nothing to do.
pub fn next(state: SweepState, event: SweepEvent) -> Result<SweepState, NoSuchTransition> {
    use {SweepEvent as E, SweepState as S};
    match (state, event) {
        (S::Checking | S::Running, E::CheckPassed) => Ok(S::Running),
        (S::Checking | S::Running | S::Paused, E::Pause) => Ok(S::Paused),
        (S::Paused, E::Resume { checked }) | (S::Completed | S::Failed, E::Retry { checked }) => {
            Ok(if checked { S::Running } else { S::Checking })
        }
        (S::Checking | S::Running, E::Resume { .. }) => Ok(state),
        (S::Checking | S::Running | S::Paused, E::Stop { running: 0 }) => Ok(S::Stopped),
        (S::Checking | S::Running | S::Paused, E::Stop { .. }) => Ok(S::Stopping),
        (S::Stopping, E::Stopped) => Ok(S::Stopped),
        // What was decided before the stop was known changes nothing: a person's stop is kept.
        (S::Stopping, E::Stop { .. } | E::CheckPassed | E::Complete | E::Fail) => Ok(S::Stopping),
        (S::Stopped, E::Stop { .. } | E::Stopped) => Ok(S::Stopped),
        (S::Running | S::Paused | S::Completed, E::Complete) => Ok(S::Completed),
        // A winner may still be named; the end stays what it was.
        (S::Stopped, E::Complete) => Ok(S::Stopped),
        (S::Checking | S::Running | S::Paused | S::Failed, E::Fail) => Ok(S::Failed),
        (S::Completed | S::Stopped, E::Extend) => Ok(S::Running),
        (state, event) => Err(NoSuchTransition { state, event }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STOP: SweepEvent = SweepEvent::Stop { running: 2 };

    #[test]
    fn a_stop_is_kept_whatever_comes_before_its_last_trial_has_ended() {
        for live in [
            SweepState::Checking,
            SweepState::Running,
            SweepState::Paused,
        ] {
            assert_eq!(next(live, STOP), Ok(SweepState::Stopping));
            assert_eq!(
                next(live, SweepEvent::Stop { running: 0 }),
                Ok(SweepState::Stopped)
            );
        }
        for late in [
            STOP,
            SweepEvent::CheckPassed,
            SweepEvent::Complete,
            SweepEvent::Fail,
        ] {
            assert_eq!(next(SweepState::Stopping, late), Ok(SweepState::Stopping));
        }
        let resume = SweepEvent::Resume { checked: true };
        for refused in [resume, SweepEvent::Pause, SweepEvent::Extend] {
            let error = next(SweepState::Stopping, refused).unwrap_err().to_string();
            assert!(error.contains("ends as stopped"), "{error}");
        }
        let ended = next(SweepState::Stopping, SweepEvent::Stopped);
        assert_eq!(ended, Ok(SweepState::Stopped));
        assert!(!SweepState::Stopping.grants() && !SweepState::Stopping.has_ended());
    }

    #[test]
    fn every_state_is_read_as_it_was_stored() {
        for state in SWEEP_STATES {
            let (word, stopping) = state.stored();
            assert_eq!(SweepState::of_stored(word, stopping), state);
        }
        // As it was written before `stopping` was a state of its own.
        for live in [
            SweepState::Checking,
            SweepState::Running,
            SweepState::Paused,
        ] {
            assert_eq!(SweepState::of_stored(live, true), SweepState::Stopping);
        }
    }
}
