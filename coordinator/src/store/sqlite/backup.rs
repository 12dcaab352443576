//! Copies of a database with its blobs: as of one moment, checked, and named only when whole. A copy that is killed leaves nothing under
//! its name, and can be made again.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use super::{
    db::Db,
    file::{incarnation, open_for_reading, open_for_writing},
};
use crate::{
    blob_folder::{self, Kept, backup_folder_of, folder_of},
    ids::Hash,
    store::{
        OpenError, blobs, cells::params, error::Rows, lock, place::resolve, statement::statements,
    },
};

statements! {
    VACUUM = Statement::plain("", "VACUUM INTO ?1");
    INTEGRITY = Statement::plain("integrity_check", "PRAGMA integrity_check");
    NEW_INCARNATION = Statement::plain("meta", "UPDATE meta SET value = randomblob(16) WHERE key = 'incarnation'");
    // The workers of the time of the backup may still be there with their tokens: nothing of theirs is taken any more.
    LOSE_TOKENS = Statement::plain("attempts",
        "UPDATE attempts SET token = randomblob(16) WHERE state IN ('running', 'lost')");
}

/// Copies a database, served or not, to a file that is not there yet, and its blobs into a folder beside that. How many blobs.
pub fn backup(database: &Path, to: &Path) -> Result<u64, OpenError> {
    let database = resolve(database)?;
    let db = open_for_reading(&database)?;
    let of_database = incarnation(&db).map_err(|error| OpenError::database(&database, error))?;
    // A coordinator removes no file from now on: those that the copy will name stay.
    let _kept = Kept::take(&folder_of(&database, &of_database));
    let folder = backup_folder_of(to);
    if blob_folder::has_blobs(&folder) && !beside(to, ".part").exists() && !to.exists() {
        // It belongs to a file that was called so and has been moved.
        let problem = "the blobs of another backup lie there: move them with their file, or name another file";
        return Err(OpenError::foreign(&folder, problem));
    }
    fs::create_dir_all(&folder).map_err(|error| OpenError::io(&folder, error))?;
    let Some(_alone) = Kept::alone(&folder) else {
        let problem = "another backup to this file is under way";
        return Err(OpenError::foreign(to, problem));
    };
    let part = snapshot(&db, to)?;
    let named = copy_blobs(&part, &folder, |hash| {
        blob_folder::find(&database, &of_database, hash)
    })?;
    blob_folder::remove_others(&folder, &named).map_err(|error| OpenError::io(&folder, error))?;
    put_in_place(&part, to)?;
    Ok(named.len() as u64)
}

/// Makes a backup the database at `to`, which must not be there. It gets an incarnation of its own, and leases
/// from before match nothing in it. How many blobs came with it.
pub fn restore(from: &Path, to: &Path) -> Result<u64, OpenError> {
    let (from, to) = (resolve(from)?, resolve(to)?);
    lock::refuse_network(&to)?;
    let _lock = lock::Lock::take(&to, "restore")?;
    let backup = open_for_reading(&from)?;
    let refused = |path: &Path| {
        let path = path.to_owned();
        move |error| OpenError::database(&path, error)
    };
    let of_backup = incarnation(&backup).map_err(refused(&from))?;
    let part = snapshot(&backup, &to)?;
    let db = open_for_writing(&part)?;
    for statement in [&NEW_INCARNATION, &LOSE_TOKENS] {
        db.run(statement, Vec::new()).map_err(refused(&part))?;
    }
    let new = incarnation(&db).map_err(refused(&part))?;
    db.close();
    // Under a name of its own until all are there: nobody would look for what a killed restore leaves under a random one.
    let (ready, folder) = (folder_of(&to, &[0; 16]), folder_of(&to, &new));
    let copied = copy_blobs(&part, &ready, |hash| {
        blob_folder::find(&from, &of_backup, hash)
    });
    let named = copied.inspect_err(|_| {
        // Nothing of it is of use: the backup itself is there.
        let _ = fs::remove_dir_all(&ready);
        let _ = fs::remove_file(&part);
    })?;
    blob_folder::remove_others(&ready, &named)
        .and_then(|()| fs::rename(&ready, &folder))
        .and_then(|()| sync_folder_of(&folder))
        .and_then(|()| sync_folder_of(folder.parent().unwrap_or(&folder)))
        .map_err(|error| OpenError::io(&ready, error))?;
    put_in_place(&part, &to)?;
    Ok(named.len() as u64)
}

