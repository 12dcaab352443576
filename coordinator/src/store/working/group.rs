//! Storing what commands have changed: each table's rows in a few statements.
//!
//! A changed row is stored under a guard, as if each command had stored it by itself: the statement repeats what the
//! file must still say (a trial's state and its newest attempt, an attempt's state), and where a worker spoke, that its
//! attempt has this secret; and it must change as many rows as were sent. So the file itself refuses what memory got
//! wrong.

use super::live::Working;
use crate::store::{
    Db, TrialRow, attempts, blobs, error::Rows, events, logs, points, reports, rounds, sweeps,
    trials,
};

/// Stores everything that is in memory alone. Within a transaction; without one there is nothing to store.
///
/// Parents before children, as the foreign keys want it. Ends of attempts before new attempts, since at most one of a
/// trial runs.
pub fn store(db: &Db, working: &Working) -> Rows<()> {
    sweeps::insert(db, working.sweeps.new_rows())?;
    sweeps::update(db, working.sweeps.changed_rows())?;
    for ((sweep, round), by) in &working.finished {
        rounds::add_finished(db, *sweep, *round, *by)?;
    }
    points::insert(db, working.points.new_rows())?;
    points::update(db, working.points.changed_rows())?;
    trials::insert(db, working.trials.new_rows())?;
    attempts::update(db, working.attempts.changed_rows())?;
    attempts::insert(db, working.attempts.new_rows())?;
    let speaker = |row: &TrialRow| {
        let (attempt, token) = *working.speakers.get(&row.key())?;
        let spoke = working.attempts.row((row.sweep, row.number, attempt));
        Some((attempt, token, spoke.map(|spoke| spoke.state)))
    };
    let changed = working.trials.changed_rows();
    trials::update(db, changed.map(|(row, guard)| (row, guard, speaker(row))))?;
    trials::set_notes(db, &working.notes)?;
    reports::insert(db, &working.reports)?;
    events::insert(db, &working.events)?;
    blobs::put(db, &working.blobs)?;
    logs::add(db, &working.logs)
}
