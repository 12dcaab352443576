//! The SQLite applier: rows in a file, commands in transactions, a group of them in one commit.

mod attempts;
mod backup;
mod blobs;
mod bulk;
mod cells;
mod db;
mod events;
mod file;
mod logs;
mod points;
mod read;
mod reports;
mod rounds;
mod sweeps;
mod tables;
mod trials;

pub use backup::{backup, restore};
pub(super) use db::Db;
pub(super) use file::{open_for_reading, open_for_writing};
pub(super) use tables::Tables;

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
    ]
    .concat()
}
