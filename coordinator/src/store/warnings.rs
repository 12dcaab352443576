//! `warnings`.

use super::{Db, cells::params, error::Rows, statement::statements};
use crate::ids::SweepKey;

statements! {
    OF_SWEEP = Statement::plain("warnings", "SELECT key, text FROM warnings WHERE sweep = ?1 ORDER BY nth");
    INSERT = Statement::plain("warnings",
        "INSERT OR IGNORE INTO warnings (sweep, key, nth, text) SELECT ?1, ?2, coalesce(max(nth) + 1, 0), ?3 FROM warnings \
         WHERE sweep = ?1");
    DELETE = Statement::plain("warnings",
        "DELETE FROM warnings WHERE sweep = ?1 AND substr(key, 1, length(?2)) = ?2");
}

/// Oldest first: key and words.
pub(super) fn of_sweep(db: &Db, sweep: SweepKey) -> Rows<Vec<(String, String)>> {
    db.all(&OF_SWEEP, params![sweep])
}

/// A warning; the same key again changes nothing.
pub(super) fn insert(db: &Db, sweep: SweepKey, key: &str, text: &str) -> Rows<()> {
    db.run(&INSERT, params![sweep, key, text])
}

/// Forgets all whose key begins with this.
pub(super) fn delete(db: &Db, sweep: SweepKey, family: &str) -> Rows<()> {
    db.run(&DELETE, params![sweep, family])
}
