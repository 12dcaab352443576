//! [`Read`] over the entities' statements: a connection's view of the file.

use std::ops::Range;

use super::{
    attempts, blobs,
    db::{Db, params},
    events, logs, points, reports, rounds, sweeps, trials,
};
use crate::{
    ids::{AttemptNumber, Hash, RequestId, SessionId, TrialNumber},
    store::{
        history::{Event, LogLine, TrialFilter, TrialResult},
        rows::{
            AttemptRow, PointRow, Read, ReportRow, RoundRow, Rows, SweepKey, SweepRow, TrialRow,
        },
        values::{BlobRef, WinnerRef},
    },
    trial::TrialState,
};

impl Db {
    /// Runs one read on one snapshot of the file.
    pub(in crate::store) fn on_snapshot<T>(
        &self,
        read: impl FnOnce(&dyn Read) -> Rows<T>,
    ) -> Rows<T> {
        self.run("BEGIN", params![])?;
        let answer = read(self);
        self.run("COMMIT", params![])?;
        answer
    }
}

impl Read for Db {
    fn sweep_key(&self, name: &str) -> Rows<Option<SweepKey>> {
        sweeps::key_by_name(self, name)
    }

    fn sweep_keys(&self, live: bool) -> Rows<Vec<SweepKey>> {
        sweeps::keys(self, live)
    }

    fn newest_sweep(&self) -> Rows<Option<SweepKey>> {
        sweeps::newest(self)
    }

    fn sweeps_of_identity(&self, identity: &str) -> Rows<Vec<SweepKey>> {
        sweeps::keys_by_identity(self, identity)
    }

    fn sweep_of_request(&self, request: RequestId) -> Rows<Option<SweepKey>> {
        sweeps::key_by_request(self, request)
    }

    fn sweep(&self, sweep: SweepKey) -> Rows<SweepRow> {
        sweeps::select(self, sweep)
    }

    fn rounds(&self, sweep: SweepKey) -> Rows<Vec<RoundRow>> {
        rounds::of_sweep(self, sweep)
    }

    fn warnings(&self, sweep: SweepKey) -> Rows<Vec<(String, String)>> {
        rounds::warnings(self, sweep)
    }

    fn best_point(&self, sweep: SweepKey, round: u32) -> Rows<Option<PointRow>> {
        points::best(self, sweep, round)
    }

    fn point(&self, sweep: SweepKey, place: WinnerRef) -> Rows<Option<PointRow>> {
        points::select(self, sweep, place)
    }

    fn trial(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<Option<TrialRow>> {
        trials::select(self, sweep, trial)
    }

    fn trial_notes(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<(String, String)> {
        trials::notes(self, sweep, trial)
    }

    fn trials_of_point(&self, sweep: SweepKey, place: WinnerRef) -> Rows<Vec<TrialRow>> {
        trials::of_point(self, sweep, place)
    }

    fn retries_of(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<Vec<TrialRow>> {
        trials::retries(self, sweep, trial)
    }

    fn replaced(&self, sweep: SweepKey) -> Rows<[u64; 8]> {
        trials::replaced(self, sweep)
    }

    fn first_planned(&self, sweep: SweepKey, of: &Range<u64>) -> Rows<Option<TrialNumber>> {
        trials::first_planned(self, sweep, of)
    }

    fn trials_in(&self, sweep: SweepKey, states: &[TrialState]) -> Rows<Vec<TrialNumber>> {
        trials::in_states(self, sweep, states)
    }

    fn list_trials(
        &self,
        sweep: SweepKey,
        filter: &TrialFilter,
        maximize: bool,
        limit: u64,
    ) -> Rows<Vec<(TrialRow, String)>> {
        trials::list(self, sweep, filter, maximize, limit)
    }

    fn queue_head(&self, sweep: SweepKey) -> Rows<Option<TrialRow>> {
        trials::head(self, sweep)
    }

    fn queue_held(&self, sweep: SweepKey, checkpoints: &[Hash]) -> Rows<Option<TrialRow>> {
        trials::held(self, sweep, checkpoints)
    }

    fn attempt(
        &self,
        sweep: SweepKey,
        trial: TrialNumber,
        attempt: AttemptNumber,
    ) -> Rows<Option<AttemptRow>> {
        attempts::select(self, sweep, trial, attempt)
    }

    fn attempts(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<Vec<AttemptRow>> {
        attempts::of_trial(self, sweep, trial)
    }

    fn trained_ms(&self, sweep: SweepKey) -> Rows<u64> {
        attempts::trained_ms(self, sweep)
    }

    fn open_attempts(
        &self,
        session: Option<SessionId>,
    ) -> Rows<Vec<(SweepKey, TrialNumber, AttemptRow)>> {
        attempts::open(self, session)
    }

    fn granted(
        &self,
        session: SessionId,
        request: RequestId,
    ) -> Rows<Option<(SweepKey, TrialNumber, AttemptRow)>> {
        attempts::granted(self, session, request)
    }

    fn reports(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<Vec<ReportRow>> {
        reports::of_trial(self, sweep, trial)
    }

    fn reported(
        &self,
        sweep: SweepKey,
        trial: TrialNumber,
        attempt: AttemptNumber,
        epoch: u32,
    ) -> Rows<Option<Option<Hash>>> {
        reports::hash(self, sweep, trial, attempt, epoch)
    }

    fn events(
        &self,
        sweep: SweepKey,
        trial: Option<TrialNumber>,
        after: u64,
        limit: u64,
    ) -> Rows<Vec<Event>> {
        events::select(self, sweep, trial, after, limit)
    }

    fn results(&self, sweep: SweepKey, after: u64) -> Rows<Vec<TrialResult>> {
        events::results(self, sweep, after)
    }

    fn blobs(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<Vec<BlobRef>> {
        blobs::of_trial(self, sweep, trial)
    }

    fn sweep_blobs(&self, sweep: SweepKey) -> Rows<Vec<(TrialNumber, BlobRef)>> {
        blobs::of_sweep(self, sweep)
    }

    fn stored_blobs(&self) -> Rows<Vec<Hash>> {
        blobs::stored(self)
    }

    fn blob_needed(&self, hash: Hash) -> Rows<bool> {
        blobs::needed(self, hash)
    }

    fn logs(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<Vec<LogLine>> {
        logs::of_trial(self, sweep, trial)
    }
}
