//! What each command does, written once over rows. Every function checks first and writes afterwards, decides by the
//! pure [`trial::next`](crate::trial::next) and [`sweep::next`](crate::sweep::next), and appends an event to each
//! transition.

mod blobs;
mod decide;
mod grant;
mod launch;
mod log;
mod people;
mod point;
mod report;
mod retry;
mod step;
mod sweep;
mod worker;

#[cfg(test)]
pub(super) use blobs::PART;
pub(super) use launch::{Same, same_sweep};
pub(crate) use point::{curve, value as point_value};
pub(super) use point::{gone_on, valued, worth};
pub(crate) use worker::attempt_ends;

use super::{
    command::{Command, Reply, operations},
    error::Rows,
    working::WorkingSet,
};

macro_rules! dispatch {
    ($($(#[$doc:meta])* $name:ident -> $answer:ty = $apply:path;)*) => {
        /// Carries out one command. On an error the caller takes back what was written.
        pub(super) fn apply(store: &mut WorkingSet, command: &Command) -> Rows<Reply> {
            Ok(match command {
                $(Command::$name(c) => Reply::$name($apply(store, c)?),)*
            })
        }
    };
}
operations!(dispatch);
