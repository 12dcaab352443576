//! The files beside a database: every stored blob is there, whole.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use super::finding::{At, Findings, Names};
use crate::{
    blob_folder::{find, flat_folder_of, folder_of, is_ours, read},
    store::{
        Db,
        blobs::{BlobRow, absent, stored_by_hash},
        incarnation,
    },
};

/// What was looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Files {
    /// Blobs that the coordinator ought to have.
    pub blobs: u64,
    /// Files of its kind that no row names: what a crash may leave, and the next start removes.
    pub unnamed: Vec<PathBuf>,
    /// Blobs that rows name and that are not kept: without room, damaged when they were copied, or on a worker's disk alone.
    pub absent: u64,
    /// Where blobs of other databases lie that had this name.
    pub foreign: Vec<Foreign>,
}

/// Blobs that are not this database's. Only their owner, which may come back, removes them.
#[derive(Clone, Debug, PartialEq)]
pub struct Foreign {
    /// Where.
    pub folder: PathBuf,
    /// How many.
    pub files: u64,
    /// All of them.
    pub bytes: u64,
}

/// Reads the file of every stored blob.
pub(super) fn check(db: &Db, database: &Path, names: &Names, findings: &mut Findings) -> Files {
    let incarnation = match incarnation(db) {
        Ok(incarnation) => incarnation,
        Err(error) => {
            findings.unreadable(names, error);
            return Files::default();
        }
    };
    let (mut stored, absent) = match stored_by_hash(db).and_then(|stored| Ok((stored, absent(db)?)))
    {
        Ok(found) => found,
        Err(error) => {
            findings.unreadable(names, error);
            return Files::default();
        }
    };
    stored.dedup_by_key(|row| row.blob.hash);
    for row in &stored {
        let path = find(database, &incarnation, row.blob.hash);
        check_file(&path, row, names, findings);
    }
    let named: BTreeSet<String> = stored.iter().map(|row| row.blob.hash.to_string()).collect();
    Files {
        blobs: stored.len() as u64,
        unnamed: unnamed(&folder_of(database, &incarnation), &named),
        absent,
        foreign: foreign(database, &incarnation, &named),
    }
}

fn check_file(path: &Path, row: &BlobRow, names: &Names, findings: &mut Findings) {
    let (sweep, trial, blob) = (row.sweep.0, row.trial.0, row.blob);
    let of = names.of(Some(sweep), i64::try_from(trial).ok());
    let at = At {
        of: &of,
        table: "blobs",
        key: format!("{sweep}, {trial}, {}", blob.hash),
    };
    let mut whole = findings.against(at, "a stored blob is whole");
    match read(path) {
        Ok((_, hash)) if hash != blob.hash => {
            let found = format!("{hash} in {}", path.display());
            whole.wrong("hash", blob.hash, found);
        }
        Ok((size, _)) => whole.same("size", &blob.size, &size),
        Err(error) => whole.wrong("stored", 1, format!("0: {}: {error}", path.display())),
    }
}

/// Folders of other incarnations, of which nothing is looked for here, and what earlier versions have left of which no row says whose it
/// is.
fn foreign(database: &Path, incarnation: &[u8; 16], named: &BTreeSet<String>) -> Vec<Foreign> {
    let (flat, own) = (flat_folder_of(database), folder_of(database, incarnation));
    let entries = fs::read_dir(&flat).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    folders.retain(|folder| folder.is_dir() && *folder != own);
    folders.push(flat.clone());
    folders.sort();
    let found = folders.into_iter().map(|folder| {
        let nothing = BTreeSet::new();
        let files = unnamed(&folder, if folder == flat { named } else { &nothing });
        let sizes = files.iter().filter_map(|file| file.symlink_metadata().ok());
        Foreign {
            files: files.len() as u64,
            bytes: sizes.map(|found| found.len()).sum(),
            folder,
        }
    });
    found.filter(|found| found.files > 0).collect()
}

fn unnamed(folder: &Path, named: &BTreeSet<String>) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| {
        let name = entry.file_name();
        name.to_str()
            .is_some_and(|name| is_ours(name) && !named.contains(name))
    });
    let mut paths: Vec<PathBuf> = ours.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}
