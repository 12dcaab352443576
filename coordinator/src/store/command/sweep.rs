//! What people do with sweeps.

use crate::{
    ids::{Hash, RequestId, SweepId, SweepKey, TrialNumber},
    store::{
        command::Actor,
        values::{DataSet, Millis, NewSweep},
    },
};

/// Stores a sweep and starts it, or goes on with the one of the same identity.
#[derive(Clone, Debug)]
pub struct LaunchSweep {
    /// The name wanted.
    pub name: String,
    /// What was launched.
    pub sweep: NewSweep,
    /// The data set as the launcher has it: a new sweep is pinned to it.
    pub data: Option<DataSet>,
    /// What the launcher found in the very same place at earlier launches of this file.
    pub data_before: Vec<Hash>,
    /// Start anew even if the same sweep exists.
    pub again: bool,
    /// A repeated call has one effect.
    pub request: RequestId,
    /// When.
    pub at: Millis,
}

/// What a launch did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launched {
    /// The sweep, its name made unique.
    pub sweep: SweepId,
    /// What it did.
    pub outcome: LaunchOutcome,
    /// The name differs from the file's, because other content has that one.
    pub renamed: bool,
    /// The sweep of the same file on other data, for which this one is new.
    pub on_other_data: Option<SweepId>,
    /// So many trials of a sweep that had failed are tried again.
    pub retried: u64,
}

/// What a launch did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaunchOutcome {
    /// A new sweep.
    Started,
    /// The same file, running or paused: it goes on.
    Continued,
    /// The same file, over: nothing to do but read.
    Ended,
    /// The same file, which ends as stopped when its last running trial has ended.
    Stopping,
}

/// What a person (or the driver) wants of a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SweepChange {
    /// Nothing more is granted; running trials give themselves back.
    Pause,
    /// Goes on.
    Resume,
    /// Ends it: queued and waiting trials are cancelled, running ones asked to end. With the last of those it is stopped, in
    /// the same transaction; until then it is stopping.
    Stop,
    /// This one cannot go on, if it has that name still.
    Fail(SweepKey),
}

/// Pause, resume, stop, fail. Repeating it changes nothing.
#[derive(Clone, Debug)]
pub struct ChangeSweep {
    /// Which.
    pub sweep: SweepId,
    /// What.
    pub change: SweepChange,
    /// Who.
    pub actor: Actor,
    /// Why; shown by `hone show`. May be empty.
    pub reason: String,
    /// When.
    pub at: Millis,
}

/// Removes an ended sweep and all that belongs to it; answers with the blobs to delete.
#[derive(Clone, Debug)]
pub struct RemoveSweep {
    /// Which.
    pub sweep: SweepId,
}

/// A completed or stopped sweep gets a round more.
#[derive(Clone, Debug)]
pub struct ExtendSweep {
    /// Which.
    pub sweep: SweepId,
    /// Its definition with the extension in it.
    pub definition: Vec<u8>,
    /// The first trial number that the extension takes. Refused as [`StoreError::Busy`](crate::store::StoreError::Busy)
    /// when the sweep has given that number out meanwhile.
    pub first_trial: TrialNumber,
    /// The last number that it reserves.
    pub reserve: TrialNumber,
    /// Who.
    pub actor: Actor,
    /// How much more, in words.
    pub reason: String,
    /// When.
    pub at: Millis,
}
