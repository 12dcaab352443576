//! One connection, driven statement by statement from a thread of its own.
//!
//! sqlx answers in futures; rows are read and written by plain calls, so that a command reads as what it does. Whoever
//! calls is the writer's thread or one of the runtime's blocking threads, which may wait.

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
    Arguments as _, Column as _, Connection as _, Row as _, TypeInfo as _, ValueRef as _,
    sqlite::{SqliteArguments, SqliteConnection, SqliteRow},
};

use crate::store::{
    StoreError,
    cells::{Cells, Row, Value},
    error::Rows,
    statement::Statement,
    table::{Record, Role, Stored},
};

/// A connection.
pub(in crate::store) struct Db {
    connection: RefCell<SqliteConnection>,
    /// Its schema is of this build.
    current: bool,
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
            current: false,
        }
    }

    /// The same, known to have this build's schema.
    pub(super) fn current(self, current: bool) -> Self {
        Self { current, ..self }
    }

    /// Whether its schema is this build's; one that is only read may be older.
    pub(in crate::store) fn is_current(&self) -> bool {
        self.current
    }

    /// All rows that a statement finds.
    pub(in crate::store) fn all<T: Stored>(
        &self,
        statement: &'static Statement,
        params: Vec<Value>,
    ) -> Rows<Vec<T>> {
        let rows = self.rows(statement.sql(), params)?;
        read_all(&rows, statement)
    }

    /// The first row that a statement finds.
    pub(in crate::store) fn first<T: Stored>(
        &self,
        statement: &'static Statement,
        params: Vec<Value>,
    ) -> Rows<Option<T>> {
        let sql = statement.sql();
        let query = sqlx::query_with(sql, arguments(sql, params)?);
        let row = wait_for(query.fetch_optional(&mut *self.connection.borrow_mut()))?;
        row.map(|row| T::read(&mut Cells::of(&row, statement.table(), 0)))
            .transpose()
    }

    /// All rows that a statement over many keys finds; `keys` are the keys' values, one key after the other.
    pub(in crate::store) fn all_at<T: Stored>(
        &self,
        statement: &'static Statement,
        keys: Vec<Value>,
    ) -> Rows<Vec<T>> {
        let mut found = Vec::new();
        each_part(statement, keys, |sql, part| {
            found.extend(read_all(&self.rows(sql, part)?, statement)?);
            Ok(())
        })?;
        Ok(found)
    }

    /// Runs a statement; gives the number of rows it changed.
    pub(in crate::store) fn run(
        &self,
        statement: &'static Statement,
        params: Vec<Value>,
    ) -> Rows<u64> {
        self.execute(statement.sql(), params)
    }

    /// Runs a statement over many rows' values, one row after the other; gives the number of rows it changed.
    pub(in crate::store) fn run_over(
        &self,
        statement: &'static Statement,
        values: Vec<Value>,
    ) -> Rows<u64> {
        let mut changed = 0;
        each_part(statement, values, |sql, part| {
            changed += self.execute(sql, part)?;
            Ok(())
        })?;
        Ok(changed)
    }

    /// The same, where each row must change one row of the table.
    pub(in crate::store) fn store(
        &self,
        statement: &'static Statement,
        values: Vec<Value>,
    ) -> Rows<()> {
        let rows = values.len() / statement.parameters();
        match self.run_over(statement, values)? {
            changed if changed == rows as u64 => Ok(()),
            // What the file says is not what the command saw: somebody has written beside the writer.
            _ => Err(StoreError::Fenced),
        }
    }

    /// New rows.
    pub(in crate::store) fn insert<'a, R: Record + 'a>(
        &self,
        statement: &'static Statement,
        rows: impl Iterator<Item = &'a R>,
    ) -> Rows<()> {
        let mut values = Vec::new();
        rows.for_each(|row| row.bind(&mut values));
        self.store(statement, values)
    }

    /// What may change of rows, each with the values that guard it.
    pub(in crate::store) fn update<'a, R: Record + 'a>(
        &self,
        statement: &'static Statement,
        rows: impl Iterator<Item = (&'a R, Vec<Value>)>,
    ) -> Rows<()> {
        let mut values = Vec::new();
        for (row, guard) in rows {
            row.bind_only(Role::Key, &mut values);
            row.bind_only(Role::Changing, &mut values);
            values.extend(guard);
        }
        self.store(statement, values)
    }

    /// Runs one read on one snapshot of the file.
    pub(in crate::store) fn on_snapshot<T>(&self, read: impl FnOnce(&Self) -> Rows<T>) -> Rows<T> {
        self.execute("BEGIN", Vec::new())?;
        let answer = read(self);
        self.execute("COMMIT", Vec::new())?;
        answer
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

    /// All rows of a constant text.
    pub(in crate::store) fn rows(
        &self,
        sql: &'static str,
        params: Vec<Value>,
    ) -> Rows<Vec<SqliteRow>> {
        let query = sqlx::query_with(sql, arguments(sql, params)?);
        Ok(wait_for(
            query.fetch_all(&mut *self.connection.borrow_mut()),
        )?)
    }

    fn execute(&self, sql: &'static str, params: Vec<Value>) -> Rows<u64> {
        let query = sqlx::query_with(sql, arguments(sql, params)?);
        let done = wait_for(query.execute(&mut *self.connection.borrow_mut()))?;
        Ok(done.rows_affected())
    }

    /// How SQLite goes about a statement, step by step.
    #[cfg(test)]
    pub(in crate::store) fn plan(&self, explain: &'static str, params: Vec<Value>) -> Vec<String> {
        let rows = self.rows(explain, params).unwrap();
        rows.iter().map(|row| row.get("detail")).collect()
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

fn read_all<T: Stored>(rows: &[SqliteRow], statement: &Statement) -> Rows<Vec<T>> {
    let read = |row| T::read(&mut Cells::of(row, statement.table(), 0));
    rows.iter().map(|row| read(row)).collect()
}

/// Gives the rows' values to as few texts as there are.
fn each_part(
    statement: &'static Statement,
    values: Vec<Value>,
    mut each: impl FnMut(&'static str, Vec<Value>) -> Rows<()>,
) -> Rows<()> {
    let (texts, parameters) = (statement.texts(), statement.parameters());
    debug_assert_eq!(values.len() % parameters, 0, "{}", texts[0]);
    let mut rows = values.len() / parameters;
    let mut values = values.into_iter();
    while rows > 0 {
        let power = rows.ilog2().min(texts.len() as u32 - 1);
        let part = values.by_ref().take(parameters << power).collect();
        each(&texts[power as usize], part)?;
        rows -= 1 << power;
    }
    Ok(())
}

impl Row for SqliteRow {
    fn len(&self) -> usize {
        sqlx::Row::len(self)
    }

    /// What SQLite has in a cell, whatever the column was declared as.
    fn cell(&self, index: usize) -> Result<Value, String> {
        let say = |error: sqlx::Error| error.to_string();
        let raw = self.try_get_raw(index).map_err(say)?;
        if raw.is_null() {
            return Ok(Value::Null);
        }
        Ok(match raw.type_info().name() {
            "REAL" => Value::Real(self.try_get_unchecked(index).map_err(say)?),
            "TEXT" => Value::Text(self.try_get_unchecked(index).map_err(say)?),
            "BLOB" => Value::Blob(self.try_get_unchecked(index).map_err(say)?),
            _ => Value::Integer(self.try_get_unchecked(index).map_err(say)?),
        })
    }

    fn column(&self, index: usize) -> String {
        let column = self.columns().get(index);
        column.map_or_else(String::new, |column| column.name().to_owned())
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
pub(in crate::store) fn parameters(sql: &str) -> usize {
    let number = |rest: &str| {
        let end = rest.find(|c: char| !c.is_ascii_digit());
        rest[..end.unwrap_or(rest.len())].parse::<usize>().ok()
    };
    let highest = sql.split('?').skip(1).filter_map(number).max();
    highest.unwrap_or_else(|| sql.matches('?').count())
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
