//! The writer's tables: commands work on rows in memory, and a group of them is stored by a handful of statements
//! in one transaction.

mod flush;
mod queue;
mod read;
mod shelf;
mod working;
mod write;

use std::cell::{RefCell, RefMut};

use super::{
    attempts,
    db::{Db, params},
    events, file, sweeps,
};
use crate::store::{
    StoreError, apply,
    command::{Command, Reply},
    rows::Rows,
};
pub(super) use working::AttemptKey;
use working::Working;

/// The connection that writes, and the rows that it works on.
#[derive(Debug)]
pub(in crate::store) struct Tables {
    db: Db,
    working: RefCell<Working>,
    /// False after a rollback: then the file is what counts.
    loaded: bool,
}

/// Why a group is not stored.
enum Failed {
    /// None of it can be: the disk is full, the file is gone.
    All(StoreError),
    /// One of its commands is to blame.
    Some(StoreError),
}

impl Tables {
    /// For the one that writes.
    pub(in crate::store) fn writing(db: Db) -> Rows<Self> {
        attempts::excuse_open(&db)?;
        let mut tables = Self {
            db,
            working: RefCell::default(),
            loaded: false,
        };
        tables.load()?;
        Ok(tables)
    }

    /// Applies commands in order, each whole or not at all.
    ///
    /// Commands check before they write, so that one which is refused has hardly ever written: only a call with several
    /// epochs, of which a later one is refused. Where one has, or where SQLite does not take what a command left, the group is rolled back and done once more in two halves, until
    /// that command stands alone: its transaction is rolled back, and the others never meet it.
    pub(in crate::store) fn apply_group(&mut self, commands: &[Command]) -> Vec<Rows<Reply>> {
        match self.try_group(commands) {
            Ok(replies) => replies,
            Err(Failed::Some(_)) if commands.len() > 1 => {
                let (first, second) = commands.split_at(commands.len() / 2);
                let mut replies = self.apply_group(first);
                replies.extend(self.apply_group(second));
                replies
            }
            Err(Failed::Some(error) | Failed::All(error)) => {
                commands.iter().map(|_| Err(error.clone())).collect()
            }
        }
    }

    fn try_group(&mut self, commands: &[Command]) -> Result<Vec<Rows<Reply>>, Failed> {
        self.load().map_err(Failed::All)?;
        self.execute("BEGIN IMMEDIATE").map_err(Failed::All)?;
        let done = self.in_transaction(commands);
        if done.is_ok() {
            self.working().end_group();
        } else {
            // After some errors SQLite has rolled back by itself; then this one fails, and nothing is left to do.
            self.execute("ROLLBACK").ok();
            self.working = RefCell::default();
            self.loaded = false;
        }
        done
    }

    fn in_transaction(&mut self, commands: &[Command]) -> Result<Vec<Rows<Reply>>, Failed> {
        let mut replies = Vec::with_capacity(commands.len());
        for command in commands {
            let writes = self.working().writes;
            let reply = apply::apply(self, command);
            if let Err(error) = &reply {
                let wrote = self.working().writes != writes;
                if wrote || matches!(error, StoreError::DiskFull(_)) {
                    return Err(failed(error.clone()));
                }
            }
            replies.push(reply);
        }
        self.flush().map_err(failed)?;
        self.execute("COMMIT").map_err(Failed::All)?;
        Ok(replies)
    }

    /// Takes in what is live, if that is not here.
    fn load(&mut self) -> Rows<()> {
        if self.loaded {
            return Ok(());
        }
        let mut working = Working {
            last_seq: events::last_seq(&self.db)?,
            ..Working::default()
        };
        for key in sweeps::keys(&self.db, true)? {
            let row = sweeps::select(&self.db, key)?;
            working.sweeps.learn(key, Some(row));
        }
        for (sweep, trial, attempt) in attempts::open(&self.db, None)? {
            let key = (sweep, trial, attempt.attempt);
            working.learn_attempt(key, Some(attempt));
        }
        self.working = RefCell::new(working);
        self.loaded = true;
        Ok(())
    }

    fn working(&self) -> RefMut<'_, Working> {
        self.working.borrow_mut()
    }

    /// The file, with everything in it that commands have done so far.
    fn file(&self) -> Rows<&Db> {
        self.flush()?;
        Ok(&self.db)
    }

    /// The file, to be changed by a command directly.
    fn changed_file(&self) -> Rows<&Db> {
        self.flush()?;
        self.working().writes += 1;
        Ok(&self.db)
    }

    /// The file's incarnation.
    pub(in crate::store) fn incarnation(&self) -> Rows<[u8; 16]> {
        file::incarnation(&self.db)
    }

    /// Closes the file, its log folded in where nobody reads any more.
    pub(in crate::store) fn close(self) {
        self.db.script("PRAGMA wal_checkpoint(TRUNCATE)").ok();
        self.db.close();
    }

    fn execute(&self, sql: &'static str) -> Rows<()> {
        self.db.run(sql, params![]).map(drop)
    }

    /// The connection itself, past what is in memory.
    #[cfg(test)]
    pub(in crate::store) fn db(&self) -> &Db {
        &self.db
    }
}

fn failed(error: StoreError) -> Failed {
    match error {
        StoreError::DiskFull(_) => Failed::All(error),
        _ => Failed::Some(error),
    }
}
