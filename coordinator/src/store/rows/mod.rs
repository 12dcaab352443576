//! The store's rows, and what an applier must be able to do with them. Commands are carried out once, in
//! [`apply`](super::apply), over this trait; SQLite and memory only keep rows.

mod read;
mod write;

use std::sync::Arc;

pub use read::Read;
pub use write::Write;

use super::{
    StoreError,
    command::Millis,
    history::{CurvePoint, Event, TrialPlace},
    values::{DataSet, NewRound, NewSweep, WinnerRef},
};
use crate::{
    ids::{AttemptNumber, Hash, RequestId, SessionId, SweepId, Token, TrialNumber},
    sweep::SweepState,
    trial::{AttemptState, StopRequest, TrialKind, TrialState},
};

/// Lines of log kept of an attempt.
pub const LOG_LINES: u64 = 200;

/// Result of anything that touches rows.
pub type Rows<T> = Result<T, StoreError>;

/// A sweep's key in the file: grows, so the newest has the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SweepKey(pub i64);

/// A sweep and its counters, so that no request has to count trials.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepRow {
    /// Its key.
    pub key: SweepKey,
    /// Its name, made unique.
    pub id: SweepId,
    /// As launched, with the unique name.
    pub sweep: Arc<NewSweep>,
    /// Of the launch.
    pub request: RequestId,
    /// Where it stands.
    pub state: SweepState,
    /// Its check has passed, or it has none.
    pub checked: bool,
    /// Why it ended.
    pub reason: String,
    /// Newest applied decision.
    pub decisions: u64,
    /// First trial number that no plan has reserved.
    pub next_number: u64,
    /// When it was launched.
    pub created: Millis,
    /// When it ended.
    pub ended: Option<Millis>,
    /// First grant.
    pub first_grant: Option<Millis>,
    /// Newest end of an attempt.
    pub last_end: Option<Millis>,
    /// Trials of every kind that can be granted.
    pub queued: u64,
    /// Trials of every kind that run.
    pub running: u64,
    /// Trials of kind search by state, in the order of [`crate::trial::TRIAL_STATES`].
    pub counts: [u64; 8],
    /// Points stored.
    pub points: u64,
    /// Trials of kind search stored.
    pub trials: u64,
    /// Each (trial, epoch) once.
    pub epochs_trained: u64,
    /// Over all reports.
    pub images_trained: u64,
    /// Over all reports.
    pub training_seconds: f64,
    /// Of the plan, as far as known.
    pub epochs_planned: u64,
    /// Of the plan, as far as known.
    pub trials_planned: u64,
    /// The pinned set.
    pub data: Option<DataSet>,
    /// Result of the check.
    pub check_json: Arc<str>,
    /// Winner, or best so far.
    pub best: Option<WinnerRef>,
    /// The winner's mean on the test part.
    pub test_accuracy: Option<f64>,
}

/// A planned round.
#[derive(Clone, Debug, PartialEq)]
pub struct RoundRow {
    /// As planned.
    pub planned: NewRound,
    /// Points none of whose trials are still to end.
    pub finished: u64,
}

/// A point and what its trials gave.
#[derive(Clone, Debug, PartialEq)]
pub struct PointRow {
    /// Where it stands.
    pub place: WinnerRef,
    /// Full path to value.
    pub params_json: String,
    /// What a worker gets.
    pub spec_json: String,
    /// What its trials gave.
    pub value: PointValue,
}

/// What a point's trials gave.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct PointValue {
    /// None of its trials is still to end.
    pub finished: bool,
    /// Mean objective; `None` while unknown or diverged.
    pub mean: Option<f64>,
    /// Standard deviation over its trials (n − 1); `None` for one.
    pub spread: Option<f64>,
    /// Trainings in that mean, folds counted once.
    pub repeats: u32,
    /// Epochs of one of its trials.
    pub epochs: u32,
    /// The mean, signed so that larger is better.
    pub score: Option<f64>,
}

