//! A slot: a thread that takes a trial, trains it, and takes the next.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::task::JoinHandle;

use crate::{
    backoff::Backoff,
    client::{self, Again, Lease},
    offers, train,
    worker::Worker,
};

/// How long the coordinator may keep a question for work open.
const WAIT: Duration = Duration::from_secs(20);

/// While the coordinator stays away, this is said so often.
const SAY_AGAIN: Duration = Duration::from_secs(30);

/// Trains one trial after the other until the worker drains. To be called on a thread that may be blocked.
///
/// The next trial is asked for in the last moments of the one before, and the end of that is delivered while the next
/// one trains: a slot waits for no commit.
pub(crate) fn serve(worker: &Arc<Worker>) {
    let next = Arc::new(Next::new(worker));
    while let Some(lease) = worker.runtime.block_on(next.lease()) {
        train::lease(worker, &lease, &next);
    }
}

/// The trial that a slot trains next.
#[derive(Debug)]
pub(crate) struct Next {
    worker: Arc<Worker>,
    asked: Mutex<Option<JoinHandle<Option<Lease>>>>,
}

impl Next {
    fn new(worker: &Arc<Worker>) -> Self {
        Self {
            worker: Arc::clone(worker),
            asked: Mutex::default(),
        }
    }

    /// Asks for it ahead of time. A lease that comes is held idle until the trial under way has ended, so this is for
    /// its last moments: a grant waits for a commit, which takes as long as a short epoch.
    pub(crate) fn ask(&self) {
        let mut asked = self.asked();
        if asked.is_none() && !self.worker.shutdown.is_draining() {
            let worker = Arc::clone(&self.worker);
            let acquire = async move { acquire(&worker).await };
            *asked = Some(self.worker.runtime.spawn(acquire));
        }
    }

    /// Waits for it; `None` when this worker goes away.
    async fn lease(&self) -> Option<Lease> {
        self.ask();
        let mut asked = self.asked().take()?;
        tokio::select! {
            biased;
            // First: a lease that is here when the worker drains is given back by name.
            lease = &mut asked => lease.ok().flatten(),
            () = self.worker.shutdown.drain_token().cancelled() => {
                asked.abort();
                None
            }
        }
    }

    fn asked(&self) -> MutexGuard<'_, Option<JoinHandle<Option<Lease>>>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
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
                worker.answered();
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
                if worker.gives_up(&status) {
                    return None;
                }
                say(&mut said, &worker.config.coordinator, &status);
                tokio::time::sleep(backoff.wait()).await;
                // Most likely a coordinator that does not know this session, as after a restart.
                if client::again(&status) == Again::Never
                    && let Err(status) = worker.register(&worker.client).await
                    && worker.gives_up(&status)
                {
                    return None;
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
