//! Cells: what values are in a database, and back. What is read from a file may be damaged, and then says where.

use std::{fmt, sync::Arc};

use serde_json::json;
use sqlx::{Column as _, Row as _, TypeInfo as _, ValueRef as _, sqlite::SqliteRow};

use super::{StoreError, error::Rows};
use crate::{
    ids::{AttemptNumber, Hash, RequestId, Seed, SessionId, SweepId, SweepKey, Token, TrialNumber},
    trial::{AttemptState, EndCause, StopRequest, TrialKind, TrialState},
};

/// A cell's value, or a parameter's.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
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

    /// Says that a cell holds this, and not what is wanted.
    pub(super) fn unexpected(&self) -> String {
        format!("unexpected {}", self.kind())
    }
}

/// As findings show it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Integer(n) => write!(f, "{n}"),
            Self::Real(x) => write!(f, "{x}"),
            Self::Text(text) if text.is_empty() => f.write_str("empty"),
            Self::Text(text) => f.write_str(text),
            Self::Blob(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
        }
    }
}

/// Parameters of a statement, in order: `params![sweep, trial, token]`.
macro_rules! params {
    ($($value:expr),* $(,)?) => { vec![$($crate::store::cells::Bind::value(&$value)),*] };
}
pub(super) use params;

/// What can be a parameter.
pub(crate) trait Bind {
    fn value(&self) -> Value;
}

/// What stands in one cell.
pub(super) trait Cell: Bind + Sized {
    /// What a cell says, or what is wrong with it.
    fn from_value(value: Value) -> Result<Self, String>;
}

/// What SQLite has in a cell, whatever the column was declared as.
pub(super) fn cell(row: &SqliteRow, index: usize) -> Result<Value, String> {
    let say = |error: sqlx::Error| error.to_string();
    let raw = row.try_get_raw(index).map_err(say)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    match raw.type_info().name() {
        "REAL" => row.try_get_unchecked(index).map(Value::Real),
        "TEXT" => row.try_get_unchecked(index).map(Value::Text),
        "BLOB" => row.try_get_unchecked(index).map(Value::Blob),
        _ => row.try_get_unchecked(index).map(Value::Integer),
    }
    .map_err(say)
}

/// A row's cells, read from left to right.
pub(super) struct Cells<'a> {
    row: &'a SqliteRow,
    table: &'static str,
    next: usize,
}

impl<'a> Cells<'a> {
    /// A row of this table, read from this cell on.
    pub(super) fn of(row: &'a SqliteRow, table: &'static str, next: usize) -> Self {
        Self { row, table, next }
    }

    /// The next cell.
    pub(super) fn next<T: Cell>(&mut self) -> Rows<T> {
        self.next_as(T::from_value)
    }

    /// What is made of the next cell.
    pub(super) fn next_as<T>(&mut self, make: fn(Value) -> Result<T, String>) -> Rows<T> {
        let index = self.next;
        self.next += 1;
        let made = cell(self.row, index).and_then(make);
        made.map_err(|problem| self.damaged(index, &problem))
    }

    /// Whether the next cell is null.
    pub(super) fn is_null(&self) -> bool {
        matches!(cell(self.row, self.next), Ok(Value::Null))
    }

    fn damaged(&self, index: usize, problem: &str) -> StoreError {
        // The first cells of every row are its key, or tell enough of it.
        let shown = |index| match cell(self.row, index) {
            Ok(Value::Integer(n)) => n.to_string(),
            Ok(Value::Text(text)) => text,
            _ => "?".to_owned(),
        };
        let key: Vec<String> = (0..3.min(self.row.len())).map(shown).collect();
        let column = self.row.columns().get(index);
        let column = column.map_or("", |column| column.name());
        StoreError::damaged(self.table, column, key.join(", "), problem)
    }
}

/// Types that stand in one cell: the kind of its value, how they are read from it, and how they are written.
macro_rules! cell_types {
    ($($type:ty: $kind:ident($inner:ident) => $read:expr, $of:ident => $value:expr;)*) => {$(
        impl $crate::store::cells::Bind for $type {
            fn value(&self) -> $crate::store::cells::Value {
                let $of = self;
                $crate::store::cells::Value::$kind($value)
            }
        }

        impl $crate::store::cells::Cell for $type {
            fn from_value(value: $crate::store::cells::Value) -> Result<Self, String> {
                match value {
                    $crate::store::cells::Value::$kind($inner) => $read,
                    other => Err(other.unexpected()),
                }
            }
        }
    )*};
}
pub(super) use cell_types;

