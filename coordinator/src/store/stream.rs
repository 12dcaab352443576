//! A whole table in the order of its key, a page at a time: for the checker, which needs bounded memory and must not
//! stop at a row that cannot be read.

use std::{cmp::Ordering, collections::VecDeque};

use super::{
    Db, StoreError,
    cells::{Cells, Value, cell},
    error::Rows,
    statement::Statement,
    table::Stored,
};

/// Where a row stands: the numbers that its key begins with.
type Key = Vec<i64>;

/// The rows of one statement. Its first `width` cells are the row's key, and it asks for the rows behind such a key.
pub(crate) struct Stream<'a, T> {
    db: &'a Db,
    statement: &'static Statement,
    read: fn(&mut Cells<'_>) -> Rows<T>,
    width: usize,
    after: Vec<Value>,
    page: VecDeque<(Key, Rows<T>)>,
    over: bool,
    broken: bool,
    problems: Vec<StoreError>,
}

impl<'a, T> Stream<'a, T> {
    pub(super) fn new(db: &'a Db, statement: &'static Statement, width: usize) -> Self
    where
        T: Stored,
    {
        Self {
            db,
            statement,
            read: T::read,
            width,
            after: vec![Value::Integer(i64::MIN); width],
            page: VecDeque::new(),
            over: false,
            broken: false,
            problems: Vec::new(),
        }
    }

    /// Begins at the rows whose key begins with this number.
    pub(super) fn from(mut self, first: i64) -> Self {
        if let Some(cell) = self.after.first_mut() {
            *cell = Value::Integer(first);
        }
        self
    }

    /// The next row whose key begins with these numbers; what stands before them is passed over. `None`: no more of them.
    /// A row that cannot be read is the error that says so; where the file itself cannot be read any further, nothing
    /// more comes.
    pub(crate) fn next_of(&mut self, of: &[i64]) -> Option<(Key, Rows<T>)> {
        loop {
            if self.page.is_empty() {
                self.fill();
            }
            let (key, _) = self.page.front()?;
            match key.get(..of.len()).unwrap_or(key).cmp(of) {
                Ordering::Less => drop(self.page.pop_front()),
                Ordering::Equal => return self.page.pop_front(),
                Ordering::Greater => return None,
            }
        }
    }

    /// All rows whose key begins with these numbers; `None` when one of them cannot be read, or whether there are more.
    pub(crate) fn group(&mut self, of: &[i64]) -> Option<Vec<T>> {
        let mut rows = Vec::new();
        let mut whole = true;
        while let Some((_, row)) = self.next_of(of) {
            match row {
                Ok(row) => rows.push(row),
                Err(error) => {
                    self.problems.push(error);
                    whole = false;
                }
            }
        }
        (whole && !self.broken).then_some(rows)
    }

    /// Whether the file could not be read to its end.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    /// What could not be read since the last time.
    pub(crate) fn take_problems(&mut self) -> Vec<StoreError> {
        std::mem::take(&mut self.problems)
    }

    fn fill(&mut self) {
        if self.over {
            return;
        }
        let rows = match self.db.rows(self.statement.sql(), self.after.clone()) {
            Ok(rows) => rows,
            Err(error) => return self.break_off(&error),
        };
        self.over = rows.is_empty();
        for row in &rows {
            let cells: Result<Vec<_>, _> = (0..self.width).map(|at| cell(row, at)).collect();
            match cells {
                Ok(cells) => {
                    let numbers = cells.iter().map_while(|cell| match cell {
                        Value::Integer(n) => Some(*n),
                        _ => None,
                    });
                    let read = (self.read)(&mut Cells::of(row, self.statement.table, self.width));
                    self.page.push_back((numbers.collect(), read));
                    self.after = cells;
                }
                Err(error) => return self.break_off(&StoreError::Database(error)),
            }
        }
    }

    fn break_off(&mut self, error: &StoreError) {
        (self.over, self.broken) = (true, true);
        let shown = |cell: &Value| match cell {
            Value::Integer(i64::MIN) => "the start".to_owned(),
            Value::Integer(n) => n.to_string(),
            other => other.kind().to_owned(),
        };
        let after: Vec<String> = self.after.iter().map(shown).collect();
        self.problems.push(StoreError::damaged(
            self.statement.table,
            "*",
            format!("the rows after {}", after.join(", ")),
            &error.to_string(),
        ));
    }
}
