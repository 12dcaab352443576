//! What people do with one trial, and what they should find about a worker.

use crate::{
    ids::{SweepId, TrialNumber},
    store::command::{Actor, Millis},
};

/// A person cancels a trial: at once when queued or waiting, a request when running.
#[derive(Clone, Debug)]
pub struct CancelTrial {
    /// The sweep.
    pub sweep: SweepId,
    /// The trial.
    pub trial: TrialNumber,
    /// Who.
    pub actor: Actor,
    /// When.
    pub at: Millis,
}

/// A person wants an ended trial again: a new trial of the same point with `retry_of`. The same again, while that one
/// has not ended, answers with its number.
#[derive(Clone, Debug)]
pub struct RetryTrial {
    /// The sweep.
    pub sweep: SweepId,
    /// The trial that has ended.
    pub trial: TrialNumber,
    /// Who.
    pub actor: Actor,
    /// When.
    pub at: Millis,
}

/// An event of a worker: registered, quarantined, drained.
#[derive(Clone, Debug)]
pub struct RecordWorker {
    /// Its name.
    pub worker: String,
    /// A word: `quarantined`.
    pub event: String,
    /// Why, for people.
    pub reason: String,
    /// When.
    pub at: Millis,
}
