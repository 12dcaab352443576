//! Copies of a database: as of one moment, checked, and named only when whole.

use std::path::Path;

use super::{
    db::Db,
    file::{open_for_reading, open_for_writing},
};
use crate::store::{OpenError, cells::params, error::Rows, lock, statement::statements};

statements! {
    VACUUM = Statement::plain("", "VACUUM INTO ?1");
    INTEGRITY = Statement::plain("integrity_check", "PRAGMA integrity_check");
    NEW_INCARNATION = Statement::plain("meta", "UPDATE meta SET value = randomblob(16) WHERE key = 'incarnation'");
    // The workers of the time of the backup may still be there with their tokens: nothing of theirs is taken any more.
    LOSE_TOKENS = Statement::plain("attempts",
        "UPDATE attempts SET token = randomblob(16) WHERE state IN ('running', 'lost')");
}

/// Copies a database, served or not, to a file that is not there yet. Blobs are files beside the database and are not
/// copied.
pub fn backup(database: &Path, to: &Path) -> Result<(), OpenError> {
    copy(&open_for_reading(database)?, to)
}

/// Makes a backup the database at `to`, which must not be there. It gets an incarnation of its own, and leases
/// from before match nothing in it.
pub fn restore(from: &Path, to: &Path) -> Result<(), OpenError> {
    lock::refuse_network(to)?;
    let _lock = lock::Lock::take(to, "restore")?;
    copy(&open_for_reading(from)?, to)?;
    let db = open_for_writing(to)?;
    for statement in [&NEW_INCARNATION, &LOSE_TOKENS] {
        db.run(statement, Vec::new())
            .map_err(|error| OpenError::database(to, error))?;
    }
    db.close();
    Ok(())
}

pub fn copy(db: &Db, to: &Path) -> Result<(), OpenError> {
    let io = |error| OpenError::io(to, error);
    let refused = |error| OpenError::database(to, error);
    let beside = |ending: &str| {
        let mut name = to.file_name().unwrap_or_default().to_owned();
        name.push(ending);
        to.with_file_name(name)
    };
    // A log that another database of this name has left behind would be taken for this one's.
    let log = beside("-wal");
    let has_log = std::fs::metadata(&log).is_ok_and(|log| log.len() > 0);
    for (taken, is_there) in [(to, to.exists()), (&*log, has_log)] {
        if is_there {
            let problem = "it is there already: move it away, or name another file";
            return Err(OpenError::foreign(taken, problem));
        }
    }
    let part = beside(".part");
    match std::fs::remove_file(&part) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(error)),
        _ => {}
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
    std::fs::File::open(&part)
        .and_then(|file| file.sync_all())
        .map_err(io)?;
    std::fs::rename(&part, to).map_err(io)
}
