//! A simulation's disk as a file, for the checker: it reads files.

use super::{
    attempts, blobs,
    db::{Db, params},
    events,
    file::open_for_writing,
    logs, points, reports, rounds, sweeps, trials,
};
use crate::{
    ids::AttemptNumber,
    store::{
        Memory,
        rows::{EventRow, Rows},
        verify::{Finding, check_open},
    },
};

impl Memory {
    /// Stores it in a file that is not there yet.
    pub(in crate::store) fn store_at(&self, path: &std::path::Path) -> Db {
        let db = open_for_writing(path).unwrap();
        db.script("PRAGMA synchronous = off; BEGIN").unwrap();
        self.store(&db).unwrap();
        db.script("COMMIT").unwrap();
        db
    }

    /// What the checker finds in it.
    pub(crate) fn checked(&self) -> (u64, Vec<Finding>) {
        let folder = tempfile::tempdir().unwrap();
        check_open(&self.store_at(&folder.path().join("hone.db")), true)
    }

    fn store(&self, db: &Db) -> Rows<()> {
        for row in self.sweeps.values() {
            sweeps::insert(db, row)?;
            sweeps::update(db, row)?;
        }
        for ((sweep, _), row) in &self.rounds {
            rounds::put(db, *sweep, &row.planned)?;
            let finished = i64::try_from(row.finished).unwrap();
            rounds::add_finished(db, *sweep, row.planned.round, finished)?;
        }
        let rows = self.points.iter();
        points::insert(db, rows.map(|((sweep, _), row)| (*sweep, row)))?;
        let rows = self.trials.iter();
        trials::insert(db, rows.map(|((sweep, _), row)| (*sweep, row)))?;
        trials::set_notes(db, &self.notes)?;
        let rows = self.attempts.iter();
        attempts::insert(db, rows.map(|(key, row)| (*key, row)))?;
        let rows = self.reports.iter();
        let rows: Vec<_> = rows
            .map(|((sweep, trial, ..), row)| (*sweep, *trial, row.clone()))
            .collect();
        reports::insert(db, &rows)?;
        let rows = self.events.iter().map(|stored| EventRow {
            sweep: stored.sweep,
            event: stored.event.clone(),
            result: stored.result,
        });
        let rows: Vec<_> = rows.map(|row| (row.event.seq, row)).collect();
        events::insert(db, &rows)?;
        // Memory does not keep by which attempt a blob came, nor when.
        let rows = self.blobs.iter();
        let first = AttemptNumber(1);
        blobs::put(
            db,
            rows.map(|((sweep, trial, _), blob)| ((*sweep, *trial, first), *blob, 0)),
        )?;
        let lines = self.logs.iter().map(|(key, lines)| {
            let lines = lines.iter().map(|(number, text)| (*number, text.clone()));
            (*key, lines.collect())
        });
        logs::add(db, &lines.collect())?;
        for (sweep, warnings) in &self.warnings {
            for (key, text) in warnings {
                rounds::insert_warning(db, *sweep, key, text)?;
            }
        }
        db.run("UPDATE meta SET value = ?1", params![self.incarnation()])?;
        Ok(())
    }
}
