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

pub(super) use launch::{Same, same_sweep};
pub(super) use point::{curve, gone_on, value as point_value, valued, worth};
pub(super) use worker::attempt_ends;

use super::{
    command::{Command, Reply},
    error::Rows,
    working::WorkingSet,
};

/// Carries out one command. On an error the applier takes back what was written.
pub(super) fn apply(store: &mut WorkingSet, command: &Command) -> Rows<Reply> {
    Ok(match command {
        Command::LaunchSweep(c) => Reply::LaunchSweep(launch::launch(store, c)?),
        Command::ChangeSweep(c) => Reply::ChangeSweep(sweep::change(store, c)?),
        Command::ExtendSweep(c) => Reply::ExtendSweep(sweep::extend(store, c)?),
        Command::Decide(c) => Reply::Decide(decide::decide(store, c)?),
        Command::Grant(c) => Reply::Grant(grant::grant(store, c)?.map(Box::new)),
        Command::Report(c) => Reply::Report(report::report(store, c)?),
        Command::Finish(c) => Reply::Finish(worker::finish(store, c)?),
        Command::Release(c) => Reply::Release(worker::release(store, c)?),
        Command::ExpireAttempt(c) => Reply::ExpireAttempt(worker::expire(store, c)?),
        Command::TakeBack(c) => Reply::TakeBack(worker::take_back(store, c)?),
        Command::ReturnSession(c) => Reply::ReturnSession(worker::return_session(store, c)?),
        Command::CancelTrial(c) => Reply::CancelTrial(people::cancel(store, c)?),
        Command::RetryTrials(c) => Reply::RetryTrials(retry::retry(store, c)?),
        Command::CommitBlob(c) => {
            blobs::commit(store, c)?;
            Reply::CommitBlob(())
        }
        Command::Log(c) => {
            log::log(store, c)?;
            Reply::Log(())
        }
        Command::RemoveSweep(c) => Reply::RemoveSweep(sweep::remove(store, c)?),
        Command::CollectBlobs(c) => Reply::CollectBlobs(blobs::collect(store, c)?),
        Command::RecordWorker(c) => {
            people::record_worker(store, c);
            Reply::RecordWorker(())
        }
    })
}
