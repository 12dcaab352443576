//! The SQLite applier: rows in a file, commands in transactions, a group of them in one commit.

mod attempts;
mod backup;
mod blobs;
mod cells;
mod db;
mod events;
mod file;
mod points;
mod reports;
mod rows;
mod sweeps;
mod trials;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap},
};

pub use backup::{backup, restore};
use db::{Db, params};
pub(super) use file::{open_for_reading, open_for_writing};

use super::{
    StoreError, apply,
    command::{Command, Reply},
    rows::{AttemptRow, Read, Rows, SweepKey, SweepRow, TrialRow},
};
use crate::ids::TrialNumber;

/// Every statement with the number of its parameters, for the test that prepares them all.
#[cfg(test)]
pub(super) fn statements() -> Vec<(&'static str, usize)> {
    [
        sweeps::STATEMENTS,
        points::STATEMENTS,
        trials::STATEMENTS,
        attempts::STATEMENTS,
        reports::STATEMENTS,
        events::STATEMENTS,
        blobs::STATEMENTS,
        rows::STATEMENTS,
    ]
    .concat()
}

/// One connection's view of the file.
#[derive(Debug)]
pub(super) struct Tables {
    db: Db,
    /// Only the writer's connection remembers sweeps: it is the only one that changes them.
    sweeps: Option<RefCell<Remembered>>,
    last_seq: u64,
}

/// Sweeps as they will be at the end of the group; each is written once per group.
#[derive(Debug, Default)]
struct Remembered {
    rows: BTreeMap<SweepKey, SweepRow>,
    dirty: BTreeSet<SweepKey>,
    /// What the command under way has replaced.
    before: Vec<(SweepKey, Option<SweepRow>)>,
    /// Trials that run, with the attempt that runs: each of their reports would read both again.
    running: HashMap<(SweepKey, TrialNumber), Running>,
}

/// A running trial as it stands in the file. Its attempt is `None` until it is stored or read.
#[derive(Debug)]
struct Running {
    trial: TrialRow,
    attempt: Option<AttemptRow>,
}

impl Tables {
    /// Reads only.
    pub(super) fn reading(db: Db) -> Self {
        Self {
            db,
            sweeps: None,
            last_seq: 0,
        }
    }

    /// The one that writes.
    pub(super) fn writing(db: Db) -> Rows<Self> {
        attempts::excuse_open(&db)?;
        let last_seq = events::last_seq(&db)?;
        Ok(Self {
            db,
            sweeps: Some(RefCell::default()),
            last_seq,
        })
    }

    /// Applies a group of commands in one transaction; each command whole or not at all. The outer error: nothing of
    /// the group is stored.
    pub(super) fn apply_group(&mut self, commands: &[Command]) -> Rows<Vec<Rows<Reply>>> {
        // Commands check before they write, so that one which is refused has hardly ever written. The group is
        // done once more, with a savepoint before each command, when one has.
        match self.try_group(commands, false)? {
            Some(replies) => Ok(replies),
            None => {
                let replies = self.try_group(commands, true)?;
                replies.ok_or_else(|| StoreError::Database("a savepoint did not hold".to_owned()))
            }
        }
    }

    /// `None`: a command was refused after it had written, and nothing of the group is stored.
    fn try_group(
        &mut self,
        commands: &[Command],
        savepoints: bool,
    ) -> Rows<Option<Vec<Rows<Reply>>>> {
        self.execute("BEGIN IMMEDIATE")?;
        let done = self.in_transaction(commands, savepoints);
        if !matches!(done, Ok(Some(_))) {
            // After some errors SQLite has rolled back by itself; then this one fails, and nothing is left to do.
            self.execute("ROLLBACK").ok();
            self.forget()?;
        }
        done
    }

