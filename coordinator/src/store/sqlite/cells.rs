//! Statements and cells: what is read from a file may be damaged, and then says where.

use rusqlite::{Connection, Params, Row, types::FromSql};

use crate::{
    ids::Hash,
    store::{StoreError, rows::Rows},
};

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        match error.sqlite_error_code() {
            Some(Code::DiskFull | Code::SystemIoFailure | Code::ReadOnly | Code::CannotOpen) => {
                Self::DiskFull(error.to_string())
            }
            _ => Self::Database(error.to_string()),
        }
    }
}

/// One row, read cell by cell in the order of the SELECT.
pub(super) struct Cells<'a> {
    row: &'a Row<'a>,
    table: &'static str,
    next: usize,
}

impl Cells<'_> {
    /// The next cell; `column` is for the error.
    pub(super) fn get<T: FromSql>(&mut self, column: &'static str) -> Rows<T> {
        let value = self.row.get(self.next);
        self.next += 1;
        value.map_err(|error| self.damaged(column, &error.to_string()))
    }

    /// A number that must fit.
    pub(super) fn number<T: TryFrom<i64>>(&mut self, column: &'static str) -> Rows<T> {
        let value: i64 = self.get(column)?;
        T::try_from(value).map_err(|_| self.damaged(column, &format!("{value} is out of range")))
    }

    /// A number that must fit, or null.
    pub(super) fn optional_number<T: TryFrom<i64>>(
        &mut self,
        column: &'static str,
    ) -> Rows<Option<T>> {
        let value: Option<i64> = self.get(column)?;
        let fit = |value: i64| {
            T::try_from(value)
                .map_err(|_| self.damaged(column, &format!("{value} is out of range")))
        };
        value.map(fit).transpose()
    }

    /// 0 or 1.
    pub(super) fn flag(&mut self, column: &'static str) -> Rows<bool> {
        Ok(self.number::<u8>(column)? != 0)
    }

    /// A word that `parse` knows.
    pub(super) fn word<T>(
        &mut self,
        column: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Rows<T> {
        let word: String = self.get(column)?;
        parse(&word).ok_or_else(|| self.damaged(column, &format!("`{word}` is no such thing")))
    }

    /// A word that `parse` knows, or null.
    pub(super) fn optional_word<T>(
        &mut self,
        column: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Rows<Option<T>> {
        let word: Option<String> = self.get(column)?;
        let known = |word: String| {
            parse(&word).ok_or_else(|| self.damaged(column, &format!("`{word}` is no such thing")))
        };
        word.map(known).transpose()
    }

    /// A hash, or null.
    pub(super) fn optional_hash(&mut self, column: &'static str) -> Rows<Option<Hash>> {
        Ok(self.get::<Option<[u8; 32]>>(column)?.map(Hash))
    }

    /// JSON of this type.
    pub(super) fn json<T: serde::de::DeserializeOwned>(&mut self, column: &'static str) -> Rows<T> {
        let text: String = self.get(column)?;
        serde_json::from_str(&text).map_err(|error| self.damaged(column, &error.to_string()))
    }

    /// What is wrong with a cell of this row.
    pub(super) fn damaged(&self, column: &'static str, problem: &str) -> StoreError {
        let key: Vec<String> = (0..3.min(self.row.as_ref().column_count()))
            .map(|i| match self.row.get_ref(i) {
                Ok(rusqlite::types::ValueRef::Integer(n)) => n.to_string(),
                Ok(rusqlite::types::ValueRef::Text(t)) => String::from_utf8_lossy(t).into_owned(),
                _ => "?".to_owned(),
            })
            .collect();
        StoreError::Damaged {
            table: self.table,
            column,
            row: key.join(", "),
            problem: problem.to_owned(),
        }
    }
}

/// All rows of a constant statement.
pub(super) fn all<T>(
    connection: &Connection,
    table: &'static str,
    sql: &str,
    params: impl Params,
    read: impl Fn(&mut Cells<'_>) -> Rows<T>,
) -> Rows<Vec<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(read(&mut Cells {
            row,
            table,
            next: 0,
        })?);
    }
    Ok(out)
}

/// The first row of a constant statement.
pub(super) fn first<T>(
    connection: &Connection,
    table: &'static str,
    sql: &str,
    params: impl Params,
    read: impl Fn(&mut Cells<'_>) -> Rows<T>,
) -> Rows<Option<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    match rows.next()? {
        Some(row) => read(&mut Cells {
            row,
            table,
            next: 0,
        })
        .map(Some),
        None => Ok(None),
    }
}

/// Runs a constant statement; gives the number of rows it changed.
pub(super) fn run(connection: &Connection, sql: &str, params: impl Params) -> Rows<usize> {
    Ok(connection.prepare_cached(sql)?.execute(params)?)
}

/// Unsigned numbers are stored as SQLite has them; larger ones do not occur.
pub(super) fn int(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
