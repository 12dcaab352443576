//! What the parts of a running coordinator share: the store, the leases' times, who is connected, and who waits for what.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::{
    driver_inbox::DriverInbox,
    lease_times::Leases,
    sessions::{Needs, Sessions},
};
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
    pub needs: Needs,
    /// The metric whose value after each epoch its search compares; `None`: only ends count.
    pub compared_metric: Option<String>,
}

/// Which sweeps are granted here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Served {
    /// Whatever the database holds.
    #[default]
    All,
    /// What a `hone run` is for, and, where that leaves slots free, what people have asked this coordinator for since.
    First(SweepId, BTreeSet<SweepId>),
}

impl Served {
    /// What is served instead of a sweep that is not.
    pub fn instead_of(&self, sweep: &SweepId) -> Option<&SweepId> {
        match self {
            Self::First(first, others) if first != sweep && !others.contains(sweep) => Some(first),
            _ => None,
        }
    }

    /// Whether others come first.
    pub fn comes_second(&self, sweep: &SweepId) -> bool {
        matches!(self, Self::First(first, _) if first != sweep)
    }
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
    served: Mutex<Served>,
    /// Why the search of a sweep stands still, of those that do.
    search_waits: Mutex<BTreeMap<SweepId, String>>,
    /// Sweeps that have ended and may have blobs that nobody needs.
    uncollected: Mutex<BTreeSet<SweepId>>,
    /// Read while a blob's file is there and its row is not; written to remove files.
    pub naming_blobs: tokio::sync::RwLock<()>,
    /// When blobs were collected last because there was no room.
    pub room_made: tokio::sync::Mutex<Option<Duration>>,
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
            served: Mutex::default(),
            search_waits: Mutex::default(),
            uncollected: Mutex::default(),
            naming_blobs: tokio::sync::RwLock::default(),
            room_made: tokio::sync::Mutex::default(),
        }
    }

    pub fn leases(&self) -> MutexGuard<'_, Leases> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn served(&self) -> MutexGuard<'_, Served> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn search_waits(&self) -> MutexGuard<'_, BTreeMap<SweepId, String>> {
        self.search_waits
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub fn uncollected(&self) -> MutexGuard<'_, BTreeSet<SweepId>> {
        self.uncollected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Grants trials of this sweep first from now on, and of others only if people ask for them here.
    pub fn serve_first(&self, sweep: SweepId) {
        *self.served() = Served::First(sweep, BTreeSet::new());
        self.queued.notify_waiters();
    }

    /// Somebody wants this sweep trained.
    pub fn serve_too(&self, sweep: &SweepId) {
        if let Served::First(_, others) = &mut *self.served() {
            others.insert(sweep.clone());
        }
        self.queued.notify_waiters();
    }

    /// Whether what this coordinator is for has ended.
    pub fn is_idle(&self) -> bool {
        let live = self.live.borrow();
        match &*self.served() {
            Served::All => live.is_empty(),
            Served::First(first, _) => !live.contains_key(first),
        }
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
