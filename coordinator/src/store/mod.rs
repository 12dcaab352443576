//! The store: all SQL, and the one writer.
//!
//! Whatever changes it is a [`Command`]; [`Store::apply`] answers after the commit, together with everything that was
//! queued at that moment. What a command does is written once, over rows (`apply/`); two things keep rows, under
//! one conformance suite: SQLite, and memory (the simulation's disk). Reads are concrete queries on read-only
//! connections, through [`Store::read`].

mod apply;
pub mod command;
mod compose;
mod error;
mod history;
mod lock;
mod memory;
mod reader;
mod rows;
mod sqlite;
#[cfg(test)]
pub(crate) mod tests;
mod values;
mod verify;
mod writer;

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

pub use command::{Command, Operation, Reply};
pub use error::{OpenError, StoreError};
pub use history::*;
pub use lock::serving_address;
pub use memory::Memory;
pub use reader::Reader;
pub(crate) use rows::SweepRow;
pub use sqlite::{backup, restore};
pub use values::*;
pub use verify::{Checked, Files, Finding, verify};

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
    Memory(Arc<Mutex<Memory>>),
}

impl Store {
    /// Opens the database for a coordinator that listens at `address`, creating it when it is not there, and takes its
    /// lock file (`hone.db.lock`), which holds the process id and `address` for the query verbs to find.
    pub async fn open(path: &Path, address: &str) -> Result<Self, OpenError> {
        lock::refuse_network(path)?;
        let lock = lock::Lock::take(path, address)?;
        let database = path.to_owned();
        let opened = tokio::task::spawn_blocking(move || open_tables(&database)).await;
        let (tables, incarnation) = opened.map_err(|error| OpenError::Database {
            path: path.display().to_string(),
            problem: error.to_string(),
        })??;
        let writer = writer::Writer::start(tables).map_err(|source| OpenError::Io {
            path: path.display().to_string(),
            source,
        })?;
        Ok(Self {
            disk: Disk::File(Arc::new((writer, lock))),
            reader: Reader::of_file(path),
            incarnation,
        })
    }

    /// The same store over the disk of a simulation. What is applied is there after the coordinator's end, too.
    pub fn in_memory(disk: Arc<Mutex<Memory>>) -> Self {
        let incarnation = {
            let mut memory = disk.lock().unwrap_or_else(PoisonError::into_inner);
            memory.open();
            memory.incarnation()
        };
        Self {
            reader: Reader::of_memory(Arc::clone(&disk)),
            disk: Disk::Memory(disk),
            incarnation,
        }
    }

    /// Applies one command; answers after the commit.
    pub async fn apply<O: Operation>(&self, operation: O) -> Result<O::Answer, StoreError> {
        let command = operation.into();
        let reply = match &self.disk {
            Disk::File(file) => file.0.send(command).await,
            Disk::Memory(memory) => memory
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .apply(&command),
        };
        // A writer that mixed up its answers would be a bug of this module.
        O::answer(reply?).ok_or(StoreError::Closed)
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
        if let Disk::File(file) = &self.disk {
            let (file, reader) = (Arc::clone(file), self.reader.clone());
            let close = move || {
                reader.close_idle();
                file.0.close();
            };
            tokio::task::spawn_blocking(close).await.ok();
        }
    }
}

fn open_tables(path: &Path) -> Result<(sqlite::Tables, [u8; 16]), OpenError> {
    let says = |error: StoreError| OpenError::Database {
        path: path.display().to_string(),
        problem: error.to_string(),
    };
    let tables = sqlite::Tables::writing(sqlite::open_for_writing(path)?).map_err(says)?;
    let incarnation = tables.incarnation().map_err(says)?;
    Ok((tables, incarnation))
}
