//! What the parts of a running coordinator share: the store, the leases' times, who is connected, and who waits for what.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
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
pub(crate) struct LiveSweep {
    pub state: SweepState,
    pub trainer: String,
    /// The data set it wants, if its trainer takes one.
    pub data_source: Option<String>,
    /// The metric whose value after each epoch its search compares; `None`: only ends count.
    pub compared_metric: Option<String>,
}

/// Shared by services, driver and reaper, behind an `Arc`.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) blobs: Arc<Blobs>,
    pub(crate) clock: Clock,
    pub(crate) timing: Timing,
    pub(crate) limits: Limits,
    pub(crate) arithmetic: Arithmetic,
    pub(crate) secrets: Secrets,
    /// Rung whenever a trial may have become free to grant.
    pub(crate) queued: Notify,
    pub(crate) driver_inbox: DriverInbox,
    /// Ends every wait of this coordinator.
    pub(crate) shutdown: CancellationToken,
    leases: Mutex<Leases>,
    sessions: Mutex<Sessions>,
    only_sweep: Mutex<Option<SweepId>>,
    live: watch::Sender<BTreeMap<SweepId, LiveSweep>>,
    draining: AtomicBool,
}

impl State {
    pub(crate) fn new(
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
            leases: Mutex::new(Leases::new(config.timing)),
            sessions: Mutex::default(),
            only_sweep: Mutex::new(config.only_sweep.as_deref().map(SweepId::new)),
            live: watch::Sender::default(),
            draining: AtomicBool::new(false),
        }
    }

    pub(crate) fn leases(&self) -> MutexGuard<'_, Leases> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sweeps that have not ended, kept by the driver.
    pub(crate) fn live(&self) -> &watch::Sender<BTreeMap<SweepId, LiveSweep>> {
        &self.live
    }

    /// Grants trials of this sweep only from now on.
    pub(crate) fn set_only_sweep(&self, sweep: Option<SweepId>) {
        *self
            .only_sweep
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = sweep;
        self.queued.notify_waiters();
    }

    pub(crate) fn only_sweep(&self) -> Option<SweepId> {
        self.only_sweep
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Nothing new is granted from now on, and what runs is to be given back.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        self.sessions().drain_all();
        self.queued.notify_waiters();
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Whether every sweep that is served here has ended.
    pub(crate) fn is_idle(&self) -> bool {
        let only = self.only_sweep();
        let live = self.live.borrow();
        match only {
            Some(only) => !live.contains_key(&only),
            None => live.is_empty(),
        }
    }
}

/// Runs to its end even when the request that wanted it is dropped: what follows a commit must follow it.
pub(crate) async fn detached<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    match tokio::spawn(work).await {
        Ok(done) => done,
        Err(error) => Err(Error::Broken(format!("a handler ended badly: {error}"))),
    }
}
