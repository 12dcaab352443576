//! Rows for commands: what is in memory counts, the rest is in the file.

use std::collections::BTreeSet;

use super::{
    WorkingSet,
    queue::{Position, Queue, READ},
};
use crate::{
    ids::{AttemptNumber, RequestId, SessionId, SweepKey, Token, TrialNumber},
    store::{
        attempts::{self, AttemptKey, AttemptRow},
        blobs::{self, BlobRow},
        error::Rows,
        events::EventRow,
        logs::LogRow,
        points::{self, PointRow, PointValue},
        reports::ReportRow,
        sweeps::{self, SweepRow},
        trials::{self, TrialKey, TrialRow},
        values::{BlobRef, WinnerRef},
    },
    trial::{AttemptState, TrialState},
};

/// What must still hold for a write to a trial; the statement that stores it repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Guard {
    /// The trial's state.
    pub state: TrialState,
    /// The trial's newest attempt.
    pub attempts: u32,
    /// That attempt's secret, where a worker speaks.
    pub token: Option<Token>,
}

/// Sweeps.
impl WorkingSet {
    /// A sweep by name.
    pub(in crate::store) fn sweep_key(&self, name: &str) -> Rows<Option<SweepKey>> {
        {
            let working = self.working();
            let mut sweeps = working.sweeps.rows();
            if let Some((key, _)) = sweeps.find(|(_, row)| row.id.as_str() == name) {
                return Ok(Some(key));
            }
        }
        sweeps::by_name(&self.db, name)
    }

    /// Sweeps that have not ended, oldest first.
    pub(in crate::store) fn live_sweeps(&self) -> Vec<SweepRow> {
        let working = self.working();
        let live = working
            .sweeps
            .rows()
            .filter(|(_, row)| !row.state.has_ended());
        let mut rows: Vec<SweepRow> = live.map(|(_, row)| row.clone()).collect();
        rows.sort_unstable_by_key(|row| row.key);
        rows
    }

    /// One sweep; damaged when it is not there.
    pub(in crate::store) fn sweep(&self, sweep: SweepKey) -> Rows<SweepRow> {
        if let Some(row) = self.working().sweeps.row(sweep) {
            return Ok(row.clone());
        }
        let row = sweeps::select(&self.db, sweep)?;
        self.working().sweeps.learn(sweep, Some(row.clone()));
        Ok(row)
    }

    /// A new sweep, with a key that is given here.
    pub(in crate::store) fn insert_sweep(&mut self, mut row: SweepRow) -> Rows<SweepRow> {
        let newest = sweeps::newest(self.file()?)?;
        row.key = SweepKey(newest.map_or(0, |newest| newest.0) + 1);
        // Nothing of it is in the file: its queue is known from the start.
        self.working().queues.entry(row.key).or_default();
        self.put_sweep(row.clone());
        Ok(row)
    }

    /// Changes everything of a sweep but what it was launched with.
    pub(in crate::store) fn put_sweep(&mut self, row: SweepRow) {
        let mut working = self.working();
        working.sweeps.put(row.key, row);
        working.wrote();
    }

    /// Removes a sweep and all of its rows.
    pub(in crate::store) fn delete_sweep(&mut self, sweep: SweepKey) -> Rows<()> {
        let file = self.changed_file()?;
        self.working().drop_sweep(sweep);
        sweeps::delete(file, sweep)
    }
}

/// Points.
impl WorkingSet {
    /// One point.
    pub(in crate::store) fn point(
        &self,
        sweep: SweepKey,
        place: WinnerRef,
    ) -> Rows<Option<PointRow>> {
        if let Some(known) = self.working().points.get((sweep, place)) {
            return Ok(known.cloned());
        }
        let row = points::select(&self.db, sweep, place)?;
        self.working().points.learn((sweep, place), row.clone());
        Ok(row)
    }

    /// A point; true when it was not there.
    pub(in crate::store) fn insert_point(&mut self, point: PointRow) -> Rows<bool> {
        let key = (point.sweep, point.place);
        if self.point(point.sweep, point.place)?.is_some() {
            return Ok(false);
        }
        let mut working = self.working();
        working.points.put(key, point);
        // The first trial of a point stores it: so far it has none.
        working.siblings.insert(key, BTreeSet::new());
        working.wrote();
        Ok(true)
    }

