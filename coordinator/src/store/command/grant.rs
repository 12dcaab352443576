//! A worker asks for a trial.

use std::sync::Arc;

use crate::{
    ids::{AttemptRef, Hash, RequestId, SessionId, SweepId, Token},
    store::{
        trials::TrialRow,
        values::{BlobRef, DataSet, Millis, NewSweep, OfferedData},
    },
};

/// A worker asks for a trial.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Who asks.
    pub session: SessionId,
    /// Its name, for people.
    pub worker: String,
    /// The same request gets the same lease again, as long as that attempt runs.
    pub request: RequestId,
    /// Fresh random bytes: the secret of a new lease.
    pub token: Token,
    /// What the worker can train.
    pub trainers: Vec<String>,
    /// The sets it has opened.
    pub data: Vec<OfferedData>,
    /// Checkpoints on its disk: their trials are preferred.
    pub local_checkpoints: Vec<Hash>,
    /// Of one of these: what the coordinator drives, and this worker can train.
    pub sweeps: Vec<SweepId>,
    /// When.
    pub at: Millis,
}

/// A lease without its time, which lives in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Granted {
    /// The right to speak for it.
    pub attempt: AttemptRef,
    /// What is to be trained, up to its `to_epoch`.
    pub trial: TrialRow,
    /// Its sweep, as launched.
    pub sweep: Arc<NewSweep>,
    /// The spec with this point's values in it.
    pub spec_json: String,
    /// Newest committed checkpoint of this trial, if any.
    pub resume: Option<BlobRef>,
    /// For a test trial: the weights to evaluate.
    pub weights: Option<BlobRef>,
    /// The set the sweep is pinned to.
    pub data: Option<DataSet>,
    /// The same request had been granted before.
    pub repeated: bool,
    /// The sweep's first grant of all: its data set was pinned by it.
    pub pinned_data: bool,
}
