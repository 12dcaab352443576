//! What can go wrong, by what the caller will do about it.

use std::{fmt, path::Path};

use crate::ids::{SweepId, TrialNumber};

/// Result of anything that touches rows.
pub type Rows<T> = Result<T, StoreError>;

/// Why a command was not applied, or a read not answered.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StoreError {
    /// The attempt has lost its right to speak: a newer one was granted, or the trial is over. Drop everything about it.
    #[error("this attempt is fenced: another one has the trial, or the trial is over")]
    Fenced,
    /// The attempt's worker was heard before its lease could be ended.
    #[error("its worker was heard in time")]
    Heard,
    /// There is no such thing.
    #[error("there is no {what} {}{}", quoted(.name), listed(.known))]
    NotFound {
        /// `sweep`, `trial`.
        what: &'static str,
        /// What was asked for; empty: the latest of which there is none.
        name: String,
        /// Names that exist, newest first.
        known: Vec<String>,
    },
    /// It exists, but is not in a state for this. Retrying does not help.
    #[error("{0}")]
    Refused(String),
    /// What the search has chosen since hinges on it as it was: it stays.
    #[error(
        "{sweep}/{first} was chosen by what came of it, so it cannot be tried again any more: `--again` starts {sweep} anew"
    )]
    BuiltUpon {
        /// Which sweep.
        sweep: SweepId,
        /// The first trial that hinges on it.
        first: TrialNumber,
    },
    /// The request contradicts itself or what is stored. Retrying does not help.
    #[error("{0}")]
    Invalid(String),
    /// Too much is queued: try again a little later.
    #[error("too much is queued for the store; try again")]
    Busy,
    /// No space left, or the disk does not answer: nothing was stored and nothing acknowledged. Try again when there is space.
    #[error("{0}")]
    DiskFull(String),
    /// The store is shut down.
    #[error("the store is closed")]
    Closed,
    /// Something in the file is not what this program wrote there.
    #[error("the database is damaged: {table}.{column} of {row}: {problem}")]
    Damaged {
        /// Where.
        table: &'static str,
        /// Where.
        column: String,
        /// Which row.
        row: String,
        /// What is wrong.
        problem: String,
    },
    /// SQLite says no.
    #[error("the database refused: {0}")]
    Database(String),
}

impl StoreError {
    pub(super) fn no_sweep(name: &str) -> Self {
        Self::NotFound {
            what: "sweep",
            name: name.to_owned(),
            known: Vec::new(),
        }
    }

    pub(super) fn no_trial(sweep: &SweepId, trial: TrialNumber) -> Self {
        Self::NotFound {
            what: "trial",
            name: format!("{sweep}/{trial}"),
            known: Vec::new(),
        }
    }

    pub(super) fn no_point(sweep: &SweepId, trial: TrialNumber) -> Self {
        let problem = "the trial's point is not there";
        Self::damaged("points", "point", format!("{sweep}/{trial}"), problem)
    }

    pub(super) fn damaged(
        table: &'static str,
        column: &str,
        row: impl fmt::Display,
        problem: &str,
    ) -> Self {
        Self::Damaged {
            table,
            column: column.to_owned(),
            row: row.to_string(),
            problem: problem.to_owned(),
        }
    }
}

impl From<StoreError> for crate::Error {
    fn from(error: StoreError) -> Self {
        let words = error.to_string();
        match error {
            StoreError::Fenced => Self::Fenced,
            StoreError::NotFound { .. } => Self::NotFound(words),
            StoreError::Refused(_) | StoreError::BuiltUpon { .. } | StoreError::Heard => {
                Self::Refused(words)
            }
            StoreError::Invalid(_) => Self::input("request", words),
            StoreError::Busy => Self::Busy(words),
            StoreError::DiskFull(_) | StoreError::Closed => Self::Unavailable(words),
            StoreError::Damaged { .. } | StoreError::Database(_) => Self::Broken(words),
        }
    }
}

fn quoted(name: &str) -> String {
    match name {
        "" => "yet".to_owned(),
        name => format!("`{name}`"),
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return String::new();
    }
    format!("; there are: {}", names.join(", "))
}

/// Why a database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another coordinator has it.
    #[error(
        "{path} is served by another coordinator: process {pid} at {address}; end it, or use another --db"
    )]
    Held {
        /// The database.
        path: String,
        /// Its process id, as far as it wrote it.
        pid: String,
        /// Where it listens.
        address: String,
    },
    /// Not a database of hone, or of a newer hone.
    #[error("{path}: {problem}")]
    Foreign {
        /// The file.
        path: String,
        /// What was found, and what would be right.
        problem: String,
    },
    /// There is no such file.
    #[error(
        "{path}: there is no database; a sweep makes one (`hone run`, `hone coordinator`), or name one with --db"
    )]
    Missing {
        /// The file.
        path: String,
    },
    /// A network file system: its locks do not hold.
    #[error(
        "{path} lies on a network file system ({kind}), where SQLite's locks do not hold: use a local disk"
    )]
    NetworkFileSystem {
        /// The file.
        path: String,
        /// Which.
        kind: &'static str,
    },
    /// The file system says no.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// SQLite says no.
    #[error("{path}: {problem}")]
    Database {
        /// The file.
        path: String,
        /// In SQLite's words.
        problem: String,
    },
}

impl OpenError {
    pub(super) fn foreign(path: &Path, problem: &str) -> Self {
        Self::Foreign {
            path: path.display().to_string(),
            problem: problem.to_owned(),
        }
    }

    pub(super) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            path: path.display().to_string(),
            source,
        }
    }

    pub(super) fn database(path: &Path, problem: impl fmt::Display) -> Self {
        Self::Database {
            path: path.display().to_string(),
            problem: problem.to_string(),
        }
    }
}
