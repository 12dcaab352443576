//! What the parts of a running worker share.

use std::{
    sync::{
        Arc, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{runtime::Handle, sync::Mutex};
use tokio_util::task::TaskTracker;
use tonic::Status;

use crate::{
    attempt::Attempts,
    client::{self, Client},
    config::{Config, Shutdown},
    offers::Offers,
    run::Error,
    scratch::{Scratch, hex},
};

/// A running worker.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) config: Config,
    pub(crate) client: Client,
    pub(crate) shutdown: Shutdown,
    pub(crate) scratch: Scratch,
    pub(crate) attempts: Attempts,
    pub(crate) offers: Offers,
    /// The deliveries under way; the worker leaves when they have ended.
    pub(crate) outboxes: TaskTracker,
    pub(crate) runtime: Handle,
    heartbeat_ms: AtomicU64,
    /// Which trainers get nothing there, as it was said the last time.
    registering: Mutex<Vec<String>>,
    /// The incarnation of the coordinator's database, hex.
    incarnation: std::sync::Mutex<String>,
    /// Why this worker cannot go on.
    failure: std::sync::Mutex<Option<Error>>,
    /// A coordinator of hone's is there.
    was_answered: AtomicBool,
}

impl Worker {
    pub(crate) fn new(
        config: Config,
        client: Client,
        shutdown: Shutdown,
        scratch: Scratch,
    ) -> Arc<Self> {
        Arc::new(Self {
            offers: Offers::new(Arc::clone(&config.data)),
            config,
            client,
            shutdown,
            scratch,
            attempts: Attempts::default(),
            outboxes: TaskTracker::new(),
            runtime: Handle::current(),
            heartbeat_ms: AtomicU64::new(15_000),
            registering: Mutex::default(),
            incarnation: std::sync::Mutex::default(),
            failure: std::sync::Mutex::default(),
            was_answered: AtomicBool::new(false),
        })
    }

    /// A question for work was answered.
    pub(crate) fn answered(&self) {
        self.was_answered.store(true, Ordering::Relaxed);
    }

    /// Ends this worker, as a drain does, when the coordinator understands none of its questions for work. Returns whether that is so: where
    /// one was answered before, something else stands in for it now, such as a proxy, and is waited for.
    pub(crate) fn gives_up(&self, status: &Status) -> bool {
        let ends = client::is_not_understood(status) && !self.was_answered.load(Ordering::Relaxed);
        if ends {
            *self.failing() = Some(Error::Coordinator {
                address: self.config.coordinator.clone(),
                reason: format!(
                    "it does not take this worker's questions for work: {}; is it a hone coordinator of this version?",
                    client::explain(status)
                ),
            });
            self.shutdown.drain();
        }
        ends
    }

    /// Why it could not go on, if so.
    pub(crate) fn failure(&self) -> Option<Error> {
        self.failing().take()
    }

    fn failing(&self) -> MutexGuard<'_, Option<Error>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Announces this worker through `client` (the heartbeat has one of its own) with what it offers by now.
    pub(crate) async fn register(&self, client: &Client) -> Result<(), Status> {
        // One at a time: of two under way at once, the one that knows less could arrive last.
        let mut said = self.registering.lock().await;
        let registered = client.register(&self.offers.all()).await?;
        let refused = registered.refused;
        for why in refused.iter().filter(|why| !said.contains(why)) {
            tracing::warn!("the coordinator gives this worker nothing to train: {why}");
        }
        *said = refused;
        *self.incarnation() = hex(&registered.incarnation);
        let interval = u64::try_from(registered.heartbeat.as_millis()).unwrap_or(u64::MAX);
        self.heartbeat_ms.store(interval, Ordering::Relaxed);
        Ok(())
    }

    /// Names the database that the coordinator serves: what was to be told to one is no use to another, be it at the same
    /// address. Empty where the coordinator does not say.
    pub(crate) fn serves(&self) -> String {
        self.incarnation().clone()
    }

    fn incarnation(&self) -> MutexGuard<'_, String> {
        self.incarnation
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The time between two heartbeats that the coordinator wants.
    pub(crate) fn heartbeat(&self) -> Duration {
        Duration::from_millis(self.heartbeat_ms.load(Ordering::Relaxed))
    }
}