    /// What a point's trials gave.
    pub(in crate::store) fn set_point(
        &mut self,
        sweep: SweepKey,
        place: WinnerRef,
        value: PointValue,
    ) -> Rows<()> {
        let Some(point) = self.point(sweep, place)? else {
            return Ok(());
        };
        let mut working = self.working();
        let point = PointRow { value, ..point };
        working.points.put((sweep, place), point);
        working.wrote();
        Ok(())
    }

    /// Points of a round that are finished now, more or fewer.
    pub(in crate::store) fn add_finished(&mut self, sweep: SweepKey, round: u32, by: i64) {
        let mut working = self.working();
        *working.finished.entry((sweep, round)).or_default() += by;
        working.wrote();
    }
}

/// Trials.
impl WorkingSet {
    /// One trial.
    pub(in crate::store) fn trial(&self, key: TrialKey) -> Rows<Option<TrialRow>> {
        if let Some(known) = self.working().trials.get(key) {
            return Ok(known.cloned());
        }
        let row = trials::select(&self.db, key)?;
        self.working().trials.learn(key, row.clone());
        Ok(row)
    }

    /// Says which trials and points are asked for next: those in the file are read all at once.
    pub(in crate::store) fn will_read(
        &self,
        sweep: SweepKey,
        mut numbers: Vec<TrialNumber>,
        mut places: Vec<WinnerRef>,
    ) -> Rows<()> {
        let working = &mut *self.working();
        numbers.retain(|number| !working.trials.is_known((sweep, *number)));
        for trial in trials::numbered(&self.db, sweep, &numbers)? {
            working.trials.learn(trial.key(), Some(trial));
        }
        for number in numbers {
            working.trials.learn((sweep, number), None);
        }
        places.retain(|place| !working.points.is_known((sweep, *place)));
        for point in points::at(&self.db, sweep, &places)? {
            working.points.learn((sweep, point.place), Some(point));
        }
        for place in places {
            working.points.learn((sweep, place), None);
        }
        Ok(())
    }

    /// Trials of kind search of a point, by number.
    pub(in crate::store) fn trials_of_point(
        &self,
        sweep: SweepKey,
        place: WinnerRef,
    ) -> Rows<Vec<TrialRow>> {
        let point = (sweep, place);
        let known = self.working().siblings.get(&point).cloned();
        let numbers = match known {
            Some(numbers) => numbers,
            None => {
                let stored = trials::of_point(&self.db, sweep, place)?;
                let working = &mut *self.working();
                let new = working.new_trials_of(point);
                let mut numbers: BTreeSet<TrialNumber> = new.map(|trial| trial.number).collect();
                for trial in stored {
                    numbers.insert(trial.number);
                    working.trials.learn(trial.key(), Some(trial));
                }
                working.siblings.insert(point, numbers.clone());
                numbers
            }
        };
        let trials = numbers.into_iter();
        trials
            .filter_map(|number| self.trial((sweep, number)).transpose())
            .collect()
    }

    /// First in the queue.
    pub(in crate::store) fn queue_head(&self, sweep: SweepKey) -> Rows<Option<TrialRow>> {
        let known = |set: &Self| set.working().queues.get(&sweep).and_then(Queue::first);
        if known(self).is_none() {
            self.read_queue(sweep)?;
        }
        match known(self).flatten() {
            Some(number) => self.trial((sweep, number)),
            None => Ok(None),
        }
    }

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
            working.trials.learn(trial.key(), Some(trial));
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
            working.trials.learn(trial.key(), Some(trial));
        }
        Ok(())
    }

    /// A new trial.
    pub(in crate::store) fn insert_trial(&mut self, trial: TrialRow) {
        self.working().insert_trial(trial);
    }

    /// What changes in a trial, under its guard: false when that does not hold.
    pub(in crate::store) fn update_trial(&mut self, guard: Guard, trial: TrialRow) -> Rows<bool> {
        let (key, speaks) = (trial.key(), AttemptNumber(guard.attempts));
        let speaks_right = match guard.token {
            Some(token) => {
                let newest = self.attempt((trial.sweep, trial.number, speaks))?;
                newest.is_some_and(|row| row.token == token && row.state == AttemptState::Running)
            }
            None => true,
        };
        let old = self.trial(key)?;
        let holds = old.is_some_and(|old| {
            old.state == guard.state && old.attempts == guard.attempts && speaks_right
        });
        if holds {
            let mut working = self.working();
            if let Some(token) = guard.token {
                working.speakers.insert(key, (speaks, token));
            }
            working.put_trial(trial);
        }
        Ok(holds)
    }

    /// Diagnosis and result; empty ones change nothing.
    pub(in crate::store) fn set_trial_notes(
        &mut self,
        trial: TrialKey,
        diagnosis: &str,
        result: &str,
    ) {
        if diagnosis.is_empty() && result.is_empty() {
            return;
        }
        let mut working = self.working();
        let notes = working.notes.entry(trial).or_default();
        if !diagnosis.is_empty() {
            diagnosis.clone_into(&mut notes.0);
        }
        if !result.is_empty() {
            result.clone_into(&mut notes.1);
        }
        working.wrote();
    }
}

