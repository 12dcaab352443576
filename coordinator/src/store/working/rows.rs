//! Rows for commands: what is in memory counts, the rest is in the file.

use std::collections::BTreeSet;

use super::{
    WorkingSet,
    queue::{Queue, READ},
};
use crate::{
    ids::{AttemptNumber, RequestId, SessionId, SweepKey, Token, TrialNumber},
    store::{
        AttemptRow, BlobRef, EventRow, LogRow, PointRow, PointValue, ReportRow, SweepRow, TrialRow,
        WinnerRef,
        attempts::{self, AttemptKey},
        blobs::{self, BlobRow},
        error::Rows,
        points::{self, PointKey},
        sweeps,
        trials::{self, TrialKey},
    },
    trial::{AttemptState, TrialKind, TrialState},
};

/// Sweeps.
impl WorkingSet {
    /// A sweep by name.
    pub fn sweep_named(&mut self, name: &str) -> Rows<Option<SweepRow>> {
        let has_name = |row: &&SweepRow| row.id.as_str() == name;
        let found = self.sweeps().find(has_name).cloned();
        if found.is_some() {
            return Ok(found);
        }
        let stored = sweeps::by_name(&self.db, name)?;
        if let Some(row) = &stored {
            self.working.sweeps.learn(row.key, Some(row.clone()));
        }
        Ok(stored)
    }

    /// One sweep; damaged when it is not there.
    pub fn sweep(&mut self, sweep: SweepKey) -> Rows<SweepRow> {
        if let Some(row) = self.working.sweeps.row(sweep) {
            return Ok(row.clone());
        }
        let row = sweeps::select(&self.db, sweep)?;
        self.working.sweeps.learn(sweep, Some(row.clone()));
        Ok(row)
    }

    /// One sweep, unless it was removed.
    pub fn sweep_if_there(&mut self, sweep: SweepKey) -> Rows<Option<SweepRow>> {
        if let Some(row) = self.working.sweeps.row(sweep) {
            return Ok(Some(row.clone()));
        }
        let stored = sweeps::by_key(&self.db, sweep)?;
        if let Some(row) = &stored {
            self.working.sweeps.learn(sweep, Some(row.clone()));
        }
        Ok(stored)
    }

    /// Sweeps in memory, in no order: all that have not ended are there.
    pub fn sweeps(&self) -> impl Iterator<Item = &SweepRow> {
        self.working.sweeps.rows()
    }

    /// A new sweep, with a key that is given here.
    pub fn insert_sweep(&mut self, row: &mut SweepRow) -> Rows<()> {
        let newest = sweeps::newest(self.file()?)?;
        let newest = newest.map_or(SweepKey(0), |newest| newest.key);
        row.key = SweepKey(newest.max(self.removed).0 + 1);
        // Nothing of it is in the file: its queue is known from the start.
        self.working.queues.entry(row.key).or_default();
        self.put_sweep(row.clone());
        Ok(())
    }

    /// Changes everything of a sweep but what it was launched with.
    pub fn put_sweep(&mut self, row: SweepRow) {
        self.working.sweeps.put(row.key, row);
        self.working.writes += 1;
    }

    /// Removes a sweep and all of its rows.
    pub fn delete_sweep(&mut self, sweep: SweepKey) -> Rows<()> {
        sweeps::delete(self.changed_file()?, sweep)?;
        self.working.drop_sweep(sweep);
        self.removed = self.removed.max(sweep);
        Ok(())
    }
}

/// Points.
impl WorkingSet {
    /// One point.
    pub fn point(&mut self, key: PointKey) -> Rows<Option<&PointRow>> {
        if !self.working.points.is_known(key) {
            let row = points::select(&self.db, key)?;
            self.working.points.learn(key, row);
        }
        Ok(self.working.points.row(key))
    }

    /// A point; true when it was not there.
    pub fn insert_point(&mut self, point: PointRow) -> Rows<bool> {
        let key = point.key();
        if self.point(key)?.is_some() {
            return Ok(false);
        }
        self.working.points.put(key, point);
        // The first trial of a point stores it: so far it has none.
        self.working.siblings.insert(key, BTreeSet::new());
        self.working.writes += 1;
        Ok(true)
    }

