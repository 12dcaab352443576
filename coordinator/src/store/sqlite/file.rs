//! Opening the file: what it must be, and how SQLite is to treat it.

use std::{path::Path, time::Duration};

use futures_executor::block_on;
use sqlx::{
    ConnectOptions as _,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use super::{
    db::{Db, NOT_A_DATABASE, primary_code},
    parted::refuse_parted,
};
use crate::store::{
    OpenError, StoreError,
    error::Rows,
    place::neighbour,
    statement::{Statement, statements},
};

statements! {
    INCARNATION = Statement::plain("meta", "SELECT value FROM meta WHERE key = 'incarnation'");
    SQLITE_VERSION = Statement::plain("sqlite", "SELECT sqlite_version() AS version");
    TABLES = Statement::plain("sqlite_schema", "SELECT count(*) AS tables FROM sqlite_schema");
    APPLICATION = Statement::plain("", "PRAGMA application_id");
    VERSION = Statement::plain("", "PRAGMA user_version");
}

/// "hone" in ASCII.
const APPLICATION_ID: i64 = 0x686f_6e65;

macro_rules! migration {
    ($file:literal) => {
        concat!(
            "BEGIN IMMEDIATE;\n",
            include_str!(concat!("../../../../migrations/", $file)),
            "\nCOMMIT;"
        )
    };
}

/// One SQL file per version of the schema; `user_version` counts them. Each sets it, in its own transaction.
const MIGRATIONS: [&str; 3] = [
    migration!("0001_start.sql"),
    migration!("0002_live_trials.sql"),
    migration!("0003_how_trials_end.sql"),
];

/// The first SQLite without the WAL-reset corruption bug (3.7.0 to 3.51.2).
const OLDEST_SQLITE: [u32; 3] = [3, 51, 3];

/// How long to wait for a lock of another connection.
const BUSY: Duration = Duration::from_secs(5);

/// Statements kept prepared on each connection.
const PREPARED: usize = 200;

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY)
        .statement_cache_capacity(PREPARED)
}

/// Opens the file for the writer, creating and migrating it when needed.
pub fn open_for_writing(path: &Path) -> Result<Db, OpenError> {
    // Looked at first with nothing set: a file of somebody else must not be changed.
    let looking = options(path).create_if_missing(true);
    let db = connect(path, &looking)?;
    let version = check_file(path, &db)?;
    check_sqlite(path, &db)?;
    db.close();
    let writing = options(path)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        // NORMAL may lose an acknowledged commit when power fails; one commit for a group makes FULL cheap.
        .synchronous(SqliteSynchronous::Full)
        // Enough for the pages that hundreds of trials under way change: SQLite's own 2 MB are read again and again.
        .pragma("cache_size", "-16384")
        // Sorting and the like stay in memory: no second place where a disk can be full.
        .pragma("temp_store", "memory");
    let db = connect(path, &writing)?;
    for sql in MIGRATIONS.into_iter().skip(version) {
        db.script(sql)
            .map_err(|error| OpenError::database(path, error))?;
    }
    Ok(db)
}

/// Whether a file has this build's version; one that is only read may be older.
pub(super) fn is_current(db: &Db) -> Rows<bool> {
    Ok(number(db, &VERSION)? == MIGRATIONS.len() as i64)
}

/// An empty database in memory, of the version that this one has.
pub(super) fn in_memory_as(db: &Db) -> Rows<Db> {
    let version = number(db, &VERSION)?;
    let options = SqliteConnectOptions::new().in_memory(true);
    let empty = Db::new(block_on(options.connect())?);
    let migrations = MIGRATIONS.into_iter();
    for sql in migrations.take(usize::try_from(version).unwrap_or(0)) {
        empty.script(sql)?;
    }
    Ok(empty)
}

