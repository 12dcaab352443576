//! What is asked of rows.

use std::ops::Range;

use crate::{
    ids::{AttemptNumber, Hash, RequestId, SessionId, TrialNumber},
    store::{
        history::{Event, LogLine, TrialFilter, TrialResult},
        rows::{AttemptRow, PointRow, ReportRow, RoundRow, Rows, SweepKey, SweepRow, TrialRow},
        values::{BlobRef, WinnerRef},
    },
    trial::TrialState,
};

/// Reading rows.
pub trait Read {
    /// A sweep by name.
    fn sweep_key(&self, name: &str) -> Rows<Option<SweepKey>>;
    /// Sweeps, oldest first; only those that have not ended when `live`.
    fn sweep_keys(&self, live: bool) -> Rows<Vec<SweepKey>>;
    /// The newest sweep.
    fn newest_sweep(&self) -> Rows<Option<SweepKey>>;
    /// The sweeps of that identity, newest first.
    fn sweeps_of_identity(&self, identity: &str) -> Rows<Vec<SweepKey>>;
    /// The sweep that this request launched.
    fn sweep_of_request(&self, request: RequestId) -> Rows<Option<SweepKey>>;
    /// One sweep; damaged when it is not there.
    fn sweep(&self, sweep: SweepKey) -> Rows<SweepRow>;
    /// Its rounds, ascending.
    fn rounds(&self, sweep: SweepKey) -> Rows<Vec<RoundRow>>;
    /// Its warnings, oldest first: key and words.
    fn warnings(&self, sweep: SweepKey) -> Rows<Vec<(String, String)>>;
    /// The best point of a round by score; ties by point.
    fn best_point(&self, sweep: SweepKey, round: u32) -> Rows<Option<PointRow>>;
    /// One point.
    fn point(&self, sweep: SweepKey, place: WinnerRef) -> Rows<Option<PointRow>>;
    /// One trial.
    fn trial(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<Option<TrialRow>>;
    /// Says which trials and points are asked for next: where they are in a file, they are read all at once.
    fn will_read(
        &self,
        _sweep: SweepKey,
        _trials: &[TrialNumber],
        _places: &[WinnerRef],
    ) -> Rows<()> {
        Ok(())
    }
    /// Its diagnosis and its result.
    fn trial_notes(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<(String, String)>;
    /// Trials of kind search of a point, by number.
    fn trials_of_point(&self, sweep: SweepKey, place: WinnerRef) -> Rows<Vec<TrialRow>>;
    /// Trials that try this one again, by number.
    fn retries_of(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<Vec<TrialRow>>;
    /// Trials of kind search that were tried again, by state in the order of [`crate::trial::TRIAL_STATES`].
    fn replaced(&self, sweep: SweepKey) -> Rows<[u64; 8]>;
    /// The first trial with a number in this range that is neither a retry nor a check.
    fn first_planned(&self, sweep: SweepKey, of: &Range<u64>) -> Rows<Option<TrialNumber>>;
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
    /// Time in which at least one attempt of a sweep ran. One that did not end by itself counts up to its last report: when its
    /// worker fell silent is not known. Reads all attempts of the sweep.
    fn trained_ms(&self, sweep: SweepKey) -> Rows<u64>;
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
    fn logs(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<Vec<LogLine>>;
}
