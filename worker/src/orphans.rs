//! What a worker that died left behind: calls in its spools are handed over, and its directory is removed.

use std::{
    collections::HashSet,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use crate::{
    backoff::Backoff,
    client::{self, Call},
    spool, transfer,
    worker::Worker,
};

/// A worker may die beside this one at any time: what it left is looked for so often.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

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
async fn hand_over(worker: &Worker, done: &mut HashSet<PathBuf>) -> bool {
    let mut orphans = worker.scratch.orphans();
    orphans.retain(|(directory, _)| done.insert(directory.clone()));
    let found = !orphans.is_empty();
    for (directory, _lock) in orphans {
        for spool in spools(&directory) {
            hand_over_one(worker, &spool).await;
        }
        if let Err(error) = fs::remove_dir_all(&directory) {
            tracing::debug!("{}: {error}", directory.display());
        }
    }
    found
}

fn spools(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut spools: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension() == Some(OsStr::new(spool::EXTENSION)))
        .collect();
    spools.sort();
    spools
}

async fn hand_over_one(worker: &Worker, path: &Path) {
    let calls = match spool::read(path) {
        Ok(calls) => calls,
        Err(error) => {
            tracing::warn!("{}: {error}", path.display());
            return;
        }
    };
    let Some(attempt) = calls.last().and_then(Call::attempt) else {
        return;
    };
    tracing::info!(trial = %attempt.id(), calls = calls.len(), "handing over what a former worker could not");
    // Its trainer is gone: without an end of its own the attempt is given back, so that nobody waits for its expiry.
    let release = (!calls.last().is_some_and(Call::is_end))
        .then(|| Call::release(&attempt, None, "its worker ended".to_owned()));
    for call in calls.iter().chain(&release) {
        if let Err(status) = insist(worker, call).await {
            tracing::info!(trial = %attempt.id(), "not taken: {}", client::explain(&status));
            return;
        }
    }
}

/// Makes a call until it is answered.
async fn insist(worker: &Worker, call: &Call) -> Result<(), tonic::Status> {
    let mut backoff = Backoff::new();
    loop {
        match make(worker, call).await {
            Err(status) if client::is_passing(&status) => {
                tokio::time::sleep(backoff.wait()).await;
            }
            answered => return answered,
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
