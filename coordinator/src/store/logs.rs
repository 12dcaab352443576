//! `logs`.

use super::{
    Db,
    attempts::AttemptKey,
    cells::params,
    error::Rows,
    statement::statements,
    table::{Stored as _, table},
    trials::TrialKey,
};
use crate::ids::{AttemptNumber, SweepKey, TrialNumber};

/// Lines of log kept of an attempt.
const LINES_KEPT: u64 = 200;

table! { "logs":
    /// A line that a worker wrote about an attempt.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct LogRow {
        /// Whose trial's.
        pub sweep: SweepKey = Key,
        /// Of which trial.
        pub trial: TrialNumber = Key,
        /// Which attempt.
        pub attempt: AttemptNumber = Key,
        /// From 1 in its attempt.
        pub number: u64 = Key "line",
        /// What it says.
        pub text: String = Fixed,
    }
}

statements! {
    OF_TRIAL = Statement::of::<LogRow>("SELECT {row} FROM logs WHERE sweep = ?1 AND trial = ?2 ORDER BY attempt, line");
    // By number: what is there already stays, as it is.
    ADD = Statement::insert_or::<LogRow>("INSERT OR IGNORE INTO logs ({names}) {new}");
    TRIM = Statement::of::<LogRow>(
        "DELETE FROM logs WHERE sweep = ?1 AND trial = ?2 AND attempt = ?3 AND line <= (SELECT max(line) FROM logs WHERE \
         sweep = ?1 AND trial = ?2 AND attempt = ?3) - ?4");
}

/// What workers wrote about a trial, oldest first: the last lines of each attempt.
pub(super) fn of_trial(db: &Db, (sweep, trial): TrialKey) -> Rows<Vec<LogRow>> {
    db.all(&OF_TRIAL, params![sweep, trial])
}

/// Adds lines by their numbers, and forgets the old ones of their attempts.
pub(super) fn add(db: &Db, lines: &[LogRow]) -> Rows<()> {
    let mut values = Vec::new();
    lines.iter().for_each(|line| line.bind(&mut values));
    db.run_over(&ADD, values)?;
    let mut attempts: Vec<AttemptKey> = lines
        .iter()
        .map(|line| (line.sweep, line.trial, line.attempt))
        .collect();
    attempts.sort_unstable();
    attempts.dedup();
    for (sweep, trial, attempt) in attempts {
        db.run(&TRIM, params![sweep, trial, attempt, LINES_KEPT])?;
    }
    Ok(())
}
