//! What a worker wrote about an attempt.

use super::step::{Speaker, speak};
use crate::store::{
    StoreError,
    command::{Lines, Log},
    rows::{Rows, Write},
};

/// No program writes so many; numbers beyond are a mistake, and would not fit into the file.
const LAST_LINE: u64 = 1 << 53;

pub(super) fn log<W: Write>(store: &mut W, log: &Log) -> Rows<()> {
    let speaker = speak(store, &log.attempt)?;
    append(store, &speaker, &log.lines)
}

/// Appends the lines that are not there yet.
pub(super) fn append<W: Write>(store: &mut W, speaker: &Speaker, lines: &Lines) -> Rows<()> {
    if lines.first > LAST_LINE {
        return Err(StoreError::Invalid(format!(
            "first: line {} of an attempt's log; up to {LAST_LINE} can be told apart",
            lines.first
        )));
    }
    let (sweep, trial) = (speaker.sweep.key, speaker.trial.number);
    store.append_log(
        sweep,
        trial,
        speaker.attempt.attempt,
        lines.first,
        &lines.lines,
    )
}
