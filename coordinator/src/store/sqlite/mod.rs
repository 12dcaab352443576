//! The SQLite applier: rows in a file, commands in transactions, a group of them in one commit.

mod attempts;
mod backup;
mod blobs;
mod bulk;
mod cells;
mod db;
mod events;
mod file;
mod integrity;
mod logs;
#[cfg(test)]
mod of_memory;
mod points;
mod read;
mod reports;
mod rounds;
mod rules;
mod stream;
mod sweeps;
mod tables;
mod trials;

pub use backup::{backup, restore};
pub(super) use blobs::StoredBlob;
pub(super) use db::Db;
pub(super) use events::{Step, StepTrial, Told};
pub(super) use file::{open_for_reading, open_for_writing};
pub(super) use rules::{Broken, RULES, Rule};
pub(super) use stream::Stream;
pub(super) use tables::Tables;

/// Whole tables in the order of their keys, and what else the checker asks.
pub(super) mod whole {
    pub(in crate::store) use super::{
        attempts::in_order as attempts,
        blobs::{in_order as blobs, stored_whole as stored_blobs},
        events::{by_trial as trial_events, extended, in_order as events, steps},
        integrity::{names, problems, schema_differences},
        points::in_order as points,
        reports::in_order as reports,
        sweeps::keys as sweeps,
        trials::{by_point as trials_by_point, in_order as trials},
    };
}

/// Every statement with the number of its parameters, for the test that prepares them all.
#[cfg(test)]
pub(super) fn statements() -> Vec<(&'static str, usize)> {
    [
        sweeps::statements(),
        rounds::STATEMENTS.to_vec(),
        points::statements(),
        trials::statements(),
        attempts::statements(),
        reports::statements(),
        events::statements(),
        blobs::statements(),
        logs::statements(),
        integrity::STATEMENTS.to_vec(),
        rules::statements().collect(),
    ]
    .concat()
}
