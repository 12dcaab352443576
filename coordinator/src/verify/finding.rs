//! What does not hold: where it stands, and what would be right.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::store::{Bind, Broken, Db, Rule, StoreError, sweeps};

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
#[derive(Debug)]
pub(super) struct At<'a> {
    pub of: &'a str,
    pub table: &'static str,
    pub key: String,
}

/// One row, held against one invariant.
pub(super) struct Against<'a> {
    findings: &'a mut Findings,
    at: At<'a>,
    invariant: &'static str,
}

impl Against<'_> {
    /// Notes a column that is not what it ought to be.
    pub(super) fn wrong(&mut self, column: &str, stored: impl ToString, right: impl ToString) {
        self.findings.add(Finding {
            of: self.at.of.to_owned(),
            invariant: self.invariant,
            table: self.at.table.to_owned(),
            key: self.at.key.clone(),
            column: column.to_owned(),
            stored: stored.to_string(),
            right: right.to_string(),
        });
    }

    /// Compares a column with what it ought to be.
    pub(super) fn same<T: Bind + PartialEq>(&mut self, column: &str, stored: &T, right: &T) {
        if stored != right {
            self.wrong(column, stored.value(), right.value());
        }
    }

    /// Compares a sum or a mean: another order of its parts may change its last bits.
    pub(super) fn close(&mut self, column: &str, stored: Option<f64>, right: Option<f64>) {
        let same = match (stored, right) {
            (Some(a), Some(b)) => a == b || (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-9),
            (a, b) => a.is_none() && b.is_none(),
        };
        if !same {
            self.wrong(column, stored.value(), right.value());
        }
    }
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

    /// Holds a row against an invariant.
    pub(super) fn against<'a>(&'a mut self, at: At<'a>, invariant: &'static str) -> Against<'a> {
        Against {
            findings: self,
            at,
            invariant,
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

    /// Notes rows that cannot be read.
    pub(super) fn all_unreadable(&mut self, names: &Names, errors: Vec<StoreError>) {
        errors
            .into_iter()
            .for_each(|error| self.unreadable(names, error));
    }

    /// Whether nothing was found.
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// All that was found, and how many more.
    pub(super) fn told(self) -> (Vec<Finding>, u64) {
        (self.found, self.left_out)
    }
}
