//! PURE: every state transition of a trial and of its attempts, in one match each. No clock, no SQL, no randomness.

use crate::ids::AttemptNumber;

/// Where a trial stands. The last five are terminal and never left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TrialState {
    /// Can be granted.
    Queued,
    /// An attempt of it is under way.
    Running,
    /// At its rung, until the search promotes or prunes it.
    Waiting,
    /// Trained as far as it was to be.
    Completed,
    /// Ended by the search before that.
    Pruned,
    /// Its loss left the range of sense.
    Diverged,
    /// Ended by a person.
    Cancelled,
    /// Its own error, or the crash limit.
    Failed,
}

/// All states, in order.
pub const TRIAL_STATES: [TrialState; 8] = [
    TrialState::Queued,
    TrialState::Running,
    TrialState::Waiting,
    TrialState::Completed,
    TrialState::Pruned,
    TrialState::Diverged,
    TrialState::Cancelled,
    TrialState::Failed,
];

impl TrialState {
    /// Whether the trial is over.
    pub fn is_terminal(self) -> bool {
        !matches!(self, Self::Queued | Self::Running | Self::Waiting)
    }

    /// As stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Completed => "completed",
            Self::Pruned => "pruned",
            Self::Diverged => "diverged",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        TRIAL_STATES
            .into_iter()
            .find(|state| state.as_str() == name)
    }
}

/// By what a trial came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EndCause {
    /// Completed: trained as far as it was to be.
    Done,
    /// Completed: its own patience ended it before.
    Patience,
    /// Pruned: the search had no use for it.
    Pruned,
    /// Diverged: its loss, or its objective, left the range of sense.
    Diverged,
    /// Cancelled by a person.
    Cancelled,
    /// Cancelled because its sweep was stopped or failed.
    Stopped,
    /// Failed by an error of its own.
    Failed,
    /// Failed by the crash limit.
    Poisoned,
}

impl EndCause {
    const ALL: [Self; 8] = [
        Self::Done,
        Self::Patience,
        Self::Pruned,
        Self::Diverged,
        Self::Cancelled,
        Self::Stopped,
        Self::Failed,
        Self::Poisoned,
    ];

    /// As stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Patience => "patience",
            Self::Pruned => "pruned",
            Self::Diverged => "diverged",
            Self::Cancelled => "cancelled",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Poisoned => "poisoned",
        }
    }

    /// The cause of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == name)
    }

    /// Of a trial that this event has led to that state; `None`: it has not ended.
    fn of(state: TrialState, event: TrialEvent) -> Option<Self> {
        Some(match (state, event) {
            (TrialState::Queued | TrialState::Running | TrialState::Waiting, _) => return None,
            (TrialState::Completed, TrialEvent::EndedEarly) => Self::Patience,
            (TrialState::Completed, _) => Self::Done,
            (TrialState::Pruned, _) => Self::Pruned,
            (TrialState::Diverged, _) => Self::Diverged,
            (TrialState::Cancelled, TrialEvent::Stopped) => Self::Stopped,
            (TrialState::Cancelled, _) => Self::Cancelled,
            (TrialState::Failed, TrialEvent::Failed) => Self::Failed,
            (TrialState::Failed, _) => Self::Poisoned,
        })
    }
}

/// Where an attempt stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AttemptState {
    /// Its worker has the lease.
    Running,
    /// Its worker said how it ended.
    Finished,
    /// Its lease expired.
    Lost,
    /// Its worker gave it back: drained, paused, pre-empted.
    Released,
    /// Its worker died, or was itself at fault.
    Crashed,
}

impl AttemptState {
    const ALL: [Self; 5] = [
        Self::Running,
        Self::Finished,
        Self::Lost,
        Self::Released,
        Self::Crashed,
    ];

    /// As stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Lost => "lost",
            Self::Released => "released",
            Self::Crashed => "crashed",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// What a trial is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TrialKind {
    /// A training of a point.
    Search,
    /// The sweep's preflight; outside points, budget and counts.
    Check,
    /// The winner on the test part; outside points, budget and counts.
    Test,
}

impl TrialKind {
    /// As stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Check => "check",
            Self::Test => "test",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Search, Self::Check, Self::Test]
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }
}

/// What was asked of a running trial; it stays running until its worker answers or its lease expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StopRequest {
    /// A person cancelled the trial or stopped the sweep: end at the next epoch.
    Cancel,
    /// The search has no use for it: end now.
    Prune,
}

impl StopRequest {
    /// As stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Prune => "prune",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        [Self::Cancel, Self::Prune]
            .into_iter()
            .find(|request| request.as_str() == name)
    }

    /// How a trial ends that obeys.
    fn ends_as(self) -> TrialState {
        match self {
            Self::Cancel => TrialState::Cancelled,
            Self::Prune => TrialState::Pruned,
        }
    }
}

/// Attempts in a row that may end by the worker's end or by expiry without a new epoch; then the trial is poisoned.
pub const CRASH_LIMIT: u32 = 3;

