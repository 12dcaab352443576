//! How the process ends.

use std::process::ExitCode;

use hone_coordinator::{
    StartError,
    store::{OpenError, StoreError},
};

use crate::{
    output::{out, style::Style, told::short},
    sweep_file::source::SweepFileError,
};

/// Exit codes are an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// What was asked for is done.
    Done = 0,
    /// It failed.
    Failed = 1,
    /// It was asked for wrongly: flags, sweep file, names.
    Wrong = 2,
    /// Interrupted; the same command goes on.
    Interrupted = 3,
}

/// An error of whoever typed the command: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WrongUse(pub String);

/// Shorthand for a wrong use.
pub fn wrong(message: impl Into<String>) -> anyhow::Error {
    WrongUse(message.into()).into()
}

/// A coordinator's refusal, in its words. What was asked for wrongly has another exit code than what failed.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The request makes no sense, or names what does not exist.
    #[error("{0}")]
    Wrong(String),
    /// Nobody answers: the coordinator is gone, or hangs. It may come back.
    #[error("{0}")]
    Away(String),
    /// The coordinator failed.
    #[error("{0}")]
    Failed(String),
}

/// Prints an error once, with its causes, and gives the exit code.
pub fn code(result: anyhow::Result<Exit>) -> ExitCode {
    let exit = result.unwrap_or_else(|error| {
        let style = Style::stderr();
        let label = style.red(style.bold("error:"));
        // A sweep file's errors stand alone: an editor can jump to `file:line:`.
        if error.downcast_ref::<SweepFileError>().is_some() {
            out::note(format!("{error}"));
        } else {
            out::note(format!("{label} {}", short(&words(&error))));
        }
        kind(&error)
    });
    ExitCode::from(exit as u8)
}

/// The error with its causes; a cause that the words before it tell already is left out.
fn words(error: &anyhow::Error) -> String {
    let mut words = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if words.is_empty() {
            words = cause;
        } else if !words.contains(&cause) {
            words = format!("{words}: {cause}");
        }
    }
    words
}

fn kind(error: &anyhow::Error) -> Exit {
    if error.chain().any(asked_wrongly) {
        Exit::Wrong
    } else {
        Exit::Failed
    }
}

/// What was asked for is not there or is something else, whoever noticed it: this command, the coordinator, or the store in
/// this process.
fn asked_wrongly(cause: &(dyn std::error::Error + 'static)) -> bool {
    let database = match cause.downcast_ref() {
        Some(StartError::Open(error)) => Some(error),
        _ => cause.downcast_ref(),
    };
    cause.is::<WrongUse>()
        || cause.is::<SweepFileError>()
        || matches!(cause.downcast_ref(), Some(Refusal::Wrong(_)))
        || matches!(cause.downcast_ref(), Some(StoreError::NotFound { .. }))
        || matches!(
            database,
            Some(OpenError::Missing { .. } | OpenError::Foreign { .. })
        )
}
