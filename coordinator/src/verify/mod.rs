//! The checker: asserts the invariants of `docs/storage.md` over everything that a database holds.
//!
//! It reads every table and every index. What SQLite can say it is asked ([`file`]), what one statement can find is a rule
//! (`store/sqlite/rules.rs`), and what takes the code that wrote it is recomputed by that code ([`rows`]). A table that cannot be
//! read hides nothing that stands in the others. Memory grows with a trial and a page of rows, never with the trials.

mod attempts;
mod blobs;
mod file;
mod finding;
mod points;
mod replay;
mod reports;
mod rows;
mod sweeps;
mod trials;

use std::path::Path;

pub use blobs::{Files, Foreign};
pub use finding::Finding;
use finding::{Findings, Names};

use crate::store::{
    Db, OpenError, RULES, migrated_copy, open_for_reading, place, serving_address, sweeps as table,
};

/// What a check has found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checked {
    /// Trials looked at.
    pub trials: u64,
    /// The files beside the database; `None` while it is served: a coordinator removes what is not needed any more, and
    /// looking for it would find what is no damage.
    pub files: Option<Files>,
    /// Address of the coordinator that serves it.
    pub served: Option<String>,
    /// The file is of an earlier version: its rows were read in a copy that was migrated.
    pub is_of_copy: bool,
    /// What does not hold.
    pub findings: Vec<Finding>,
    /// Findings beyond those: so many are counted and not told.
    pub left_out: u64,
}

/// Checks a database, served or not.
///
/// # Errors
/// A file that is no database of this program, or of a newer one.
pub async fn verify(database: &Path) -> Result<Checked, OpenError> {
    let path = database.to_owned();
    let checked = tokio::task::spawn_blocking(move || check_all(&path));
    checked.await.map_err(|error| OpenError::Database {
        path: database.display().to_string(),
        problem: error.to_string(),
    })?
}

fn check_all(database: &Path) -> Result<Checked, OpenError> {
    let database = &place::resolve(database)?;
    let mut checked = Checked {
        served: serving_address(database),
        ..Checked::default()
    };
    let mut findings = Findings::default();
    let file = open_for_reading(database)?;
    match migrated_copy(database, &file) {
        Ok(None) => file.at_one_moment(|db| {
            file::check(db, &mut findings);
            checked.look(db, database, &mut findings);
        }),
        Ok(Some(copy)) => {
            file::check(&file, &mut findings);
            checked.is_of_copy = true;
            checked.look(&copy, database, &mut findings);
        }
        // What is wrong with the file says more than that it cannot be copied.
        Err(error) => {
            file::check(&file, &mut findings);
            if findings.is_empty() {
                return Err(error);
            }
        }
    }
    file.close();
    (checked.findings, checked.left_out) = findings.told();
    Ok(checked)
}

impl Checked {
    /// Looks at all rows, and at the files that they name.
    fn look(&mut self, db: &Db, database: &Path, findings: &mut Findings) {
        let names = Names::read(db, findings);
        self.trials = check(db, &names, true, findings);
        if self.served.is_none() {
            self.files = Some(blobs::check(db, database, &names, findings));
        }
    }
}

/// What rows say; with `searches`, and whether their searches decide the same again.
fn check(db: &Db, names: &Names, searches: bool, findings: &mut Findings) -> u64 {
    for rule in RULES {
        match rule.broken(db) {
            Ok(broken) => broken.into_iter().for_each(|row| {
                findings.broken(rule, row, names);
            }),
            Err(error) => findings.unreadable(names, error),
        }
    }
    let keys = table::keys(db).unwrap_or_default();
    let trials = rows::check(db, &keys, names, findings);
    points::check(db, &keys, names, findings);
    if searches {
        for key in keys {
            replay::check(db, key, names, findings);
        }
    }
    trials
}

/// The same without the files, over a connection that is open; `searches` is false where sweeps are made by hand.
#[cfg(test)]
pub(crate) fn check_open(db: &Db, searches: bool) -> (u64, Vec<Finding>) {
    let mut findings = Findings::default();
    let names = Names::read(db, &mut findings);
    let trials = check(db, &names, searches, &mut findings);
    (trials, findings.told().0)
}

/// The file itself alone.
#[cfg(test)]
pub(crate) fn check_file(db: &Db) -> Vec<Finding> {
    let mut findings = Findings::default();
    file::check(db, &mut findings);
    findings.told().0
}
