//! One error for everything a caller can meet, its variants chosen by what the caller will do about it.

use tonic::{Code, Status};

/// Why a request was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Fix the request: the field and what is wrong with it.
    #[error("{field}: {problem}")]
    Input {
        /// Path of the field in the message, such as `attempt.token`.
        field: String,
        /// What would be right.
        problem: String,
    },
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// The state of things does not allow it, and repeating will not help.
    #[error("{0}")]
    Refused(String),
    /// The attempt has lost the right to speak for its trial: drop it.
    #[error("fenced: another attempt has this trial, or it is over")]
    Fenced,
    /// The session is not known: register, then ask again.
    #[error("unknown session: register first")]
    UnknownSession,
    /// A queue or a limit is full: try again later.
    #[error("{0}")]
    Busy(String),
    /// The coordinator cannot answer now (it shuts down, its disk is full): try again later.
    #[error("{0}")]
    Unavailable(String),
    /// The database or a file contradicts itself: somebody has to look.
    #[error("{0}")]
    Broken(String),
}

impl Error {
    /// A field that is missing or wrong.
    pub fn input(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Input {
            field: field.into(),
            problem: problem.into(),
        }
    }
}

/// With the code that makes clients do the right thing: never `UNKNOWN`, which some retry for ever.
impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::Input { .. } => Code::InvalidArgument,
            Error::NotFound(_) | Error::UnknownSession => Code::NotFound,
            Error::Refused(_) | Error::Fenced => Code::FailedPrecondition,
            Error::Busy(_) => Code::ResourceExhausted,
            Error::Unavailable(_) => Code::Unavailable,
            Error::Broken(_) => {
                tracing::error!(%error, "request failed");
                Code::Internal
            }
        };
        Self::new(code, shortened(error.to_string()))
    }
}

/// A message travels in a header, where a byte may take three, and HTTP/2's clients refuse headers of more than 16 KiB: the
/// caller would hear of a broken protocol in place of its mistake.
const LONGEST: usize = 4096;

/// Without the end of what a caller quotes at us.
fn shortened(mut message: String) -> String {
    let length = message.len();
    if length > LONGEST {
        message.truncate(message.floor_char_boundary(LONGEST));
        message += &format!("… ({} bytes more)", length - message.len());
    }
    message
}
