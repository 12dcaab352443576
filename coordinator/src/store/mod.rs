//! The store: all SQL, and the one writer.
//!
//! Whatever changes it is a [`Command`]; [`Store::apply`] answers after the commit, together with everything that was
//! queued at that moment. Two things apply commands, under one conformance suite: SQLite, and memory (the simulation's
//! disk). Reads are concrete queries on read-only connections, through [`Store::read`].

pub mod command;
mod error;
mod history;
mod values;

use std::path::Path;

pub use command::{Command, Operation, Reply};
pub use error::{OpenError, StoreError};
pub use history::*;
pub use values::*;

use crate::ids::{Hash, SweepId, TrialNumber};

/// The store of a running coordinator. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {}

/// Reads alone; also of a file that no coordinator serves. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reader {}

impl Store {
    /// Opens the database for a coordinator that listens at `address`, creating it when it is not there, and takes its
    /// lock file (`hone.db.lock`), which holds the process id and `address` for the query verbs to find.
    pub async fn open(path: &Path, address: &str) -> Result<Self, OpenError> {
        let _ = address;
        Err(OpenError::Missing {
            path: path.display().to_string(),
        })
    }

    /// The disk of the simulation.
    pub fn in_memory() -> Self {
        Self {}
    }

    /// Applies one command; answers after the commit.
    pub async fn apply<O: Operation>(&self, operation: O) -> Result<O::Answer, StoreError> {
        let _ = operation;
        Err(StoreError::Closed)
    }

    /// The reads.
    pub fn read(&self) -> &Reader {
        &Reader {}
    }

    /// Random bytes that change when the database is restored from a backup: older leases cannot match.
    pub fn incarnation(&self) -> [u8; 16] {
        [0; 16]
    }

    /// Applies what is queued, closes the file and gives up its lock.
    pub async fn close(&self) {}
}

impl Reader {
    /// Opens the file for reading only; changes nothing in it and needs no coordinator.
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        Err(OpenError::Missing {
            path: path.display().to_string(),
        })
    }

    /// All sweeps, oldest first.
    pub async fn sweeps(&self) -> Result<Vec<SweepSummary>, StoreError> {
        Err(StoreError::Closed)
    }

    /// The sweep of that name; the newest for `None`.
    pub async fn find_sweep(&self, name: Option<&str>) -> Result<SweepId, StoreError> {
        let _ = name;
        Err(StoreError::Closed)
    }

    /// Everything about a sweep that does not grow with its trials.
    pub async fn sweep(&self, sweep: &SweepId) -> Result<SweepDetail, StoreError> {
        let _ = sweep;
        Err(StoreError::Closed)
    }

    /// Its winner, or the best point so far; `None` before any.
    pub async fn best(&self, sweep: &SweepId) -> Result<Option<Best>, StoreError> {
        let _ = sweep;
        Err(StoreError::Closed)
    }

    /// One page of trials (at most 1,000): go on with `filter.after` (sort by number), or take `limit`.
    pub async fn trials(
        &self,
        sweep: &SweepId,
        filter: &TrialFilter,
    ) -> Result<Vec<TrialSummary>, StoreError> {
        let _ = (sweep, filter);
        Err(StoreError::Closed)
    }

    /// Everything about one trial.
    pub async fn trial(
        &self,
        sweep: &SweepId,
        trial: TrialNumber,
    ) -> Result<TrialDetail, StoreError> {
        let _ = (sweep, trial);
        Err(StoreError::Closed)
    }

    /// Events of a sweep, or of one trial, after `after`, oldest first, at most `limit`.
    pub async fn events(
        &self,
        sweep: &SweepId,
        trial: Option<TrialNumber>,
        after: u64,
        limit: u64,
    ) -> Result<Vec<Event>, StoreError> {
        let _ = (sweep, trial, after, limit);
        Err(StoreError::Closed)
    }

    /// What workers wrote about a trial: attempt and line, oldest first.
    pub async fn logs(
        &self,
        sweep: &SweepId,
        trial: TrialNumber,
    ) -> Result<Vec<(crate::ids::AttemptNumber, String)>, StoreError> {
        let _ = (sweep, trial);
        Err(StoreError::Closed)
    }

    /// Results in order of arrival with a greater `seq`: what the search is replayed from.
    pub async fn results(
        &self,
        sweep: &SweepId,
        after: u64,
    ) -> Result<Vec<TrialResult>, StoreError> {
        let _ = (sweep, after);
        Err(StoreError::Closed)
    }

    /// Sweeps that have not ended, oldest first.
    pub async fn live_sweeps(&self) -> Result<Vec<SweepId>, StoreError> {
        Err(StoreError::Closed)
    }

    /// Hashes of all blobs that lie in the folder beside the database.
    pub async fn blobs(&self) -> Result<Vec<Hash>, StoreError> {
        Err(StoreError::Closed)
    }

    /// Attempts that run.
    pub async fn open_attempts(&self) -> Result<Vec<OpenAttempt>, StoreError> {
        Err(StoreError::Closed)
    }
}
