//! Storing what commands have changed: each table's rows in a few statements.
//!
//! A changed row is stored under a guard, as if each command had stored it by itself: the statement repeats what the
//! file must still say (a trial's state and its newest attempt, an attempt's state), and where a worker spoke, that its
//! attempt has this secret; and it must change as many rows as were sent. So the file itself refuses what memory got
//! wrong.

use super::{WorkingSet, live::Working};
use crate::store::{
    Db, attempts, blobs,
    error::Rows,
    events, logs, points, reports, rounds, sweeps,
    trials::{self, TrialRow},
};
use crate::trial::TrialState;

impl WorkingSet {
    /// Stores everything that is in memory alone. Within a transaction; without one there is nothing to store.
    pub(super) fn flush(&self) -> Rows<()> {
        let working = &mut *self.working();
        if !working.unstored {
            return Ok(());
        }
        store(&self.db, working)?;
        working.stored();
        Ok(())
    }
}

/// Parents before children, as the foreign keys want it. Ends of attempts before new attempts, since at most one of a
/// trial runs.
fn store(db: &Db, working: &Working) -> Rows<()> {
    let sweeps = || working.sweeps.changes();
    sweeps::insert(
        db,
        sweeps()
            .filter(|(_, old)| old.is_none())
            .map(|(row, _)| row),
    )?;
    sweeps::update(
        db,
        sweeps()
            .filter(|(_, old)| old.is_some())
            .map(|(row, _)| row),
    )?;
    for ((sweep, round), by) in &working.finished {
        rounds::add_finished(db, *sweep, *round, *by)?;
    }
    let points = || working.points.changes();
    points::insert(
        db,
        points()
            .filter(|(_, old)| old.is_none())
            .map(|(row, _)| row),
    )?;
    points::update(
        db,
        points()
            .filter(|(_, old)| old.is_some())
            .map(|(row, _)| row),
    )?;
    let trials = || working.trials.changes();
    trials::insert(
        db,
        trials()
            .filter(|(_, old)| old.is_none())
            .map(|(row, _)| row),
    )?;
    let attempts = || working.attempts.changes();
    attempts::update(db, attempts().filter_map(|(row, old)| Some((row, old?))))?;
    attempts::insert(
        db,
        attempts()
            .filter(|(_, old)| old.is_none())
            .map(|(row, _)| row),
    )?;
    trials::update(
        db,
        trials().filter_map(|(row, old)| Some(guarded(working, row, old?))),
    )?;
    trials::set_notes(db, &working.notes)?;
    reports::insert(db, &working.reports)?;
    events::insert(db, &working.events)?;
    blobs::put(db, &working.blobs)?;
    logs::add(db, &working.logs)
}

/// A changed trial with what the file must still say: its state, its newest attempt, and who spoke.
fn guarded<'a>(
    working: &Working,
    row: &'a TrialRow,
    (state, attempts): (TrialState, u32),
) -> trials::Update<'a> {
    let speaker = working.speakers.get(&row.key()).map(|(attempt, token)| {
        let spoke = working.attempts.row((row.sweep, row.number, *attempt));
        (*attempt, *token, spoke.map(|spoke| spoke.state))
    });
    trials::Update {
        row,
        state,
        attempts,
        speaker,
    }
}
