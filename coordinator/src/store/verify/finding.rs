//! What does not hold: where it stands, and what would be right.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::store::{
    Db, StoreError,
    sqlite::{Broken, Rule},
    sweeps,
};

/// So many are told; more of them say no more.
const MOST: usize = 100_000;

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// `fashion`, `fashion/17`; empty for the file itself.
    pub of: String,
    /// Which invariant, in a few words.
    pub invariant: &'static str,
    /// The table.
    pub table: String,
    /// The row's key in it; empty for the table itself.
    pub key: String,
    /// The column; empty for the row itself.
    pub column: String,
    /// What stands there.
    pub stored: String,
    /// What would be right, as far as that can be said.
    pub right: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.of.is_empty() {
            write!(f, "{}: ", self.of)?;
        }
        f.write_str(&self.table)?;
        if !self.column.is_empty() {
            write!(f, ".{}", self.column)?;
        }
        if !self.key.is_empty() {
            write!(f, " ({})", self.key)?;
        }
        write!(f, " is {}", self.stored)?;
        if !self.right.is_empty() {
            write!(f, ", right would be {}", self.right)?;
        }
        write!(f, ": {}", self.invariant)
    }
}

/// A row of a table, for findings about it.
#[derive(Clone, Debug)]
pub(super) struct At<'a> {
    pub of: &'a str,
    pub table: &'static str,
    pub key: String,
}

/// Names of sweeps by key.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<i64, String>);

impl Names {
    pub(super) fn read(db: &Db, findings: &mut Findings) -> Self {
        match sweeps::names(db) {
            Ok(names) => Self(names.into_iter().map(|(key, name)| (key.0, name)).collect()),
            Err(error) => {
                findings.unreadable(&Self::default(), error);
                Self::default()
            }
        }
    }

    /// The sweep's name, or its trial's.
    pub(super) fn of(&self, sweep: Option<i64>, trial: Option<i64>) -> String {
        let Some(sweep) = sweep else {
            return String::new();
        };
        let name = match self.0.get(&sweep) {
            Some(name) => name.clone(),
            None => format!("sweep {sweep}"),
        };
        match trial {
            Some(trial) => format!("{name}/{trial}"),
            None => name,
        }
    }
}

/// Findings so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    found: Vec<Finding>,
    left_out: u64,
    /// Damage that several checks have met.
    met: BTreeSet<String>,
}

impl Findings {
    /// Notes what does not hold.
    pub(super) fn add(&mut self, finding: Finding) {
        if self.found.len() < MOST {
            self.found.push(finding);
        } else {
            self.left_out += 1;
        }
    }

    /// Notes a column that is not what it ought to be.
    pub(super) fn wrong(
        &mut self,
        at: &At<'_>,
        column: &str,
        invariant: &'static str,
        stored: impl Into<String>,
        right: impl Into<String>,
    ) {
        self.add(Finding {
            of: at.of.to_owned(),
            invariant,
            table: at.table.to_owned(),
            key: at.key.clone(),
            column: column.to_owned(),
            stored: stored.into(),
            right: right.into(),
        });
    }

    /// Compares a column with what it ought to be.
    pub(super) fn same<T: PartialEq + Shown>(
        &mut self,
        at: &At<'_>,
        column: &str,
        invariant: &'static str,
        stored: &T,
        right: &T,
    ) {
        if stored != right {
            self.wrong(at, column, invariant, stored.shown(), right.shown());
        }
    }

    /// Compares a sum or a mean: another order of its parts may change its last bits.
    pub(super) fn close(
        &mut self,
        at: &At<'_>,
        column: &str,
        invariant: &'static str,
        stored: Option<f64>,
        right: Option<f64>,
    ) {
        let same = match (stored, right) {
            (Some(a), Some(b)) => a == b || (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-9),
            (a, b) => a.is_none() && b.is_none(),
        };
        if !same {
            self.wrong(at, column, invariant, stored.shown(), right.shown());
        }
    }

    /// Notes a row that breaks a rule.
    pub(super) fn broken(&mut self, rule: &Rule, row: Broken, names: &Names) {
        self.add(Finding {
            of: names.of(row.sweep, row.trial),
            invariant: rule.invariant,
            table: rule.table.to_owned(),
            key: row.key,
            column: rule.column.to_owned(),
            stored: row.stored,
            right: row.right,
        });
    }

    /// Notes what cannot be read, once for all checks that meet it.
    pub(super) fn unreadable(&mut self, names: &Names, error: StoreError) {
        let (table, column, key, problem) = match error {
            StoreError::Damaged {
                table,
                column,
                row,
                problem,
            } => (table, column, row, problem),
            other => ("", String::new(), String::new(), other.to_string()),
        };
        if !self.met.insert(format!("{table}.{column} {key} {problem}")) {
            return;
        }
        let sweep = key.split(',').next().and_then(|n| n.parse().ok());
        self.add(Finding {
            of: names.of(sweep, None),
            invariant: "every row can be read",
            table: table.to_owned(),
            key,
            column,
            stored: format!("unreadable ({problem})"),
            right: String::new(),
        });
    }

    /// All that was found, and how many more.
    pub(super) fn told(self) -> (Vec<Finding>, u64) {
        (self.found, self.left_out)
    }
}

/// A value as findings show it.
pub(super) trait Shown {
    /// In words.
    fn shown(&self) -> String;
}

macro_rules! shown {
    ($($kind:ty),*) => {$(
        impl Shown for $kind {
            fn shown(&self) -> String {
                self.to_string()
            }
        }
    )*};
}
shown!(u32, u64, i64, f64, bool, crate::ids::Hash);

impl Shown for &str {
    fn shown(&self) -> String {
        match *self {
            "" => "empty".to_owned(),
            text => text.to_owned(),
        }
    }
}

impl Shown for String {
    fn shown(&self) -> String {
        self.as_str().shown()
    }
}

impl<T: Shown> Shown for Option<T> {
    fn shown(&self) -> String {
        self.as_ref().map_or_else(|| "null".to_owned(), T::shown)
    }
}
