//! [`Read`] for commands: what is in memory counts, the rest is in the file.

use std::{collections::BTreeSet, ops::Range};

use super::{
    super::{attempts, blobs, points, reports, sweeps, trials},
    Tables,
    queue::{Position, Queue, READ},
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
    trial::{AttemptState, TrialState},
};

impl Tables {
    /// Reads the beginning of a queue, with the points of its trials and all trials of these.
    fn read_queue(&self, sweep: SweepKey) -> Rows<()> {
        let file = self.file()?;
        let first = trials::queue(file, sweep, READ)?;
        let places: BTreeSet<WinnerRef> = first.iter().map(|trial| trial.place).collect();
        let positions: Vec<Position> = first
            .iter()
            .map(|trial| (trial.queue_order, trial.number))
            .collect();
        let mut working = self.working();
        for trial in first {
            working.trials.learn((sweep, trial.number), Some(trial));
        }
        working.queues.insert(sweep, Queue::from_file(positions));
        let places = places
            .into_iter()
            .filter(|place| !working.siblings.contains_key(&(sweep, *place)))
            .collect::<Vec<_>>();
        for point in points::at(file, sweep, &places)? {
            working.points.learn((sweep, point.place), Some(point));
        }
        for place in &places {
            working.siblings.insert((sweep, *place), BTreeSet::new());
        }
        for trial in trials::of_points(file, sweep, &places)? {
            if let Some(siblings) = working.siblings.get_mut(&(sweep, trial.place)) {
                siblings.insert(trial.number);
            }
            working.trials.learn((sweep, trial.number), Some(trial));
        }
        Ok(())
    }
}

impl Read for Tables {
    fn sweep_key(&self, name: &str) -> Rows<Option<SweepKey>> {
        {
            let working = self.working();
            let mut sweeps = working.sweeps.rows();
            if let Some((key, _)) = sweeps.find(|(_, row)| row.id.as_str() == name) {
                return Ok(Some(key));
            }
        }
        sweeps::key_by_name(&self.db, name)
    }

    fn sweep_keys(&self, live: bool) -> Rows<Vec<SweepKey>> {
        if !live {
            return self.file()?.sweep_keys(live);
        }
        let working = self.working();
        let live = working
            .sweeps
            .rows()
            .filter(|(_, row)| !row.state.has_ended());
        let mut keys: Vec<SweepKey> = live.map(|(key, _)| key).collect();
        keys.sort_unstable();
        Ok(keys)
    }

    fn newest_sweep(&self) -> Rows<Option<SweepKey>> {
        self.file()?.newest_sweep()
    }

    fn sweeps_of_identity(&self, identity: &str) -> Rows<Vec<SweepKey>> {
        self.file()?.sweeps_of_identity(identity)
    }

    fn sweep_of_request(&self, request: RequestId) -> Rows<Option<SweepKey>> {
        self.file()?.sweep_of_request(request)
    }

    fn sweep(&self, sweep: SweepKey) -> Rows<SweepRow> {
        if let Some(row) = self.working().sweeps.row(sweep) {
            return Ok(row.clone());
        }
        let row = sweeps::select(&self.db, sweep)?;
        self.working().sweeps.learn(sweep, Some(row.clone()));
        Ok(row)
    }

    fn rounds(&self, sweep: SweepKey) -> Rows<Vec<RoundRow>> {
        self.file()?.rounds(sweep)
    }

    fn warnings(&self, sweep: SweepKey) -> Rows<Vec<(String, String)>> {
        self.file()?.warnings(sweep)
    }

    fn best_point(&self, sweep: SweepKey, round: u32) -> Rows<Option<PointRow>> {
        self.file()?.best_point(sweep, round)
    }

    fn point(&self, sweep: SweepKey, place: WinnerRef) -> Rows<Option<PointRow>> {
        if let Some(known) = self.working().points.get((sweep, place)) {
            return Ok(known.cloned());
        }
        let row = points::select(&self.db, sweep, place)?;
        self.working().points.learn((sweep, place), row.clone());
        Ok(row)
    }

