//! What every parser of a message needs: a field that is missing or wrong is named by its path.

pub use crate::definition::field::{bytes, hash, name, read, required, sweep, write};
use crate::{
    Error,
    ids::{AttemptNumber, AttemptRef, Hash, SessionId, SweepId, Token, TrialKey, TrialNumber},
    store::DataSet,
};
use hone_proto::v1;

/// More pixels a side, or classes, than any set of images has.
const MOST: u32 = 1 << 20;

/// A data set that somebody has opened.
pub fn data_set(hash: &[u8], shape: Vec<u32>, classes: u32) -> Result<DataSet, Error> {
    let within = |number: &u32| (1..=MOST).contains(number);
    if shape.len() != 3 || !shape.iter().all(within) {
        let problem = format!(
            "is {shape:?}, and must be height, width and channels, each between 1 and {MOST}"
        );
        return Err(Error::input("data.shape", problem));
    }
    if !within(&classes) {
        let problem = format!("is {classes}, and must be between 1 and {MOST}");
        return Err(Error::input("data.classes", problem));
    }
    Ok(DataSet {
        hash: self::hash("data.hash", hash)?,
        shape,
        classes,
    })
}

/// A number that counts from 1.
pub fn positive(field: &str, value: u32) -> Result<u32, Error> {
    if value == 0 {
        return Err(Error::input(field, "must be at least 1"));
    }
    Ok(value)
}

/// JSON text, empty standing for none.
pub fn json(field: &str, value: String) -> Result<String, Error> {
    match serde_json::from_str::<serde_json::Value>(&value) {
        Err(error) if !value.is_empty() => {
            Err(Error::input(field, format!("is not JSON: {error}")))
        }
        _ => Ok(value),
    }
}

/// The name of a sweep as a request gives it; empty stands for the latest.
pub fn sweep_or_latest(field: &str, value: &str) -> Result<Option<SweepId>, Error> {
    if value.is_empty() {
        return Ok(None);
    }
    Ok(Some(sweep(field, value)?))
}

/// `sweep/number`.
pub fn trial(field: &str, value: Option<v1::TrialId>) -> Result<TrialKey, Error> {
    let value = required(field, value)?;
    if value.trial == 0 || i64::try_from(value.trial).is_err() {
        return Err(Error::input(
            format!("{field}.trial"),
            format!("{} is no trial number: they count from 1", value.trial),
        ));
    }
    Ok(TrialKey {
        sweep: sweep(&format!("{field}.sweep"), &value.sweep)?,
        trial: TrialNumber(value.trial),
    })
}

/// An attempt and its token.
pub fn attempt(field: &str, value: Option<v1::AttemptRef>) -> Result<AttemptRef, Error> {
    let value = required(field, value)?;
    let trial = trial(&format!("{field}.trial"), value.trial)?;
    Ok(AttemptRef {
        sweep: trial.sweep,
        trial: trial.trial,
        attempt: AttemptNumber(positive(&format!("{field}.attempt"), value.attempt)?),
        token: Token(bytes(&format!("{field}.token"), &value.token)?),
    })
}

/// A session's id.
pub fn session(field: &str, value: &[u8]) -> Result<SessionId, Error> {
    Ok(SessionId(bytes(field, value)?))
}

/// A blake3 hash, or nothing.
pub fn optional_hash(field: &str, value: &[u8]) -> Result<Option<Hash>, Error> {
    if value.is_empty() {
        return Ok(None);
    }
    Ok(Some(hash(field, value)?))
}