    fn in_transaction(
        &mut self,
        commands: &[Command],
        savepoints: bool,
    ) -> Rows<Option<Vec<Rows<Reply>>>> {
        let mut replies = Vec::with_capacity(commands.len());
        for command in commands {
            match self.apply_one(command, savepoints)? {
                Some(reply) => replies.push(reply),
                None => return Ok(None),
            }
        }
        self.flush()?;
        self.execute("COMMIT")?;
        Ok(Some(replies))
    }

    fn apply_one(&mut self, command: &Command, savepoint: bool) -> Rows<Option<Rows<Reply>>> {
        if savepoint {
            self.execute("SAVEPOINT command")?;
        }
        let (last_seq, writes) = (self.last_seq, self.db.writes());
        let reply = apply::apply(self, command);
        if let Err(error) = &reply {
            if let StoreError::DiskFull(_) = error {
                return Err(error.clone());
            }
            let wrote = self.db.writes() != writes || self.has_replaced();
            if wrote && !savepoint {
                return Ok(None);
            }
            if savepoint {
                self.execute("ROLLBACK TO command")?;
            }
            self.last_seq = last_seq;
            self.take_back();
        }
        if savepoint {
            self.execute("RELEASE command")?;
        }
        if let Some(sweeps) = &self.sweeps {
            sweeps.borrow_mut().before.clear();
        }
        Ok(Some(reply))
    }

    fn has_replaced(&self) -> bool {
        let replaced = |sweeps: &RefCell<Remembered>| !sweeps.borrow().before.is_empty();
        self.sweeps.as_ref().is_some_and(replaced)
    }

    /// The file's incarnation.
    pub(super) fn incarnation(&self) -> Rows<[u8; 16]> {
        file::incarnation(&self.db)
    }

    /// Runs one read on one snapshot of the file.
    pub(super) fn on_snapshot<T>(&self, read: impl FnOnce(&dyn Read) -> Rows<T>) -> Rows<T> {
        self.execute("BEGIN")?;
        let answer = read(self);
        self.execute("COMMIT")?;
        answer
    }

    /// What a test does to the connection itself.
    #[cfg(test)]
    pub(super) fn script(&self, sql: &'static str) {
        self.db.script(sql).unwrap();
    }

    /// Parameters of a statement, in SQLite's count.
    #[cfg(test)]
    pub(super) fn parameters(&self, sql: &'static str) -> usize {
        self.db.parameters(sql)
    }

    /// Closes the file, its log folded in where nobody reads any more.
    pub(super) fn close(self) {
        if self.sweeps.is_some() {
            self.db.script("PRAGMA wal_checkpoint(TRUNCATE)").ok();
        }
        self.db.close();
    }

    fn execute(&self, sql: &'static str) -> Rows<()> {
        self.db.run(sql, params![]).map(drop)
    }

    /// Restores the remembered sweeps to what they were before the command.
    fn take_back(&self) {
        let Some(sweeps) = &self.sweeps else { return };
        let sweeps = &mut *sweeps.borrow_mut();
        sweeps.running.clear();
        for (key, row) in sweeps.before.drain(..).rev() {
            match row {
                Some(row) => sweeps.rows.insert(key, row),
                None => sweeps.rows.remove(&key),
            };
        }
    }

    /// Writes the sweeps that the group has changed.
    fn flush(&self) -> Rows<()> {
        let Some(sweeps) = &self.sweeps else {
            return Ok(());
        };
        let sweeps = &mut *sweeps.borrow_mut();
        for key in std::mem::take(&mut sweeps.dirty) {
            if let Some(row) = sweeps.rows.get(&key) {
                sweeps::update(&self.db, row)?;
                if row.state.has_ended() {
                    sweeps.rows.remove(&key);
                }
            }
        }
        Ok(())
    }

    /// After a rollback the file is what counts.
    fn forget(&mut self) -> Rows<()> {
        if self.sweeps.is_some() {
            self.sweeps = Some(RefCell::default());
        }
        self.last_seq = events::last_seq(&self.db)?;
        Ok(())
    }
}