/// Attempts.
impl WorkingSet {
    /// One attempt.
    pub(in crate::store) fn attempt(&self, key: AttemptKey) -> Rows<Option<AttemptRow>> {
        if let Some(known) = self.working().attempts.get(key) {
            return Ok(known.cloned());
        }
        let row = attempts::select(&self.db, key)?;
        self.working().learn_attempt(key, row.clone());
        Ok(row)
    }

    /// Attempts of this session that run.
    pub(in crate::store) fn open_attempts(&self, session: SessionId) -> Vec<AttemptRow> {
        let working = self.working();
        let runs = |row: &&AttemptRow| row.state == AttemptState::Running;
        let rows = working.attempts.rows().map(|(_, row)| row).filter(runs);
        let mut open: Vec<AttemptRow> =
            rows.filter(|row| row.session == session).cloned().collect();
        open.sort_unstable_by_key(AttemptRow::key);
        open
    }

    /// The running attempt that this request was granted.
    pub(in crate::store) fn granted(
        &self,
        session: SessionId,
        request: RequestId,
    ) -> Option<AttemptRow> {
        let working = self.working();
        let key = working.granted.get(&(session, request))?;
        working.attempts.row(*key).cloned()
    }

    /// A new attempt.
    pub(in crate::store) fn insert_attempt(&mut self, attempt: AttemptRow) {
        self.working().put_attempt(attempt);
    }

    /// Changes an attempt that is in state `from`: false when it is not.
    pub(in crate::store) fn update_attempt(
        &mut self,
        from: AttemptState,
        attempt: AttemptRow,
    ) -> Rows<bool> {
        let old = self.attempt(attempt.key())?;
        let holds = old.is_some_and(|old| old.state == from);
        if holds {
            self.working().put_attempt(attempt);
        }
        Ok(holds)
    }
}

/// What is only ever added.
impl WorkingSet {
    /// A new report.
    pub(in crate::store) fn insert_report(&mut self, report: ReportRow) {
        let mut working = self.working();
        working.reports.push(report);
        working.wrote();
    }

    /// Appends an event; its number is given here.
    pub(in crate::store) fn append_event(&mut self, mut event: EventRow) {
        let mut working = self.working();
        working.last_seq += 1;
        event.seq = working.last_seq;
        working.events.push(event);
        working.wrote();
    }

    /// A committed blob; the same again may only become `stored`.
    pub(in crate::store) fn put_blob(&mut self, blob: BlobRow) {
        let mut working = self.working();
        working.blobs.push(blob);
        working.wrote();
    }

    /// A trial's blobs, by hash.
    pub(in crate::store) fn blobs(&self, (sweep, trial): TrialKey) -> Rows<Vec<BlobRef>> {
        if self.working().blobs.is_empty() {
            return blobs::of_trial(&self.db, sweep, trial);
        }
        blobs::of_trial(self.file()?, sweep, trial)
    }

    /// Adds lines of log where no line of that number is. The last of them stay.
    pub(in crate::store) fn append_log(&mut self, lines: impl Iterator<Item = LogRow>) {
        let mut working = self.working();
        working.logs.extend(lines);
        working.wrote();
    }
}
