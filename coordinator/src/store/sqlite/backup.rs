//! Copies of a database with its blobs: as of one moment, checked, and named only when whole. A copy that is killed leaves nothing under
//! its name, and can be made again; one that fails leaves nothing at all.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{CWD, RenameFlags, renameat_with},
    io::Errno,
};

use super::{
    db::Db,
    file::{incarnation, open_copy, open_for_reading},
    parted::refuse_parted,
};
use crate::{
    blob_folder::{self, Kept, backup_folder_of, folder_of},
    ids::Hash,
    store::{
        BlobKind, OpenError,
        blobs::{self, BlobRow},
        cells::params,
        error::Rows,
        lock,
        place::{neighbour, resolve},
        statement::statements,
        sweeps, warnings,
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

/// A copy that is being made.
const PART: &str = ".part";
/// One that has an incarnation of its own, and waits for its blobs: a folder of that incarnation is this one's and nobody else's.
const WAITING: &str = ".restored.part";

/// `blobs/NAME/INCARNATION`: folders that a restore may make.
const FOLDERS: usize = 3;

/// More of them say no more.
const TOLD: usize = 10;

/// What came along.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Checkpoints and weights.
    pub blobs: u64,
    /// Those that did not, and what that costs.
    pub left_out: Vec<String>,
}

/// Copies a database, served or not, to a file that is not there yet, and its blobs into a folder beside that.
pub fn backup(database: &Path, to: &Path, without_damaged: bool) -> Result<Copied, OpenError> {
    let (database, to) = (&resolve(database)?, &resolve(to)?);
    let db = open_for_reading(database)?;
    let of_database = incarnation(&db).map_err(|error| OpenError::database(database, error))?;
    refuse_taken(to)?;
    // A coordinator removes no file from now on: those that the copy will name stay.
    let _kept = Kept::take(&folder_of(database, &of_database));
    let (part, folder) = (neighbour(to, PART), backup_folder_of(to));
    if blob_folder::has_blobs(&folder) && !part.exists() {
        // It belongs to a file that was called so and has been moved.
        let problem = "the blobs of another backup lie there: move them with their file, or name another file";
        return Err(OpenError::foreign(&folder, problem));
    }
    fs::create_dir_all(&folder).map_err(|error| OpenError::io(&folder, error))?;
    let alone = Kept::alone(&folder).map_err(|error| {
        let _ = fs::remove_dir(&folder);
        OpenError::io(&folder, error)
    })?;
    if alone.is_none() {
        let problem = "another backup to this file is under way";
        return Err(OpenError::foreign(to, problem));
    }
    let mut unfinished = Unfinished::new(&part, folder.ancestors().take(1));
    let copy = snapshot(&db, to, &part)?;
    let source = |hash| blob_folder::find(database, &of_database, hash);
    let copied = copy_blobs(&copy, database, &folder, without_damaged, source)?;
    copy.close();
    unfinished.put_in_place(to)?;
    Ok(copied)
}

/// Makes a backup the database at `to`, which must not be there. It gets an incarnation of its own, and leases
/// from before match nothing in it.
pub fn restore(from: &Path, to: &Path, without_damaged: bool) -> Result<Copied, OpenError> {
    let (from, to) = (&resolve(from)?, &resolve(to)?);
    lock::refuse_network(to)?;
    lock::refuse_held(to)?;
    let backup = open_for_reading(from)?;
    let of_backup = incarnation(&backup).map_err(|error| OpenError::database(from, error))?;
    refuse_taken(to)?;
    let _lock = lock::Lock::take_to_restore(to)?;
    let (part, waiting) = (neighbour(to, PART), neighbour(to, WAITING));
    remove_killed(to, &waiting);
    let new = {
        let mut unfinished = Unfinished::new(&part, None);
        let copy = snapshot(&backup, to, &part)?;
        let renewed = renew(&copy);
        copy.close();
        let new = renewed.map_err(|error| OpenError::database(to, error))?;
        unfinished.put_in_place(&waiting)?;
        new
    };
    let folder = folder_of(to, &new);
    let mut unfinished = Unfinished::new(&waiting, folder.ancestors().take(FOLDERS));
    let copy = open_copy(&waiting)?;
    let source = |hash| blob_folder::find(from, &of_backup, hash);
    let copied = copy_blobs(&copy, from, &folder, without_damaged, source)?;
    copy.close();
    unfinished.put_in_place(to)?;
    Ok(copied)
}

/// Nobody would look for the blobs that a killed restore has left under an incarnation of chance. What was ever served bears that name
/// by somebody's choice, and is none.
fn remove_killed(to: &Path, waiting: &Path) {
    if !waiting.exists() || neighbour(waiting, lock::LOCK).exists() {
        return;
    }
    let left = open_copy(waiting).ok();
    let folder = left.as_ref().and_then(|left| incarnation(left).ok());
    let folder = folder.map(|its| folder_of(to, &its));
    drop(left);
    let folders = folder.iter().flat_map(|its| its.ancestors().take(FOLDERS));
    drop(Unfinished::new(waiting, folders));
}

fn renew(copy: &Db) -> Rows<[u8; 16]> {
    for statement in [&NEW_INCARNATION, &LOSE_TOKENS] {
        copy.run(statement, Vec::new())?;
    }
    incarnation(copy)
}

/// The database alone.
pub fn copy(db: &Db, to: &Path) -> Result<(), OpenError> {
    let part = neighbour(to, PART);
    snapshot(db, to, &part)?.close();
    Unfinished::new(&part, None).put_in_place(to)
}

/// A database and a folder of blobs, with those around it that hold nothing else: they go unless they become whole.
struct Unfinished<'a> {
    file: &'a Path,
    folders: Vec<&'a Path>,
    is_whole: bool,
}

