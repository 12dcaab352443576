//! [`Read`] and [`Write`] over the entities' statements.

use super::{
    Running, Tables, attempts, blobs, cells::run, db::params, events, points, reports, sweeps,
    trials,
};
use crate::{
    ids::{AttemptNumber, Hash, RequestId, SessionId, TrialNumber},
    store::{
        history::{Event, TrialFilter, TrialResult},
        rows::{
            AttemptRow, EventRow, Guard, PointRow, PointValue, Read, ReportRow, RoundRow, Rows,
            SweepKey, SweepRow, TrialRow, Write,
        },
        values::{BlobRef, NewRound, WinnerRef},
    },
    trial::{AttemptState, TrialState},
};

// Children first: foreign keys are on.
const DELETE_SWEEP: [&str; 9] = [
    "DELETE FROM logs WHERE sweep = ?1",
    "DELETE FROM blobs WHERE sweep = ?1",
    "DELETE FROM reports WHERE sweep = ?1",
    "DELETE FROM attempts WHERE sweep = ?1",
    "DELETE FROM trials WHERE sweep = ?1",
    "DELETE FROM points WHERE sweep = ?1",
    "DELETE FROM rounds WHERE sweep = ?1",
    "DELETE FROM warnings WHERE sweep = ?1",
    "DELETE FROM events WHERE sweep = ?1",
];
const DELETE_SWEEP_ROW: &str = "DELETE FROM sweeps WHERE id = ?1";

#[cfg(test)]
pub(super) const STATEMENTS: &[(&str, usize)] = &[
    (DELETE_SWEEP[0], 1),
    (DELETE_SWEEP[1], 1),
    (DELETE_SWEEP[2], 1),
    (DELETE_SWEEP[3], 1),
    (DELETE_SWEEP[4], 1),
    (DELETE_SWEEP[5], 1),
    (DELETE_SWEEP[6], 1),
    (DELETE_SWEEP[7], 1),
    (DELETE_SWEEP[8], 1),
    (DELETE_SWEEP_ROW, 1),
];

impl Tables {
    fn running<T>(
        &self,
        sweep: SweepKey,
        trial: TrialNumber,
        read: impl FnOnce(&Running) -> Option<T>,
    ) -> Option<T> {
        let sweeps = self.sweeps.as_ref()?.borrow();
        read(sweeps.running.get(&(sweep, trial))?)
    }

    /// A trial as it stands after an update; forgotten when it does not run, or when the update did not hold.
    fn remember(&self, sweep: SweepKey, holds: bool, trial: &TrialRow) {
        let Some(sweeps) = &self.sweeps else { return };
        let running = &mut sweeps.borrow_mut().running;
        let key = (sweep, trial.number);
        let old = running.remove(&key);
        if holds && trial.state == TrialState::Running {
            let same = |attempt: &AttemptRow| attempt.attempt.0 == trial.attempts;
            let trial = trial.clone();
            let attempt = old.and_then(|old| old.attempt).filter(same);
            running.insert(key, Running { trial, attempt });
        }
    }

    fn remember_attempt(&self, sweep: SweepKey, trial: TrialNumber, attempt: &AttemptRow) {
        let Some(sweeps) = &self.sweeps else { return };
        if let Some(known) = sweeps.borrow_mut().running.get_mut(&(sweep, trial)) {
            let newest = attempt.attempt.0 == known.trial.attempts;
            known.attempt = newest.then(|| attempt.clone());
        }
    }
}

impl Read for Tables {
    fn sweep_key(&self, name: &str) -> Rows<Option<SweepKey>> {
        if let Some(sweeps) = &self.sweeps {
            let sweeps = sweeps.borrow();
            let known = sweeps.rows.values().find(|row| row.id.as_str() == name);
            if let Some(row) = known {
                return Ok(Some(row.key));
            }
        }
        sweeps::key_by_name(&self.db, name)
    }

    fn sweep_keys(&self, live: bool) -> Rows<Vec<SweepKey>> {
        sweeps::keys(&self.db, live)
    }

    fn newest_sweep(&self) -> Rows<Option<SweepKey>> {
        sweeps::newest(&self.db)
    }

    fn sweep_of_identity(&self, identity: &str) -> Rows<Option<SweepKey>> {
        sweeps::key_by_identity(&self.db, identity)
    }

    fn sweep_of_request(&self, request: RequestId) -> Rows<Option<SweepKey>> {
        sweeps::key_by_request(&self.db, request)
    }

    fn sweep(&self, sweep: SweepKey) -> Rows<SweepRow> {
        let Some(sweeps) = &self.sweeps else {
            return sweeps::select(&self.db, sweep);
        };
        if let Some(row) = sweeps.borrow().rows.get(&sweep) {
            return Ok(row.clone());
        }
        let row = sweeps::select(&self.db, sweep)?;
        if !row.state.has_ended() {
            sweeps.borrow_mut().rows.insert(sweep, row.clone());
        }
        Ok(row)
    }

