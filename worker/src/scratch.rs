//! The worker's directory on disk: what outlives a process, and what belongs to one.
//!
//! `checkpoints/` is shared by all workers of a machine and holds files named by their hash. `sessions/HEX/` belongs to
//! one process, which holds a lock on it for as long as it lives: so a successor knows which ones are orphans.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use rustix::fs::{FlockOperation, flock};

use crate::{checkpoint::Checkpoints, run::Error};

/// Ends the name of a session's directory that is not locked yet.
const NEW: &str = "new";

/// An open scratch directory.
#[derive(Debug)]
pub(crate) struct Scratch {
    session: PathBuf,
    sessions: PathBuf,
    next: AtomicU64,
    /// Held, not read: the lock goes with the process.
    _lock: File,
    pub(crate) checkpoints: Arc<Checkpoints>,
}

impl Scratch {
    /// Makes the directories and takes the session's lock.
    pub(crate) fn open(root: &Path, session: &[u8; 16], budget: u64) -> Result<Self, Error> {
        let sessions = root.join("sessions");
        let own = sessions.join(hex(session));
        let make = |path: &Path| {
            fs::create_dir_all(path).map_err(|source| Error::Scratch {
                path: path.to_owned(),
                source,
            })
        };
        make(&root.join("checkpoints"))?;
        // Under its own name only once it is locked: another worker that starts now would take it for an orphan.
        let new = own.with_extension(NEW);
        make(&new)?;
        let lock = lock(&new)
            .and_then(|lock| fs::rename(&new, &own).map(|()| lock))
            .map_err(|source| Error::Scratch {
                path: own.clone(),
                source,
            })?;
        Ok(Self {
            session: own,
            sessions,
            next: AtomicU64::new(0),
            _lock: lock,
            checkpoints: Arc::new(Checkpoints::new(root.join("checkpoints"), budget)),
        })
    }

    /// A path in this session's directory that nobody else has.
    pub(crate) fn fresh(&self, purpose: &str) -> PathBuf {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.session.join(format!("{purpose}-{number}"))
    }

    /// Directories of sessions whose process is gone, each with its lock now held by us.
    pub(crate) fn orphans(&self) -> Vec<(PathBuf, File)> {
        let Ok(entries) = fs::read_dir(&self.sessions) else {
            return Vec::new();
        };
        entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| *path != self.session && path.extension().is_none() && path.is_dir())
            .filter_map(|path| lock(&path).ok().map(|held| (path, held)))
            .collect()
    }

    /// Removes this session's directory: nothing in it is wanted any more.
    pub(crate) fn remove_session(&self) {
        let _ = fs::remove_dir_all(&self.session);
    }
}

/// Takes the lock of a session's directory, or fails at once.
fn lock(directory: &Path) -> io::Result<File> {
    let file = File::create(directory.join("lock"))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
