//! Cells: what is read from a file may be damaged, and then says where.

use sqlx::{Row as _, sqlite::SqliteRow};

use super::{
    bulk::Bulk,
    db::{Db, Value, value},
};
use crate::{
    ids::Hash,
    store::{StoreError, rows::Rows},
};

/// One row, read cell by cell in the order of the SELECT.
pub(super) struct Cells<'a> {
    row: &'a SqliteRow,
    table: &'static str,
    next: usize,
}

/// What a cell can be read as.
pub(super) trait FromCell: Sized {
    /// `None`: it is something else.
    fn from_cell(value: Value) -> Option<Self>;
}

impl FromCell for i64 {
    fn from_cell(value: Value) -> Option<Self> {
        match value {
            Value::Integer(n) => Some(n),
            _ => None,
        }
    }
}

impl FromCell for f64 {
    fn from_cell(value: Value) -> Option<Self> {
        match value {
            Value::Real(x) => Some(x),
            _ => None,
        }
    }
}

impl FromCell for String {
    fn from_cell(value: Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl FromCell for Vec<u8> {
    fn from_cell(value: Value) -> Option<Self> {
        match value {
            Value::Blob(bytes) => Some(bytes),
            _ => None,
        }
    }
}

impl<const N: usize> FromCell for [u8; N] {
    fn from_cell(value: Value) -> Option<Self> {
        Vec::from_cell(value)?.try_into().ok()
    }
}

impl<T: FromCell> FromCell for Option<T> {
    fn from_cell(value: Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            other => T::from_cell(other).map(Some),
        }
    }
}

impl<'a> Cells<'a> {
    /// A row of this table, read from this cell on.
    pub(super) fn behind(row: &'a SqliteRow, table: &'static str, next: usize) -> Self {
        Self { row, table, next }
    }
}

impl Cells<'_> {
    /// The next cell; `column` is for the error.
    pub(super) fn get<T: FromCell>(&mut self, column: &'static str) -> Rows<T> {
        let index = self.next;
        self.next += 1;
        let value = value(self.row, index).map_err(|error| self.damaged(column, &error))?;
        let kind = value.kind();
        T::from_cell(value).ok_or_else(|| self.damaged(column, &format!("unexpected {kind}")))
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
        // The first cells of every SELECT are its key, or tell enough of it.
        let shown = |index| match value(self.row, index) {
            Ok(Value::Integer(n)) => n.to_string(),
            Ok(Value::Text(text)) => text,
            _ => "?".to_owned(),
        };
        let key: Vec<String> = (0..3.min(self.row.len())).map(shown).collect();
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
    db: &Db,
    table: &'static str,
    sql: &'static str,
    params: Vec<Value>,
    read: impl Fn(&mut Cells<'_>) -> Rows<T>,
) -> Rows<Vec<T>> {
    let rows = db.rows(sql, params)?;
    rows.iter()
        .map(|row| {
            read(&mut Cells {
                row,
                table,
                next: 0,
            })
        })
        .collect()
}

/// All rows that a statement over many keys finds; `keys` are the keys' values, one key after the other.
pub(super) fn all_of<T>(
    db: &Db,
    table: &'static str,
    bulk: &'static Bulk,
    keys: Vec<Value>,
    read: impl Fn(&mut Cells<'_>) -> Rows<T>,
) -> Rows<Vec<T>> {
    let mut found = Vec::new();
    bulk.each_part(keys, |sql, part| {
        found.extend(all(db, table, sql, part, &read)?);
        Ok(())
    })?;
    Ok(found)
}

/// The first row of a constant statement.
pub(super) fn first<T>(
    db: &Db,
    table: &'static str,
    sql: &'static str,
    params: Vec<Value>,
    read: impl Fn(&mut Cells<'_>) -> Rows<T>,
) -> Rows<Option<T>> {
    let row = db.row(sql, params)?;
    row.map(|row| {
        read(&mut Cells {
            row: &row,
            table,
            next: 0,
        })
    })
    .transpose()
}

/// Runs a constant statement; gives the number of rows it changed.
pub(super) fn run(db: &Db, sql: &'static str, params: Vec<Value>) -> Rows<u64> {
    db.run(sql, params)
}

/// Unsigned numbers are stored as SQLite has them; larger ones do not occur.
pub(super) fn int(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
