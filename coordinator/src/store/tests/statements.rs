//! What is asked of the file: every statement, and how SQLite goes about it.

use crate::store::{
    attempts, blobs, events, logs, points, reports, rounds, statement::Statement, sweeps, trials,
    warnings,
};

/// Every statement about tables, by name.
pub(super) fn all() -> Vec<(&'static str, &'static Statement)> {
    [
        sweeps::STATEMENTS,
        rounds::STATEMENTS,
        warnings::STATEMENTS,
        points::STATEMENTS,
        trials::STATEMENTS,
        attempts::STATEMENTS,
        reports::STATEMENTS,
        events::STATEMENTS,
        blobs::STATEMENTS,
        logs::STATEMENTS,
    ]
    .concat()
}