impl<'a> Unfinished<'a> {
    fn new(file: &'a Path, folders: impl IntoIterator<Item = &'a Path>) -> Self {
        Self {
            file,
            folders: folders.into_iter().collect(),
            is_whole: false,
        }
    }

    /// Gives what is whole its name, for good, unless something has got that name meanwhile.
    fn put_in_place(&mut self, to: &Path) -> Result<(), OpenError> {
        let failed = |error| OpenError::io(to, error);
        File::open(self.file)
            .and_then(|file| file.sync_all())
            .and_then(|()| rename_anew(self.file, to))
            .map_err(failed)?;
        // Under its name it keeps its blobs, whatever comes.
        self.is_whole = true;
        sync_folder_of(to).map_err(failed)
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if !self.is_whole {
            // The file at last: who is killed here knows by it what is left to remove. An error that led here says more than that
            // something cannot be removed.
            if let Some((folder, around)) = self.folders.split_first() {
                blob_folder::remove(folder);
                for folder in around {
                    let _ = fs::remove_dir(folder);
                }
            }
            let _ = remove_database(self.file);
        }
    }
}

/// Refuses a name at which something is. A log that another database of this name has left would be taken for the new one's.
fn refuse_taken(to: &Path) -> Result<(), OpenError> {
    if to.exists() {
        let problem = "it is there already: move it away, or name another file";
        return Err(OpenError::foreign(to, problem));
    }
    refuse_parted(to)
}

/// A copy as of one moment at `part`; `to`, where it is to go, must not be there.
fn snapshot(db: &Db, to: &Path, part: &Path) -> Result<Db, OpenError> {
    refuse_taken(to)?;
    // Emptied, and never gone: that it is there says whose the blobs are that a killed copy has left.
    remove_beside(part)?;
    File::create(part).map_err(|error| OpenError::io(part, error))?;
    let refused = |error| OpenError::database(to, error);
    let Some(target) = part.to_str() else {
        let problem = "SQLite writes to no file whose name is not UTF-8: name another file";
        return Err(OpenError::foreign(to, problem));
    };
    db.run(&VACUUM, params![target]).map_err(refused)?;
    let copy = open_copy(part)?;
    let verdict: Option<String> = copy.first(&INTEGRITY, Vec::new()).map_err(refused)?;
    let verdict = verdict.as_deref().unwrap_or("no verdict");
    if verdict != "ok" {
        let problem = format!("the copy is damaged: {verdict}");
        return Err(OpenError::foreign(to, &problem));
    }
    Ok(copy)
}

fn remove_database(file: &Path) -> Result<(), OpenError> {
    remove_beside(file)?;
    remove(&[""], file)
}

fn remove_beside(file: &Path) -> Result<(), OpenError> {
    remove(&["-wal", "-shm", "-journal"], file)
}

