//! A slot: a thread that takes a trial, trains it, and takes the next.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    backoff::Backoff,
    client::{self, Lease},
    offers, train,
    worker::Worker,
};

/// How long the coordinator may keep a question for work open.
const WAIT: Duration = Duration::from_secs(20);

/// While the coordinator stays away, this is said so often.
const SAY_AGAIN: Duration = Duration::from_secs(30);

/// Trains one trial after the other until the worker drains. To be called on a thread that may be blocked.
///
/// The next trial is asked for while the last one's end is still being delivered: a slot waits for one answer between
/// two trials and for no commit of its own.
pub(crate) fn serve(worker: &Arc<Worker>) {
    while let Some(lease) = worker.runtime.block_on(next(worker)) {
        train::lease(worker, &lease);
    }
}

/// Waits for a lease; `None` when this worker goes away.
async fn next(worker: &Arc<Worker>) -> Option<Lease> {
    tokio::select! {
        biased;
        () = worker.shutdown.drain_token().cancelled() => None,
        lease = acquire(worker) => lease,
    }
}

async fn acquire(worker: &Arc<Worker>) -> Option<Lease> {
    // Kept until it has brought a lease: if an answer is lost, the same lease comes again.
    let mut request_id = [0; 16];
    if let Err(error) = getrandom::fill(&mut request_id) {
        tracing::error!("no random bytes: {error}");
        return None;
    }
    let mut backoff = Backoff::new();
    let mut said = None;
    loop {
        // Before the question: a set may be opened between the coordinator's answer and our look at it.
        let mut told = worker.offers.told();
        let local = worker.scratch.checkpoints.newest();
        match worker.client.acquire(request_id, WAIT, local).await {
            Ok(acquired) => {
                if acquired.drain {
                    tracing::info!("the coordinator has no more work for this worker");
                    worker.shutdown.drain();
                    return None;
                }
                offers::want(worker, &acquired.wanted_data);
                if acquired.lease.is_some() {
                    return acquired.lease;
                }
                if !acquired.wanted_data.is_empty() {
                    let _ = tokio::time::timeout(Duration::from_secs(1), told.changed()).await;
                }
                backoff = Backoff::new();
            }
            Err(status) => {
                say(&mut said, &worker.config.coordinator, &status);
                tokio::time::sleep(backoff.wait()).await;
                if !client::is_passing(&status) {
                    // Most likely a coordinator that does not know this session, as after a restart.
                    let _ = worker.register(&worker.client).await;
                }
            }
        }
    }
}

/// Says at once, and again from time to time, that there is no answer.
pub(crate) fn say(said: &mut Option<Instant>, address: &str, status: &tonic::Status) {
    if said.is_none_or(|before| before.elapsed() >= SAY_AGAIN) {
        *said = Some(stopwatch());
        tracing::warn!(
            "coordinator {address}: {}; trying again",
            client::explain(status)
        );
    }
}

/// Measures waits and the spacing of checkpoints; no result depends on it.
#[expect(
    clippy::disallowed_methods,
    reason = "a stopwatch: when to write a checkpoint or a message, never what is trained"
)]
pub(crate) fn stopwatch() -> Instant {
    Instant::now()
}
