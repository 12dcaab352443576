//! How statements are run on a connection, and what they find is read: for one row, or over many.

use sqlx::sqlite::SqliteRow;

use super::{
    Db, StoreError,
    cells::{Cells, Value},
    error::Rows,
    statement::{Made, Statement},
    table::{Record, Role, Stored},
};

impl Db {
    /// All rows that a statement finds.
    pub(super) fn all<T: Stored>(
        &self,
        statement: &'static Statement,
        params: Vec<Value>,
    ) -> Rows<Vec<T>> {
        let rows = self.rows(statement.sql(), params)?;
        read_all(&rows, statement)
    }

    /// The first row that a statement finds.
    pub(super) fn first<T: Stored>(
        &self,
        statement: &'static Statement,
        params: Vec<Value>,
    ) -> Rows<Option<T>> {
        let rows = self.rows(statement.sql(), params)?;
        let row = rows.first();
        row.map(|row| T::read(&mut Cells::of(row, statement.table, 0)))
            .transpose()
    }

    /// All rows that a statement over many keys finds; `keys` are the keys' values, one key after the other.
    pub(super) fn all_at<T: Stored>(
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

    /// Runs a statement.
    pub(super) fn run(&self, statement: &'static Statement, params: Vec<Value>) -> Rows<()> {
        self.execute(statement.sql(), params).map(drop)
    }

    /// Runs a statement over many rows' values, one row after the other; gives the number of rows it changed.
    pub(super) fn run_over(&self, statement: &'static Statement, values: Vec<Value>) -> Rows<u64> {
        let mut changed = 0;
        each_part(statement, values, |sql, part| {
            changed += self.execute(sql, part)?;
            Ok(())
        })?;
        Ok(changed)
    }

    /// The same, where each row must change one row of the table.
    pub(super) fn store(&self, statement: &'static Statement, values: Vec<Value>) -> Rows<()> {
        let rows = values.len() / statement.made().parameters;
        match self.run_over(statement, values)? {
            changed if changed == rows as u64 => Ok(()),
            // What the file says is not what the command saw: somebody has written beside the writer.
            _ => Err(StoreError::Fenced),
        }
    }

    /// New rows.
    pub(super) fn insert<'a, R: Record + 'a>(
        &self,
        statement: &'static Statement,
        rows: impl Iterator<Item = &'a R>,
    ) -> Rows<()> {
        let mut values = Vec::new();
        rows.for_each(|row| row.bind(&mut values));
        self.store(statement, values)
    }

    /// What may change of rows, each with the values that guard it.
    pub(super) fn update<'a, R: Record + 'a>(
        &self,
        statement: &'static Statement,
        rows: impl Iterator<Item = (&'a R, Vec<Value>)>,
    ) -> Rows<()> {
        let mut values = Vec::new();
        for (row, guard) in rows {
            row.bind_only(|role| role == Role::Key, &mut values);
            row.bind_only(|role| statement.sets(role), &mut values);
            values.extend(guard);
        }
        self.store(statement, values)
    }
}

fn read_all<T: Stored>(rows: &[SqliteRow], statement: &Statement) -> Rows<Vec<T>> {
    let read = |row| T::read(&mut Cells::of(row, statement.table, 0));
    rows.iter().map(read).collect()
}

/// Gives the rows' values to as few texts as there are: to one, where they are not very many.
fn each_part(
    statement: &'static Statement,
    values: Vec<Value>,
    mut each: impl FnMut(&'static str, Vec<Value>) -> Rows<()>,
) -> Rows<()> {
    let Made { texts, parameters } = statement.made();
    debug_assert_eq!(values.len() % parameters, 0, "{}", texts[0]);
    let mut rows = values.len() / parameters;
    let mut values = values.into_iter();
    while rows > 0 {
        let power = rows.next_power_of_two().ilog2().min(texts.len() as u32 - 1);
        let mut part: Vec<_> = values.by_ref().take(parameters << power).collect();
        part.resize(parameters << power, Value::Null);
        each(&texts[power as usize], part)?;
        rows = rows.saturating_sub(1 << power);
    }
    Ok(())
}
