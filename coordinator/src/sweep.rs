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
    /// Done, with a winner.
    Completed,
    /// Ended by a person.
    Stopped,
    /// Could not go on.
    Failed,
}

/// All states, in order.
pub const SWEEP_STATES: [SweepState; 6] = [
    SweepState::Checking,
    SweepState::Running,
    SweepState::Paused,
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

    /// As stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Checking => "checking",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }

    /// The state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        SWEEP_STATES
            .into_iter()
            .find(|state| state.as_str() == name)
    }
}

/// What can happen to a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SweepEvent {
    /// The check found nothing that must stop it.
    CheckPassed,
    /// Nothing more is granted, running trials are given back.
    Pause,
    /// Goes on; `checked` says whether its check has passed (or it has none).
    Resume {
        /// Whether it goes on as running rather than as checking.
        checked: bool,
    },
    /// Queued and waiting trials are cancelled, running ones asked to end; it has ended with the last of them.
    Stop {
        /// Trials that still run.
        running: u64,
    },
    /// The last trial of a sweep that is to stop has ended.
    Stopped,
    /// The search is done.
    Complete,
    /// It cannot go on.
    Fail,
    /// An ended sweep gets a round more.
    Extend,
    /// Trials of a sweep that has ended are tried again; `checked` as in `Resume`.
    Retry {
        /// Whether it goes on as running rather than as checking.
        checked: bool,
    },
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
#[error("a {} sweep cannot take `{}`", state.as_str(), event.as_str())]
pub struct NoSuchTransition {
    /// Where the sweep stood.
    pub state: SweepState,
    /// What was to happen.
    pub event: SweepEvent,
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
        (S::Checking | S::Running | S::Paused, E::Stop { running: 0 } | E::Stopped) => {
            Ok(S::Stopped)
        }
        // Running trials end at their next epoch; until then it stays what it is.
        (S::Checking | S::Running | S::Paused, E::Stop { .. }) => Ok(state),
        (S::Stopped, E::Stop { .. } | E::Stopped) => Ok(S::Stopped),
        (S::Running | S::Paused | S::Completed, E::Complete) => Ok(S::Completed),
        // A winner may still be named; the end stays what it was.
        (S::Stopped, E::Complete) => Ok(S::Stopped),
        (S::Checking | S::Running | S::Paused | S::Failed, E::Fail) => Ok(S::Failed),
        (S::Completed | S::Stopped, E::Extend) => Ok(S::Running),
        (state, event) => Err(NoSuchTransition { state, event }),
    }
}
