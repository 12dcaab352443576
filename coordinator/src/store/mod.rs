//! The store: all SQL, and the one writer.
//!
//! Whatever changes it is a [`Command`]; [`Store::apply`] answers after the commit, together with everything that was
//! queued at that moment. What a command does stands in `apply/`, over the rows in memory that `working/` keeps of what is
//! under way; a group of commands is stored by a handful of statements. Each table has a file, named like it: the row, its
//! columns and its queries. Reads run on read-only connections, through [`Store::read`].

mod apply;
pub(crate) mod attempts;
pub(crate) mod blobs;
mod cells;
pub mod command;
mod database;
mod error;
pub(crate) mod events;
mod history;
mod listing;
mod lock;
mod logs;
pub(crate) mod place;
pub(crate) mod points;
mod queries;
mod reader;
pub(crate) mod reports;
pub(crate) mod rounds;
mod sqlite;
mod statement;
mod stream;
pub(crate) mod sweeps;
mod table;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod trials;
mod values;
mod warnings;
mod working;
mod writer;

#[cfg(test)]
use std::sync::Mutex;
use std::{path::Path, sync::Arc};

pub use crate::ids::SweepKey;
pub(crate) use apply::{attempt_ends, curve, point_value};
pub use attempts::AttemptRow;
pub(crate) use cells::Bind;
pub use command::{Command, Operation, Reply};
pub(crate) use error::Rows;
pub use error::{OpenError, StoreError};
pub use events::EventRow;
pub use history::*;
pub use listing::*;
pub use lock::serving_address;
pub use logs::LogRow;
pub use place::beside;
pub use points::{PointRow, PointValue};
pub use reader::Reader;
pub use reports::ReportRow;
pub use rounds::RoundRow;
pub(crate) use sqlite::{
    Broken, Db, RULES, Rule, incarnation, migrated_copy, open_for_reading, problems,
    schema_differences,
};
pub use sqlite::{Copied, backup, refuse_parted, restore};
pub(crate) use stream::Stream;
pub use sweeps::SweepRow;
pub use trials::{TrialRow, TrialSummary};
pub use values::*;
pub(crate) use working::WorkingSet;

/// The store of a running coordinator. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    disk: Disk,
    reader: Reader,
    incarnation: [u8; 16],
}

#[derive(Clone, Debug)]
enum Disk {
    // Fields drop in this order: the writer ends before the lock is given up.
    File(Arc<(writer::Writer, lock::Lock)>),
    /// Of a simulation: commands are applied one by one, in the caller's thread.
    #[cfg(test)]
    Simulated(Arc<Mutex<WorkingSet>>),
}

impl Store {
    /// Opens the database for a coordinator that listens at `address`, creating it when it is not there, and takes its
    /// lock file (`hone.db.lock`), which holds the process id and `address` for the query verbs to find.
    pub async fn open(path: &Path, address: &str) -> Result<Self, OpenError> {
        let path = &place::resolve(path)?;
        lock::refuse_network(path)?;
        refuse_parted(path)?;
        let lock = lock::Lock::take(path, address)?;
        let database = path.clone();
        let opened = tokio::task::spawn_blocking(move || open_tables(&database)).await;
        let (tables, incarnation) = opened.map_err(|error| OpenError::database(path, error))??;
        let identity = place::Identity::of(path)?;
        let started = writer::Writer::start(tables, identity);
        let writer = started.map_err(|error| OpenError::io(path, error))?;
        Ok(Self {
            disk: Disk::File(Arc::new((writer, lock))),
            reader: Reader::of_file(path),
            incarnation,
        })
    }

    /// A store over the disk of a simulation. What is applied is there after the coordinator's end, too.
    #[cfg(test)]
    pub(crate) fn on_disk(disk: Arc<Mutex<WorkingSet>>) -> Self {
        let incarnation = {
            let mut set = disk.lock().unwrap();
            set.reopen().unwrap();
            incarnation(set.db()).unwrap()
        };
        Self {
            reader: Reader::of_working_set(Arc::clone(&disk)),
            disk: Disk::Simulated(disk),
            incarnation,
        }
    }

    /// Applies one command; answers after the commit.
    pub async fn apply<O: Operation>(&self, operation: O) -> Result<O::Answer, StoreError> {
        let command = operation.into();
        let reply = match &self.disk {
            Disk::File(file) => file.0.send(command).await,
            #[cfg(test)]
            Disk::Simulated(set) => set
                .lock()
                .unwrap()
                .apply_group(&[command], apply::apply)
                .remove(0),
        };
        // A writer that mixed up its answers would be a bug of this module.
        O::answer(reply?).ok_or(StoreError::Closed)
    }

    /// The file itself, whatever link led to it.
    pub fn path(&self) -> &Path {
        self.reader.path()
    }

    /// The reads.
    pub fn read(&self) -> &Reader {
        &self.reader
    }

    /// Random bytes that change when the database is restored from a backup: older leases cannot match.
    pub fn incarnation(&self) -> [u8; 16] {
        self.incarnation
    }

    /// Applies what is queued and closes the file; later commands are refused as `Closed`.
    pub async fn close(&self) {
        match &self.disk {
            Disk::File(file) => {
                let (file, reader) = (Arc::clone(file), self.reader.clone());
                let close = move || {
                    reader.close_idle();
                    file.0.close();
                };
                tokio::task::spawn_blocking(close).await.ok();
            }
            #[cfg(test)]
            Disk::Simulated(_) => {}
        }
    }
}

fn open_tables(path: &Path) -> Result<(WorkingSet, [u8; 16]), OpenError> {
    let refused = |error: StoreError| OpenError::database(path, error);
    let db = sqlite::open_for_writing(path)?;
    let incarnation = incarnation(&db).map_err(refused)?;
    let tables = WorkingSet::writing(db).map_err(refused)?;
    Ok((tables, incarnation))
}
