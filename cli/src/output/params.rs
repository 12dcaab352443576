//! Values of hyperparameters in one line.

use serde_json::Value;

use super::{numbers, told::line};
use crate::view::{Hyper, Trial};

/// A choice's value in few characters; lists of tables are cut.
pub fn short_value(value: &Value) -> String {
    let text = numbers::value(value);
    if text.chars().count() <= 24 {
        return text;
    }
    let head: String = text.chars().take(23).collect();
    format!("{head}…")
}

/// `filters 32  dropout 0.252`: the values of a trial in the order of the file.
pub fn params_line(space: &[Hyper], trial: &Trial) -> String {
    let of = |hyper: &Hyper| {
        let value = trial.params.get(&hyper.path)?;
        Some(format!("{} {}", line(&hyper.short), short_value(value)))
    };
    space.iter().filter_map(of).collect::<Vec<_>>().join("  ")
}