/// A trial.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialRow {
    /// Its number.
    pub number: TrialNumber,
    /// What it is for.
    pub kind: TrialKind,
    /// Its point.
    pub place: WinnerRef,
    /// From 0.
    pub repeat: u32,
    /// From 0.
    pub fold: u32,
    /// Of everything random in it.
    pub seed: u64,
    /// Epochs of one full training.
    pub full_epochs: u32,
    /// The trial whose weights a test evaluates.
    pub weights_of: Option<TrialNumber>,
    /// The trial that it tries again.
    pub retry_of: Option<TrialNumber>,
    /// Where it stands.
    pub state: TrialState,
    /// A stop not yet answered.
    pub asked: Option<StopRequest>,
    /// Trained up to here now.
    pub to_epoch: u32,
    /// Smaller is granted first.
    pub queue_order: u64,
    /// It waits at `to_epoch`.
    pub waits_at_end: bool,
    /// Its best-epoch weights are wanted.
    pub keep_weights: bool,
    /// Grants so far.
    pub attempts: u32,
    /// The newest attempt's.
    pub worker: String,
    /// Over the visible curve.
    pub objective: Option<f64>,
    /// Last epoch of the visible curve.
    pub epoch: u32,
    /// Greatest epoch ever reported.
    pub most_epochs: u32,
    /// Of the last report.
    pub weights_hash: Option<Hash>,
    /// In epochs, over all attempts.
    pub seconds: f64,
    /// Over all attempts.
    pub images: u64,
    /// Newest committed checkpoint.
    pub checkpoint: Option<Hash>,
    /// Why it ended so.
    pub reason: String,
    /// Newest transition or report.
    pub changed: Millis,
}

impl TrialRow {
    /// Where it stands in a listing.
    pub fn listed(&self) -> TrialPlace {
        TrialPlace {
            number: self.number,
            objective: self.objective,
            changed: self.changed,
        }
    }
}

/// One attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptRow {
    /// From 1.
    pub attempt: AttemptNumber,
    /// The worker process.
    pub session: SessionId,
    /// Its name.
    pub worker: String,
    /// Of the grant.
    pub request: RequestId,
    /// Secret of the lease.
    pub token: Token,
    /// Where it stands.
    pub state: AttemptState,
    /// Granted.
    pub started: Millis,
    /// `None` while it runs.
    pub ended: Option<Millis>,
    /// Why it ended.
    pub reason: String,
    /// It goes on from the state after this epoch.
    pub from_epoch: u32,
    /// The checkpoint it goes on from.
    pub resume: Option<Hash>,
    /// What it was granted up to.
    pub to_epoch: u32,
    /// The trial's `most_epochs` at the grant.
    pub known_epochs: u32,
    /// Open when the coordinator died.
    pub excused: bool,
    /// Of the content that ended it.
    pub digest: Option<Hash>,
}

/// One report.
#[derive(Clone, Debug, PartialEq)]
pub struct ReportRow {
    /// What the curve shows.
    pub point: CurvePoint,
    /// This epoch's objective.
    pub objective: Option<f64>,
    /// Training images.
    pub images: u64,
    /// When it came.
    pub at: Millis,
}

/// An event before it has a number.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRow {
    /// Which sweep; `None`: of a worker.
    pub sweep: Option<SweepKey>,
    /// What it is.
    pub event: Event,
    /// The trial's last epoch, what its attempt was granted up to, and its running objective, then.
    pub result: Option<(u32, u32, Option<f64>)>,
}

/// What must still hold for a write to a trial; the statement that stores it repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard {
    /// The trial's state.
    pub state: TrialState,
    /// The trial's newest attempt.
    pub attempts: u32,
    /// That attempt's secret, where a worker speaks.
    pub token: Option<Token>,
}

impl Guard {
    /// Whether it holds for this trial, whose attempt of the guard's number is `newest`.
    pub fn holds(&self, trial: &TrialRow, newest: Option<&AttemptRow>) -> bool {
        let speaks = |token| {
            newest.is_some_and(|row| row.token == token && row.state == AttemptState::Running)
        };
        trial.state == self.state
            && trial.attempts == self.attempts
            && self.token.is_none_or(speaks)
    }
}
