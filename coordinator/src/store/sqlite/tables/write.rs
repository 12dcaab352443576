//! [`Write`] for commands: into memory; what is rare goes straight into the file.

use std::collections::BTreeSet;

use super::{
    super::{blobs, rounds, sweeps},
    Tables,
    working::NewBlob,
};
use crate::{
    ids::{AttemptNumber, Hash, TrialNumber},
    store::{
        command::Millis,
        rows::{
            AttemptRow, EventRow, Guard, PointRow, PointValue, Read, ReportRow, Rows, SweepKey,
            SweepRow, TrialRow, Write,
        },
        values::{BlobRef, NewRound, WinnerRef},
    },
    trial::AttemptState,
};

impl Write for Tables {
    fn insert_sweep(&mut self, mut row: SweepRow) -> Rows<SweepKey> {
        let key = SweepKey(self.newest_sweep()?.map_or(0, |newest| newest.0) + 1);
        row.key = key;
        let mut working = self.working();
        working.sweeps.put(key, row);
        // Nothing of it is in the file: its queue is known from the start.
        working.queues.entry(key).or_default();
        working.wrote();
        Ok(key)
    }

    fn put_sweep(&mut self, row: SweepRow) -> Rows<()> {
        let mut working = self.working();
        working.sweeps.put(row.key, row);
        working.wrote();
        Ok(())
    }

    fn set_definition(&mut self, sweep: SweepKey, definition: &[u8]) -> Rows<()> {
        sweeps::set_definition(self.changed_file()?, sweep, definition)
    }

    fn delete_sweep(&mut self, sweep: SweepKey) -> Rows<()> {
        let file = self.changed_file()?;
        self.working().drop_sweep(sweep);
        sweeps::delete(file, sweep)
    }

    fn put_round(&mut self, sweep: SweepKey, round: &NewRound) -> Rows<()> {
        rounds::put(self.changed_file()?, sweep, round)
    }

    fn add_finished(&mut self, sweep: SweepKey, round: u32, by: i64) -> Rows<()> {
        let mut working = self.working();
        *working.finished.entry((sweep, round)).or_default() += by;
        working.wrote();
        Ok(())
    }

    fn insert_point(&mut self, sweep: SweepKey, point: &PointRow) -> Rows<bool> {
        if self.point(sweep, point.place)?.is_some() {
            return Ok(false);
        }
        let mut working = self.working();
        let key = (sweep, point.place);
        working.points.put(key, point.clone());
        // The first trial of a point stores it: so far it has none.
        working.siblings.insert(key, BTreeSet::new());
        working.wrote();
        Ok(true)
    }

    fn set_point(&mut self, sweep: SweepKey, place: WinnerRef, value: PointValue) -> Rows<()> {
        let Some(mut point) = self.point(sweep, place)? else {
            return Ok(());
        };
        point.value = value;
        let mut working = self.working();
        working.points.put((sweep, place), point);
        working.wrote();
        Ok(())
    }

    fn insert_trial(&mut self, sweep: SweepKey, trial: &TrialRow) -> Rows<()> {
        self.working().insert_trial(sweep, trial.clone());
        Ok(())
    }

    fn update_trial(&mut self, sweep: SweepKey, guard: Guard, trial: &TrialRow) -> Rows<bool> {
        let Some(old) = self.trial(sweep, trial.number)? else {
            return Ok(false);
        };
        let speaks = AttemptNumber(guard.attempts);
        let newest = match guard.token {
            Some(_) => self.attempt(sweep, trial.number, speaks)?,
            None => None,
        };
        if !guard.holds(&old, newest.as_ref()) {
            return Ok(false);
        }
        let mut working = self.working();
        if let Some(token) = guard.token {
            let speakers = &mut working.speakers;
            speakers.insert((sweep, trial.number), (speaks, token));
        }
        working.put_trial(sweep, trial.clone());
        Ok(true)
    }

    fn set_trial_notes(
        &mut self,
        sweep: SweepKey,
        trial: TrialNumber,
        diagnosis: &str,
        result: &str,
    ) -> Rows<()> {
        if diagnosis.is_empty() && result.is_empty() {
            return Ok(());
        }
        let mut working = self.working();
        let notes = working.notes.entry((sweep, trial)).or_default();
        if !diagnosis.is_empty() {
            diagnosis.clone_into(&mut notes.0);
        }
        if !result.is_empty() {
            result.clone_into(&mut notes.1);
        }
        working.wrote();
        Ok(())
    }

    fn insert_attempt(
        &mut self,
        sweep: SweepKey,
        trial: TrialNumber,
        attempt: &AttemptRow,
    ) -> Rows<()> {
        let key = (sweep, trial, attempt.attempt);
        self.working().put_attempt(key, attempt.clone());
        Ok(())
    }

    fn update_attempt(
        &mut self,
        sweep: SweepKey,
        trial: TrialNumber,
        from: AttemptState,
        attempt: &AttemptRow,
    ) -> Rows<bool> {
        let old = self.attempt(sweep, trial, attempt.attempt)?;
        let holds = old.is_some_and(|old| old.state == from);
        if holds {
            let key = (sweep, trial, attempt.attempt);
            self.working().put_attempt(key, attempt.clone());
        }
        Ok(holds)
    }

    fn insert_report(
        &mut self,
        sweep: SweepKey,
        trial: TrialNumber,
        report: &ReportRow,
    ) -> Rows<()> {
        let mut working = self.working();
        working.reports.push((sweep, trial, report.clone()));
        working.wrote();
        Ok(())
    }

    fn append_event(&mut self, row: EventRow) -> Rows<()> {
        let mut working = self.working();
        working.last_seq += 1;
        let seq = working.last_seq;
        working.events.push((seq, row));
        working.wrote();
        Ok(())
    }

    fn put_blob(
        &mut self,
        sweep: SweepKey,
        trial: TrialNumber,
        attempt: AttemptNumber,
        blob: BlobRef,
        at: Millis,
    ) -> Rows<()> {
        let mut working = self.working();
        working.blobs.push(NewBlob {
            attempt: (sweep, trial, attempt),
            blob,
            at,
        });
        working.wrote();
        Ok(())
    }

    fn delete_blob(&mut self, sweep: SweepKey, trial: TrialNumber, hash: Hash) -> Rows<()> {
        blobs::delete(self.changed_file()?, sweep, trial, hash)
    }

    fn append_log(
        &mut self,
        sweep: SweepKey,
        trial: TrialNumber,
        attempt: AttemptNumber,
        first: u64,
        lines: &[String],
    ) -> Rows<()> {
        let mut working = self.working();
        let new = working.logs.entry((sweep, trial, attempt)).or_default();
        new.extend((first + 1..).zip(lines.iter().cloned()));
        working.wrote();
        Ok(())
    }

    fn delete_warnings(&mut self, sweep: SweepKey, family: &str) -> Rows<()> {
        rounds::delete_warnings(self.changed_file()?, sweep, family)
    }

    fn insert_warning(&mut self, sweep: SweepKey, key: &str, text: &str) -> Rows<()> {
        rounds::insert_warning(self.changed_file()?, sweep, key, text)
    }
}