cell_types! {
    i64: Integer(n) => Ok(n), of => *of;
    u32: Integer(n) => fits(n), of => i64::from(*of);
    // Larger ones do not occur.
    u64: Integer(n) => fits(n), of => i64::try_from(*of).unwrap_or(i64::MAX);
    bool: Integer(n) => fits::<u8>(n).map(|n| n != 0), of => i64::from(*of);
    String: Text(text) => Ok(text), of => of.clone();
    Arc<str>: Text(text) => Ok(text.into()), of => of.to_string();
    Vec<u8>: Blob(bytes) => Ok(bytes), of => of.clone();
    TrialNumber: Integer(n) => fits(n).map(Self), of => i64::try_from(of.0).unwrap_or(i64::MAX);
    AttemptNumber: Integer(n) => fits(n).map(Self), of => of.0.into();
    SweepId: Text(name) => Ok(Self::new(&name)), of => of.as_str().to_owned();
    Hash: Blob(bytes) => sized(bytes).map(Self), of => of.0.to_vec();
    Token: Blob(bytes) => sized(bytes).map(Self), of => of.0.to_vec();
    SessionId: Blob(bytes) => sized(bytes).map(Self), of => of.0.to_vec();
    RequestId: Blob(bytes) => sized(bytes).map(Self), of => of.0.to_vec();
    SweepKey: Integer(n) => Ok(Self(n)), of => of.0;
    Seed: Integer(n) => Ok(Self(n.cast_unsigned())), of => of.0.cast_signed();
    [u8; 16]: Blob(bytes) => sized(bytes), of => of.to_vec();
    TrialState: Text(word) => known(&word, Self::parse), of => of.as_str().to_owned();
    TrialKind: Text(word) => known(&word, Self::parse), of => of.as_str().to_owned();
    StopRequest: Text(word) => known(&word, Self::parse), of => of.as_str().to_owned();
    EndCause: Text(word) => known(&word, Self::parse), of => of.as_str().to_owned();
    AttemptState: Text(word) => known(&word, Self::parse), of => of.as_str().to_owned();
    // As JSON.
    [u64; 8]: Text(text) => json_of(&text), of => json!(of).to_string();
    Vec<u32>: Text(text) => json_of(&text), of => json!(of).to_string();
    Vec<(u32, u64)>: Text(text) => json_of(&text), of => json!(of).to_string();
    // JSON has no NaN: null stands for what is not finite.
    Vec<(String, f64)>: Text(text) => json_of(&text).map(finite_or_nan), of => json!(of).to_string();
}

fn fits<T: TryFrom<i64>>(n: i64) -> Result<T, String> {
    T::try_from(n).map_err(|_| format!("{n} is out of range"))
}

fn sized<const N: usize>(bytes: Vec<u8>) -> Result<[u8; N], String> {
    bytes.try_into().map_err(|_| "unexpected blob".to_owned())
}

pub(super) fn known<T>(word: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, String> {
    parse(word).ok_or_else(|| format!("`{word}` is no such thing"))
}

fn json_of<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

fn finite_or_nan(metrics: Vec<(String, Option<f64>)>) -> Vec<(String, f64)> {
    let metrics = metrics.into_iter();
    metrics
        .map(|(name, value)| (name, value.unwrap_or(f64::NAN)))
        .collect()
}

impl Bind for f64 {
    fn value(&self) -> Value {
        // As SQLite itself: it has no NaN.
        if self.is_nan() {
            Value::Null
        } else {
            Value::Real(*self)
        }
    }
}

impl Cell for f64 {
    fn from_value(value: Value) -> Result<Self, String> {
        match value {
            Value::Real(x) => Ok(x),
            other => Err(other.unexpected()),
        }
    }
}

impl<T: Bind> Bind for Option<T> {
    fn value(&self) -> Value {
        self.as_ref().map_or(Value::Null, Bind::value)
    }
}

impl<T: Cell> Cell for Option<T> {
    fn from_value(value: Value) -> Result<Self, String> {
        match value {
            Value::Null => Ok(None),
            other => T::from_value(other).map(Some),
        }
    }
}

impl Bind for &str {
    fn value(&self) -> Value {
        Value::Text((*self).to_owned())
    }
}

impl Bind for &[u8] {
    fn value(&self) -> Value {
        Value::Blob(self.to_vec())
    }
}
