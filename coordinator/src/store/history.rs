//! What reads give back: plain rows of history, shaped as `hone.v1.History` shows them.

use super::{
    command::Millis,
    values::{BlobRef, DataSet, NewRound, NewSweep, Objective, WinnerRef},
};
use crate::{
    ids::{AttemptNumber, Hash, SessionId, SweepId, Token, TrialNumber},
    sweep::SweepState,
    trial::{AttemptState, StopRequest, TrialKind, TrialState},
};

/// One line of `hone sweeps`.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepSummary {
    /// Its name.
    pub sweep: SweepId,
    /// Where it stands.
    pub state: SweepState,
    /// Points stored so far.
    pub points: u64,
    /// Trials of kind search stored so far.
    pub trials: u64,
    /// Mean objective of the best point so far.
    pub best: Option<f64>,
    /// The objective's metric.
    pub metric: String,
    /// When it was launched.
    pub created: Millis,
    /// When it ended.
    pub ended: Option<Millis>,
    /// Why it ended; may be empty.
    pub reason: String,
}

/// Everything about one sweep that does not grow with its trials.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepDetail {
    /// The line.
    pub summary: SweepSummary,
    /// As launched.
    pub sweep: NewSweep,
    /// Trials of kind search by state, in the order of [`crate::trial::TRIAL_STATES`].
    pub counts: [u64; 8],
    /// Ascending.
    pub rounds: Vec<RoundDetail>,
    /// In words, oldest first.
    pub warnings: Vec<String>,
    /// Why it ended; may be empty.
    pub reason: String,
    /// Number of the newest applied decision.
    pub decisions: u64,
    /// Its check has passed, or it has none.
    pub checked: bool,
    /// The first trial number that nothing has reserved.
    pub next_number: u64,
    /// Each (trial, epoch) once.
    pub epochs_trained: u64,
    /// As far as the plan is known.
    pub epochs_planned: u64,
    /// As far as the plan is known.
    pub trials_planned: u64,
    /// In reports, each once; epochs trained again count again.
    pub images_trained: u64,
    /// In epochs, over all attempts.
    pub training_seconds: f64,
    /// When the first trial was granted.
    pub first_grant: Option<Millis>,
    /// When the newest attempt ended.
    pub last_end: Option<Millis>,
    /// The pinned set.
    pub data: Option<DataSet>,
    /// Result of the check as JSON; empty without.
    pub check_json: String,
    /// The winner, or the best so far.
    pub best: Option<Best>,
    /// Trials that can be granted, of every kind.
    pub queued: u64,
    /// Trials that run, of every kind.
    pub running: u64,
    /// Newest planned round.
    pub round: u32,
}

/// One round.
#[derive(Clone, Debug, PartialEq)]
pub struct RoundDetail {
    /// As planned.
    pub planned: NewRound,
    /// Points none of whose trials are still to end.
    pub points_finished: u64,
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

/// How trials are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TrialSort {
    /// By number.
    #[default]
    Number,
    /// Best first; without a value last.
    Objective,
    /// Newest change first.
    Recent,
}

/// Which trials are listed.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct TrialFilter {
    /// In which order.
    pub sort: TrialSort,
    /// At most so many.
    pub limit: Option<u64>,
    /// Empty: any.
    pub states: Vec<TrialState>,
    /// `None`: any.
    pub round: Option<u32>,
    /// Check and test trials too.
    pub all_kinds: bool,
    /// Only greater numbers.
    pub after: u64,
    /// Only what is listed behind this trial: how a listing goes on in any order. A trial that changes its place meanwhile is
    /// listed where it was, where it is, or at both places or none.
    pub past: Option<TrialPlace>,
}

/// Where a trial stands in a listing, whatever its order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrialPlace {
    /// Its number.
    pub number: TrialNumber,
    /// What it is ranked by.
    pub objective: Option<f64>,
    /// Its newest change.
    pub changed: Millis,
}

