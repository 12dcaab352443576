//! What is wrong with a configuration, and where.

use serde_json::Value;

/// A key of the sweep file with a value that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path} = {value}: {message}")]
pub struct ConfigError {
    /// Path as in `model.conv.1.filters`.
    pub path: String,
    /// The value found there, as JSON.
    pub value: String,
    /// What would be right.
    pub message: String,
}

impl ConfigError {
    /// An error at `path`.
    pub fn new(path: impl Into<String>, value: impl ToString, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            value: value.to_string(),
            message: message.into(),
        }
    }

    /// Names the place in `document` where serde gave up.
    pub(super) fn from_serde(
        document: &Value,
        error: &serde_path_to_error::Error<serde_json::Error>,
    ) -> Self {
        let path = dotted(error.path());
        let value = path
            .split('.')
            .filter(|step| !step.is_empty())
            .try_fold(document, |at, step| match at {
                Value::Array(items) => items.get(step.parse::<usize>().ok()?),
                other => other.get(step),
            })
            .map_or_else(String::new, Value::to_string);
        Self::new(path, value, error.inner().to_string())
    }
}

impl From<crate::data::ConfigProblem> for ConfigError {
    fn from(problem: crate::data::ConfigProblem) -> Self {
        Self::new(
            format!("data.{}", problem.key),
            problem.value,
            problem.message,
        )
    }
}

/// Paths as the sweep file's user knows them: list positions after a dot, from 0.
fn dotted(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let steps: Vec<String> = path
        .iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(index.to_string()),
            Segment::Map { key } => Some(key.clone()),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect();
    steps.join(".")
}

/// Refuses a value outside `low..=high`, or NaN.
pub(super) fn within(path: &str, value: f64, low: f64, high: f64) -> Result<(), ConfigError> {
    if value >= low && value <= high {
        return Ok(());
    }
    let message = format!("must lie between {low} and {high}");
    Err(ConfigError::new(path, value, message))
}

/// Refuses a share outside `0..1`: 0 is allowed, 1 is not.
pub(super) fn share(path: &str, value: f64) -> Result<(), ConfigError> {
    if (0.0..1.0).contains(&value) {
        return Ok(());
    }
    let message = "must be at least 0 and below 1";
    Err(ConfigError::new(path, value, message))
}

/// Refuses a count outside `low..=high`.
pub(super) fn count(path: &str, value: usize, low: usize, high: usize) -> Result<(), ConfigError> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    let message = format!("must lie between {low} and {high}");
    Err(ConfigError::new(path, value, message))
}
