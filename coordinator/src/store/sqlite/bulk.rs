//! One statement for many rows. A statement's way to sqlx's thread and back costs ten times what SQLite does for a row.

use std::sync::OnceLock;

use super::db::{Db, Value};
use crate::store::{StoreError, rows::Rows};

/// A statement is kept for 1, 2, 4, … rows up to 2 to this: any number of rows is a handful of them.
const LARGEST: u32 = 7;

/// A statement whose `{rows}` stands for so many rows of values.
pub(super) struct Bulk {
    sql: &'static str,
    columns: usize,
    sized: OnceLock<Vec<String>>,
}

impl Bulk {
    pub(super) const fn new(sql: &'static str, columns: usize) -> Self {
        Self {
            sql,
            columns,
            sized: OnceLock::new(),
        }
    }

    /// The statements, each for twice as many rows as the one before, with the number of their parameters.
    pub(super) fn statements(&'static self) -> impl Iterator<Item = (&'static str, usize)> {
        let sized = self.sized.get_or_init(|| {
            (0..=LARGEST)
                .map(|power| {
                    self.sql
                        .replace("{rows}", &places(1 << power, self.columns))
                })
                .collect()
        });
        let parameters = |power: usize| self.columns << power;
        sized
            .iter()
            .enumerate()
            .map(move |(power, sql)| (sql.as_str(), parameters(power)))
    }

    /// Runs it over the rows' values, one row after the other; every row must change one row of the table.
    pub(super) fn run(&'static self, db: &Db, values: Vec<Value>) -> Rows<()> {
        let rows = (values.len() / self.columns) as u64;
        let mut changed = 0;
        self.each_part(values, |sql, part| {
            changed += db.run(sql, part)?;
            Ok(())
        })?;
        if changed == rows {
            Ok(())
        } else {
            // What the file says is not what the command saw: somebody has written beside the writer.
            Err(StoreError::Fenced)
        }
    }

    /// Gives the rows' values to as few statements as there are.
    pub(super) fn each_part(
        &'static self,
        values: Vec<Value>,
        mut each: impl FnMut(&'static str, Vec<Value>) -> Rows<()>,
    ) -> Rows<()> {
        debug_assert_eq!(values.len() % self.columns, 0, "{}", self.sql);
        let mut rows = values.len() / self.columns;
        let mut values = values.into_iter();
        while rows > 0 {
            let power = rows.ilog2().min(LARGEST);
            let Some((sql, parameters)) = self.statements().nth(power as usize) else {
                break;
            };
            each(sql, values.by_ref().take(parameters).collect())?;
            rows -= 1 << power;
        }
        Ok(())
    }
}

/// `(?, ?), (?, ?)`. Without numbers: SQLite keeps `?1` as a name, and sqlx asks for the name of each parameter, which
/// SQLite looks for among all of them. With a thousand parameters that took three quarters of the time.
fn places(rows: usize, columns: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(", "));
    vec![row; rows].join(", ")
}
