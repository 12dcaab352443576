//! Statements: constant texts, made from the columns of a table, for one row or for many. A statement's way to sqlx's thread
//! and back costs ten times what SQLite does for a row.

use std::sync::OnceLock;

use super::table::{Column, Record, Role};

/// A statement over many rows is kept for 1, 2, 4, … rows up to 2 to this: any number of rows is a handful of them.
const LARGEST: u32 = 7;

/// A constant statement. In its text `{row}` stands for the columns of its table's row, `{rows}` for as many rows of
/// parameters as it is run with.
#[derive(Debug)]
pub(super) struct Statement {
    table: &'static str,
    text: &'static str,
    columns: fn() -> Vec<Column>,
    /// What one row of parameters is made of.
    row: Parameters,
    made: OnceLock<Made>,
}

/// What a statement is run with.
#[derive(Debug)]
struct Made {
    /// For 1, 2, 4, … rows.
    texts: Vec<String>,
    /// Of one row.
    parameters: usize,
}

#[derive(Clone, Copy, Debug)]
enum Parameters {
    /// The statement is no such one: it is run once.
    Once,
    /// So many.
    Count(usize),
    /// All columns.
    Columns,
    /// The key, what may change, and so many more that guard the row.
    Changing(usize),
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
        Self::insert_or::<R>("INSERT INTO {table} ({names}) VALUES {rows}")
    }

    /// New rows, by a text of its own for those that are there already.
    pub(super) const fn insert_or<R: Record>(text: &'static str) -> Self {
        Self::new::<R>(text, Parameters::Columns)
    }

    /// Rows that are there by their keys, with so many more parameters that guard them.
    pub(super) const fn update<R: Record>(guards: usize, text: &'static str) -> Self {
        Self::new::<R>(text, Parameters::Changing(guards))
    }

    /// Whose rows it is about.
    pub(super) fn table(&self) -> &'static str {
        self.table
    }

    /// The text, for one row.
    pub(super) fn sql(&'static self) -> &'static str {
        self.made().texts[0].as_str()
    }

    /// The texts for 1, 2, 4, … rows.
    pub(super) fn texts(&'static self) -> &'static [String] {
        &self.made().texts
    }

    /// Parameters of one row.
    pub(super) fn parameters(&'static self) -> usize {
        self.made().parameters
    }

    fn made(&'static self) -> &'static Made {
        self.made.get_or_init(|| {
            let columns = (self.columns)();
            let (parameters, largest) = match self.row {
                Parameters::Once => (1, 0),
                Parameters::Count(count) => (count, LARGEST),
                Parameters::Columns => (columns.len(), LARGEST),
                Parameters::Changing(guards) => {
                    let fixed = columns.iter().filter(|column| column.role == Role::Fixed);
                    (columns.len() - fixed.count() + guards, LARGEST)
                }
            };
            let text = self.described(&columns);
            let sized = |power| text.replace("{rows}", &places(1_usize << power, parameters));
            Made {
                texts: (0..=largest).map(sized).collect(),
                parameters,
            }
        })
    }

    fn described(&self, columns: &[Column]) -> String {
        let names = |shown: &dyn Fn(&str) -> String, is: &dyn Fn(Role) -> bool| {
            let wanted = columns.iter().filter(|column| is(column.role));
            let shown: Vec<String> = wanted.map(|column| shown(column.name)).collect();
            shown.join(", ")
        };
        let (all, key, changing) = (
            |_| true,
            |role| role == Role::Key,
            |role| role == Role::Changing,
        );
        let table = self.table;
        self.text
            .replace("{table}", table)
            .replace("{row}", &names(&|name| format!("{table}.{name}"), &all))
            .replace("{names}", &names(&str::to_owned, &all))
            .replace("{key}", &names(&str::to_owned, &key))
            .replace(
                "{key of row}",
                &names(&|name| format!("{table}.{name}"), &key),
            )
            .replace("{key of v}", &names(&|name| format!("v.{name}"), &key))
            .replace("{changing}", &names(&str::to_owned, &changing))
            .replace(
                "{set}",
                &names(&|name| format!("{name} = v.{name}"), &changing),
            )
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