    /// What a point's trials gave.
    pub fn set_point(&mut self, key: PointKey, value: PointValue) -> Rows<()> {
        if self.point(key)?.is_some()
            && let Some(point) = self.working.points.change(key)
        {
            point.value = value;
            self.working.writes += 1;
        }
        Ok(())
    }

    /// Points of a round that are finished now, more or fewer.
    pub fn add_finished(&mut self, sweep: SweepKey, round: u32, by: i64) {
        *self.working.finished.entry((sweep, round)).or_default() += by;
        self.working.writes += 1;
    }
}

/// Trials.
impl WorkingSet {
    /// One trial.
    pub fn trial(&mut self, key: TrialKey) -> Rows<Option<&TrialRow>> {
        if !self.working.trials.is_known(key) {
            let row = trials::select(&self.db, key)?;
            self.working.trials.learn(key, row);
        }
        Ok(self.working.trials.row(key))
    }

    /// Says which trials and points are asked for next: those in the file are read all at once.
    pub fn will_read(
        &mut self,
        sweep: SweepKey,
        mut numbers: Vec<TrialNumber>,
        mut places: Vec<WinnerRef>,
    ) -> Rows<()> {
        let working = &mut self.working;
        numbers.retain(|number| !working.trials.is_known((sweep, *number)));
        working.learn_trials(trials::numbered(&self.db, sweep, &numbers)?);
        for number in numbers {
            working.trials.learn((sweep, number), None);
        }
        places.retain(|place| !working.points.is_known((sweep, *place)));
        working.learn_points(points::at(&self.db, sweep, &places)?);
        for place in places {
            working.points.learn((sweep, place), None);
        }
        Ok(())
    }

    /// Trials of kind search of a point, by number.
    pub fn trials_of_point(&mut self, point: PointKey) -> Rows<Vec<TrialRow>> {
        if !self.working.siblings.contains_key(&point) {
            let stored = trials::of_point(&self.db, point)?;
            let is_of_point =
                |row: &&TrialRow| (row.sweep, row.place) == point && row.kind == TrialKind::Search;
            let new = self.working.trials.new_rows().filter(is_of_point);
            let all = stored.iter().chain(new);
            let numbers = all.map(|trial| trial.number).collect();
            self.working.siblings.insert(point, numbers);
            self.working.learn_trials(stored);
        }
        let numbers = self.working.siblings.get(&point).cloned();
        let mut trials = Vec::new();
        for number in numbers.into_iter().flatten() {
            trials.extend(self.trial((point.0, number))?.cloned());
        }
        Ok(trials)
    }

    /// First in the queue.
    pub fn queue_head(&mut self, sweep: SweepKey) -> Rows<Option<&TrialRow>> {
        let first = |set: &Self| set.working.queues.get(&sweep).and_then(Queue::first);
        if first(self).is_none() {
            self.read_queue(sweep)?;
        }
        match first(self).flatten() {
            Some(number) => self.trial((sweep, number)),
            None => Ok(None),
        }
    }

    /// Reads the beginning of a queue, with the points of its trials and all trials of these.
    fn read_queue(&mut self, sweep: SweepKey) -> Rows<()> {
        self.flush()?;
        let (db, working) = (&self.db, &mut self.working);
        let first = trials::queue(db, sweep, READ)?;
        let mut places: BTreeSet<WinnerRef> = first.iter().map(|trial| trial.place).collect();
        let positions = first.iter().map(TrialRow::position).collect();
        working.learn_trials(first);
        working.queues.insert(sweep, Queue::from_file(positions));
        places.retain(|place| !working.siblings.contains_key(&(sweep, *place)));
        let places: Vec<WinnerRef> = places.into_iter().collect();
        working.learn_points(points::at(db, sweep, &places)?);
        let siblings = trials::of_points(db, sweep, &places)?;
        for place in places {
            working.siblings.insert((sweep, place), BTreeSet::new());
        }
        for trial in &siblings {
            let of_point = working.siblings.entry((sweep, trial.place)).or_default();
            of_point.insert(trial.number);
        }
        working.learn_trials(siblings);
        Ok(())
    }

