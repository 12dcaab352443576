//! What reads give back: plain rows of history, shaped as `hone.v1.History` shows them.

use std::sync::Arc;

use super::{
    attempts::AttemptRow,
    reports::ReportRow,
    rounds::RoundRow,
    sweeps::SweepRow,
    trials::{TrialRow, TrialSummary},
    values::{BlobRef, NewSweep, WinnerRef},
};
use crate::{
    ids::{AttemptRef, SweepId, TrialNumber},
    trial::{TrialKind, TrialState},
};

/// One line of `hone sweeps`.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepSummary {
    /// As it is stored.
    pub row: SweepRow,
    /// Trials that count, by state in the order of [`crate::trial::TRIAL_STATES`]: of one that was tried again its newest retry.
    pub counts: [u64; 8],
    /// Mean objective of the best point so far.
    pub best: Option<f64>,
}

/// Everything about one sweep that does not grow with its trials.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepDetail {
    /// The line.
    pub summary: SweepSummary,
    /// Ascending.
    pub rounds: Vec<RoundDetail>,
    /// In words, oldest first.
    pub warnings: Vec<String>,
    /// The winner, or the best so far.
    pub best: Option<Best>,
    /// Number of its newest event.
    pub last_event: u64,
}

/// One round.
#[derive(Clone, Debug, PartialEq)]
pub struct RoundDetail {
    /// As it is stored.
    pub row: RoundRow,
    /// Mean objective of its best point.
    pub best: Option<f64>,
}

/// The winner, or the best point so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Best {
    /// Its sweep.
    pub sweep: SweepId,
    /// Which point.
    pub place: WinnerRef,
    /// Mean over its trials.
    pub objective: f64,
    /// Standard deviation over its trials, n − 1; `None` for one trial.
    pub spread: Option<f64>,
    /// Half the width of the mean's 95 % confidence interval; `None` for one trial.
    pub half_width: Option<f64>,
    /// Points whose mean cannot be told from this one's.
    pub tied: Vec<WinnerRef>,
    /// Trainings of it (folds counted once).
    pub repeats: u32,
    /// Its trials that count, ascending.
    pub trials: Vec<TrialNumber>,
    /// JSON object of full path to value.
    pub params_json: String,
    /// Epochs of one trial.
    pub epochs: u32,
    /// Mean on the test part.
    pub test_accuracy: Option<f64>,
}

/// Everything about one trial.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialDetail {
    /// The line.
    pub summary: TrialSummary,
    /// Joined at resume points; strictly increasing in epoch.
    pub curve: Vec<ReportRow>,
    /// Ascending.
    pub attempts: Vec<AttemptRow>,
    /// May be empty.
    pub diagnosis_json: String,
    /// May be empty.
    pub result_json: String,
    /// What the worker got.
    pub spec_json: String,
    /// Its sweep, as launched.
    pub sweep: Arc<NewSweep>,
    /// What is committed of it.
    pub blobs: Vec<BlobRef>,
}

/// One result as the search takes it: a trial that reached a rung or ended. Replaying them in order gives the same
/// search state.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialResult {
    /// The event's number: the order of arrival.
    pub seq: u64,
    /// Its number.
    pub number: TrialNumber,
    /// What it is for.
    pub kind: TrialKind,
    /// From 1.
    pub round: u32,
    /// From 0.
    pub point: u64,
    /// From 0.
    pub repeat: u32,
    /// From 0.
    pub fold: u32,
    /// `Waiting` or a terminal state.
    pub state: TrialState,
    /// Completed by its own patience, before `to_epoch`.
    pub ended_early: bool,
    /// The attempt's last epoch as granted: the rung, or the end.
    pub to_epoch: u32,
    /// Epochs done then.
    pub epoch: u32,
    /// The running objective then.
    pub objective: Option<f64>,
    /// The trial that it tries again.
    pub retry_of: Option<TrialNumber>,
    /// Why the trial ended so; empty for a plain end.
    pub reason: String,
    /// Result of a check or test trial; else empty.
    pub result_json: String,
}

/// An attempt that runs: what the lease table is rebuilt from after a restart.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenAttempt {
    /// As it is stored.
    pub row: AttemptRow,
    /// Its trial.
    pub trial: TrialRow,
    /// Its sweep's name.
    pub sweep: SweepId,
    /// Its sweep is paused.
    pub paused: bool,
}

impl OpenAttempt {
    /// The right that its worker has.
    pub fn claim(&self) -> AttemptRef {
        AttemptRef {
            sweep: self.sweep.clone(),
            trial: self.row.trial,
            attempt: self.row.attempt,
            token: self.row.token,
        }
    }
}
