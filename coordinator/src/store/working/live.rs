//! The rows that commands work on, in memory: changed ones until they are in the file, live ones for longer.
//!
//! Live is what the next calls ask for: sweeps that have not ended, attempts that run, their trials, the first trials
//! of each queue, and the points of these. So memory follows what runs, and not what the file holds.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{queue::Queue, shelf::Shelf};
use crate::{
    ids::{AttemptNumber, RequestId, SessionId, SweepKey, Token, TrialNumber},
    store::{
        attempts::{AttemptKey, AttemptRow},
        blobs::BlobRow,
        events::EventRow,
        logs::LogRow,
        points::PointRow,
        reports::ReportRow,
        sweeps::SweepRow,
        trials::{TrialKey, TrialRow},
        values::WinnerRef,
    },
    trial::{AttemptState, TrialKind, TrialState},
};

pub(super) type PointKey = (SweepKey, WinnerRef);

/// What the writer has in memory.
#[derive(Debug, Default)]
pub(super) struct Working {
    /// All that have not ended, and those that the group under way has touched.
    pub(super) sweeps: Shelf<SweepKey, SweepRow>,
    pub(super) points: Shelf<PointKey, PointRow>,
    pub(super) trials: Shelf<TrialKey, TrialRow>,
    /// All that run, and those that the group under way has touched.
    pub(super) attempts: Shelf<AttemptKey, AttemptRow>,
    /// All search trials of a point, where it is known which there are.
    pub(super) siblings: HashMap<PointKey, BTreeSet<TrialNumber>>,
    /// Attempts that run, by the request that they were granted to.
    pub(super) granted: HashMap<(SessionId, RequestId), AttemptKey>,
    pub(super) queues: HashMap<SweepKey, Queue>,
    /// Whose word changed a trial last: the statement that stores it demands that attempt and its secret.
    pub(super) speakers: HashMap<TrialKey, (AttemptNumber, Token)>,
    pub(super) finished: BTreeMap<(SweepKey, u32), i64>,
    pub(super) notes: BTreeMap<TrialKey, (String, String)>,
    pub(super) reports: Vec<ReportRow>,
    pub(super) events: Vec<EventRow>,
    pub(super) blobs: Vec<BlobRow>,
    pub(super) logs: Vec<LogRow>,
    pub(super) last_seq: u64,
    /// Grows with every change, here or in the file.
    pub(super) writes: u64,
    /// Something here is not in the file yet.
    pub(super) unstored: bool,
}

impl Working {
    /// A change of what is here.
    pub(super) fn wrote(&mut self) {
        self.writes += 1;
        self.unstored = true;
    }

    /// Takes in an attempt of the file.
    pub(super) fn learn_attempt(&mut self, key: AttemptKey, row: Option<AttemptRow>) {
        if let Some(row) = &row
            && row.state == AttemptState::Running
        {
            self.granted.insert((row.session, row.request), key);
        }
        self.attempts.learn(key, row);
    }

    pub(super) fn put_attempt(&mut self, row: AttemptRow) {
        let key = row.key();
        let request = (row.session, row.request);
        if row.state == AttemptState::Running {
            self.granted.insert(request, key);
        } else if self.granted.get(&request) == Some(&key) {
            self.granted.remove(&request);
        }
        self.attempts.put(key, row);
        self.wrote();
    }

    pub(super) fn put_trial(&mut self, row: TrialRow) {
        let key = row.key();
        let position = |row: &TrialRow| {
            let queued = row.state == TrialState::Queued;
            queued.then_some((row.queue_order, row.number))
        };
        let (was, is) = (self.trials.row(key).and_then(position), position(&row));
        if was != is
            && let Some(queue) = self.queues.get_mut(&row.sweep)
        {
            was.inspect(|was| queue.remove(*was));
            is.inspect(|is| queue.add(*is));
        }
        self.trials.put(key, row);
        self.wrote();
    }

    pub(super) fn insert_trial(&mut self, row: TrialRow) {
        if row.kind == TrialKind::Search
            && let Some(siblings) = self.siblings.get_mut(&(row.sweep, row.place))
        {
            siblings.insert(row.number);
        }
        self.put_trial(row);
    }

    /// Search trials of a point that the file does not have yet.
    pub(super) fn new_trials_of(&self, point: PointKey) -> impl Iterator<Item = &TrialRow> {
        let new = self
            .trials
            .changes()
            .filter(|(_, stored)| stored.is_none())
            .map(|(row, _)| row);
        new.filter(move |row| (row.sweep, row.place) == point && row.kind == TrialKind::Search)
    }

    /// Everything is in the file.
    pub(super) fn stored(&mut self) {
        self.sweeps.stored();
        self.points.stored();
        self.trials.stored();
        self.attempts.stored();
        self.speakers.clear();
        self.finished.clear();
        self.notes.clear();
        self.reports.clear();
        self.events.clear();
        self.blobs.clear();
        self.logs.clear();
        self.unstored = false;
    }

    /// After a commit: forgets what is not live.
    pub(super) fn end_group(&mut self) {
        for key in self.attempts.take_touched() {
            let runs = |row: &AttemptRow| row.state == AttemptState::Running;
            if !self.attempts.row(key).is_some_and(runs) {
                self.attempts.forget(key);
            }
        }
        let mut touched = self.trials.take_touched();
        for (sweep, queue) in &mut self.queues {
            let out = queue.shorten().into_iter();
            touched.extend(out.map(|number| (*sweep, number)));
        }
        for key in touched {
            self.leave(key);
        }
        for key in self.points.take_touched() {
            self.leave_point(key);
        }
        for key in self.sweeps.take_touched() {
            if self.sweeps.row(key).is_none_or(|row| row.state.has_ended()) {
                self.sweeps.forget(key);
                self.queues.remove(&key);
            }
        }
    }

    fn is_live(&self, key: TrialKey) -> bool {
        self.trials.row(key).is_some_and(|row| match row.state {
            TrialState::Running => true,
            TrialState::Queued => self
                .queues
                .get(&key.0)
                .is_some_and(|queue| queue.contains((row.queue_order, row.number))),
            _ => false,
        })
    }

    /// A trial that is not live goes, unless another one of its point is: its end will want them all.
    fn leave(&mut self, key: TrialKey) {
        let Some(row) = self.trials.row(key) else {
            self.trials.forget(key);
            return;
        };
        let point = (key.0, row.place);
        if self.is_live(key) || self.has_live(point) {
            return;
        }
        self.trials.forget(key);
        self.leave_point(point);
    }

    fn has_live(&self, point: PointKey) -> bool {
        let siblings = self.siblings.get(&point);
        siblings.is_some_and(|all| all.iter().any(|number| self.is_live((point.0, *number))))
    }

    fn leave_point(&mut self, point: PointKey) {
        if self.has_live(point) {
            return;
        }
        self.points.forget(point);
        for number in self.siblings.remove(&point).into_iter().flatten() {
            self.trials.forget((point.0, number));
        }
    }

    /// A sweep is removed, with all that belongs to it.
    pub(super) fn drop_sweep(&mut self, sweep: SweepKey) {
        self.sweeps.drop_where(|key| *key == sweep);
        self.points.drop_where(|key| key.0 == sweep);
        self.trials.drop_where(|key| key.0 == sweep);
        self.attempts.drop_where(|key| key.0 == sweep);
        self.siblings.retain(|key, _| key.0 != sweep);
        self.granted.retain(|_, key| key.0 != sweep);
        self.queues.remove(&sweep);
    }
}
