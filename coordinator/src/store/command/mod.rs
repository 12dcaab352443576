//! Everything that changes the store: one [`Command`] per kind of change, and what it answers. Plain data: what is applied
//! one by one can be held against what is applied in groups.

mod attempt;
mod decision;
mod grant;
mod people;
mod sweep;

pub use attempt::*;
pub use decision::*;
pub use grant::*;
pub use people::*;
pub use sweep::*;

pub use super::values::Millis;
use crate::{
    ids::{Hash, SessionId, TrialNumber},
    sweep::SweepState,
    trial::TrialState,
};

/// Who did it, as shown by `hone why`: `coordinator`, `user`, `worker NAME`.
pub type Actor = String;

/// Who asked, where a person did.
pub const USER: &str = "user";

/// A command with its answer's type.
pub trait Operation: Into<Command> {
    /// What [`apply`](super::Store::apply) gives back.
    type Answer: Send + 'static;

    /// Takes the answer out of the reply to this command; `None` for the reply to another.
    fn answer(reply: Reply) -> Option<Self::Answer>;
}

/// Every command: what it answers, and the function of `apply/` that carries it out. Expands to `$with!` of that table.
macro_rules! operations {
    ($with:ident) => {
        $with! {
            /// Stores a sweep and starts it, or goes on with the same one.
            LaunchSweep -> Launched = launch::launch;
            /// Pause, resume, stop, fail.
            ChangeSweep -> SweepState = sweep::change;
            /// An ended sweep gets a round more.
            ExtendSweep -> SweepState = sweep::extend;
            /// What the search decided.
            Decide -> Decided = decide::decide;
            /// A worker asks for a trial.
            Grant -> Option<Box<Granted>> = grant::grant;
            /// Metrics of epochs.
            Report -> Reported = report::report;
            /// How an attempt ended.
            Finish -> Ended = worker::finish;
            /// An attempt given back with its checkpoint.
            Release -> Ended = worker::release;
            /// A lease expired.
            ExpireAttempt -> Ended = worker::expire;
            /// A late worker that nobody replaced goes on.
            TakeBack -> TakenBack = worker::take_back;
            /// A worker process left or died.
            ReturnSession -> Vec<Returned> = worker::return_session;
            /// A person cancels a trial.
            CancelTrial -> TrialState = people::cancel;
            /// A person wants trials again.
            RetryTrials -> Vec<TrialNumber> = retry::retry;
            /// A checkpoint or weights lie where the blob's hash says.
            CommitBlob -> Option<SessionId> = blobs::commit;
            /// Lines of a worker about an attempt.
            Log -> () = log::log;
            /// Removes an ended sweep.
            RemoveSweep -> Vec<Hash> = sweep::remove;
            /// Forgets blobs that nothing needs any more.
            CollectBlobs -> Collected = blobs::collect;
            /// Something about a worker that people should find in the history.
            RecordWorker -> () = people::record_worker;
        }
    };
}
pub(super) use operations;

macro_rules! commands_and_replies {
    ($($(#[$doc:meta])* $name:ident -> $answer:ty = $apply:path;)*) => {
        /// One change of the store.
        #[derive(Clone, Debug)]
        pub enum Command {
            $($(#[$doc])* $name(Box<$name>),)*
        }

        /// The answer to the command of the same name.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Reply {
            $($(#[$doc])* $name($answer),)*
        }

        $(
            impl From<$name> for Command {
                fn from(operation: $name) -> Self {
                    Self::$name(Box::new(operation))
                }
            }

            impl Operation for $name {
                type Answer = $answer;

                fn answer(reply: Reply) -> Option<$answer> {
                    match reply {
                        Reply::$name(answer) => Some(answer),
                        _ => None,
                    }
                }
            }
        )*
    };
}

operations!(commands_and_replies);
