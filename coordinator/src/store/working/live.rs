//! The rows that commands work on, in memory: changed ones until they are in the file, live ones for longer.
//!
//! Live is what the next calls ask for: sweeps that have not ended, attempts that run, their trials, the first trials
//! of each queue, and the points of these. So memory follows what runs, and not what the file holds.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{queue::Queue, shelf::Shelf};
use crate::{
    ids::{AttemptNumber, RequestId, SessionId, SweepKey, Token, TrialNumber},
    store::{
        AttemptRow, EventRow, LogRow, PointRow, ReportRow, SweepRow, TrialRow,
        attempts::AttemptKey, blobs::BlobRow, points::PointKey, trials::TrialKey,
    },
    trial::{AttemptState, TrialState},
};

/// What the writer has in memory.
#[derive(Debug, Default)]
pub struct Working {
    /// All that have not ended, and those that the group under way has touched.
    pub sweeps: Shelf<SweepKey, SweepRow>,
    pub points: Shelf<PointKey, PointRow>,
    pub trials: Shelf<TrialKey, TrialRow>,
    /// All that run, and those that the group under way has touched.
    pub attempts: Shelf<AttemptKey, AttemptRow>,
    /// All search trials of a point, where it is known which there are.
    pub siblings: HashMap<PointKey, BTreeSet<TrialNumber>>,
    /// Attempts that run, by the request that they were granted to.
    pub granted: HashMap<(SessionId, RequestId), AttemptKey>,
    pub queues: HashMap<SweepKey, Queue>,
    /// Whose word changed a trial last: the statement that stores it demands that attempt and its secret.
    pub speakers: HashMap<TrialKey, (AttemptNumber, Token)>,
    pub finished: BTreeMap<(SweepKey, u32), i64>,
    pub notes: BTreeMap<TrialKey, (String, String)>,
    pub reports: Vec<ReportRow>,
    pub events: Vec<EventRow>,
    pub blobs: Vec<BlobRow>,
    pub logs: Vec<LogRow>,
    pub last_seq: u64,
    /// Grows with every change, here or in the file.
    pub writes: u64,
}

impl Working {
    /// Takes in an attempt of the file.
    pub fn learn_attempt(&mut self, key: AttemptKey, row: Option<AttemptRow>) {
        if let Some(row) = &row
            && row.state == AttemptState::Running
        {
            self.granted.insert((row.session, row.request), key);
        }
        self.attempts.learn(key, row);
    }

    /// Takes in trials of the file.
    pub fn learn_trials(&mut self, rows: Vec<TrialRow>) {
        for row in rows {
            self.trials.learn(row.key(), Some(row));
        }
    }

    /// Takes in points of the file.
    pub fn learn_points(&mut self, rows: Vec<PointRow>) {
        for row in rows {
            self.points.learn((row.sweep, row.place), Some(row));
        }
    }

    /// Everything is in the file.
    pub fn stored(&mut self) {
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
    }

    /// After a commit: forgets what is not live.
    pub fn end_group(&mut self) {
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
            TrialState::Queued => {
                let queue = self.queues.get(&key.0);
                queue.is_some_and(|queue| queue.contains(row.position()))
            }
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
    pub fn drop_sweep(&mut self, sweep: SweepKey) {
        self.sweeps.drop_where(|key| *key == sweep);
        self.points.drop_where(|key| key.0 == sweep);
        self.trials.drop_where(|key| key.0 == sweep);
        self.attempts.drop_where(|key| key.0 == sweep);
        self.siblings.retain(|key, _| key.0 != sweep);
        self.granted.retain(|_, key| key.0 != sweep);
        self.queues.remove(&sweep);
    }
}
