//! One connection, driven statement by statement from a thread of its own.
//!
//! sqlx answers in futures; the row traits are plain calls, so that a command reads as what it does. Whoever calls is
//! the writer's thread or one of the runtime's blocking threads, which may wait.

use std::{
    cell::RefCell,
    fmt,
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use sqlx::{
    Arguments as _, Connection as _, Row as _, TypeInfo as _, ValueRef as _,
    sqlite::{SqliteArguments, SqliteConnection, SqliteRow},
};

use crate::store::{StoreError, rows::Rows};

/// A cell's value, or a parameter's.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

impl Value {
    /// For messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Integer(_) => "integer",
            Self::Real(_) => "real",
            Self::Text(_) => "text",
            Self::Blob(_) => "blob",
        }
    }
}

/// Parameters of a statement, in order: `params![sweep.0, int(trial.0), token]`.
macro_rules! params {
    ($($value:expr),* $(,)?) => { vec![$($crate::store::sqlite::db::Value::from($value)),*] };
}
pub(super) use params;

/// The values of one row of a [`Bulk`](super::bulk::Bulk), in order.
macro_rules! row {
    ($($value:expr),* $(,)?) => { [$($crate::store::sqlite::db::Value::from($value)),*] };
}
pub(super) use row;

/// A connection.
pub(in crate::store) struct Db {
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

    /// Runs a constant statement; gives the number of rows it changed.
    pub(super) fn run(&self, sql: &'static str, params: Vec<Value>) -> Rows<u64> {
        let query = sqlx::query_with(sql, arguments(sql, params)?);
        let done = wait_for(query.execute(&mut *self.connection.borrow_mut()))?;
        Ok(done.rows_affected())
    }

    /// All rows of a constant statement.
    pub(super) fn rows(&self, sql: &'static str, params: Vec<Value>) -> Rows<Vec<SqliteRow>> {
        let query = sqlx::query_with(sql, arguments(sql, params)?);
        Ok(wait_for(
            query.fetch_all(&mut *self.connection.borrow_mut()),
        )?)
    }

    /// The first row of a constant statement.
    pub(super) fn row(&self, sql: &'static str, params: Vec<Value>) -> Rows<Option<SqliteRow>> {
        let query = sqlx::query_with(sql, arguments(sql, params)?);
        Ok(wait_for(
            query.fetch_optional(&mut *self.connection.borrow_mut()),
        )?)
    }

    /// Runs a script of several statements without parameters.
    pub(in crate::store) fn script(&self, sql: &'static str) -> Rows<()> {
        wait_for(sqlx::raw_sql(sql).execute(&mut *self.connection.borrow_mut()))?;
        Ok(())
    }

    /// Closes the file, so that whoever comes next finds its log folded in.
    pub(in crate::store) fn close(self) {
        wait_for(self.connection.into_inner().close()).ok();
    }

    /// Parameters of a statement, in SQLite's count.
    #[cfg(test)]
    pub(in crate::store) fn parameters(&self, sql: &'static str) -> usize {
        use sqlx::{Either, Executor as _, SqlSafeStr as _, Statement as _};
        let mut connection = self.connection.borrow_mut();
        let statement = wait_for(connection.prepare(sql.into_sql_str())).unwrap();
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
fn parameters(sql: &str) -> usize {
    let number = |rest: &str| {
        let end = rest.find(|c: char| !c.is_ascii_digit());
        rest[..end.unwrap_or(rest.len())].parse::<usize>().ok()
    };
    let highest = sql.split('?').skip(1).filter_map(number).max();
    highest.unwrap_or_else(|| sql.matches('?').count())
}

/// What SQLite has in a cell, whatever the column was declared as.
pub(super) fn value(row: &SqliteRow, index: usize) -> Result<Value, String> {
    let say = |error: sqlx::Error| error.to_string();
    let raw = row.try_get_raw(index).map_err(say)?;
    let kind = raw.type_info().name().to_owned();
    if raw.is_null() {
        return Ok(Value::Null);
    }
    Ok(match kind.as_str() {
        "REAL" => Value::Real(row.try_get_unchecked(index).map_err(say)?),
        "TEXT" => Value::Text(row.try_get_unchecked(index).map_err(say)?),
        "BLOB" => Value::Blob(row.try_get_unchecked(index).map_err(say)?),
        _ => Value::Integer(row.try_get_unchecked(index).map_err(say)?),
    })
}

/// Waits for a future on this thread. Nothing else runs here meanwhile: sqlx's own thread does the work and wakes.
pub(super) fn wait_for<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match primary_code(&error) {
            Some(FULL | IO_ERROR | READ_ONLY | CANNOT_OPEN) => Self::DiskFull(error.to_string()),
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

macro_rules! from_integer {
    ($($integer:ty),*) => {$(
        impl From<$integer> for Value {
            fn from(n: $integer) -> Self {
                Self::Integer(n.into())
            }
        }
    )*};
}
from_integer!(i64, u32, bool);

impl From<f64> for Value {
    fn from(x: f64) -> Self {
        // As SQLite itself: it has no NaN.
        if x.is_nan() {
            Self::Null
        } else {
            Self::Real(x)
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Blob(bytes.to_vec())
    }
}

impl<const N: usize> From<[u8; N]> for Value {
    fn from(bytes: [u8; N]) -> Self {
        Self::Blob(bytes.to_vec())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
