//! Which file a path means. SQLite's log and hone's lock lie beside a database and go by its name: one file under two names would be
//! two databases that damage each other.

use std::{
    fs::{self, Metadata},
    io::ErrorKind,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use super::OpenError;

/// What lies beside a file and goes by its name, that of the file itself: `hone.db` -> `hone.db.lock`.
pub fn beside(file: &Path, ending: &str) -> Result<PathBuf, OpenError> {
    Ok(neighbour(&resolve(file)?, ending))
}

/// The same of a path that is resolved.
pub(super) fn neighbour(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    file.with_file_name(name)
}

/// The file itself: symbolic links are followed. It may not be there yet.
pub(crate) fn resolve(path: &Path) -> Result<PathBuf, OpenError> {
    match fs::metadata(path) {
        Ok(found) => check(path, &found)?,
        Err(error) if error.kind() == ErrorKind::NotFound => return resolve_new(path),
        Err(error) => return Err(OpenError::io(path, error)),
    }
    fs::canonicalize(path).map_err(|error| OpenError::io(path, error))
}

fn check(path: &Path, found: &Metadata) -> Result<(), OpenError> {
    let kind = found.file_type();
    let problem = if kind.is_dir() {
        "it is a directory; name the database in it".to_owned()
    } else if kind.is_fifo() {
        "it is a pipe, not a file; name another".to_owned()
    } else if !kind.is_file() {
        "it is a device or a socket, not a file; name another".to_owned()
    } else if found.nlink() > 1 {
        format!(
            "it has {} names (hard links), and what is written under one of them damages what is written under another: \
             remove the others, or copy it",
            found.nlink()
        )
    } else {
        return Ok(());
    };
    Err(OpenError::foreign(path, &problem))
}

fn resolve_new(path: &Path) -> Result<PathBuf, OpenError> {
    if let Ok(target) = fs::read_link(path) {
        let problem = format!("it is a link to {}, which is not there", target.display());
        return Err(OpenError::foreign(path, &problem));
    }
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let folder = fs::canonicalize(folder).map_err(|error| OpenError::io(folder, error))?;
    Ok(folder.join(path.file_name().unwrap_or_default()))
}

/// A file that is open, told from another one that has been put in its place.
#[derive(Debug)]
pub(super) struct Identity {
    path: PathBuf,
    file: (u64, u64),
}

impl Identity {
    pub(super) fn of(path: &Path) -> Result<Self, OpenError> {
        let found = fs::metadata(path).map_err(|error| OpenError::io(path, error))?;
        Ok(Self {
            path: path.to_owned(),
            file: (found.dev(), found.ino()),
        })
    }

    /// What has become of it, if it does not lie there any more.
    pub(super) fn lost(&self) -> Option<String> {
        // A test's folder may go before what serves it has heard of the end.
        if cfg!(test) {
            return None;
        }
        let path = self.path.display();
        match fs::metadata(&self.path) {
            Ok(found) if (found.dev(), found.ino()) == self.file => None,
            Ok(_) => Some(format!(
                "{path} was replaced by another file while it was served (move that away and it back: {path}-wal, with what was \
                 written last, belongs to it)"
            )),
            Err(error) if error.kind() == ErrorKind::NotFound => Some(format!(
                "{path} was moved or deleted while it was served (move it back: what was written last is in {path}-wal)"
            )),
            // Whether it is there cannot be told now.
            Err(_) => None,
        }
    }
}
