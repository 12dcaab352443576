//! `logs`.

use super::{
    cells::{all, first, int, run},
    db::{Db, params},
};
use crate::{
    ids::{AttemptNumber, TrialNumber},
    store::rows::{Rows, SweepKey},
};

const OF_TRIAL: &str =
    "SELECT attempt, text FROM logs WHERE sweep = ?1 AND trial = ?2 ORDER BY attempt, line";
const LAST_LINE: &str =
    "SELECT coalesce(max(line), 0) FROM logs WHERE sweep = ?1 AND trial = ?2 AND attempt = ?3";
const INSERT: &str =
    "INSERT INTO logs (sweep, trial, attempt, line, text) VALUES (?1, ?2, ?3, ?4, ?5)";
const TRIM: &str =
    "DELETE FROM logs WHERE sweep = ?1 AND trial = ?2 AND attempt = ?3 AND line <= ?4";

#[cfg(test)]
pub(super) const STATEMENTS: &[(&str, usize)] =
    &[(OF_TRIAL, 2), (LAST_LINE, 3), (INSERT, 5), (TRIM, 4)];

pub(super) fn of_trial(
    c: &Db,
    sweep: SweepKey,
    trial: TrialNumber,
) -> Rows<Vec<(AttemptNumber, String)>> {
    let params = params![sweep.0, int(trial.0)];
    all(c, "logs", OF_TRIAL, params, |cells| {
        Ok((AttemptNumber(cells.number("attempt")?), cells.get("text")?))
    })
}

/// Appends the lines that are not there yet, numbered from 1, and forgets old ones.
pub(super) fn append(
    c: &Db,
    (sweep, trial, attempt): (SweepKey, TrialNumber, AttemptNumber),
    before: u64,
    lines: &[String],
    keep: u64,
) -> Rows<()> {
    let key = params![sweep.0, int(trial.0), attempt.0];
    let known: Option<u64> = first(c, "logs", LAST_LINE, key, |cells| cells.number("line"))?;
    let mut newest = known.unwrap_or_default();
    for (number, line) in (before + 1..).zip(lines) {
        if number > newest {
            let params = params![sweep.0, int(trial.0), attempt.0, int(number), line];
            run(c, INSERT, params)?;
            newest = number;
        }
    }
    let trimmed = int(newest.saturating_sub(keep));
    let params = params![sweep.0, int(trial.0), attempt.0, trimmed];
    run(c, TRIM, params).map(drop)
}
