//! The files beside a database: every stored blob is there, whole.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use super::finding::{At, Findings, Names};
use crate::{
    blob_folder::{find, folder_of, is_ours},
    ids::Hash,
    store::{
        Db,
        blobs::{BlobRow, stored_once},
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
    let stored = match stored_once(db) {
        Ok(stored) => stored,
        Err(error) => {
            findings.unreadable(names, error);
            return Files::default();
        }
    };
    for row in &stored {
        let path = find(database, &incarnation, row.blob.hash);
        check_file(&path, row, names, findings);
    }
    let named: BTreeSet<String> = stored.iter().map(|row| row.blob.hash.to_string()).collect();
    Files {
        blobs: stored.len() as u64,
        unnamed: unnamed(&folder_of(database, &incarnation), &named),
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

fn read(path: &Path) -> io::Result<(u64, Hash)> {
    let file = fs::File::open(path)?;
    let size = file.metadata()?.len();
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file)?;
    Ok((size, Hash(*hasher.finalize().as_bytes())))
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
