//! What people do with one trial, and what they should find about a worker.

use std::ops::Range;

use crate::{
    ids::{SweepId, TrialNumber},
    store::{command::Actor, values::Millis},
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

/// A person wants trials again that ended without a result: for each a new trial of the same point with `retry_of`. One
/// that was tried again before stands for its newest retry; while that one is under way, the answer is its number.
///
/// A sweep that has ended (and was not stopped) runs again with them. Each takes a decision's number, so that nothing that the search
/// decided without knowing of the retries is applied after them.
#[derive(Clone, Debug)]
pub struct RetryTrials {
    /// The sweep.
    pub sweep: SweepId,
    /// The trials. None: a sweep that failed before it had any goes on.
    pub trials: Vec<TrialNumber>,
    /// Numbers of the trials that were chosen by what came of these. Once one of them is there, what it was chosen by
    /// cannot change any more: [`StoreError::BuiltUpon`](crate::store::StoreError::BuiltUpon).
    pub hinged: Vec<Range<u64>>,
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