/// The database alone.
pub fn copy(db: &Db, to: &Path) -> Result<(), OpenError> {
    put_in_place(&snapshot(db, to)?, to)
}

/// A copy as of one moment beside `to`, which must not be there.
fn snapshot(db: &Db, to: &Path) -> Result<PathBuf, OpenError> {
    let refused = |error| OpenError::database(to, error);
    // A log that another database of this name has left behind would be taken for this one's.
    let log = beside(to, "-wal");
    let has_log = fs::metadata(&log).is_ok_and(|log| log.len() > 0);
    for (taken, is_there) in [(to, to.exists()), (&*log, has_log)] {
        if is_there {
            let problem = "it is there already: move it away, or name another file";
            return Err(OpenError::foreign(taken, problem));
        }
    }
    let part = beside(to, ".part");
    for ending in ["", "-wal", "-shm", "-journal"] {
        let left = beside(&part, ending);
        match fs::remove_file(&left) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(OpenError::io(&left, error));
            }
            _ => {}
        }
    }
    let target = part.to_string_lossy();
    db.run(&VACUUM, params![&*target]).map_err(refused)?;
    let copied = open_for_reading(&part)?;
    let verdict: Rows<Option<String>> = copied.first(&INTEGRITY, Vec::new());
    copied.close();
    let verdict = verdict.map_err(refused)?;
    let verdict = verdict.as_deref().unwrap_or("no verdict");
    if verdict != "ok" {
        let problem = format!("the copy is damaged: {verdict}");
        return Err(OpenError::foreign(to, &problem));
    }
    Ok(part)
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    file.with_file_name(name)
}

/// Gives what is whole its name, for good.
fn put_in_place(part: &Path, to: &Path) -> Result<(), OpenError> {
    let put = File::open(part)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(part, to))
        .and_then(|()| sync_folder_of(to));
    put.map_err(|error| OpenError::io(to, error))
}

fn sync_folder_of(file: &Path) -> io::Result<()> {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// Copies every blob that `database` names as stored from where `source` says, unless it is there. Each is held against its hash.
fn copy_blobs(
    database: &Path,
    folder: &Path,
    source: impl Fn(Hash) -> PathBuf,
) -> Result<Vec<Hash>, OpenError> {
    let db = open_for_reading(database)?;
    let named = blobs::stored(&db);
    db.close();
    let named = named.map_err(|error| OpenError::database(database, error))?;
    fs::create_dir_all(folder).map_err(|error| OpenError::io(folder, error))?;
    for hash in &named {
        let to = folder.join(hash.to_string());
        if hash_of(&to).is_ok_and(|found| found == *hash) {
            continue;
        }
        let from = source(*hash);
        let copied = copy_blob(&from, &to).map_err(|error| OpenError::io(&to, error))?;
        let problem = match copied {
            Ok(found) if found == *hash => continue,
            Ok(found) => format!("its content has the hash {found}"),
            Err(error) => error.to_string(),
        };
        let _ = fs::remove_file(&to);
        let problem = format!(
            "a checkpoint or the weights of a trial are not whole ({problem}): the copy would not be either. `hone admin verify` says \
             whose they are"
        );
        return Err(OpenError::foreign(&from, &problem));
    }
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| OpenError::io(folder, error))?;
    Ok(named)
}

/// A name stands for a whole file, or is not there. The hash of what was copied, or why it cannot be read; an error is that of the copy.
fn copy_blob(from: &Path, to: &Path) -> io::Result<Result<Hash, io::Error>> {
    let part = to.with_extension("part");
    let mut from = match File::open(from) {
        Ok(from) => from,
        Err(error) => return Ok(Err(error)),
    };
    let mut copy = File::create(&part)?;
    let mut hasher = blake3::Hasher::new();
    let mut piece = vec![0; 1 << 20];
    loop {
        match from.read(&mut piece) {
            Err(error) => return Ok(Err(error)),
            Ok(0) => break,
            Ok(read) => {
                hasher.update(&piece[..read]);
                copy.write_all(&piece[..read])?;
            }
        }
    }
    copy.sync_all()?;
    fs::rename(&part, to)?;
    Ok(Ok(Hash(*hasher.finalize().as_bytes())))
}

fn hash_of(file: &Path) -> io::Result<Hash> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(file)?)?;
    Ok(Hash(*hasher.finalize().as_bytes()))
}
