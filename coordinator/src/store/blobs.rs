//! `blobs`.

use super::{
    Db,
    cells::params,
    error::Rows,
    statement::statements,
    stream::Stream,
    table::table,
    trials::TrialKey,
    values::{BlobRef, Millis},
};
use crate::ids::{AttemptNumber, Hash, SweepKey, TrialNumber};

table! { "blobs":
    /// A committed checkpoint or weights.
    #[derive(Clone, Debug, PartialEq)]
    pub struct BlobRow {
        /// Whose trial's.
        pub sweep: SweepKey = Key,
        /// Of which trial.
        pub trial: TrialNumber = Key,
        /// By its content.
        pub blob: BlobRef = Fixed,
        /// Which attempt committed it.
        pub attempt: AttemptNumber = Fixed,
        /// When.
        pub at: Millis = Fixed "at_ms",
    }
}

statements! {
    OF_TRIAL = Statement::of::<BlobRow>("SELECT {row} FROM blobs WHERE sweep = ?1 AND trial = ?2 ORDER BY hash");
    OF_SWEEP = Statement::of::<BlobRow>("SELECT {row} FROM blobs WHERE sweep = ?1 ORDER BY trial, hash");
    TRIALS = Statement::of::<BlobRow>(
        "SELECT DISTINCT trial FROM blobs WHERE sweep = ?1 AND trial > ?2 ORDER BY trial LIMIT ?3");
    OF_TRIALS = Statement::of::<BlobRow>(
        "SELECT {row} FROM blobs WHERE sweep = ?1 AND trial > ?2 AND trial <= ?3 ORDER BY trial, hash");
    STORED = Statement::of::<BlobRow>("SELECT DISTINCT hash FROM blobs WHERE stored = 1 ORDER BY hash");
    NEEDED = Statement::of::<BlobRow>("SELECT hash FROM blobs WHERE hash = ?1 LIMIT 1");
    IN_ORDER = Statement::of::<BlobRow>(
        "SELECT sweep, trial, hash, {row} FROM blobs WHERE (sweep, trial, hash) > (?1, ?2, ?3) \
         ORDER BY sweep, trial, hash LIMIT 500");
    STORED_BY_HASH = Statement::of::<BlobRow>("SELECT {row} FROM blobs WHERE stored = 1 ORDER BY hash, sweep, trial");
    // The same again may only become stored: its size is then what was counted, and no longer what a worker said.
    PUT = Statement::insert_or::<BlobRow>(
        "INSERT INTO blobs ({names}) {new} ON CONFLICT (sweep, trial, hash) DO UPDATE SET size = CASE WHEN \
         excluded.stored > stored THEN excluded.size ELSE size END, stored = max(stored, excluded.stored)");
    LEAVE_OUT = Statement::of::<BlobRow>("UPDATE blobs SET stored = 0 WHERE sweep = ?1 AND trial = ?2 AND hash = ?3");
    ABSENT = Statement::of::<BlobRow>(
        "SELECT count(*) FROM (SELECT 1 FROM blobs GROUP BY hash HAVING max(stored) = 0)");
    DELETE = Statement::of::<BlobRow>("DELETE FROM blobs WHERE sweep = ?1 AND trial = ?2 AND hash = ?3");
}

/// A trial's blobs, by hash.
pub(super) fn of_trial(db: &Db, (sweep, trial): TrialKey) -> Rows<Vec<BlobRef>> {
    let rows: Vec<BlobRow> = db.all(&OF_TRIAL, params![sweep, trial])?;
    Ok(rows.into_iter().map(|row| row.blob).collect())
}

/// All of a sweep's blobs, by trial and hash.
pub(super) fn of_sweep(db: &Db, sweep: SweepKey) -> Rows<Vec<BlobRow>> {
    db.all(&OF_SWEEP, params![sweep])
}

/// At most so many trials after this one that have blobs.
pub(super) fn trials(
    db: &Db,
    sweep: SweepKey,
    after: TrialNumber,
    most: u64,
) -> Rows<Vec<TrialNumber>> {
    db.all(&TRIALS, params![sweep, after, most])
}

/// Blobs of a sweep's trials after one up to another, by trial and hash.
pub(super) fn of_trials(
    db: &Db,
    sweep: SweepKey,
    (after, last): (TrialNumber, TrialNumber),
) -> Rows<Vec<BlobRow>> {
    db.all(&OF_TRIALS, params![sweep, after, last])
}

/// All blobs, by sweep and trial.
pub(crate) fn in_order(db: &Db) -> Stream<'_, BlobRow> {
    Stream::new(db, &IN_ORDER, 3)
}

/// Hashes of all blobs that the coordinator has.
pub(super) fn stored(db: &Db) -> Rows<Vec<Hash>> {
    db.all(&STORED, params![])
}

/// All blobs that the coordinator has, those of the same bytes beside each other.
pub(crate) fn stored_by_hash(db: &Db) -> Rows<Vec<BlobRow>> {
    db.all(&STORED_BY_HASH, params![])
}

/// How many blobs trials name that the coordinator has not.
pub(crate) fn absent(db: &Db) -> Rows<u64> {
    Ok(db.first(&ABSENT, params![])?.unwrap_or(0))
}

/// The coordinator has it not.
pub(super) fn leave_out(db: &Db, row: &BlobRow) -> Rows<()> {
    db.run(&LEAVE_OUT, params![row.sweep, row.trial, row.blob.hash])
}

/// Whether any trial names it.
pub(super) fn needed(db: &Db, hash: Hash) -> Rows<bool> {
    Ok(db.first::<Hash>(&NEEDED, params![hash])?.is_some())
}

/// Committed blobs; the same again may only become `stored`.
pub(super) fn put(db: &Db, rows: &[BlobRow]) -> Rows<()> {
    db.insert(&PUT, rows.iter())
}

pub(super) fn delete(db: &Db, (sweep, trial): TrialKey, hash: Hash) -> Rows<()> {
    db.run(&DELETE, params![sweep, trial, hash])
}
