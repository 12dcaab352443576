//! What the parts of a running coordinator share: the store, the leases' times, who is connected, and who waits for what.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::{driver_inbox::DriverInbox, lease_times::Leases, sessions::Sessions};
use crate::{
    Error,
    blob_folder::Blobs,
    clock::Clock,
    config::{Limits, Timing},
    ids::SweepId,
    secrets::Secrets,
    store::Store,
    sweep::SweepState,
    versions::Arithmetic,
};

/// A sweep that has not ended, as far as granting needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveSweep {
    pub state: SweepState,
    pub trainer: String,
    /// The data set it wants, if its trainer takes one.
    pub data_source: Option<String>,
    /// The metric whose value after each epoch its search compares; `None`: only ends count.
    pub compared_metric: Option<String>,
}

/// Shared by services, driver and reaper, behind an `Arc`.
#[derive(Debug)]
pub struct State {
    pub store: Store,
    pub blobs: Arc<Blobs>,
    pub clock: Clock,
    pub timing: Timing,
    pub limits: Limits,
    pub arithmetic: Arithmetic,
    pub secrets: Secrets,
    /// Rung whenever a trial may have become free to grant.
    pub queued: Notify,
    pub driver_inbox: DriverInbox,
    /// Ends every wait of this coordinator.
    pub shutdown: CancellationToken,
    /// Sweeps that have not ended, kept by the driver.
    pub live: watch::Sender<BTreeMap<SweepId, LiveSweep>>,
    leases: Mutex<Leases>,
    sessions: Mutex<Sessions>,
    only_sweep: Mutex<Option<SweepId>>,
}

impl State {
    pub fn new(
        store: Store,
        blobs: Blobs,
        config: &crate::Config,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            store,
            blobs: Arc::new(blobs),
            clock: config.clock.clone(),
            timing: config.timing,
            limits: config.limits,
            arithmetic: config.arithmetic.clone(),
            secrets: config.secrets.clone(),
            queued: Notify::new(),
            driver_inbox: DriverInbox::default(),
            shutdown,
            live: watch::Sender::default(),
            leases: Mutex::new(Leases::new(config.timing)),
            sessions: Mutex::default(),
            only_sweep: Mutex::default(),
        }
    }

    pub fn leases(&self) -> MutexGuard<'_, Leases> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn only_sweep(&self) -> MutexGuard<'_, Option<SweepId>> {
        let only = self.only_sweep.lock();
        only.unwrap_or_else(PoisonError::into_inner)
    }

    /// Grants trials of this sweep only from now on.
    pub fn serve_only(&self, sweep: SweepId) {
        *self.only_sweep() = Some(sweep);
        self.queued.notify_waiters();
    }

    /// Whether trials of this sweep are granted here at all.
    pub fn serves(&self, sweep: &SweepId) -> bool {
        self.only_sweep().as_ref().is_none_or(|only| only == sweep)
    }

    /// Whether every sweep that is served here has ended.
    pub fn is_idle(&self) -> bool {
        !self.live.borrow().keys().any(|sweep| self.serves(sweep))
    }
}

/// Runs to its end even when the request that wanted it is dropped: what follows a commit must follow it.
pub async fn detached<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    match tokio::spawn(work).await {
        Ok(done) => done,
        Err(error) => Err(Error::Broken(format!("a handler ended badly: {error}"))),
    }
}
