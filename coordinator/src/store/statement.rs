//! Statements: constant texts, made from the columns of a table, for one row or for many. A statement's way to sqlx's thread
//! and back costs ten times what SQLite does for a row.

use std::sync::OnceLock;

use super::table::{Column, Record, Role};

/// A statement over many rows is kept for 1, 2, 4, … rows up to 2 to this. Rows that are fewer are filled up with ones of
/// NULL, which find, change and add nothing.
const LARGEST: u32 = 7;

/// A new row, and several that may be filled up.
const ONE: &str = "VALUES {rows}";
const FILLED: &str = "SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL";

/// A constant statement. In its text `{row}` stands for the columns of its table's row, `{rows}` for as many rows of
/// parameters as it is run with; the first of a row's is part of a key, and never NULL.
#[derive(Debug)]
pub(super) struct Statement {
    /// Whose rows it is about.
    pub table: &'static str,
    text: &'static str,
    columns: fn() -> Vec<Column>,
    /// What one row of parameters is made of.
    row: Parameters,
    made: OnceLock<Made>,
}

/// What a statement is run with.
#[derive(Debug)]
pub(super) struct Made {
    /// For 1, 2, 4, … rows.
    pub texts: Vec<String>,
    /// Of one row.
    pub parameters: usize,
}

#[derive(Clone, Copy, Debug)]
enum Parameters {
    /// The statement is no such one: it is run once.
    Once,
    /// So many.
    Count(usize),
    /// All columns.
    Columns,
    /// The key, what may change (with what indexes hang on, or without), and so many more that guard the row.
    Changing { indexed: bool, guards: usize },
}

impl Statement {
    const fn new<R: Record>(text: &'static str, row: Parameters) -> Self {
        Self {
            table: R::TABLE,
            text,
            columns: R::all_columns,
            row,
            made: OnceLock::new(),
        }
    }

    /// Of this table; run once.
    pub(super) const fn of<R: Record>(text: &'static str) -> Self {
        Self::new::<R>(text, Parameters::Once)
    }

    /// Of this table, over rows of so many parameters.
    pub(super) const fn over<R: Record>(parameters: usize, text: &'static str) -> Self {
        Self::new::<R>(text, Parameters::Count(parameters))
    }

    /// Of no table's rows in particular.
    pub(super) const fn plain(table: &'static str, text: &'static str) -> Self {
        Self {
            table,
            text,
            columns: Vec::new,
            row: Parameters::Once,
            made: OnceLock::new(),
        }
    }

    /// New rows.
    pub(super) const fn insert<R: Record>() -> Self {
        Self::insert_or::<R>("INSERT INTO {table} ({names}) {new}")
    }

    /// New rows, which are `{new}` in a text of its own, for what becomes of those that are there already.
    pub(super) const fn insert_or<R: Record>(text: &'static str) -> Self {
        Self::new::<R>(text, Parameters::Columns)
    }

    /// Rows that are there by their keys, with so many more parameters that guard them.
    pub(super) const fn update<R: Record>(guards: usize, text: &'static str) -> Self {
        let indexed = true;
        Self::new::<R>(text, Parameters::Changing { indexed, guards })
    }

    /// The same, for rows in which nothing has changed that indexes hang on.
    pub(super) const fn update_rest<R: Record>(guards: usize, text: &'static str) -> Self {
        let indexed = false;
        Self::new::<R>(text, Parameters::Changing { indexed, guards })
    }

    /// Whether it sets columns of this role.
    pub(super) fn sets(&self, role: Role) -> bool {
        match self.row {
            Parameters::Changing { indexed, .. } => {
                role == Role::Changing || indexed && role == Role::Indexed
            }
            _ => false,
        }
    }

    /// The text, for one row.
    pub(super) fn sql(&'static self) -> &'static str {
        self.made().texts[0].as_str()
    }

    /// What it is run with.
    pub(super) fn made(&'static self) -> &'static Made {
        self.made.get_or_init(|| {
            let columns = (self.columns)();
            let (parameters, largest) = match self.row {
                Parameters::Once => (1, 0),
                Parameters::Count(count) => (count, LARGEST),
                Parameters::Columns => (columns.len(), LARGEST),
                Parameters::Changing { guards, .. } => {
                    let bound = |role| role == Role::Key || self.sets(role);
                    let bound = columns.iter().filter(|column| bound(column.role));
                    (bound.count() + guards, LARGEST)
                }
            };
            let text = self.described(&columns);
            let sized = |power| {
                let new = if power == 0 { ONE } else { FILLED };
                text.replace("{new}", new)
                    .replace("{rows}", &places(1_usize << power, parameters))
            };
            Made {
                texts: (0..=largest).map(sized).collect(),
                parameters,
            }
        })
    }

    /// The text, with the columns that stand in it.
    fn described(&self, columns: &[Column]) -> String {
        let table = self.table;
        let names = |shown: &dyn Fn(&str) -> String, is: &dyn Fn(Role) -> bool| {
            let wanted = columns.iter().filter(|column| is(column.role));
            let shown = wanted.map(|column| shown(column.name));
            shown.collect::<Vec<_>>().join(", ")
        };
        let name: &dyn Fn(&str) -> String = &str::to_owned;
        let of_row: &dyn Fn(&str) -> String = &|name| format!("{table}.{name}");
        let set: &dyn Fn(&str) -> String = &|name| format!("{name} = v.{name}");
        self.text
            .replace("{table}", table)
            .replace("{row}", &names(of_row, &|_| true))
            .replace("{names}", &names(name, &|_| true))
            .replace("{key}", &names(name, &|role| role == Role::Key))
            .replace("{changing}", &names(name, &|role| self.sets(role)))
            .replace("{set}", &names(set, &|role| self.sets(role)))
    }
}

/// `(?, ?), (?, ?)`. Without numbers: SQLite keeps `?1` as a name, and sqlx asks for the name of each parameter, which
/// SQLite looks for among all of them. With a thousand parameters that took three quarters of the time.
fn places(rows: usize, columns: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(", "));
    vec![row; rows].join(", ")
}

/// Statements of a file, and the list of them all for the tests that look at each.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $statement:expr;)*) => {
        $($(#[$doc])* static $name: $crate::store::statement::Statement = {
            use $crate::store::statement::Statement;
            $statement
        };)*

        #[cfg(test)]
        pub(in crate::store) static STATEMENTS: &[(&str, &$crate::store::statement::Statement)] =
            &[$((stringify!($name), &$name)),*];
    };
}
pub(super) use statements;
