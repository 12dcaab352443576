//! A database and its log that are not together. The log holds what was written last, and goes by the file's name: who moves the file
//! alone leaves it behind.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use crate::store::{
    OpenError,
    lock::LOCK,
    place::{self, neighbour},
};

/// What SQLite's log is called.
const LOG: &str = "-wal";

/// Refuses a log whose database is not there, and a database that was moved without its log, as far as that can be told.
pub fn refuse_parted(database: &Path) -> Result<(), OpenError> {
    let path = &place::resolve(database)?;
    let log = neighbour(path, LOG);
    let has_log = holds_something(&log);
    if !holds_something(path) {
        if !has_log {
            return Ok(());
        }
        let problem = format!(
            "it is not there, but {} is, with what was written last: move the database back; or, if nothing of it is wanted any more, \
             remove that",
            log.display()
        );
        return Err(OpenError::foreign(path, &problem));
    }
    let header = Header::read(path).unwrap_or_default();
    // What was served under this name has its log here, or needs none.
    if has_log || !header.has_logs || neighbour(path, LOCK).exists() {
        return Ok(());
    }
    let problem = match left_behind(path) {
        Some((database, log)) => format!(
            "it was moved without its log, as it seems, which has what was written last: {} lies there without its database. Move this \
             file back to {}; or, if it is another one, move that log away",
            log.display(),
            database.display()
        ),
        None if header.is_blank => "it was moved without its log, which has all that was written: move it back to where a file of its \
             old name and `-wal` lies"
            .to_owned(),
        None => return Ok(()),
    };
    Err(OpenError::foreign(path, &problem))
}

fn holds_something(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.len() > 0)
}

/// What stands at the beginning of a file: <https://www.sqlite.org/fileformat.html>.
#[derive(Default)]
struct Header {
    /// Changes go to a log.
    has_logs: bool,
    /// Nothing of hone's is in it yet.
    is_blank: bool,
}

impl Header {
    fn read(path: &Path) -> Option<Self> {
        let mut header = [0; 100];
        File::open(path).ok()?.read_exact(&mut header).ok()?;
        Some(Self {
            has_logs: header.starts_with(b"SQLite format 3\0") && header[18] == 2,
            // One page, and no version or program: what a program has written into a file of its own has more.
            is_blank: header[28..32] == 1_u32.to_be_bytes()
                && header[60..64] == [0; 4]
                && header[68..72] == [0; 4],
        })
    }
}

/// A database of hone's in the same folder that is not there, and its log that is.
fn left_behind(path: &Path) -> Option<(PathBuf, PathBuf)> {
    let entries = fs::read_dir(path.parent()?).ok()?.flatten();
    let logs = entries.map(|entry| entry.path()).filter_map(|log| {
        let name = log.file_name()?.to_str()?.strip_suffix(LOG)?;
        Some((log.with_file_name(name), log))
    });
    let mut left = logs.filter(|(database, log)| {
        holds_something(log) && neighbour(database, LOCK).exists() && !database.exists()
    });
    left.next()
}
