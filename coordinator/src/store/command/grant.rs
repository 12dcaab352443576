//! A worker asks for a trial.

use crate::{
    ids::{AttemptRef, Hash, RequestId, SessionId, SweepId, Token},
    store::{
        command::Millis,
        values::{BlobRef, DataSet, Objective, OfferedData},
    },
    trial::TrialKind,
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
    /// What it is for.
    pub kind: TrialKind,
    /// What trains it.
    pub trainer: String,
    /// The spec with this point's values in it.
    pub spec_json: String,
    /// Seed of everything random in it.
    pub seed: u64,
    /// Which round, from 1.
    pub round: u32,
    /// Which point of the round, from 0.
    pub point: u64,
    /// Which repetition of the point, from 0.
    pub repeat: u32,
    /// Which fold, from 0.
    pub fold: u32,
    /// How many folds.
    pub folds: u32,
    /// Train up to this epoch.
    pub to_epoch: u32,
    /// Epochs of one full training.
    pub full_epochs: u32,
    /// What the search ranks by.
    pub objective: Objective,
    /// Newest committed checkpoint of this trial, if any.
    pub resume: Option<BlobRef>,
    /// Send the best-epoch weights before the finish.
    pub keep_weights: bool,
    /// For a test trial: the weights to evaluate.
    pub weights: Option<BlobRef>,
    /// Name of the data set; `None` for a trainer without one.
    pub data_source: Option<String>,
    /// The set the sweep is pinned to.
    pub data: Option<DataSet>,
    /// The trial waits at `to_epoch`: its checkpoint is wanted.
    pub waits_at_end: bool,
    /// The same request had been granted before.
    pub repeated: bool,
    /// The sweep's first grant of all: its data set was pinned by it.
    pub pinned_data: bool,
}
