//! What a worker that died left behind: calls in its spools are handed over, and its directory is removed. Calls for another
//! database than this worker's coordinator serves are left to the workers of that, but not for ever.

use std::{
    collections::{HashSet, VecDeque},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::{
    backoff::Backoff,
    client::{self, Call},
    scratch::Orphan,
    spool, transfer,
    worker::Worker,
};

/// A worker may die beside this one at any time: what it left is looked for so often.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// What is for another database, which may be gone for good, waits so long for a worker of it.
const OLDEST: Duration = Duration::from_secs(30 * 24 * 3600);

/// Looks for what others left, for as long as this worker lives.
pub(crate) async fn hand_over_for_ever(worker: Arc<Worker>) {
    // Of some a file cannot be removed: what is in them has been handed over all the same.
    let mut done = HashSet::new();
    let mut may_collect = true;
    loop {
        may_collect |= hand_over(&worker, &mut done).await;
        if may_collect {
            worker.scratch.checkpoints.collect();
            may_collect = false;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Goes through the directories of sessions whose process is gone, one after the other. Returns whether there was a new one.
async fn hand_over(worker: &Worker, done: &mut HashSet<(PathBuf, String)>) -> bool {
    let serves = worker.serves();
    let mut orphans = worker.scratch.orphans();
    orphans.retain(|orphan| done.insert((orphan.directory.clone(), serves.clone())));
    let found = !orphans.is_empty();
    for orphan in orphans {
        clear(worker, orphan, &serves).await;
    }
    found
}

/// Hands over what is for the database that `serves` names, and removes what nobody can want any more.
async fn clear(worker: &Worker, orphan: Orphan, serves: &str) {
    let (ours, others): (Vec<_>, Vec<_>) = orphan
        .spools()
        .into_iter()
        .partition(|(_, incarnation)| incarnation == serves);
    for (spool, _) in ours {
        if !hand_over_one(worker, &spool).await {
            return;
        }
        if let Err(error) = fs::remove_file(&spool) {
            tracing::debug!("{}: {error}", spool.display());
        }
    }
    let waiting = others
        .iter()
        .filter(|(spool, _)| !forget_old(spool))
        .count();
    if waiting == 0 {
        orphan.remove();
    }
}

/// Removes a spool for which no worker has come in [`OLDEST`]; whether it did.
#[expect(
    clippy::disallowed_methods,
    reason = "compared with the time of a file, nothing else"
)]
fn forget_old(spool: &Path) -> bool {
    let modified = fs::metadata(spool).and_then(|metadata| metadata.modified());
    let is_old = modified.is_ok_and(|at| at < SystemTime::now() - OLDEST);
    if !is_old || fs::remove_file(spool).is_err() {
        return false;
    }
    tracing::warn!(
        "{}: removed: the reports in it are for a database that no worker here has served for {} days",
        spool.display(),
        OLDEST.as_secs() / (24 * 3600)
    );
    true
}

/// False: it cannot be read now, and stays.
async fn hand_over_one(worker: &Worker, path: &Path) -> bool {
    let mut calls = match spool::read(path) {
        Ok(calls) => VecDeque::from(calls),
        Err(error) => {
            tracing::warn!("{}: {error}", path.display());
            return false;
        }
    };
    let Some(attempt) = calls.back().and_then(Call::attempt) else {
        return true;
    };
    tracing::info!(trial = %attempt.id(), calls = calls.len(), "handing over what a former worker could not");
    // Its trainer is gone: without an end of its own the attempt is given back, so that nobody waits for its expiry.
    if !calls.back().is_some_and(Call::is_end) {
        calls.push_back(Call::release(&attempt, None, "its worker ended".to_owned()));
    }
    while let Some(call) = calls.pop_front() {
        let Err(status) = insist(worker, &call).await else {
            continue;
        };
        let (what, why) = (call.word(), client::explain(&status));
        tracing::info!(trial = %attempt.id(), "the {what} was not taken: {why}");
        if !call.is_needed() {
            calls.iter_mut().for_each(|later| later.do_without(&call));
        } else {
            return true;
        }
    }
    true
}

/// Makes a call until it is answered.
async fn insist(worker: &Worker, call: &Call) -> Result<(), tonic::Status> {
    let mut backoff = Backoff::new();
    loop {
        let Err(status) = make(worker, call).await else {
            return Ok(());
        };
        match backoff.after(&status, worker.client.beats()) {
            Some(wait) => tokio::time::sleep(wait).await,
            None => return Err(status),
        }
    }
}

async fn make(worker: &Worker, call: &Call) -> Result<(), tonic::Status> {
    if let (Some(blob), Some(attempt)) = (call.blob(), call.attempt()) {
        let path = worker.scratch.checkpoints.path(&blob.hash);
        return transfer::put(&worker.client, &attempt, &blob, &path).await;
    }
    worker.client.call(call).await.map(|_| ())
}
