//! The lock file beside a database: one coordinator at a time, and where to find it.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    OpenError,
    place::{self, neighbour},
};

/// Held for as long as the coordinator lives; the operating system lets go of it when the process dies.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
    /// Goes with it.
    goes: Option<PathBuf>,
}

/// What the lock file of a database ends in.
pub(super) const LOCK: &str = ".lock";

/// Whoever looks for a coordinator holds the lock for a moment: it is tried so often, so long after each other.
const LOOKS: u32 = 10;
const LOOK: Duration = Duration::from_millis(10);

/// Stands in place of an address while a database is made out of a backup.
const RESTORE: &str = "restore";

impl Drop for Lock {
    fn drop(&mut self) {
        // While it is held: whoever has opened this file meanwhile finds that it is not the one under its name any more.
        if let Some(path) = &self.goes {
            let _ = fs::remove_file(path);
        }
    }
}

impl Lock {
    /// Takes the lock of a database that is being made; nothing of it stays.
    pub(super) fn take_to_restore(database: &Path) -> Result<Self, OpenError> {
        let mut lock = Self::take(database, RESTORE)?;
        lock.goes = Some(neighbour(database, LOCK));
        Ok(lock)
    }

    /// Takes the lock and writes process id and `address` into the file.
    pub(super) fn take(database: &Path, address: &str) -> Result<Self, OpenError> {
        let path = neighbour(database, LOCK);
        let io = |error| OpenError::io(&path, error);
        let mut looks = LOOKS;
        let mut file = loop {
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)
                .map_err(io)?;
            match file.try_lock() {
                Ok(()) if is_under(&path, &file).map_err(io)? => break file,
                // Its holder has removed it just now.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) if looks > 0 => {
                    looks -= 1;
                    std::thread::sleep(LOOK);
                }
                Err(TryLockError::WouldBlock) => return Err(held(database, &mut file)),
                Err(TryLockError::Error(error)) => return Err(io(error)),
            }
        };
        file.set_len(0).map_err(io)?;
        file.rewind().map_err(io)?;
        write!(file, "{}\n{address}\n", std::process::id()).map_err(io)?;
        file.sync_all().map_err(io)?;
        Ok(Self {
            _file: file,
            goes: None,
        })
    }
}

fn is_under(path: &Path, file: &File) -> io::Result<bool> {
    let open = file.metadata()?;
    match fs::metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (open.dev(), open.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn held(database: &Path, lock: &mut File) -> OpenError {
    let (pid, address) = read_holder(lock).unwrap_or_default();
    if address == RESTORE {
        let problem = format!(
            "a restore into it is under way (process {pid}): wait for its end, or name another file"
        );
        return OpenError::foreign(database, &problem);
    }
    OpenError::Held {
        path: database.display().to_string(),
        pid,
        address,
    }
}

/// The lock's file, if somebody holds it.
fn held_file(database: &Path) -> Option<File> {
    let file = File::open(neighbour(database, LOCK)).ok()?;
    // Where nobody holds it, what is written in it is of the past.
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)).then_some(file)
}

/// Refuses a database that somebody holds, and makes nothing.
pub(super) fn refuse_held(database: &Path) -> Result<(), OpenError> {
    match held_file(database) {
        Some(mut file) => Err(held(database, &mut file)),
        None => Ok(()),
    }
}

fn read_holder(file: &mut File) -> Option<(String, String)> {
    let mut text = String::new();
    file.take(4096).read_to_string(&mut text).ok()?;
    let mut lines = text.lines();
    Some((lines.next()?.to_owned(), lines.next()?.to_owned()))
}

/// Address of the coordinator that serves this database now; `None` when none does.
pub fn serving_address(database: &Path) -> Option<String> {
    let database = place::resolve(database).ok()?;
    let (_, address) = read_holder(&mut held_file(&database)?)?;
    (address != RESTORE).then_some(address)
}

/// Refuses network file systems: their locks do not hold what SQLite needs of them.
pub(super) fn refuse_network(database: &Path) -> Result<(), OpenError> {
    let directory = match database.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let Ok(found) = rustix::fs::statfs(directory) else {
        // That the directory is not there is said by whoever opens the file.
        return Ok(());
    };
    match network_kind(found.f_type as u64 & 0xffff_ffff) {
        Some(kind) => Err(OpenError::NetworkFileSystem {
            path: database.display().to_string(),
            kind,
        }),
        None => Ok(()),
    }
}

/// Names of network file systems by the magic numbers of linux/magic.h and of the file systems' own sources.
fn network_kind(magic: u64) -> Option<&'static str> {
    Some(match magic {
        0x6969 => "NFS",
        0x517b | 0xfe53_4d42 | 0xff53_4d42 => "SMB",
        0x00c3_6400 => "Ceph",
        0x0bd0_0bd0 => "Lustre",
        0x4750_4653 => "GPFS",
        0x5346_414f => "AFS",
        0x0102_1997 => "9p",
        _ => return None,
    })
}
