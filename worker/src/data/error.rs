//! What can be wrong with data, in words that name the file and the place in it.

use std::path::{Path, PathBuf};

use super::ConfigProblem;

/// Why a data set cannot be opened, split or preprocessed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DataError {
    /// No set of this name is at hand.
    #[error("{name}: {seen}. {remedy}")]
    Missing {
        /// The name.
        name: String,
        /// What was looked for, where, and what lies there.
        seen: String,
        /// How to get it, and what to type then.
        remedy: String,
    },
    /// A file is not what its name says.
    #[error("{path}, byte {offset}: {message}", path = path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Where in it; in the unpacked bytes when it is compressed.
        offset: u64,
        /// What is there and what would be right.
        message: String,
    },
    /// A file or folder cannot be read, or its images do not fit together.
    #[error("{path}: {message}", path = path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// The `[data]` table asks for what this set cannot give.
    #[error(transparent)]
    Config(#[from] ConfigProblem),
    /// Fitted values that were stored with weights cannot be used.
    #[error("stored preprocessing: {0}")]
    Stored(String),
    /// This machine lacks what is needed to prepare it.
    #[error("{0}")]
    Machine(String),
    /// The end was asked for while a preprocessing was fitted or applied.
    #[error("stopped while the images were preprocessed")]
    Stopped,
}

impl DataError {
    pub(super) fn format(path: &Path, offset: u64, message: impl Into<String>) -> DataError {
        DataError::Format {
            path: path.to_owned(),
            offset,
            message: message.into(),
        }
    }

    pub(super) fn file(path: &Path, message: impl ToString) -> DataError {
        DataError::File {
            path: path.to_owned(),
            message: message.to_string(),
        }
    }

    pub(super) fn config(
        key: &'static str,
        value: impl ToString,
        message: impl Into<String>,
    ) -> DataError {
        DataError::Config(ConfigProblem {
            key,
            value: value.to_string(),
            message: message.into(),
        })
    }
}
