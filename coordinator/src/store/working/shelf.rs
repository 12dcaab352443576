//! Rows of one table in memory, by key.

use std::{
    collections::{BTreeSet, HashMap},
    hash::Hash,
};

use crate::{
    store::{AttemptRow, PointRow, SweepRow, TrialRow},
    sweep::SweepState,
    trial::{AttemptState, TrialState},
};

/// A row that is changed under a guard: what the statement that stores it demands of the row in the file.
pub trait Guarded {
    /// Of this row.
    type Guard: Copy + std::fmt::Debug;

    /// What must be in the file where this row is what was read or stored last.
    fn guard(&self) -> Self::Guard;
}

impl Guarded for TrialRow {
    type Guard = (TrialState, u32);

    fn guard(&self) -> Self::Guard {
        (self.state, self.attempts)
    }
}

impl Guarded for AttemptRow {
    type Guard = AttemptState;

    fn guard(&self) -> Self::Guard {
        self.state
    }
}

impl Guarded for PointRow {
    type Guard = ();

    fn guard(&self) {}
}

impl Guarded for SweepRow {
    type Guard = SweepState;

    fn guard(&self) -> Self::Guard {
        self.state
    }
}

/// A row as the commands so far have left it; `None`: there is no such row. `stored`: the guard of the row in the
/// file, `None` where it is not in the file yet.
#[derive(Debug)]
struct Kept<R: Guarded> {
    row: Option<R>,
    stored: Option<R::Guard>,
}

/// Rows in memory. Where a row is kept here, this one counts and not the file's.
#[derive(Debug)]
pub struct Shelf<K, R: Guarded> {
    rows: HashMap<K, Kept<R>>,
    changed: BTreeSet<K>,
    /// Read or changed since the end of the last group: candidates for leaving.
    touched: Vec<K>,
}

impl<K, R: Guarded> Default for Shelf<K, R> {
    fn default() -> Self {
        Self {
            rows: HashMap::new(),
            changed: BTreeSet::new(),
            touched: Vec::new(),
        }
    }
}

impl<K: Copy + Ord + Hash, R: Guarded> Shelf<K, R> {
    /// Whether it is known here what row there is, if any; else only the file knows.
    pub fn is_known(&self, key: K) -> bool {
        self.rows.contains_key(&key)
    }

    /// A row that is here.
    pub fn row(&self, key: K) -> Option<&R> {
        self.rows.get(&key)?.row.as_ref()
    }

    /// Rows that are here, in no order.
    pub fn rows(&self) -> impl Iterator<Item = &R> {
        self.rows.values().filter_map(|kept| kept.row.as_ref())
    }

    /// Takes in what the file has, where nothing newer is kept.
    pub fn learn(&mut self, key: K, row: Option<R>) {
        let stored = row.as_ref().map(Guarded::guard);
        self.rows.entry(key).or_insert_with(|| {
            self.touched.push(key);
            Kept { row, stored }
        });
    }

    /// A command's change. A key that is not known is a new row.
    pub fn put(&mut self, key: K, row: R) {
        let kept = self.rows.entry(key).or_insert(Kept {
            row: None,
            stored: None,
        });
        kept.row = Some(row);
        self.touch(key);
    }

    /// A row that is here, for a command to change.
    pub fn change(&mut self, key: K) -> Option<&mut R> {
        self.touch(key);
        self.rows.get_mut(&key)?.row.as_mut()
    }

    fn touch(&mut self, key: K) {
        if self.changed.insert(key) {
            self.touched.push(key);
        }
    }

    /// Rows that are not in the file yet, in order of key.
    pub fn new_rows(&self) -> impl Iterator<Item = &R> {
        let changes = self.changes();
        changes.filter_map(|(row, stored)| stored.is_none().then_some(row))
    }

    /// Rows that the file has otherwise, in order of key, with the guard of the row that each replaces there.
    pub fn changed_rows(&self) -> impl Iterator<Item = (&R, R::Guard)> {
        self.changes()
            .filter_map(|(row, stored)| Some((row, stored?)))
    }

    fn changes(&self) -> impl Iterator<Item = (&R, Option<R::Guard>)> {
        let kept = self.changed.iter().filter_map(|key| self.rows.get(key));
        kept.filter_map(|kept| Some((kept.row.as_ref()?, kept.stored)))
    }

    /// All changes are in the file.
    pub fn stored(&mut self) {
        for key in std::mem::take(&mut self.changed) {
            if let Some(kept) = self.rows.get_mut(&key) {
                kept.stored = kept.row.as_ref().map(Guarded::guard);
            }
        }
    }

    /// Keys that were read or changed since the last time.
    pub fn take_touched(&mut self) -> Vec<K> {
        std::mem::take(&mut self.touched)
    }

    /// A row that need not be here any more: the file has it.
    pub fn forget(&mut self, key: K) {
        self.rows.remove(&key);
    }

    /// Forgets all rows of these keys, changed or not.
    pub fn drop_where(&mut self, gone: impl Fn(&K) -> bool) {
        self.rows.retain(|key, _| !gone(key));
        self.changed.retain(|key| !gone(key));
    }
}
