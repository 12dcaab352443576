//! [`Write`] over maps.

use std::sync::Arc;

use super::{Memory, Stored};
use crate::{
    ids::{AttemptNumber, Hash, TrialNumber},
    store::{
        rows::{
            AttemptRow, EventRow, Guard, LOG_LINES, PointRow, PointValue, ReportRow, RoundRow,
            Rows, SweepKey, SweepRow, TrialRow, Write,
        },
        values::{BlobRef, NewRound, WinnerRef},
    },
    trial::AttemptState,
};

impl Write for Memory {
    fn insert_sweep(&mut self, mut row: SweepRow) -> Rows<SweepKey> {
        // As SQLite does: one more than the greatest there is.
        self.last_key = self.sweeps.keys().next_back().map_or(0, |key| key.0) + 1;
        let key = SweepKey(self.last_key);
        row.key = key;
        self.sweeps.insert(key, row);
        Ok(key)
    }

    fn put_sweep(&mut self, row: SweepRow) -> Rows<()> {
        self.sweeps.insert(row.key, row);
        Ok(())
    }

    fn set_definition(&mut self, sweep: SweepKey, definition: &[u8]) -> Rows<()> {
        if let Some(row) = self.sweeps.get_mut(&sweep) {
            Arc::make_mut(&mut row.sweep).definition = definition.to_vec();
        }
        Ok(())
    }

    fn delete_sweep(&mut self, sweep: SweepKey) -> Rows<()> {
        self.sweeps.remove(&sweep);
        self.rounds.retain(|(key, _), _| *key != sweep);
        self.points.retain(|(key, _), _| *key != sweep);
        self.trials.retain(|(key, _), _| *key != sweep);
        self.notes.retain(|(key, _), _| *key != sweep);
        self.attempts.retain(|(key, ..), _| *key != sweep);
        self.reports.retain(|(key, ..), _| *key != sweep);
        self.events.retain(|stored| stored.sweep != Some(sweep));
        self.blobs.retain(|(key, ..), _| *key != sweep);
        self.logs.retain(|(key, ..), _| *key != sweep);
        self.warnings.remove(&sweep);
        Ok(())
    }

    fn put_round(&mut self, sweep: SweepKey, round: &NewRound) -> Rows<()> {
        let key = (sweep, round.round);
        let finished = self.rounds.get(&key).map_or(0, |row| row.finished);
        let planned = round.clone();
        self.rounds.insert(key, RoundRow { planned, finished });
        Ok(())
    }

    fn add_finished(&mut self, sweep: SweepKey, round: u32, by: i64) -> Rows<()> {
        if let Some(row) = self.rounds.get_mut(&(sweep, round)) {
            row.finished = row.finished.saturating_add_signed(by);
        }
        Ok(())
    }

    fn insert_point(&mut self, sweep: SweepKey, point: &PointRow) -> Rows<bool> {
        let key = (sweep, point.place);
        let new = !self.points.contains_key(&key);
        if new {
            self.points.insert(key, point.clone());
        }
        Ok(new)
    }

    fn set_point(&mut self, sweep: SweepKey, place: WinnerRef, value: PointValue) -> Rows<()> {
        if let Some(point) = self.points.get_mut(&(sweep, place)) {
            point.value = value;
        }
        Ok(())
    }

    fn insert_trial(&mut self, sweep: SweepKey, trial: &TrialRow) -> Rows<()> {
        self.trials.insert((sweep, trial.number), trial.clone());
        Ok(())
    }

    fn update_trial(&mut self, sweep: SweepKey, guard: Guard, trial: &TrialRow) -> Rows<bool> {
        let newest = (sweep, trial.number, AttemptNumber(guard.attempts));
        let newest = self.attempts.get(&newest);
        let Some(old) = self.trials.get_mut(&(sweep, trial.number)) else {
            return Ok(false);
        };
        let holds = guard.holds(old, newest);
        if holds {
            *old = trial.clone();
        }
        Ok(holds)
    }

    fn set_trial_notes(
        &mut self,
        sweep: SweepKey,
        trial: TrialNumber,
        diagnosis: &str,
        result: &str,
    ) -> Rows<()> {
        let notes = self.notes.entry((sweep, trial)).or_default();
        if !diagnosis.is_empty() {
            diagnosis.clone_into(&mut notes.0);
        }
        if !result.is_empty() {
            result.clone_into(&mut notes.1);
        }
        Ok(())
    }

    fn insert_attempt(
        &mut self,
        sweep: SweepKey,
        trial: TrialNumber,
        attempt: &AttemptRow,
    ) -> Rows<()> {
        let key = (sweep, trial, attempt.attempt);
        self.attempts.insert(key, attempt.clone());
        Ok(())
    }

    fn update_attempt(
        &mut self,
        sweep: SweepKey,
        trial: TrialNumber,
        from: AttemptState,
        attempt: &AttemptRow,
    ) -> Rows<bool> {
        let Some(old) = self.attempts.get_mut(&(sweep, trial, attempt.attempt)) else {
            return Ok(false);
        };
        let holds = old.state == from;
        if holds {
            *old = attempt.clone();
        }
        Ok(holds)
    }

    fn insert_report(&mut self, sweep: SweepKey, trial: TrialNumber, row: &ReportRow) -> Rows<()> {
        let key = (sweep, trial, row.point.attempt, row.point.epoch);
        self.reports.insert(key, row.clone());
        Ok(())
    }

    fn append_event(&mut self, row: EventRow) -> Rows<()> {
        self.last_seq += 1;
        let mut event = row.event;
        event.seq = self.last_seq;
        self.events.push(Stored {
            sweep: row.sweep,
            event,
            result: row.result,
        });
        Ok(())
    }

    fn put_blob(
        &mut self,
        sweep: SweepKey,
        trial: TrialNumber,
        _attempt: AttemptNumber,
        blob: BlobRef,
        _at: i64,
    ) -> Rows<()> {
        let row = self.blobs.entry((sweep, trial, blob.hash)).or_insert(blob);
        row.stored |= blob.stored;
        Ok(())
    }

    fn delete_blob(&mut self, sweep: SweepKey, trial: TrialNumber, hash: Hash) -> Rows<()> {
        self.blobs.remove(&(sweep, trial, hash));
        Ok(())
    }

    fn append_log(
        &mut self,
        sweep: SweepKey,
        trial: TrialNumber,
        attempt: AttemptNumber,
        first: u64,
        lines: &[String],
    ) -> Rows<()> {
        let kept = self.logs.entry((sweep, trial, attempt)).or_default();
        for (number, line) in (first + 1..).zip(lines) {
            kept.entry(number).or_insert_with(|| line.clone());
        }
        let last = kept.keys().next_back().copied().unwrap_or(0);
        let trimmed = last.saturating_sub(LOG_LINES);
        kept.retain(|number, _| *number > trimmed);
        Ok(())
    }

    fn delete_warnings(&mut self, sweep: SweepKey, family: &str) -> Rows<()> {
        let warnings = self.warnings.entry(sweep).or_default();
        warnings.retain(|(key, _)| !key.starts_with(family));
        Ok(())
    }

    fn insert_warning(&mut self, sweep: SweepKey, key: &str, text: &str) -> Rows<()> {
        let warnings = self.warnings.entry(sweep).or_default();
        if !warnings.iter().any(|(known, _)| known == key) {
            warnings.push((key.to_owned(), text.to_owned()));
        }
        Ok(())
    }
}
