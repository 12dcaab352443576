//! `logs`.

use std::collections::BTreeMap;

use super::{
    bulk::Bulk,
    cells::{all, int, run},
    db::{Db, params, row},
    tables::AttemptKey,
};
use crate::{
    ids::{AttemptNumber, TrialNumber},
    store::{
        history::LogLine,
        rows::{LOG_LINES, Rows, SweepKey},
    },
};

const OF_TRIAL: &str =
    "SELECT attempt, line, text FROM logs WHERE sweep = ?1 AND trial = ?2 ORDER BY attempt, line";
// By number: what is there already stays, as it is.
static ADD: Bulk = Bulk::new(
    "INSERT OR IGNORE INTO logs (sweep, trial, attempt, line, text) VALUES {rows}",
    5,
);
const TRIM: &str = "DELETE FROM logs WHERE sweep = ?1 AND trial = ?2 AND attempt = ?3 AND line <= \
    (SELECT max(line) FROM logs WHERE sweep = ?1 AND trial = ?2 AND attempt = ?3) - ?4";

#[cfg(test)]
pub(super) fn statements() -> Vec<(&'static str, usize)> {
    ADD.statements().chain([(OF_TRIAL, 2), (TRIM, 4)]).collect()
}

pub(super) fn of_trial(c: &Db, sweep: SweepKey, trial: TrialNumber) -> Rows<Vec<LogLine>> {
    let params = params![sweep.0, int(trial.0)];
    all(c, "logs", OF_TRIAL, params, |cells| {
        Ok(LogLine {
            attempt: AttemptNumber(cells.number("attempt")?),
            number: cells.number("line")?,
            text: cells.get("text")?,
        })
    })
}

/// Adds lines of attempts by their numbers, and forgets old ones.
pub(super) fn add(c: &Db, lines: &BTreeMap<AttemptKey, Vec<(u64, String)>>) -> Rows<()> {
    let values = lines.iter().flat_map(|((sweep, trial, attempt), lines)| {
        let row = |(number, text): &(u64, String)| {
            row![sweep.0, int(trial.0), attempt.0, int(*number), text]
        };
        lines.iter().flat_map(row)
    });
    ADD.each_part(values.collect(), |sql, part| run(c, sql, part).map(drop))?;
    for (sweep, trial, attempt) in lines.keys() {
        let params = params![sweep.0, int(trial.0), attempt.0, int(LOG_LINES)];
        run(c, TRIM, params)?;
    }
    Ok(())
}
