//! What a worker says about its attempt, and what ends one.

use std::{collections::BTreeSet, fmt, sync::Arc};

use crate::{
    ids::{AttemptRef, Hash, SessionId, SweepId, TrialNumber},
    store::values::{BlobRef, Millis, Outcome},
    sweep::SweepState,
    trial::{StopRequest, TrialState},
};

/// What is said of one epoch.
#[derive(Clone, Debug)]
pub struct Epoch {
    /// From 1, growing within an attempt.
    pub epoch: u32,
    /// By name, in the worker's order; the objective is taken from them.
    pub metrics: Vec<(String, f64)>,
    /// Per-layer statistics, opaque. May be empty.
    pub layers: Vec<u8>,
    /// Hash of the training's whole state; `None` for trainers that are not exact.
    pub weights_hash: Option<Hash>,
    /// Wall time of the epoch.
    pub seconds: f64,
    /// Training images seen in it.
    pub images: u64,
    /// The state after it, if that lies on the worker's disk: a grant may name it from now on.
    pub checkpoint: Option<BlobRef>,
}

/// Metrics of epochs, recorded all or none.
#[derive(Clone, Debug)]
pub struct Report {
    /// The right to say so.
    pub attempt: AttemptRef,
    /// In order; at least one.
    pub epochs: Vec<Epoch>,
    /// When it came.
    pub at: Millis,
}

/// What became of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Reported {
    /// So many of the epochs, from the first, were recorded before: no second effect.
    pub repeated: usize,
    /// The attempt had been given up for lost and was taken back: its session.
    pub taken_back: Option<SessionId>,
    /// What is asked of the attempt.
    pub asked: Option<StopRequest>,
    /// The sweep is paused: give the trial back.
    pub paused: bool,
}

/// How an attempt ended.
#[derive(Clone, Debug)]
pub struct Finish {
    /// The right to say so.
    pub attempt: AttemptRef,
    /// How.
    pub outcome: Outcome,
    /// Best-epoch weights, committed before.
    pub weights: Option<BlobRef>,
    /// What the curves say is wrong, as JSON; may be empty.
    pub diagnosis_json: String,
    /// Result of a check or of a test trial, as JSON; may be empty.
    pub result_json: String,
    /// Its last epochs, if they have not been reported.
    pub epochs: Vec<Epoch>,
    /// Its last lines, if they have not been logged.
    pub lines: Lines,
    /// When.
    pub at: Millis,
}

/// Where the end of an attempt left its trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The trial's state now.
    pub state: TrialState,
    /// It had been done before: no second effect.
    pub repeated: bool,
    /// The sweep's state now.
    pub sweep: SweepState,
    /// Whose attempt it was.
    pub session: SessionId,
}

/// An attempt given back with its checkpoint: drained, pre-empted, paused. No crash.
#[derive(Clone, Debug)]
pub struct Release {
    /// The right to do so.
    pub attempt: AttemptRef,
    /// Committed before.
    pub checkpoint: Option<BlobRef>,
    /// Why, for people.
    pub reason: String,
    /// When.
    pub at: Millis,
}

/// A lease expired, by the coordinator's clock. Fenced when the attempt does not run any more, refused as
/// [`StoreError::Heard`](crate::store::StoreError::Heard) when its worker was heard before its turn came.
#[derive(Clone, Debug)]
pub struct ExpireAttempt {
    /// Whose time is over.
    pub attempt: AttemptRef,
    /// Asked again when its turn has come: the writer may be late.
    pub is_over: IsOver,
    /// Other healthy workers are connected: crashes on one worker count at most twice.
    pub others_connected: bool,
    /// The coordinator itself may be to blame: it counts as no crash of the trial.
    pub excused: bool,
    /// When.
    pub at: Millis,
}

/// Whether an attempt's time is over. True again once it was true, unless its worker was heard.
#[derive(Clone)]
pub struct IsOver(pub Arc<dyn Fn() -> bool + Send + Sync>);

impl fmt::Debug for IsOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IsOver")
    }
}

/// A late worker goes on, if nobody replaced it. Fenced if somebody did, or the trial is over.
#[derive(Clone, Debug)]
pub struct TakeBack {
    /// The right to do so.
    pub attempt: AttemptRef,
    /// When.
    pub at: Millis,
}

/// A worker process left or died: everything it holds goes back.
#[derive(Clone, Debug)]
pub struct ReturnSession {
    /// Which.
    pub session: SessionId,
    /// It died: what it held counts as crashed, else as released.
    pub crashed: bool,
    /// It died with its coordinator: excused from the crash limit.
    pub excused: bool,
    /// Sweeps that other workers train too.
    pub elsewhere: BTreeSet<SweepId>,
    /// Why, for people.
    pub reason: String,
    /// When.
    pub at: Millis,
}

/// A running attempt, perhaps taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TakenBack {
    /// Whose it is.
    pub session: SessionId,
    /// What is asked of it.
    pub asked: Option<StopRequest>,
    /// The sweep is paused: give the trial back.
    pub paused: bool,
}

/// One trial that a session gave back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Returned {
    /// The attempt that ended.
    pub attempt: AttemptRef,
    /// The trial's state now.
    pub state: TrialState,
}

/// Lines of a worker about an attempt; the last 200 are kept. A line that is there already is not stored again.
#[derive(Clone, Debug)]
pub struct Log {
    /// The right to do so.
    pub attempt: AttemptRef,
    /// What it wrote.
    pub lines: Lines,
}

/// Some of the lines of an attempt.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    /// Number of the first of them within the attempt, from 0.
    pub first: u64,
    /// Without line ends.
    pub lines: Vec<String>,
}

/// A blob of an attempt is committed: a grant may name a checkpoint from now on.
#[derive(Clone, Debug)]
pub struct CommitBlob {
    /// The right to do so.
    pub attempt: AttemptRef,
    /// What it is.
    pub blob: BlobRef,
    /// When.
    pub at: Millis,
}

/// Forgets blobs that no live attempt and no finalist needs, of a part of a sweep's trials: whoever else wants to write waits no longer
/// for a large one.
#[derive(Clone, Debug)]
pub struct CollectBlobs {
    /// In this sweep.
    pub sweep: SweepId,
    /// Of trials after this one.
    pub after: TrialNumber,
}

/// What a part of a sweep's blobs came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collected {
    /// Those that no sweep refers to any more.
    pub unneeded: Vec<Hash>,
    /// The last trial of the part; `None`: there are no more.
    pub last: Option<TrialNumber>,
}
