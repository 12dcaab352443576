//! What the parts of a running coordinator share: the store, the leases' times, who is connected, and two bells.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::{lease_times::Leases, sessions::Sessions};
use crate::{
    Error,
    blob_folder::Blobs,
    clock::Clock,
    config::{Limits, Timing},
    ids::{AttemptRef, SweepId, TrialNumber},
    search::Plan,
    secrets::Secrets,
    store::{Store, command::Epoch},
    sweep::SweepState,
    versions::Arithmetic,
};

/// A sweep that has not ended, as far as granting needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LiveSweep {
    /// Where it stands.
    pub state: SweepState,
    /// What trains it.
    pub trainer: String,
    /// The data set it wants, if its trainer takes one.
    pub data_source: Option<String>,
    /// The metric whose value after each epoch its search compares; `None`: only ends count.
    pub reports: Option<String>,
}

/// A trial's value after one epoch, for a search that compares them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EpochValue {
    pub trial: TrialNumber,
    pub epoch: u32,
    pub value: f64,
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
    /// Ends every wait of this coordinator.
    pub(crate) shutdown: CancellationToken,
    leases: Mutex<Leases>,
    sessions: Mutex<Sessions>,
    only_sweep: Mutex<Option<SweepId>>,
    live: watch::Sender<BTreeMap<SweepId, LiveSweep>>,
    dirty: Mutex<BTreeSet<SweepId>>,
    values: Mutex<BTreeMap<SweepId, Vec<EpochValue>>>,
    plan: Mutex<Option<(Vec<u8>, Plan)>>,
    bell: Notify,
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
            shutdown,
            leases: Mutex::new(Leases::new(config.timing)),
            sessions: Mutex::default(),
            only_sweep: Mutex::new(config.only_sweep.as_deref().map(SweepId::new)),
            live: watch::Sender::default(),
            dirty: Mutex::default(),
            values: Mutex::default(),
            plan: Mutex::default(),
            bell: Notify::new(),
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

    /// Something happened to a sweep: the driver looks at it.
    pub(crate) fn tell_driver(&self, sweep: &SweepId) {
        self.dirty().insert(sweep.clone());
        self.bell.notify_one();
    }

    /// The metric whose value after each epoch a sweep's search compares; `None`: only ends count.
    pub(crate) fn compares_epochs(&self, sweep: &SweepId) -> Option<String> {
        let live = self.live.borrow();
        live.get(sweep).and_then(|live| live.reports.clone())
    }

    /// Epochs were recorded: the driver hears of them if the sweep's search compares epochs.
    pub(crate) fn tell_driver_of_epochs(&self, attempt: &AttemptRef, epochs: Option<&[Epoch]>) {
        let sweep = &attempt.sweep;
        let Some(metric) = self.compares_epochs(sweep) else {
            return;
        };
        let value = |epoch: &Epoch| {
            let found = epoch.metrics.iter().find(|(name, _)| *name == metric)?;
            Some(EpochValue {
                trial: attempt.trial,
                epoch: epoch.epoch,
                value: found.1,
            })
        };
        let values: Vec<_> = epochs
            .unwrap_or_default()
            .iter()
            .filter_map(value)
            .collect();
        if !values.is_empty() {
            self.values()
                .entry(sweep.clone())
                .or_default()
                .extend(values);
            self.tell_driver(sweep);
        }
    }

    /// Takes what was reported of a sweep since the last time.
    pub(crate) fn told_epochs(&self, sweep: &SweepId) -> Vec<EpochValue> {
        self.values().remove(sweep).unwrap_or_default()
    }

    fn values(&self) -> MutexGuard<'_, BTreeMap<SweepId, Vec<EpochValue>>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the plan of a definition that is about to be stored, so that the driver need not make it again.
    pub(crate) fn keep_plan(&self, stored: &[u8], plan: Plan) {
        let mut kept = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some((stored.to_vec(), plan));
    }

    /// The plan of this definition, if it was the last one that was made.
    pub(crate) fn take_plan(&self, stored: &[u8]) -> Option<Plan> {
        let mut kept = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        Some(kept.take_if(|(of, _)| of == stored)?.1)
    }

    /// Something changed that concerns every sweep.
    pub(crate) fn tell_driver_all(&self) {
        self.dirty().extend(self.live.borrow().keys().cloned());
        self.bell.notify_one();
    }

    /// Waits until some sweep was told of, and takes them all.
    pub(crate) async fn told(&self) -> BTreeSet<SweepId> {
        loop {
            let rung = self.bell.notified();
            let told = std::mem::take(&mut *self.dirty());
            if !told.is_empty() {
                return told;
            }
            rung.await;
        }
    }

    fn dirty(&self) -> MutexGuard<'_, BTreeSet<SweepId>> {
        self.dirty.lock().unwrap_or_else(PoisonError::into_inner)
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