/// What can happen to a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrialEvent {
    /// A worker gets it.
    Granted,
    /// Its worker reached the attempt's last epoch.
    Completed,
    /// At its rung, checkpoint committed, to wait for the search.
    ReachedRung,
    /// Its own patience ended it: a completed training.
    EndedEarly,
    /// The loss left the range of sense.
    Diverged,
    /// Its worker ended it on request.
    Ended,
    /// The trial's own error.
    Failed,
    /// Its worker died or was at fault. `in_a_row`: crashed or lost attempts without a new epoch between them, this one included.
    Crashed { in_a_row: u32 },
    /// The lease expired; counts as a crash until the worker comes back.
    Lost { in_a_row: u32 },
    /// Its worker gave it back.
    Released,
    /// A late worker whom nobody replaced goes on.
    TakenBack,
    /// Goes on to the next rung.
    Promoted,
    /// The search has no use for it.
    Pruned,
    /// A person ended it.
    Cancelled,
    /// Its sweep was stopped or failed.
    Stopped,
}

impl TrialEvent {
    /// As stored in `events`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Completed => "completed",
            Self::ReachedRung => "reached_rung",
            Self::EndedEarly => "ended_early",
            Self::Diverged => "diverged",
            Self::Ended => "ended",
            Self::Failed => "failed",
            Self::Crashed { .. } => "crashed",
            Self::Lost { .. } => "lost",
            Self::Released => "released",
            Self::TakenBack => "taken_back",
            Self::Promoted => "promoted",
            Self::Pruned => "pruned",
            // One word: who did it stands beside it.
            Self::Cancelled | Self::Stopped => "cancelled",
        }
    }
}

/// Where an event leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Into this state; the attempt under way, if any, into that one.
    Goes {
        trial: TrialState,
        /// `None`: no attempt is touched.
        attempt: Option<AttemptState>,
        /// By what it has ended; `None`: it has not.
        cause: Option<EndCause>,
    },
    /// It stays, and its worker is asked.
    Asks(StopRequest),
}

/// The event does not fit the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a {} trial cannot be {}", state.as_str(), event.as_str())]
pub struct NoSuchTransition {
    pub state: TrialState,
    pub event: TrialEvent,
}

/// The one place where a trial's state changes. `asked`: a stop that was asked for and not yet answered.
pub fn next(
    state: TrialState,
    event: TrialEvent,
    asked: Option<StopRequest>,
) -> Result<Next, NoSuchTransition> {
    use {AttemptState as A, TrialEvent as E, TrialState as T};
    let goes = |trial, attempt| {
        let cause = EndCause::of(trial, event);
        Ok(Next::Goes {
            trial,
            attempt,
            cause,
        })
    };
    let unless_asked = |then| asked.map_or(then, StopRequest::ends_as);
    // A stop asked for before an attempt ended without a result wins over the queue.
    let after_crash = |in_a_row| {
        let is_poisoned = in_a_row >= CRASH_LIMIT;
        unless_asked(if is_poisoned { T::Failed } else { T::Queued })
    };
    match (state, event) {
        (T::Queued, E::Granted | E::TakenBack) => goes(T::Running, Some(A::Running)),
        // A result is never thrown away, even when a stop was asked for.
        (T::Running, E::Completed | E::EndedEarly) => goes(T::Completed, Some(A::Finished)),
        (T::Running, E::ReachedRung) => goes(unless_asked(T::Waiting), Some(A::Finished)),
        (T::Running, E::Diverged) => goes(T::Diverged, Some(A::Finished)),
        (T::Running, E::Ended) => goes(unless_asked(T::Cancelled), Some(A::Finished)),
        (T::Running, E::Failed) => goes(T::Failed, Some(A::Finished)),
        (T::Running, E::Crashed { in_a_row }) => goes(after_crash(in_a_row), Some(A::Crashed)),
        (T::Running, E::Lost { in_a_row }) => goes(after_crash(in_a_row), Some(A::Lost)),
        (T::Running, E::Released) => goes(unless_asked(T::Queued), Some(A::Released)),
        (T::Running, E::Cancelled | E::Stopped) => Ok(Next::Asks(StopRequest::Cancel)),
        (T::Running, E::Pruned) => Ok(Next::Asks(asked.unwrap_or(StopRequest::Prune))),
        (T::Waiting, E::Promoted) => goes(T::Queued, None),
        (T::Queued | T::Waiting, E::Cancelled | E::Stopped) => goes(T::Cancelled, None),
        (T::Queued | T::Waiting, E::Pruned) => goes(T::Pruned, None),
        (state, event) => Err(NoSuchTransition { state, event }),
    }
}

/// One attempt as the crash limit sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptEnd {
    pub attempt: AttemptNumber,
    pub state: AttemptState,
    /// Whether it reported an epoch that no attempt before it had.
    pub new_epoch: bool,
    /// Whether it was open when the coordinator died: then it counts for nothing.
    pub excused: bool,
    /// Whose it was: crashes on one worker count at most twice while another worker is connected.
    pub worker: String,
}

/// Crashed and lost attempts in a row at the end of `attempts` (ascending), without a new epoch between them.
/// `others_connected`: then at most two on one worker count.
pub fn crashes_in_a_row(attempts: &[AttemptEnd], others_connected: bool) -> u32 {
    let mut by_worker = std::collections::BTreeMap::<&str, u32>::new();
    for end in attempts.iter().rev() {
        match end.state {
            AttemptState::Crashed | AttemptState::Lost if !end.excused => {
                *by_worker.entry(&end.worker).or_default() += 1;
            }
            AttemptState::Finished => break,
            _ => {}
        }
        if end.new_epoch {
            break;
        }
    }
    let most = if others_connected { 2 } else { u32::MAX };
    by_worker.values().map(|count| (*count).min(most)).sum()
}
