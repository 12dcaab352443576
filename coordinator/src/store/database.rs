//! What the store asks of a database: to run a statement, and to give rows back. All else is made of these two.

use super::{
    StoreError,
    cells::{Cells, Row, Value},
    error::Rows,
    statement::Statement,
    table::{Record, Role, Stored},
};

/// A database, within a transaction or without.
pub(super) trait Database {
    /// What it gives back.
    type Row: Row;

    /// The rows that a constant text finds.
    fn rows(&self, sql: &'static str, params: Vec<Value>) -> Rows<Vec<Self::Row>>;

    /// Runs a constant text; gives the number of rows it changed.
    fn execute(&self, sql: &'static str, params: Vec<Value>) -> Rows<u64>;

    /// All rows that a statement finds.
    fn all<T: Stored>(&self, statement: &'static Statement, params: Vec<Value>) -> Rows<Vec<T>> {
        let rows = self.rows(statement.sql(), params)?;
        read_all(&rows, statement)
    }

    /// The first row that a statement finds.
    fn first<T: Stored>(
        &self,
        statement: &'static Statement,
        params: Vec<Value>,
    ) -> Rows<Option<T>> {
        let rows = self.rows(statement.sql(), params)?;
        let row = rows.first();
        row.map(|row| T::read(&mut Cells::of(row, statement.table(), 0)))
            .transpose()
    }

    /// All rows that a statement over many keys finds; `keys` are the keys' values, one key after the other.
    fn all_at<T: Stored>(&self, statement: &'static Statement, keys: Vec<Value>) -> Rows<Vec<T>> {
        let mut found = Vec::new();
        each_part(statement, keys, |sql, part| {
            found.extend(read_all(&self.rows(sql, part)?, statement)?);
            Ok(())
        })?;
        Ok(found)
    }

    /// Runs a statement; gives the number of rows it changed.
    fn run(&self, statement: &'static Statement, params: Vec<Value>) -> Rows<u64> {
        self.execute(statement.sql(), params)
    }

    /// Runs a statement over many rows' values, one row after the other; gives the number of rows it changed.
    fn run_over(&self, statement: &'static Statement, values: Vec<Value>) -> Rows<u64> {
        let mut changed = 0;
        each_part(statement, values, |sql, part| {
            changed += self.execute(sql, part)?;
            Ok(())
        })?;
        Ok(changed)
    }

    /// The same, where each row must change one row of the table.
    fn store(&self, statement: &'static Statement, values: Vec<Value>) -> Rows<()> {
        let rows = values.len() / statement.parameters();
        match self.run_over(statement, values)? {
            changed if changed == rows as u64 => Ok(()),
            // What the file says is not what the command saw: somebody has written beside the writer.
            _ => Err(StoreError::Fenced),
        }
    }

    /// New rows.
    fn insert<'a, R: Record + 'a>(
        &self,
        statement: &'static Statement,
        rows: impl Iterator<Item = &'a R>,
    ) -> Rows<()> {
        let mut values = Vec::new();
        rows.for_each(|row| row.bind(&mut values));
        self.store(statement, values)
    }

    /// What may change of rows, each with the values that guard it.
    fn update<'a, R: Record + 'a>(
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
}

fn read_all<T: Stored>(rows: &[impl Row], statement: &Statement) -> Rows<Vec<T>> {
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
