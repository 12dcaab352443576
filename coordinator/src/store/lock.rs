//! The lock file beside a database: one coordinator at a time, and where to find it.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    path::{Path, PathBuf},
};

use super::{OpenError, place};

/// Held for as long as the coordinator lives; the operating system lets go of it when the process dies.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// `hone.db` -> `hone.db.lock`.
fn lock_path(database: &Path) -> PathBuf {
    let mut name = database.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    database.with_file_name(name)
}

impl Lock {
    /// Takes the lock and writes process id and `address` into the file.
    pub(super) fn take(database: &Path, address: &str) -> Result<Self, OpenError> {
        let path = lock_path(database);
        let io = |error| OpenError::io(&path, error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let (pid, address) = read_holder(&mut file).unwrap_or_default();
                return Err(OpenError::Held {
                    path: database.display().to_string(),
                    pid,
                    address,
                });
            }
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
        file.set_len(0).map_err(io)?;
        file.rewind().map_err(io)?;
        write!(file, "{}\n{address}\n", std::process::id()).map_err(io)?;
        file.sync_all().map_err(io)?;
        Ok(Self { _file: file })
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
    let mut file = File::open(lock_path(&database)).ok()?;
    match file.try_lock_shared() {
        // Nobody holds it: what is written in it is of the past.
        Ok(()) => None,
        Err(_) => read_holder(&mut file).map(|(_, address)| address),
    }
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