    fn trial(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<Option<TrialRow>> {
        if let Some(known) = self.working().trials.get((sweep, trial)) {
            return Ok(known.cloned());
        }
        let row = trials::select(&self.db, sweep, trial)?;
        self.working().trials.learn((sweep, trial), row.clone());
        Ok(row)
    }

    fn will_read(
        &self,
        sweep: SweepKey,
        numbers: &[TrialNumber],
        places: &[WinnerRef],
    ) -> Rows<()> {
        let working = &mut *self.working();
        let numbers: Vec<TrialNumber> = numbers
            .iter()
            .copied()
            .filter(|number| !working.trials.is_known((sweep, *number)))
            .collect();
        for trial in trials::numbered(&self.db, sweep, &numbers)? {
            working.trials.learn((sweep, trial.number), Some(trial));
        }
        for number in numbers {
            working.trials.learn((sweep, number), None);
        }
        let places: Vec<WinnerRef> = places
            .iter()
            .copied()
            .filter(|place| !working.points.is_known((sweep, *place)))
            .collect();
        for point in points::at(&self.db, sweep, &places)? {
            working.points.learn((sweep, point.place), Some(point));
        }
        for place in places {
            working.points.learn((sweep, place), None);
        }
        Ok(())
    }

    fn trial_notes(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<(String, String)> {
        self.file()?.trial_notes(sweep, trial)
    }

    fn trials_of_point(&self, sweep: SweepKey, place: WinnerRef) -> Rows<Vec<TrialRow>> {
        let point = (sweep, place);
        let known = self.working().siblings.get(&point).cloned();
        let numbers = match known {
            Some(numbers) => numbers,
            None => {
                let stored = trials::of_point(&self.db, sweep, place)?;
                let working = &mut *self.working();
                let mut numbers: BTreeSet<TrialNumber> = working
                    .new_trials_of(point)
                    .map(|trial| trial.number)
                    .collect();
                for trial in stored {
                    numbers.insert(trial.number);
                    working.trials.learn((sweep, trial.number), Some(trial));
                }
                working.siblings.insert(point, numbers.clone());
                numbers
            }
        };
        let trials = numbers.into_iter().map(|number| self.trial(sweep, number));
        trials.filter_map(Result::transpose).collect()
    }

    fn retries_of(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<Vec<TrialRow>> {
        self.file()?.retries_of(sweep, trial)
    }

    fn replaced(&self, sweep: SweepKey) -> Rows<[u64; 8]> {
        self.file()?.replaced(sweep)
    }

    fn first_planned(&self, sweep: SweepKey, of: &Range<u64>) -> Rows<Option<TrialNumber>> {
        self.file()?.first_planned(sweep, of)
    }

    fn trials_in(&self, sweep: SweepKey, states: &[TrialState]) -> Rows<Vec<TrialNumber>> {
        self.file()?.trials_in(sweep, states)
    }

    fn list_trials(
        &self,
        sweep: SweepKey,
        filter: &TrialFilter,
        maximize: bool,
        limit: u64,
    ) -> Rows<Vec<(TrialRow, String)>> {
        self.file()?.list_trials(sweep, filter, maximize, limit)
    }

    fn queue_head(&self, sweep: SweepKey) -> Rows<Option<TrialRow>> {
        let known = |tables: &Self| tables.working().queues.get(&sweep).and_then(Queue::first);
        if known(self).is_none() {
            self.read_queue(sweep)?;
        }
        match known(self).flatten() {
            Some(number) => self.trial(sweep, number),
            None => Ok(None),
        }
    }

    fn queue_held(&self, sweep: SweepKey, checkpoints: &[Hash]) -> Rows<Option<TrialRow>> {
        self.file()?.queue_held(sweep, checkpoints)
    }

    fn attempt(
        &self,
        sweep: SweepKey,
        trial: TrialNumber,
        attempt: AttemptNumber,
    ) -> Rows<Option<AttemptRow>> {
        let key = (sweep, trial, attempt);
        if let Some(known) = self.working().attempts.get(key) {
            return Ok(known.cloned());
        }
        let row = attempts::select(&self.db, sweep, trial, attempt)?;
        self.working().learn_attempt(key, row.clone());
        Ok(row)
    }

    fn attempts(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<Vec<AttemptRow>> {
        self.file()?.attempts(sweep, trial)
    }

    fn trained_ms(&self, sweep: SweepKey) -> Rows<u64> {
        self.file()?.trained_ms(sweep)
    }

    fn open_attempts(
        &self,
        session: Option<SessionId>,
    ) -> Rows<Vec<(SweepKey, TrialNumber, AttemptRow)>> {
        let working = self.working();
        let mut open: Vec<_> = working
            .attempts
            .rows()
            .filter(|(_, row)| row.state == AttemptState::Running)
            .filter(|(_, row)| session.is_none_or(|session| row.session == session))
            .map(|((sweep, trial, _), row)| (sweep, trial, row.clone()))
            .collect();
        open.sort_unstable_by_key(|(sweep, trial, _)| (*sweep, *trial));
        Ok(open)
    }

    fn granted(
        &self,
        session: SessionId,
        request: RequestId,
    ) -> Rows<Option<(SweepKey, TrialNumber, AttemptRow)>> {
        let working = self.working();
        let Some(key) = working.granted.get(&(session, request)) else {
            return Ok(None);
        };
        let attempt = working.attempts.row(*key);
        Ok(attempt.map(|row| (key.0, key.1, row.clone())))
    }

    fn reports(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<Vec<ReportRow>> {
        self.file()?.reports(sweep, trial)
    }

    fn reported(
        &self,
        sweep: SweepKey,
        trial: TrialNumber,
        attempt: AttemptNumber,
        epoch: u32,
    ) -> Rows<Option<Option<Hash>>> {
        reports::hash(self.file()?, sweep, trial, attempt, epoch)
    }

    fn events(
        &self,
        sweep: SweepKey,
        trial: Option<TrialNumber>,
        after: u64,
        limit: u64,
    ) -> Rows<Vec<Event>> {
        self.file()?.events(sweep, trial, after, limit)
    }

    fn results(&self, sweep: SweepKey, after: u64) -> Rows<Vec<TrialResult>> {
        self.file()?.results(sweep, after)
    }

    fn blobs(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<Vec<BlobRef>> {
        if self.working().blobs.is_empty() {
            return blobs::of_trial(&self.db, sweep, trial);
        }
        self.file()?.blobs(sweep, trial)
    }

    fn sweep_blobs(&self, sweep: SweepKey) -> Rows<Vec<(TrialNumber, BlobRef)>> {
        self.file()?.sweep_blobs(sweep)
    }

    fn stored_blobs(&self) -> Rows<Vec<Hash>> {
        self.file()?.stored_blobs()
    }

    fn blob_needed(&self, hash: Hash) -> Rows<bool> {
        self.file()?.blob_needed(hash)
    }

    fn logs(&self, sweep: SweepKey, trial: TrialNumber) -> Rows<Vec<LogLine>> {
        self.file()?.logs(sweep, trial)
    }
}
