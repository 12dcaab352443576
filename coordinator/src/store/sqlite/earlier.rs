//! Files of an earlier version that nobody serves. They are read through a copy, which is migrated; they themselves stay as
//! they are.

use std::path::Path;

use super::{
    backup::copy,
    db::Db,
    file::{is_current, open_for_reading, open_for_writing},
};
use crate::store::OpenError;

/// Copies the file that is open in `db` and migrates the copy; `None`: it is of this build's version and can be read itself.
/// The copy has no name any more when it comes back: it goes with its connection, however this process ends.
pub(crate) fn migrated_copy(database: &Path, db: &Db) -> Result<Option<Db>, OpenError> {
    let refused = |path: &Path| {
        let path = path.to_owned();
        move |error| OpenError::database(&path, error)
    };
    if is_current(db).map_err(refused(database))? {
        return Ok(None);
    }
    let folder = tempfile::Builder::new().prefix("hone-").tempdir();
    let folder = folder.map_err(|error| OpenError::io(&std::env::temp_dir(), error))?;
    let path = folder.path().join("hone.db");
    copy(db, &path)?;
    let migrated = open_for_writing(&path)?;
    // What reads it needs no file beside it.
    let alone = migrated.script("PRAGMA journal_mode = DELETE");
    alone.map_err(refused(&path))?;
    migrated.close();
    open_for_reading(&path).map(Some)
}
