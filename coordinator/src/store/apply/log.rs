//! What a worker wrote about an attempt.

use super::step::{Speaker, speak};
use crate::store::{
    LogRow, StoreError,
    command::{Lines, Log},
    error::Rows,
    working::WorkingSet,
};

/// No program writes so many; numbers beyond are a mistake, and would not fit into the file.
const LAST_LINE: u64 = 1 << 53;

pub(super) fn log(store: &mut WorkingSet, log: &Log) -> Rows<()> {
    let speaker = speak(store, &log.attempt)?;
    append(store, &speaker, &log.lines)
}

/// Appends the lines that are not there yet.
pub(super) fn append(store: &mut WorkingSet, speaker: &Speaker, lines: &Lines) -> Rows<()> {
    if lines.first > LAST_LINE {
        return Err(StoreError::Invalid(format!(
            "first: line {} of an attempt's log; up to {LAST_LINE} can be told apart",
            lines.first
        )));
    }
    let (sweep, trial, attempt) = speaker.attempt.key();
    let numbered = (lines.first + 1..).zip(lines.lines.iter().cloned());
    store.append_log(numbered.map(|(number, text)| LogRow {
        sweep,
        trial,
        attempt,
        number,
        text,
    }));
    Ok(())
}