fn remove(endings: &[&str], of: &Path) -> Result<(), OpenError> {
    for ending in endings {
        let file = neighbour(of, ending);
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(OpenError::io(&file, error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Renames a file to a name at which nothing may be.
fn rename_anew(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Some file systems cannot promise it.
        Err(Errno::INVAL | Errno::NOSYS) => fs::rename(from, to),
        renamed => Ok(renamed?),
    }
}

fn sync_folder_of(file: &Path) -> io::Result<()> {
    File::open(file.parent().unwrap_or(Path::new("/")))?.sync_all()
}

/// Copies every blob that `copy` names as stored from where `source` says, unless it is there. Each is held against its hash. What is
/// not whole is refused, all of it at once; or the copy is told that it has none.
fn copy_blobs(
    copy: &Db,
    of: &Path,
    folder: &Path,
    without_damaged: bool,
    source: impl Fn(Hash) -> PathBuf,
) -> Result<Copied, OpenError> {
    let failed = |error| OpenError::io(folder, error);
    let refused = |error| OpenError::database(of, error);
    let (mut named, mut damaged) = (Vec::new(), Vec::new());
    fs::create_dir_all(folder).map_err(failed)?;
    // Trials may name the same bytes.
    for of_hash in blobs::stored_by_hash(copy)
        .map_err(refused)?
        .chunk_by(|a, b| a.blob.hash == b.blob.hash)
    {
        let hash = of_hash[0].blob.hash;
        let (from, to) = (source(hash), folder.join(hash.to_string()));
        let is_there = || blob_folder::read(&to).is_ok_and(|(_, found)| found == hash);
        let copied = match is_there() {
            true => Ok(()),
            false => copy_blob(&from, &to, hash).map_err(|error| OpenError::io(&to, error))?,
        };
        match copied {
            Ok(()) => named.push(hash),
            Err(problem) => {
                let problem = format!("{}: {problem}", from.display());
                damaged.extend(of_hash.iter().map(|row| (row.clone(), problem.clone())));
            }
        }
    }
    let left_out = leave_out(copy, &damaged).map_err(refused)?;
    if !without_damaged && !left_out.is_empty() {
        let mut problem = format!(
            "{} of its checkpoints and weights are not whole, and a copy would not be either; with `--without-damaged` it is made \
             without them:",
            left_out.len()
        );
        for damaged in left_out.iter().take(TOLD) {
            problem.push_str("\n  ");
            problem.push_str(damaged);
        }
        if left_out.len() > TOLD {
            problem.push_str("\n  and more: `hone admin verify --json` has all");
        }
        return Err(OpenError::database(of, problem));
    }
    blob_folder::remove_others(folder, &named)
        .and_then(|()| File::open(folder)?.sync_all())
        .and_then(|()| sync_folder_of(folder))
        .map_err(failed)?;
    Ok(Copied {
        blobs: named.len() as u64,
        left_out,
    })
}

/// The copy takes them for blobs for which there was no room. Which, and what that costs.
fn leave_out(copy: &Db, damaged: &[(BlobRow, String)]) -> Rows<Vec<String>> {
    let names = sweeps::names(copy)?;
    let mut left_out = Vec::new();
    for (row, problem) in damaged {
        let (trial, blob) = (row.trial, row.blob);
        let sweep = names.iter().find(|(key, _)| *key == row.sweep);
        let sweep = sweep.map_or("a sweep that is not there", |(_, name)| name.as_str());
        let (what, cost) = match blob.kind {
            BlobKind::Checkpoint => (
                format!(
                    "the checkpoint of {sweep}/{trial} after epoch {}",
                    blob.epoch
                ),
                "if its training goes on, then from further back",
            ),
            BlobKind::Weights => (
                format!("the weights of {sweep}/{trial}"),
                "it can be neither tested nor exported",
            ),
        };
        blobs::leave_out(copy, row)?;
        let warning = format!("damaged, so left out of a copy of the database: {what}; {cost}");
        let key = format!("left out {} of {trial}", blob.hash);
        warnings::insert(copy, row.sweep, &key, &warning)?;
        left_out.push(format!("{what} ({problem}); {cost}"));
    }
    Ok(left_out)
}

/// A name stands for a whole file, or is not there. An error is that of the copy; why `from` is not whole is told in words.
fn copy_blob(from: &Path, to: &Path, hash: Hash) -> io::Result<Result<(), String>> {
    let mut from = match blob_folder::open(from) {
        Ok((_, from)) => from,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let part = to.with_extension("part");
    let mut copy = File::create(&part)?;
    let mut hasher = blake3::Hasher::new();
    let mut piece = vec![0; 1 << 20];
    let problem = loop {
        match from.read(&mut piece) {
            Err(error) => break error.to_string(),
            Ok(0) => {
                let found = Hash(*hasher.finalize().as_bytes());
                if found == hash {
                    copy.sync_all()?;
                    fs::rename(&part, to)?;
                    return Ok(Ok(()));
                }
                break format!("its content has the hash {found}");
            }
            Ok(read) => {
                hasher.update(&piece[..read]);
                copy.write_all(&piece[..read])?;
            }
        }
    };
    fs::remove_file(&part)?;
    Ok(Err(problem))
}
