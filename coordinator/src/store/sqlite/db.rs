//! One connection, driven statement by statement from a thread of its own.
//!
//! sqlx answers in futures; rows are read and written by plain calls, so that a command reads as what it does. Whoever
//! calls is the writer's thread or one of the runtime's blocking threads, which may wait.

use std::{cell::RefCell, fmt};

use futures_executor::block_on;
use sqlx::{
    Arguments as _, Connection as _,
    sqlite::{SqliteArguments, SqliteConnection, SqliteRow},
};

use crate::store::{StoreError, cells::Value, error::Rows};

/// A connection.
pub struct Db {
    connection: RefCell<SqliteConnection>,
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Db")
    }
}

impl Db {
    pub(super) fn new(connection: SqliteConnection) -> Self {
        Self {
            connection: RefCell::new(connection),
        }
    }

    /// The rows that a constant text finds.
    pub fn rows(&self, sql: &'static str, params: Vec<Value>) -> Rows<Vec<SqliteRow>> {
        let query = sqlx::query_with(sql, arguments(sql, params)?);
        let rows = block_on(query.fetch_all(&mut *self.connection.borrow_mut()))?;
        Ok(rows)
    }

    /// Runs a constant text; gives the number of rows it changed.
    pub fn execute(&self, sql: &'static str, params: Vec<Value>) -> Rows<u64> {
        let query = sqlx::query_with(sql, arguments(sql, params)?);
        let done = block_on(query.execute(&mut *self.connection.borrow_mut()))?;
        Ok(done.rows_affected())
    }

    /// Runs one read on one snapshot of the file.
    pub fn on_snapshot<T>(&self, read: impl FnOnce(&Self) -> Rows<T>) -> Rows<T> {
        self.execute("BEGIN", Vec::new())?;
        let answer = read(self);
        self.execute("COMMIT", Vec::new())?;
        answer
    }

    /// Looks at the file as of one moment; where even that fails, what is looked at says why.
    pub(crate) fn at_one_moment<T>(&self, look: impl FnOnce(&Self) -> T) -> T {
        self.script("BEGIN").ok();
        let seen = look(self);
        self.script("COMMIT").ok();
        seen
    }

    /// Runs a script of several statements without parameters.
    pub fn script(&self, sql: &'static str) -> Rows<()> {
        block_on(sqlx::raw_sql(sql).execute(&mut *self.connection.borrow_mut()))?;
        Ok(())
    }

    /// Closes the file, so that whoever comes next finds its log folded in.
    pub fn close(self) {
        block_on(self.connection.into_inner().close()).ok();
    }

    /// How SQLite goes about a statement, step by step.
    #[cfg(test)]
    pub fn plan(&self, explain: &'static str, params: Vec<Value>) -> Vec<String> {
        use sqlx::Row as _;
        let rows = self.rows(explain, params).unwrap();
        rows.iter().map(|row| row.get("detail")).collect()
    }

    /// Parameters of a statement, in SQLite's count.
    #[cfg(test)]
    pub fn parameters(&self, sql: &'static str) -> usize {
        use sqlx::{Either, Executor as _, SqlSafeStr as _, Statement as _};
        let mut connection = self.connection.borrow_mut();
        let statement = block_on(connection.prepare(sql.into_sql_str())).unwrap();
        match statement.parameters() {
            Some(Either::Right(count)) => count,
            other => panic!("{sql}: {other:?}"),
        }
    }
}

fn arguments(sql: &str, params: Vec<Value>) -> Rows<SqliteArguments> {
    // SQLite takes a parameter that is missing for NULL, without a word.
    debug_assert_eq!(parameters(sql), params.len(), "{sql}");
    let mut arguments = SqliteArguments::default();
    for param in params {
        match param {
            Value::Null => arguments.add(None::<i64>),
            Value::Integer(n) => arguments.add(n),
            Value::Real(x) => arguments.add(x),
            Value::Text(text) => arguments.add(text),
            Value::Blob(bytes) => arguments.add(bytes),
        }
        .map_err(|error| StoreError::Database(error.to_string()))?;
    }
    Ok(arguments)
}

/// Numbered parameters count to the highest number, the others each for itself.
pub fn parameters(sql: &str) -> usize {
    let number = |rest: &str| {
        let end = rest.find(|c: char| !c.is_ascii_digit());
        rest[..end.unwrap_or(rest.len())].parse::<usize>().ok()
    };
    let highest = sql.split('?').skip(1).filter_map(number).max();
    highest.unwrap_or_else(|| sql.matches('?').count())
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match primary_code(&error) {
            Some(FULL) => Self::DiskFull(format!("the disk of the database is full: {error}")),
            Some(IO_ERROR | READ_ONLY | CANNOT_OPEN) => {
                Self::DiskFull(format!("the database cannot be written now: {error}"))
            }
            _ => Self::Database(error.to_string()),
        }
    }
}

// Primary result codes, https://www.sqlite.org/rescode.html
const READ_ONLY: i32 = 8;
const IO_ERROR: i32 = 10;
const FULL: i32 = 13;
const CANNOT_OPEN: i32 = 14;
/// The file is no database.
pub(super) const NOT_A_DATABASE: i32 = 26;

/// SQLite's primary result code, the low byte of the extended one.
pub(super) fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let code = error.as_database_error()?.code()?;
    Some(code.parse::<i32>().ok()? & 0xff)
}
