//! Storing what commands have changed: each table's rows in a few statements.
//!
//! A changed row is stored under a guard, as if each command had stored it by itself: the statement repeats what the
//! file must still say (a trial's state and its newest attempt, an attempt's state), and where a worker spoke, that its
//! attempt has this secret; and it must change as many rows as were sent. So the file itself refuses what memory got
//! wrong.

use super::{
    super::{attempts, blobs, db::Db, events, logs, points, reports, rounds, sweeps, trials},
    Tables,
    working::Working,
};
use crate::store::rows::Rows;

impl Tables {
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
    for (_, sweep, stored) in working.sweeps.changes() {
        if stored.is_none() {
            sweeps::insert(db, sweep)?;
        }
        sweeps::update(db, sweep)?;
    }
    for ((sweep, round), by) in &working.finished {
        rounds::add_finished(db, *sweep, *round, *by)?;
    }
    let changes = || working.points.changes();
    let new = changes().filter(|(.., stored)| stored.is_none());
    points::insert(db, new.map(|((sweep, _), row, _)| (sweep, row)))?;
    let old = changes().filter(|(.., stored)| stored.is_some());
    points::update(db, old.map(|((sweep, _), row, _)| (sweep, row)))?;

    let changes = || working.trials.changes();
    let new = changes().filter(|(.., stored)| stored.is_none());
    trials::insert(db, new.map(|((sweep, _), row, _)| (sweep, row)))?;

    let changed = working.attempts.changes();
    let ended = changed.filter_map(|(key, row, stored)| Some((key, row, stored?)));
    attempts::update(db, ended)?;
    let changed = working.attempts.changes();
    let new = changed.filter(|(.., stored)| stored.is_none());
    attempts::insert(db, new.map(|(key, row, _)| (key, row)))?;

    let old = changes().filter_map(|(key, row, stored)| {
        let (state, attempts) = stored?;
        let speaker = working.speakers.get(&key).map(|(attempt, token)| {
            let row = working.attempts.row((key.0, key.1, *attempt));
            (*attempt, *token, row.map(|row| row.state))
        });
        Some(trials::Update {
            sweep: key.0,
            row,
            state,
            attempts,
            speaker,
        })
    });
    trials::update(db, old)?;
    trials::set_notes(db, &working.notes)?;
    reports::insert(db, &working.reports)?;
    events::insert(db, &working.events)?;
    let blobs = working.blobs.iter();
    blobs::put(db, blobs.map(|new| (new.attempt, new.blob, new.at)))?;
    logs::add(db, &working.logs)
}