    /// A new trial.
    pub fn insert_trial(&mut self, row: TrialRow) {
        if row.kind == TrialKind::Search
            && let Some(siblings) = self.working.siblings.get_mut(&(row.sweep, row.place))
        {
            siblings.insert(row.number);
        }
        self.put_trial(row, None);
    }

    /// What changes in a trial. Where a worker speaks for its newest attempt, the statement that stores it demands this
    /// token.
    pub fn put_trial(&mut self, row: TrialRow, token: Option<Token>) {
        let (key, working) = (row.key(), &mut self.working);
        let position = |row: &TrialRow| (row.state == TrialState::Queued).then(|| row.position());
        let was = working.trials.row(key).and_then(position);
        let is = position(&row);
        if was != is
            && let Some(queue) = working.queues.get_mut(&row.sweep)
        {
            was.inspect(|was| queue.remove(*was));
            is.inspect(|is| queue.add(*is));
        }
        if let Some(token) = token {
            let attempt = AttemptNumber(row.attempts);
            working.speakers.insert(key, (attempt, token));
        }
        working.trials.put(key, row);
        working.writes += 1;
    }

    /// Diagnosis and result; empty ones change nothing.
    pub fn set_trial_notes(&mut self, trial: TrialKey, diagnosis: &str, result: &str) {
        if diagnosis.is_empty() && result.is_empty() {
            return;
        }
        let notes = self.working.notes.entry(trial).or_default();
        if !diagnosis.is_empty() {
            diagnosis.clone_into(&mut notes.0);
        }
        if !result.is_empty() {
            result.clone_into(&mut notes.1);
        }
        self.working.writes += 1;
    }
}

/// Attempts.
impl WorkingSet {
    /// One attempt.
    pub fn attempt(&mut self, key: AttemptKey) -> Rows<Option<&AttemptRow>> {
        if !self.working.attempts.is_known(key) {
            let row = attempts::select(&self.db, key)?;
            self.working.learn_attempt(key, row);
        }
        Ok(self.working.attempts.row(key))
    }

    /// Attempts of this session that run.
    pub fn open_attempts(&self, session: SessionId) -> Vec<AttemptRow> {
        let runs = |row: &&AttemptRow| row.state == AttemptState::Running && row.session == session;
        let rows = self.working.attempts.rows();
        let mut open: Vec<AttemptRow> = rows.filter(runs).cloned().collect();
        open.sort_unstable_by_key(AttemptRow::key);
        open
    }

    /// The running attempt that this request was granted.
    pub fn granted(&self, session: SessionId, request: RequestId) -> Option<AttemptRow> {
        let key = self.working.granted.get(&(session, request))?;
        self.working.attempts.row(*key).cloned()
    }

    /// A new attempt, or what changes in one.
    pub fn put_attempt(&mut self, row: AttemptRow) {
        let (key, working) = (row.key(), &mut self.working);
        let request = (row.session, row.request);
        if row.state == AttemptState::Running {
            working.granted.insert(request, key);
        } else if working.granted.get(&request) == Some(&key) {
            working.granted.remove(&request);
        }
        working.attempts.put(key, row);
        working.writes += 1;
    }
}

/// What is only ever added.
impl WorkingSet {
    /// A new report.
    pub fn insert_report(&mut self, report: ReportRow) {
        self.working.reports.push(report);
        self.working.writes += 1;
    }

    /// Appends an event; its number is given here.
    pub fn append_event(&mut self, mut event: EventRow) {
        self.working.last_seq += 1;
        event.seq = self.working.last_seq;
        self.working.events.push(event);
        self.working.writes += 1;
    }

    /// A committed blob; the same again may only become `stored`.
    pub fn put_blob(&mut self, blob: BlobRow) {
        self.working.blobs.push(blob);
        self.working.writes += 1;
    }

    /// A trial's blobs, by hash.
    pub fn blobs(&mut self, trial: TrialKey) -> Rows<Vec<BlobRef>> {
        if !self.working.blobs.is_empty() {
            self.flush()?;
        }
        blobs::of_trial(&self.db, trial)
    }

    /// Adds lines of log where no line of that number is. The last of them stay.
    pub fn append_log(&mut self, lines: impl Iterator<Item = LogRow>) {
        self.working.logs.extend(lines);
        self.working.writes += 1;
    }
}
