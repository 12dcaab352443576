//! Why something cannot be searched.

/// What is wrong with a definition, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct DefinitionError {
    /// The place in the sweep file: a hyperparameter's path, or a key such as `search.budget`.
    pub path: String,
    /// In words.
    pub message: String,
}

impl DefinitionError {
    pub(crate) fn at(path: impl Into<String>, message: impl Into<String>) -> DefinitionError {
        DefinitionError {
            path: path.into(),
            message: message.into(),
        }
    }
}