    fn rounds(&self, sweep: SweepKey) -> Rows<Vec<RoundRow>> {
        sweeps::rounds(&self.db, sweep)
    }

    fn warnings(&self, sweep: SweepKey) -> Rows<Vec<String>> {
        sweeps::warnings(&self.db, sweep)
    }

    fn best_point(&self, sweep: SweepKey, round: u32) -> Rows<Option<PointRow>> {
        points::best(&self.db, sweep, round)
    }

    fn point(&self, sweep: SweepKey, place: WinnerRef) -> Rows<Option<PointRow>> {
        points::select(&self.db, sweep, place)
    }

    fn trial(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<Option<TrialRow>> {
        match self.running(sweep, trial, |running| Some(running.trial.clone())) {
            Some(row) => Ok(Some(row)),
            None => trials::select(&self.db, sweep, trial),
        }
    }

    fn trial_notes(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<(String, String)> {
        trials::notes(&self.db, sweep, trial)
    }

    fn trials_of_point(&self, sweep: SweepKey, place: WinnerRef) -> Rows<Vec<TrialRow>> {
        trials::of_point(&self.db, sweep, place)
    }

    fn retries_of(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<Vec<TrialRow>> {
        trials::retries(&self.db, sweep, trial)
    }

    fn trials_in(&self, sweep: SweepKey, states: &[TrialState]) -> Rows<Vec<TrialNumber>> {
        trials::in_states(&self.db, sweep, states)
    }

    fn list_trials(
        &self,
        sweep: SweepKey,
        filter: &TrialFilter,
        maximize: bool,
        limit: u64,
    ) -> Rows<Vec<(TrialRow, String)>> {
        trials::list(&self.db, sweep, filter, maximize, limit)
    }

    fn queue_head(&self, sweep: SweepKey) -> Rows<Option<TrialRow>> {
        trials::head(&self.db, sweep)
    }

    fn queue_held(&self, sweep: SweepKey, checkpoints: &[Hash]) -> Rows<Option<TrialRow>> {
        trials::held(&self.db, sweep, checkpoints)
    }

    fn attempt(
        &self,
        sweep: SweepKey,
        trial: TrialNumber,
        attempt: AttemptNumber,
    ) -> Rows<Option<AttemptRow>> {
        let known = self.running(sweep, trial, |running| {
            let row = running.attempt.as_ref()?;
            (row.attempt == attempt).then(|| row.clone())
        });
        match known {
            Some(row) => Ok(Some(row)),
            None => attempts::select(&self.db, sweep, trial, attempt),
        }
    }

    fn attempts(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<Vec<AttemptRow>> {
        attempts::of_trial(&self.db, sweep, trial)
    }

    fn open_attempts(
        &self,
        session: Option<SessionId>,
    ) -> Rows<Vec<(SweepKey, TrialNumber, AttemptRow)>> {
        attempts::open(&self.db, session)
    }

    fn granted(
        &self,
        session: SessionId,
        request: RequestId,
    ) -> Rows<Option<(SweepKey, TrialNumber, AttemptRow)>> {
        attempts::granted(&self.db, session, request)
    }

    fn reports(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<Vec<ReportRow>> {
        reports::of_trial(&self.db, sweep, trial)
    }

    fn reported(
        &self,
        sweep: SweepKey,
        trial: TrialNumber,
        attempt: AttemptNumber,
        epoch: u32,
    ) -> Rows<Option<Option<Hash>>> {
        reports::hash(&self.db, sweep, trial, attempt, epoch)
    }

    fn events(
        &self,
        sweep: SweepKey,
        trial: Option<TrialNumber>,
        after: u64,
        limit: u64,
    ) -> Rows<Vec<Event>> {
        events::select(&self.db, sweep, trial, after, limit)
    }

    fn results(&self, sweep: SweepKey, after: u64) -> Rows<Vec<TrialResult>> {
        events::results(&self.db, sweep, after)
    }

    fn blobs(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<Vec<BlobRef>> {
        blobs::of_trial(&self.db, sweep, trial)
    }

    fn sweep_blobs(&self, sweep: SweepKey) -> Rows<Vec<(TrialNumber, BlobRef)>> {
        blobs::of_sweep(&self.db, sweep)
    }

    fn stored_blobs(&self) -> Rows<Vec<Hash>> {
        blobs::stored(&self.db)
    }

    fn blob_needed(&self, hash: Hash) -> Rows<bool> {
        blobs::needed(&self.db, hash)
    }

    fn logs(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<Vec<(AttemptNumber, String)>> {
        attempts::logs(&self.db, sweep, trial)
    }
}

impl Write for Tables {
    fn insert_sweep(&mut self, row: SweepRow) -> Rows<SweepKey> {
        sweeps::insert(&self.db, &row)
    }

    fn put_sweep(&mut self, row: SweepRow) -> Rows<()> {
        let Some(sweeps) = &self.sweeps else {
            return sweeps::update(&self.db, &row);
        };
        let sweeps = &mut *sweeps.borrow_mut();
        let key = row.key;
        let old = sweeps.rows.insert(key, row.clone());
        // Which sweeps are live is asked of the file: a changed state must be there at once.
        if old.as_ref().map(|old| old.state) != Some(row.state) {
            sweeps::update(&self.db, &row)?;
        }
        sweeps.before.push((key, old));
        sweeps.dirty.insert(key);
        Ok(())
    }

    fn delete_sweep(&mut self, sweep: SweepKey) -> Rows<()> {
        if let Some(sweeps) = &self.sweeps {
            let sweeps = &mut *sweeps.borrow_mut();
            sweeps.running.retain(|(key, _), _| *key != sweep);
            if let Some(old) = sweeps.rows.remove(&sweep) {
                sweeps.before.push((sweep, Some(old)));
            }
        }
        for sql in DELETE_SWEEP {
            run(&self.db, sql, params![sweep.0])?;
        }
        run(&self.db, DELETE_SWEEP_ROW, params![sweep.0]).map(drop)
    }

    fn put_round(&mut self, sweep: SweepKey, round: &NewRound) -> Rows<()> {
        sweeps::put_round(&self.db, sweep, round)
    }

    fn add_finished(&mut self, sweep: SweepKey, round: u32, by: i64) -> Rows<()> {
        sweeps::add_finished(&self.db, sweep, round, by)
    }

    fn insert_point(&mut self, sweep: SweepKey, point: &PointRow) -> Rows<bool> {
        points::insert(&self.db, sweep, point)
    }

    fn set_point(&mut self, sweep: SweepKey, place: WinnerRef, value: PointValue) -> Rows<()> {
        points::set(&self.db, sweep, place, value)
    }

    fn insert_trial(&mut self, sweep: SweepKey, trial: &TrialRow) -> Rows<()> {
        trials::insert(&self.db, sweep, trial)
    }

    fn update_trial(&mut self, sweep: SweepKey, guard: Guard, trial: &TrialRow) -> Rows<bool> {
        let holds = trials::update(&self.db, sweep, guard, trial)?;
        self.remember(sweep, holds, trial);
        Ok(holds)
    }

    fn set_trial_notes(
        &mut self,
        sweep: SweepKey,
        trial: TrialNumber,
        diagnosis: &str,
        result: &str,
    ) -> Rows<()> {
        trials::set_notes(&self.db, sweep, trial, diagnosis, result)
    }

    fn insert_attempt(
        &mut self,
        sweep: SweepKey,
        trial: TrialNumber,
        attempt: &AttemptRow,
    ) -> Rows<()> {
        attempts::insert(&self.db, sweep, trial, attempt)?;
        self.remember_attempt(sweep, trial, attempt);
        Ok(())
    }

    fn update_attempt(
        &mut self,
        sweep: SweepKey,
        trial: TrialNumber,
        from: AttemptState,
        attempt: &AttemptRow,
    ) -> Rows<bool> {
        let holds = attempts::update(&self.db, sweep, trial, from, attempt)?;
        if holds {
            self.remember_attempt(sweep, trial, attempt);
        }
        Ok(holds)
    }

    fn insert_report(
        &mut self,
        sweep: SweepKey,
        trial: TrialNumber,
        report: &ReportRow,
    ) -> Rows<()> {
        reports::insert(&self.db, sweep, trial, report)
    }

    fn append_event(&mut self, row: EventRow) -> Rows<()> {
        events::insert(&self.db, self.last_seq + 1, &row)?;
        self.last_seq += 1;
        Ok(())
    }

    fn put_blob(
        &mut self,
        sweep: SweepKey,
        trial: TrialNumber,
        attempt: AttemptNumber,
        blob: BlobRef,
        at: i64,
    ) -> Rows<()> {
        blobs::put(&self.db, sweep, trial, attempt, blob, at)
    }

    fn delete_blob(&mut self, sweep: SweepKey, trial: TrialNumber, hash: Hash) -> Rows<()> {
        blobs::delete(&self.db, sweep, trial, hash)
    }

    fn append_log(
        &mut self,
        sweep: SweepKey,
        trial: TrialNumber,
        attempt: AttemptNumber,
        lines: &[String],
        keep: u64,
    ) -> Rows<()> {
        attempts::append_log(&self.db, sweep, trial, attempt, lines, keep)
    }

    fn insert_warning(&mut self, sweep: SweepKey, key: &str, text: &str) -> Rows<()> {
        sweeps::insert_warning(&self.db, sweep, key, text)
    }
}
