//! The store's rows, and what an applier must be able to do with them. Commands are carried out once, in
//! [`apply`](super::apply), over this trait; SQLite and memory only keep rows.

use std::sync::Arc;

use super::{
    StoreError,
    command::Millis,
    history::{CurvePoint, Event, TrialFilter, TrialResult},
    values::{BlobRef, DataSet, NewRound, NewSweep, WinnerRef},
};
use crate::{
    ids::{AttemptNumber, Hash, RequestId, SessionId, SweepId, Token, TrialNumber},
    sweep::SweepState,
    trial::{AttemptState, StopRequest, TrialKind, TrialState},
};

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
    /// A stop waits for its running trials.
    pub stopping: bool,
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
    /// Standard deviation over repeats, n − 1.
    pub spread: Option<f64>,
    /// Repeats in that mean.
    pub repeats: u32,
    /// Epochs that all its counted trials have.
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

/// What must still hold for a write to a trial; the statement repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard {
    /// The trial's state.
    pub state: TrialState,
    /// The trial's newest attempt.
    pub attempts: u32,
    /// That attempt's secret, where a worker speaks.
    pub token: Option<Token>,
}

/// Reading rows.
pub trait Read {
    /// A sweep by name.
    fn sweep_key(&self, name: &str) -> Rows<Option<SweepKey>>;
    /// Sweeps, oldest first; only those that have not ended when `live`.
    fn sweep_keys(&self, live: bool) -> Rows<Vec<SweepKey>>;
    /// The newest sweep.
    fn newest_sweep(&self) -> Rows<Option<SweepKey>>;
    /// The newest sweep of that identity.
    fn sweep_of_identity(&self, identity: &str) -> Rows<Option<SweepKey>>;
    /// The sweep that this request launched.
    fn sweep_of_request(&self, request: RequestId) -> Rows<Option<SweepKey>>;
    /// One sweep; damaged when it is not there.
    fn sweep(&self, sweep: SweepKey) -> Rows<SweepRow>;
    /// Its rounds, ascending.
    fn rounds(&self, sweep: SweepKey) -> Rows<Vec<RoundRow>>;
    /// Its warnings, oldest first.
    fn warnings(&self, sweep: SweepKey) -> Rows<Vec<String>>;
    /// The best point of a round by score; ties by point.
    fn best_point(&self, sweep: SweepKey, round: u32) -> Rows<Option<PointRow>>;
    /// One point.
    fn point(&self, sweep: SweepKey, place: WinnerRef) -> Rows<Option<PointRow>>;
    /// One trial.
    fn trial(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<Option<TrialRow>>;
    /// Its diagnosis and its result.
    fn trial_notes(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<(String, String)>;
    /// Trials of kind search of a point, by number.
    fn trials_of_point(&self, sweep: SweepKey, place: WinnerRef) -> Rows<Vec<TrialRow>>;
    /// Trials that try this one again, by number.
    fn retries_of(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<Vec<TrialRow>>;
    /// Trials in these states, by number.
    fn trials_in(&self, sweep: SweepKey, states: &[TrialState]) -> Rows<Vec<TrialNumber>>;
    /// Trials with their params, as asked for. `maximize` says what is best first.
    fn list_trials(
        &self,
        sweep: SweepKey,
        filter: &TrialFilter,
        maximize: bool,
        limit: u64,
    ) -> Rows<Vec<(TrialRow, String)>>;
    /// First in the queue.
    fn queue_head(&self, sweep: SweepKey) -> Rows<Option<TrialRow>>;
    /// First in the queue among those whose checkpoint is one of these.
    fn queue_held(&self, sweep: SweepKey, checkpoints: &[Hash]) -> Rows<Option<TrialRow>>;
    /// One attempt.
    fn attempt(
        &self,
        sweep: SweepKey,
        trial: TrialNumber,
        attempt: AttemptNumber,
    ) -> Rows<Option<AttemptRow>>;
    /// All attempts of a trial, ascending.
    fn attempts(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<Vec<AttemptRow>>;
    /// Attempts that run; only this session's when given.
    fn open_attempts(
        &self,
        session: Option<SessionId>,
    ) -> Rows<Vec<(SweepKey, TrialNumber, AttemptRow)>>;
    /// The running attempt that this request was granted.
    fn granted(
        &self,
        session: SessionId,
        request: RequestId,
    ) -> Rows<Option<(SweepKey, TrialNumber, AttemptRow)>>;
    /// Reports of a trial, by attempt and epoch.
    fn reports(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<Vec<ReportRow>>;
    /// The state's hash that this (trial, attempt, epoch) reported; `None` when it did not.
    fn reported(
        &self,
        sweep: SweepKey,
        trial: TrialNumber,
        attempt: AttemptNumber,
        epoch: u32,
    ) -> Rows<Option<Option<Hash>>>;
    /// Events after `after`, oldest first.
    fn events(
        &self,
        sweep: SweepKey,
        trial: Option<TrialNumber>,
        after: u64,
        limit: u64,
    ) -> Rows<Vec<Event>>;
    /// Trials that reached a rung or ended, after `after`, in order of arrival.
    fn results(&self, sweep: SweepKey, after: u64) -> Rows<Vec<TrialResult>>;
    /// A trial's blobs, by hash.
    fn blobs(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<Vec<BlobRef>>;
    /// All of a sweep's blobs with their trials.
    fn sweep_blobs(&self, sweep: SweepKey) -> Rows<Vec<(TrialNumber, BlobRef)>>;
    /// Hashes of all blobs that the coordinator has.
    fn stored_blobs(&self) -> Rows<Vec<Hash>>;
    /// Whether any sweep refers to it.
    fn blob_needed(&self, hash: Hash) -> Rows<bool>;
    /// What workers wrote about a trial.
    fn logs(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<Vec<(AttemptNumber, String)>>;
}

/// Writing rows, within one command.
pub trait Write: Read {
    /// A new sweep; its key is given here.
    fn insert_sweep(&mut self, row: SweepRow) -> Rows<SweepKey>;
    /// Changes everything of a sweep but what it was launched with.
    fn put_sweep(&mut self, row: SweepRow) -> Rows<()>;
    /// Removes a sweep and all of its rows.
    fn delete_sweep(&mut self, sweep: SweepKey) -> Rows<()>;
    /// A round as planned; the same round again keeps what has finished.
    fn put_round(&mut self, sweep: SweepKey, round: &NewRound) -> Rows<()>;
    /// Points of a round that are finished now, more or fewer.
    fn add_finished(&mut self, sweep: SweepKey, round: u32, by: i64) -> Rows<()>;
    /// A point; true when it was not there.
    fn insert_point(&mut self, sweep: SweepKey, point: &PointRow) -> Rows<bool>;
    /// What a point's trials gave.
    fn set_point(&mut self, sweep: SweepKey, place: WinnerRef, value: PointValue) -> Rows<()>;
    /// A new trial.
    fn insert_trial(&mut self, sweep: SweepKey, trial: &TrialRow) -> Rows<()>;
    /// What changes in a trial, under its guard: false when that did not hold.
    fn update_trial(&mut self, sweep: SweepKey, guard: Guard, trial: &TrialRow) -> Rows<bool>;
    /// Diagnosis and result; empty ones change nothing.
    fn set_trial_notes(
        &mut self,
        sweep: SweepKey,
        trial: TrialNumber,
        diagnosis: &str,
        result: &str,
    ) -> Rows<()>;
    /// A new attempt.
    fn insert_attempt(
        &mut self,
        sweep: SweepKey,
        trial: TrialNumber,
        attempt: &AttemptRow,
    ) -> Rows<()>;
    /// Changes state, end, reason and digest of an attempt that is in state `from`: false when it is not.
    fn update_attempt(
        &mut self,
        sweep: SweepKey,
        trial: TrialNumber,
        from: AttemptState,
        attempt: &AttemptRow,
    ) -> Rows<bool>;
    /// A new report.
    fn insert_report(
        &mut self,
        sweep: SweepKey,
        trial: TrialNumber,
        report: &ReportRow,
    ) -> Rows<()>;
    /// Appends an event; its number is given here.
    fn append_event(&mut self, row: EventRow) -> Rows<()>;
    /// A committed blob; the same again may only become `stored`.
    fn put_blob(
        &mut self,
        sweep: SweepKey,
        trial: TrialNumber,
        attempt: AttemptNumber,
        blob: BlobRef,
        at: Millis,
    ) -> Rows<()>;
    /// Forgets a blob of a trial.
    fn delete_blob(&mut self, sweep: SweepKey, trial: TrialNumber, hash: Hash) -> Rows<()>;
    /// Appends lines; keeps the last `keep` of that attempt.
    fn append_log(
        &mut self,
        sweep: SweepKey,
        trial: TrialNumber,
        attempt: AttemptNumber,
        lines: &[String],
        keep: u64,
    ) -> Rows<()>;
    /// A warning; the same key again changes nothing.
    fn insert_warning(&mut self, sweep: SweepKey, key: &str, text: &str) -> Rows<()>;
}