/// One line of `hone trials`.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialSummary {
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
    /// Where it stands.
    pub state: TrialState,
    /// Best or last epoch's, as the sweep wants it.
    pub objective: Option<f64>,
    /// Of the last report; 0 before the first.
    pub epoch: u32,
    /// Of the last report.
    pub weights_hash: Option<Hash>,
    /// JSON object of full path to value.
    pub params_json: String,
    /// Grants so far.
    pub attempts: u32,
    /// The newest attempt's; empty before the first.
    pub worker: String,
    /// In epochs, over all attempts.
    pub seconds: f64,
    /// Training images, over all attempts.
    pub images: u64,
    /// Trained up to this epoch now.
    pub to_epoch: u32,
    /// The trial that it tries again.
    pub retry_of: Option<TrialNumber>,
    /// Why it ended so; empty for a plain end.
    pub reason: String,
    /// Its newest transition or report.
    pub changed: Millis,
}

impl TrialSummary {
    /// Where it stands in a listing.
    pub fn listed(&self) -> TrialPlace {
        TrialPlace {
            number: self.number,
            objective: self.objective,
            changed: self.changed,
        }
    }
}

/// Everything about one trial.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialDetail {
    /// The line.
    pub summary: TrialSummary,
    /// Joined at resume points; strictly increasing in epoch.
    pub curve: Vec<CurvePoint>,
    /// Ascending.
    pub attempts: Vec<AttemptDetail>,
    /// May be empty.
    pub diagnosis_json: String,
    /// May be empty.
    pub result_json: String,
    /// What the worker got.
    pub spec_json: String,
    /// Of everything random in it.
    pub seed: u64,
    /// Epochs of a full training.
    pub full_epochs: u32,
    /// Its sweep's.
    pub objective: Objective,
    /// Its sweep's trainer.
    pub trainer: String,
    /// Its sweep's folds.
    pub folds: u32,
    /// What is committed of it.
    pub blobs: Vec<BlobRef>,
}

/// One epoch as the curve shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct CurvePoint {
    /// From 1.
    pub epoch: u32,
    /// Whose report it is.
    pub attempt: AttemptNumber,
    /// In the worker's order; what was not finite is NaN.
    pub metrics: Vec<(String, f64)>,
    /// Opaque.
    pub layers: Vec<u8>,
    /// Of the whole state.
    pub weights_hash: Option<Hash>,
    /// Wall time.
    pub seconds: f64,
}

/// One attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptDetail {
    /// From 1.
    pub attempt: AttemptNumber,
    /// For people.
    pub worker: String,
    /// Where it stands.
    pub state: AttemptState,
    /// When it was granted.
    pub started: Millis,
    /// When it ended.
    pub ended: Option<Millis>,
    /// Why; may be empty.
    pub reason: String,
    /// It went on from this epoch.
    pub from_epoch: u32,
}

/// A line that a worker wrote about an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Which attempt.
    pub attempt: AttemptNumber,
    /// From 1 in its attempt.
    pub number: u64,
    /// What it says.
    pub text: String,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Grows by one over the whole database.
    pub seq: u64,
    /// When.
    pub at: Millis,
    /// To which sweep; `None` for a worker's.
    pub sweep: Option<SweepId>,
    /// To which trial of it.
    pub trial: Option<TrialNumber>,
    /// By which attempt of it.
    pub attempt: Option<AttemptNumber>,
    /// Who.
    pub actor: String,
    /// A word.
    pub event: String,
    /// May be empty.
    pub from: String,
    /// May be empty.
    pub to: String,
    /// May be empty.
    pub reason: String,
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
    /// The sweep.
    pub sweep: SweepId,
    /// The trial.
    pub trial: TrialNumber,
    /// The attempt.
    pub attempt: AttemptNumber,
    /// Its secret.
    pub token: Token,
    /// Whose.
    pub session: SessionId,
    /// For people.
    pub worker: String,
    /// Its trial's newest transition or report.
    pub changed: Millis,
    /// What is asked of it.
    pub asked: Option<StopRequest>,
    /// Its sweep is paused.
    pub paused: bool,
}
