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
        entries(&self.sessions)
            .filter(|path| *path != self.session && path.extension().is_none())
            .filter(|path| is_hex(path, 16) && path.is_dir())
            .filter_map(|path| lock(&path).ok().map(|held| (path, held)))
            .collect()
    }

    /// Removes this session's directory: nothing in it is wanted any more.
    pub(crate) fn remove_session(&self) {
        let _ = fs::remove_dir_all(&self.session);
    }
}

/// Removes what workers have made in a scratch directory, by its names, and the directories that are empty then. What else lies there is
/// somebody's, and stays; so does what a worker that lives has locked.
pub fn clear(root: &Path) {
    let (checkpoints, sessions) = (root.join("checkpoints"), root.join("sessions"));
    for path in entries(&checkpoints).filter(|path| is_hex(path, 32)) {
        let _ = fs::remove_file(path);
    }
    for path in entries(&sessions).filter(|path| is_hex(path, 16)) {
        if let Ok(_lock) = lock(&path) {
            let _ = fs::remove_dir_all(path);
        }
    }
    let _ = fs::remove_dir(checkpoints);
    let _ = fs::remove_dir(sessions);
}

/// What lies in a directory; nothing in what is a link to one.
fn entries(directory: &Path) -> impl Iterator<Item = PathBuf> {
    let is_own = fs::symlink_metadata(directory).is_ok_and(|metadata| metadata.is_dir());
    let read = is_own.then(|| fs::read_dir(directory).ok()).flatten();
    read.into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
}

/// Whether a path is named as a worker names it: by so many bytes in hex, and [`NEW`] while it is made.
fn is_hex(path: &Path, bytes: usize) -> bool {
    let stem = path.file_stem().unwrap_or_default().as_encoded_bytes();
    let ending = path.extension();
    stem.len() == 2 * bytes
        && stem.iter().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
        && ending.is_none_or(|ending| ending == NEW)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_workers_made_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("work");
        let scratch = Scratch::open(&root, &[7; 16], 1 << 20).unwrap();
        let kept = root.join("checkpoints").join(hex(&[1; 32]));
        fs::write(&kept, "ours").unwrap();
        let mine = [
            root.join("notes.txt"),
            root.join("checkpoints/best.safetensors"),
            root.join("sessions/mine/thesis.tex"),
        ];
        for path in &mine {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "mine").unwrap();
        }
        assert!(
            scratch.orphans().is_empty(),
            "a folder of somebody's is no session"
        );
        // One that lives keeps what it has.
        clear(&root);
        assert!(root.join("sessions").join(hex(&[7; 16])).exists() && !kept.exists());
        drop(scratch);
        clear(&root);
        assert!(!root.join("sessions").join(hex(&[7; 16])).exists());
        assert!(mine.iter().all(|path| path.exists()));
        for path in &mine {
            fs::remove_file(path).unwrap();
        }
        fs::remove_dir(root.join("sessions/mine")).unwrap();
        clear(&root);
        assert_eq!(entries(&root).count(), 0);
    }
}
