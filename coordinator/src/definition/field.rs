//! What every parser of a message needs: a field that is missing or wrong is named by its path.

use super::DefinitionError;
use crate::ids::{Hash, SweepId, is_valid_name};

/// A message field that must be there.
pub fn required<T>(field: &str, value: Option<T>) -> Result<T, DefinitionError> {
    value.ok_or_else(|| DefinitionError::at(field, "is missing"))
}

/// Text that must not be empty.
pub fn text(field: &str, value: String) -> Result<String, DefinitionError> {
    if value.is_empty() {
        return Err(DefinitionError::at(field, "is missing"));
    }
    Ok(value)
}

/// A name as it is shown: text that a terminal does nothing with but show it.
pub fn name(field: &str, value: String) -> Result<String, DefinitionError> {
    let value = text(field, value)?;
    match value.chars().find(|c| c.is_control()) {
        None => Ok(value),
        Some(control) => Err(DefinitionError::at(
            field,
            format!("{value:?} has the control character {control:?}: a name has none"),
        )),
    }
}

/// So many bytes: sessions, tokens, request ids.
pub fn bytes<const N: usize>(field: &str, value: &[u8]) -> Result<[u8; N], DefinitionError> {
    let problem = |_| DefinitionError::at(field, format!("must be {N} bytes, not {}", value.len()));
    value.try_into().map_err(problem)
}

/// A blake3 hash.
pub fn hash(field: &str, value: &[u8]) -> Result<Hash, DefinitionError> {
    bytes(field, value).map(Hash)
}

/// What a proto enum's value stands for; its rows are read both ways.
pub fn read<W: Copy + Into<i32>, T: Copy>(
    field: &str,
    rows: &[(W, T)],
    value: i32,
) -> Result<T, DefinitionError> {
    let row = rows.iter().find(|(wire, _)| (*wire).into() == value);
    row.map(|(_, known)| *known)
        .ok_or_else(|| DefinitionError::at(field, format!("{value} is not a known value")))
}

/// The proto enum's value; what has no row is 0, which nobody reads.
pub fn write<W: Copy + Into<i32>, T: PartialEq>(rows: &[(W, T)], value: T) -> i32 {
    let row = rows.iter().find(|(_, known)| *known == value);
    row.map_or(0, |(wire, _)| (*wire).into())
}

/// The name of a sweep.
pub fn sweep(field: &str, value: &str) -> Result<SweepId, DefinitionError> {
    let name = text(field, value.to_owned())?;
    if !is_valid_name(&name) {
        let words = format!("{name:?} is no name: at most 100 letters, digits, `-` and `_`");
        return Err(DefinitionError::at(field, words));
    }
    Ok(SweepId::new(&name))
}
