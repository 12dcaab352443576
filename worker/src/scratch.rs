//! The worker's directory on disk: what outlives a process, and what belongs to one.
//!
//! `checkpoints/` is shared by all workers of a machine, whatever their coordinator, and holds files named by their hash.
//! `sessions/HEX/` belongs to one process, which holds a lock on it for as long as it lives: so a successor knows which
//! ones are orphans. Nothing is removed but what bears a name that is given here.

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

use crate::{checkpoint::Checkpoints, run::Error, spool};

/// Ends the name of a session's directory that is not locked yet.
const NEW: &str = "new";

const LOCK: &str = "lock";

/// What a process makes in its session's directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The calls of an attempt, in a spool.
    Calls,
    /// A directory for an attempt.
    Attempt,
    /// A checkpoint that is not durable yet.
    State,
    /// Weights that are not durable yet.
    Weights,
    /// A blob on its way here.
    Fetched,
}

const PURPOSES: [Purpose; 5] = [
    Purpose::Calls,
    Purpose::Attempt,
    Purpose::State,
    Purpose::Weights,
    Purpose::Fetched,
];

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Attempt => "attempt",
            Self::State => "state",
            Self::Weights => "weights",
            Self::Fetched => "fetched",
        }
    }

    /// What a name in a session's directory stands for, if a process gave it: `state-3`, `calls-7.HEX.spool`.
    fn of(name: &str) -> Option<Self> {
        let (purpose, number) = name.split_once('-')?;
        let purpose = PURPOSES.into_iter().find(|p| p.name() == purpose)?;
        let number = match purpose {
            Self::Calls => number.split_once('.').map_or(number, |(number, _)| number),
            _ => number,
        };
        (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(purpose)
    }
}

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

/// The directory of a session whose process is gone.
#[derive(Debug)]
pub(crate) struct Orphan {
    pub(crate) directory: PathBuf,
    /// Held, not read: nobody else takes it up meanwhile.
    _lock: File,
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
    pub(crate) fn fresh(&self, purpose: Purpose) -> PathBuf {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.session.join(format!("{}-{number}", purpose.name()))
    }

    /// Sessions whose process is gone.
    pub(crate) fn orphans(&self) -> Vec<Orphan> {
        let others = sessions(&self.sessions).filter(|path| *path != self.session);
        others
            .filter_map(|directory| {
                let _lock = lock(&directory).ok()?;
                Some(Orphan { directory, _lock })
            })
            .collect()
    }

    /// Removes this session's directory: nothing in it is wanted any more.
    pub(crate) fn remove_session(&self) {
        clear(&self.session);
    }
}

impl Orphan {
    /// Its spools, each with the incarnation of the database that it is for.
    pub(crate) fn spools(&self) -> Vec<(PathBuf, String)> {
        let mut spools: Vec<_> = entries(&self.directory)
            .filter(|path| purpose(path) == Some(Purpose::Calls))
            .filter_map(|path| {
                let incarnation = spool::of(&path)?.to_owned();
                Some((path, incarnation))
            })
            .collect();
        spools.sort();
        spools
    }

    /// Removes it, now that nothing in it is wanted any more.
    pub(crate) fn remove(self) {
        clear(&self.directory);
    }
}

/// The directories of sessions.
fn sessions(folder: &Path) -> impl Iterator<Item = PathBuf> {
    // A link leads to what is somebody else's.
    let is_own = |path: &PathBuf| path.is_dir() && !path.is_symlink();
    entries(folder).filter(move |path| is_session(name(path)) && is_own(path))
}

fn is_session(name: &str) -> bool {
    name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn purpose(path: &Path) -> Option<Purpose> {
    Purpose::of(name(path))
}

/// A name that is no text is none that we gave.
fn name(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or("")
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path())
}

/// Removes what a process made in its session's directory, and the directory unless something else is in it.
fn clear(directory: &Path) {
    for path in entries(directory) {
        // What cannot be removed keeps its directory: that costs a little of the disk.
        let _ = match purpose(&path) {
            Some(Purpose::Attempt) => fs::remove_dir_all(&path),
            Some(_) => fs::remove_file(&path),
            None => continue,
        };
    }
    let _ = fs::remove_file(directory.join(LOCK));
    let _ = fs::remove_dir(directory);
}

/// Removes what workers made in a scratch directory that none of them uses any more, and the directory unless something
/// else is in it.
pub fn remove_scratch(root: &Path) {
    let folder = root.join("sessions");
    for path in entries(&folder).filter(|path| path.extension().is_some_and(|end| end == NEW)) {
        // Of a process that was killed before it had the lock.
        let _ = fs::rename(&path, path.with_extension(""));
    }
    for session in sessions(&folder) {
        // One that lives keeps what it has.
        if let Ok(_held) = lock(&session) {
            clear(&session);
        }
    }
    let _ = fs::remove_dir(&folder);
    let folder = root.join("checkpoints");
    Checkpoints::new(folder.clone(), 0).collect();
    let _ = fs::remove_dir(&folder);
    let _ = fs::remove_dir(root);
}

/// Takes the lock of a session's directory, or fails at once.
fn lock(directory: &Path) -> io::Result<File> {
    let mut options = File::options();
    let file = options
        .write(true)
        .create(true)
        .truncate(false)
        .open(directory.join(LOCK))?;
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
    fn only_what_a_worker_made_is_removed() {
        let root = tempfile::tempdir().unwrap();
        let scratch = Scratch::open(root.path(), &[7; 16], 1 << 20).unwrap();
        let orphan = root.path().join("sessions").join(hex(&[8; 16]));
        let theirs = [
            root.path().join("sessions/notes/paper.txt"),
            root.path().join("checkpoints/mine.txt"),
            orphan.join("calls-and-more.txt"),
            scratch.session.join("state-of-the-art.txt"),
        ];
        for path in &theirs {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "precious").unwrap();
        }
        fs::write(scratch.fresh(Purpose::State), "half").unwrap();
        fs::create_dir(scratch.fresh(Purpose::Attempt)).unwrap();
        fs::write(orphan.join("calls-3.ab.spool"), "").unwrap();
        let orphans = scratch.orphans();
        assert_eq!(orphans.len(), 1, "{orphans:?}");
        for orphan in orphans {
            assert_eq!(orphan.spools().len(), 1);
            orphan.remove();
        }
        scratch.remove_session();
        remove_scratch(root.path());
        let mut left: Vec<_> = theirs.to_vec();
        left.sort();
        let mut found = Vec::new();
        let mut open = vec![root.path().to_owned()];
        while let Some(folder) = open.pop() {
            for path in entries(&folder) {
                let to = if path.is_dir() { &mut open } else { &mut found };
                to.push(path);
            }
        }
        found.sort();
        assert_eq!(found, left);
        for path in theirs {
            fs::remove_file(path).unwrap();
        }
        fs::remove_dir(root.path().join("sessions/notes")).unwrap();
        fs::create_dir(orphan.with_extension(NEW)).unwrap();
        remove_scratch(root.path());
        assert!(!root.path().exists());
    }
}
