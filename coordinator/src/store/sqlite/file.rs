//! Opening the file: what it must be, and how SQLite is to treat it.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::store::OpenError;

/// "hone" in ASCII.
const APPLICATION_ID: i64 = 0x686f_6e65;

/// One SQL file per version of the schema; `user_version` counts them.
const MIGRATIONS: [&str; 1] = [include_str!("../../../../migrations/0001_start.sql")];

/// The first SQLite without the WAL-reset corruption bug (3.7.0 to 3.51.2).
const OLDEST_SQLITE: i32 = 3_051_003;

/// Statements kept prepared on each connection.
const PREPARED: usize = 128;

/// Opens the file for the writer, creating and migrating it when needed.
pub(crate) fn open_for_writing(path: &Path) -> Result<Connection, OpenError> {
    check_sqlite(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(says(path))?;
    let version = check_file(path, &connection)?;
    prepare_writer(&connection)
        .and_then(|()| migrate(&mut connection, version))
        .map_err(says(path))?;
    Ok(connection)
}

/// Opens the file for reading only, and changes nothing in it. With a writer beside it, reads go through its log; where
/// not even the index of that log can be made (a read-only directory), the file is read as it stands.
pub(crate) fn open_for_reading(path: &Path) -> Result<Connection, OpenError> {
    check_sqlite(path)?;
    if !path.is_file() {
        return Err(OpenError::Missing {
            path: path.display().to_string(),
        });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(says(path))?;
    let readable = check_file(path, &connection);
    let connection = match readable {
        Err(OpenError::Database { .. }) => immutable(path)?,
        Err(error) => return Err(error),
        Ok(_) => connection,
    };
    let version = check_file(path, &connection)?;
    if version == 0 {
        return Err(foreign(
            path,
            "it is empty: no sweep was ever launched into it",
        ));
    }
    connection.busy_timeout(BUSY).map_err(says(path))?;
    connection.set_prepared_statement_cache_capacity(PREPARED);
    Ok(connection)
}

const BUSY: std::time::Duration = std::time::Duration::from_secs(5);

/// The file as it stands, for a directory that cannot be written and a log that cannot be indexed there.
fn immutable(path: &Path) -> Result<Connection, OpenError> {
    let log = path.with_file_name(format!(
        "{}-wal",
        path.file_name().unwrap_or_default().to_string_lossy()
    ));
    if std::fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        return Err(OpenError::Database {
            path: path.display().to_string(),
            problem: format!(
                "its newest changes are in {}, which cannot be read without writing beside it: copy both files to a \
                 directory that can be written",
                log.display()
            ),
        });
    }
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                uri.push(char::from(*byte));
            }
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(uri, flags).map_err(says(path))
}

/// Refuses files of others and of a newer hone; gives the schema's version, 0 for a new file.
fn check_file(path: &Path, connection: &Connection) -> Result<usize, OpenError> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let read = || -> rusqlite::Result<(i64, i64, i64)> {
        let tables =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        Ok((pragma("application_id")?, pragma("user_version")?, tables))
    };
    let (application, version, tables) = match read() {
        Ok(found) => found,
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
            return Err(foreign(
                path,
                "it is not an SQLite database; name another --db",
            ));
        }
        Err(error) => return Err(says(path)(error)),
    };
    let known = MIGRATIONS.len();
    match usize::try_from(version) {
        Ok(0) if application == 0 && tables == 0 => Ok(0),
        _ if application != APPLICATION_ID => Err(foreign(
            path,
            "it is an SQLite database of another program; name another --db",
        )),
        Ok(version) if version <= known => Ok(version),
        _ => Err(foreign(
            path,
            &format!(
                "it was written by a newer hone (schema version {version}, this one knows up to {known}): update hone"
            ),
        )),
    }
}

fn prepare_writer(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // NORMAL may lose an acknowledged commit when power fails; one commit for a group makes FULL cheap.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Sorting and the like stay in memory: no second place where a disk can be full.
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.set_prepared_statement_cache_capacity(PREPARED);
    Ok(())
}

fn migrate(connection: &mut Connection, version: usize) -> rusqlite::Result<()> {
    for (i, sql) in MIGRATIONS.iter().enumerate().skip(version) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "user_version", i as i64 + 1)?;
        if i == 0 {
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            let sql = "INSERT INTO meta (key, value) VALUES ('incarnation', randomblob(16))";
            transaction.execute(sql, [])?;
        }
        transaction.commit()?;
    }
    Ok(())
}

/// The file's incarnation.
pub(crate) fn incarnation(connection: &Connection) -> rusqlite::Result<[u8; 16]> {
    let sql = "SELECT value FROM meta WHERE key = 'incarnation'";
    connection.query_row(sql, [], |row| row.get(0))
}

fn check_sqlite(path: &Path) -> Result<(), OpenError> {
    let version = rusqlite::version_number();
    if version >= OLDEST_SQLITE {
        return Ok(());
    }
    Err(OpenError::Database {
        path: path.display().to_string(),
        problem: format!(
            "SQLite {} can damage databases (its WAL-reset bug); 3.51.3 or newer is needed",
            rusqlite::version()
        ),
    })
}

/// Copies the database to `to` as of one moment, checks the copy, and only then gives it its name.
pub(crate) fn backup(connection: &Connection, to: &Path) -> Result<(), OpenError> {
    let io = |source| OpenError::Io {
        path: to.display().to_string(),
        source,
    };
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = to.with_file_name(name);
    match std::fs::remove_file(&part) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(error)),
        _ => {}
    }
    let target = part.to_string_lossy();
    connection
        .execute("VACUUM INTO ?1", [&*target])
        .map_err(says(to))?;
    let copy = open_for_reading(&part)?;
    let verdict: String = copy
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .map_err(says(to))?;
    if verdict != "ok" {
        return Err(foreign(to, &format!("the copy is damaged: {verdict}")));
    }
    drop(copy);
    let file = std::fs::File::open(&part).map_err(io)?;
    file.sync_all().map_err(io)?;
    std::fs::rename(&part, to).map_err(io)
}

fn foreign(path: &Path, problem: &str) -> OpenError {
    OpenError::Foreign {
        path: path.display().to_string(),
        problem: problem.to_owned(),
    }
}

fn says(path: &Path) -> impl Fn(rusqlite::Error) -> OpenError + '_ {
    move |error| OpenError::Database {
        path: path.display().to_string(),
        problem: error.to_string(),
    }
}
