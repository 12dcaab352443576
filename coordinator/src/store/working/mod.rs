//! The writer's tables: commands work on rows in memory, and a group of them is stored by a handful of statements
//! in one transaction.

mod group;
mod live;
mod queue;
mod rows;
mod shelf;

use super::{
    Db, StoreError, attempts,
    command::{Command, Reply},
    error::Rows,
    events, sweeps,
};
use crate::ids::SweepKey;
use live::Working;

/// The connection that writes, and the rows that it works on.
#[derive(Debug)]
pub(crate) struct WorkingSet {
    db: Db,
    working: Working,
    /// False after a rollback: then the file is what counts.
    loaded: bool,
    /// The greatest key of a sweep that was removed since this was opened: no other sweep gets it while somebody may still mean that
    /// one.
    removed: SweepKey,
}

/// What carries out one command on the rows.
type Apply = fn(&mut WorkingSet, &Command) -> Rows<Reply>;

/// Why a group is not stored.
enum Failed {
    /// None of it can be: the disk is full, the file is gone.
    All(StoreError),
    /// One of its commands is to blame.
    Some(StoreError),
}

impl WorkingSet {
    /// For the one that writes.
    pub(super) fn writing(db: Db) -> Rows<Self> {
        let mut set = Self {
            db,
            working: Working::default(),
            loaded: false,
            removed: SweepKey(0),
        };
        set.reopen()?;
        Ok(set)
    }

    /// A coordinator begins: attempts that are open now were open when the last one ended.
    pub(super) fn reopen(&mut self) -> Rows<()> {
        attempts::excuse_open(&self.db)?;
        self.loaded = false;
        self.load()
    }

    /// Applies commands in order, each whole or not at all.
    ///
    /// Commands check before they write, so that one which is refused has hardly ever written: only a call with several
    /// epochs, of which a later one is refused. Where one has, or where SQLite does not take what a command left, the group
    /// is rolled back and done once more in two halves, until that command stands alone: its transaction is rolled back, and
    /// the others never meet it.
    pub(super) fn apply_group(&mut self, commands: &[Command], apply: Apply) -> Vec<Rows<Reply>> {
        match self.try_group(commands, apply) {
            Ok(replies) => replies,
            Err(Failed::Some(_)) if commands.len() > 1 => {
                let (first, second) = commands.split_at(commands.len() / 2);
                let mut replies = self.apply_group(first, apply);
                replies.extend(self.apply_group(second, apply));
                replies
            }
            Err(Failed::Some(error) | Failed::All(error)) => {
                commands.iter().map(|_| Err(error.clone())).collect()
            }
        }
    }

    fn try_group(
        &mut self,
        commands: &[Command],
        apply: Apply,
    ) -> Result<Vec<Rows<Reply>>, Failed> {
        self.load().map_err(Failed::All)?;
        self.run("BEGIN IMMEDIATE").map_err(Failed::All)?;
        let done = self.in_transaction(commands, apply);
        if done.is_ok() {
            self.working.end_group();
        } else {
            // After some errors SQLite has rolled back by itself; then this one fails, and nothing is left to do.
            self.run("ROLLBACK").ok();
            self.working = Working::default();
            self.loaded = false;
        }
        done
    }

    fn in_transaction(
        &mut self,
        commands: &[Command],
        apply: Apply,
    ) -> Result<Vec<Rows<Reply>>, Failed> {
        let mut replies = Vec::with_capacity(commands.len());
        for command in commands {
            let writes = self.working.writes;
            let reply = apply(self, command);
            if let Err(error) = &reply {
                let wrote = self.working.writes != writes;
                if wrote || matches!(error, StoreError::DiskFull(_)) {
                    return Err(failed(error.clone()));
                }
            }
            replies.push(reply);
        }
        self.flush().map_err(failed)?;
        self.run("COMMIT").map_err(Failed::All)?;
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
        for row in sweeps::live(&self.db)? {
            working.sweeps.learn(row.key, Some(row));
        }
        for attempt in attempts::open(&self.db)? {
            working.learn_attempt(attempt.key(), Some(attempt));
        }
        self.working = working;
        self.loaded = true;
        Ok(())
    }

    /// Stores everything that is in memory alone.
    fn flush(&mut self) -> Rows<()> {
        group::store(&self.db, &self.working)?;
        self.working.stored();
        Ok(())
    }

    /// The file, with everything in it that commands have done so far.
    pub fn file(&mut self) -> Rows<&Db> {
        self.flush()?;
        Ok(&self.db)
    }

    /// The file, to be changed by a command directly.
    pub fn changed_file(&mut self) -> Rows<&Db> {
        self.working.writes += 1;
        self.file()
    }

    fn run(&self, sql: &'static str) -> Rows<()> {
        self.db.execute(sql, Vec::new()).map(drop)
    }

    /// Closes the file, its log folded in where nobody reads any more.
    pub(super) fn close(self) {
        self.db.script("PRAGMA wal_checkpoint(TRUNCATE)").ok();
        self.db.close();
    }
}

#[cfg(test)]
impl WorkingSet {
    /// A new database: a simulation's disk.
    pub(crate) fn create(path: &std::path::Path) -> Self {
        let db = super::sqlite::open_for_writing(path).unwrap();
        // What is tested does not hang on a disk's speed, nor on the chance that makes an incarnation.
        db.script("PRAGMA synchronous = off; UPDATE meta SET value = zeroblob(16)")
            .unwrap();
        Self::writing(db).unwrap()
    }

    /// The connection itself, past what is in memory.
    pub(super) fn db(&self) -> &Db {
        &self.db
    }

    /// Knows only what stands in the file from now on.
    pub(super) fn forget(&mut self) {
        self.loaded = false;
    }

    /// What the checker finds: the number of trials, and what does not hold.
    pub(crate) fn checked(&self) -> (u64, Vec<crate::verify::Finding>) {
        crate::verify::check_open(&self.db, true)
    }

    /// Copies it to a new file.
    pub(crate) fn write_to(&self, path: &std::path::Path) {
        super::sqlite::copy_to(&self.db, path).unwrap();
    }
}

fn failed(error: StoreError) -> Failed {
    match error {
        StoreError::DiskFull(_) => Failed::All(error),
        _ => Failed::Some(error),
    }
}