/// Opens the file for reading only, and changes nothing in it. With a writer beside it, reads go through its log; where
/// not even the index of that log can be made (a read-only directory), the file is read as it stands.
pub fn open_for_reading(path: &Path) -> Result<Db, OpenError> {
    refuse_parted(path)?;
    if !path.is_file() {
        return Err(OpenError::Missing {
            path: path.display().to_string(),
        });
    }
    let reading = options(path).read_only(true);
    let opened = connect(path, &reading).and_then(|db| Ok((check_file(path, &db)?, db)));
    let (version, db) = match opened {
        Err(OpenError::Database { .. }) => {
            check_log(path)?;
            let db = connect(path, &reading.immutable(true))?;
            (check_file(path, &db)?, db)
        }
        other => other?,
    };
    check_sqlite(path, &db)?;
    if version == 0 {
        let problem = "it is empty: no sweep was ever launched into it";
        return Err(OpenError::foreign(path, problem));
    }
    Ok(db)
}

/// Opens a copy that nobody else has, to change it. Nothing is left beside it.
pub(super) fn open_copy(path: &Path) -> Result<Db, OpenError> {
    connect(path, &options(path).journal_mode(SqliteJournalMode::Delete))
}

fn connect(path: &Path, options: &SqliteConnectOptions) -> Result<Db, OpenError> {
    match block_on(options.connect()) {
        Ok(connection) => Ok(Db::new(connection)),
        Err(error) if primary_code(&error) == Some(NOT_A_DATABASE) => Err(not_sqlite(path)),
        Err(error) => Err(OpenError::database(path, StoreError::from(error))),
    }
}

/// Refuses to read a file as it stands when its newest changes are in a log that cannot be read.
fn check_log(path: &Path) -> Result<(), OpenError> {
    let log = neighbour(path, "-wal");
    if std::fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        let problem = format!(
            "its newest changes are in {}, which cannot be read without writing beside it: copy both files to a \
             directory that can be written",
            log.display()
        );
        return Err(OpenError::database(path, problem));
    }
    Ok(())
}

/// Refuses files of others and of a newer hone; gives the schema's version, 0 for a new file.
fn check_file(path: &Path, db: &Db) -> Result<usize, OpenError> {
    let read = || -> Rows<(i64, i64, i64)> {
        let tables = number(db, &TABLES)?;
        let application = number(db, &APPLICATION)?;
        Ok((application, number(db, &VERSION)?, tables))
    };
    let (application, version, tables) = match read() {
        Ok(found) => found,
        Err(StoreError::Database(problem)) if problem.contains("not a database") => {
            return Err(not_sqlite(path));
        }
        Err(error) => return Err(OpenError::database(path, error)),
    };
    let known = MIGRATIONS.len();
    match usize::try_from(version) {
        Ok(0) if application == 0 && tables == 0 => Ok(0),
        _ if application != APPLICATION_ID => {
            let problem = "it is an SQLite database of another program; name another --db";
            Err(OpenError::foreign(path, problem))
        }
        Ok(version) if version <= known => Ok(version),
        _ => {
            let problem = format!(
                "it was written by a newer hone (schema version {version}, this one knows up to {known}): update hone"
            );
            Err(OpenError::foreign(path, &problem))
        }
    }
}

fn number(db: &Db, statement: &'static Statement) -> Rows<i64> {
    let found = db.first(statement, Vec::new())?;
    found.ok_or_else(|| StoreError::Database(format!("{}: no row", statement.sql())))
}

/// The file's incarnation.
pub fn incarnation(db: &Db) -> Rows<[u8; 16]> {
    db.first(&INCARNATION, Vec::new())?
        .ok_or_else(|| StoreError::damaged("meta", "value", "incarnation", "the row is not there"))
}

fn check_sqlite(path: &Path, db: &Db) -> Result<(), OpenError> {
    let version: Rows<Option<String>> = db.first(&SQLITE_VERSION, Vec::new());
    let version = version.map_err(|error| OpenError::database(path, error))?;
    let version = version.unwrap_or_default();
    let numbers: Vec<u32> = version.split('.').filter_map(|n| n.parse().ok()).collect();
    if numbers.as_slice() >= OLDEST_SQLITE.as_slice() {
        return Ok(());
    }
    let problem = format!(
        "SQLite {version} can damage databases (its WAL-reset bug); 3.51.3 or newer is needed"
    );
    Err(OpenError::database(path, problem))
}

fn not_sqlite(path: &Path) -> OpenError {
    let problem =
        "it is not an SQLite database (or its first page is overwritten); name another --db";
    OpenError::foreign(path, problem)
}
