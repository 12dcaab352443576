//! What the driver has not looked at yet. Whoever changes a sweep leaves a note here and goes on; nobody waits for a search.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::{
    ids::{SweepId, TrialNumber},
    search::Plan,
};

/// A trial's value after one epoch, for a search that compares them.
#[derive(Clone, Debug, PartialEq)]
pub struct EpochValue {
    pub trial: TrialNumber,
    pub epoch: u32,
    pub value: f64,
}

/// Sweeps that changed, and epochs that were recorded.
#[derive(Debug, Default)]
pub struct DriverInbox {
    changed: Mutex<BTreeSet<SweepId>>,
    epochs: Mutex<BTreeMap<SweepId, Vec<EpochValue>>>,
    /// The plan of the definition that was stored last.
    plan: Mutex<Option<(Vec<u8>, Plan)>>,
    bell: Notify,
}

impl DriverInbox {
    /// Something happened to this sweep.
    pub fn sweep_changed(&self, sweep: &SweepId) {
        self.sweeps_changed([sweep]);
    }

    /// Something happened that concerns all of these.
    pub fn sweeps_changed<'a>(&self, sweeps: impl IntoIterator<Item = &'a SweepId>) {
        lock(&self.changed).extend(sweeps.into_iter().cloned());
        self.bell.notify_one();
    }

    /// Epochs of a sweep were recorded.
    pub fn epochs_recorded(&self, sweep: &SweepId, epochs: Vec<EpochValue>) {
        lock(&self.epochs)
            .entry(sweep.clone())
            .or_default()
            .extend(epochs);
        self.sweep_changed(sweep);
    }

    /// Waits until a sweep has changed, and takes all that have.
    pub async fn take_changed(&self) -> BTreeSet<SweepId> {
        loop {
            let rung = self.bell.notified();
            let changed = std::mem::take(&mut *lock(&self.changed));
            if !changed.is_empty() {
                return changed;
            }
            rung.await;
        }
    }

    /// Takes the epochs of a sweep that were recorded since the last time.
    pub fn take_epochs(&self, sweep: &SweepId) -> Vec<EpochValue> {
        lock(&self.epochs).remove(sweep).unwrap_or_default()
    }

    /// Leaves the plan of a definition that is about to be stored, so that it need not be made again.
    pub fn leave_plan(&self, stored: &[u8], plan: Plan) {
        *lock(&self.plan) = Some((stored.to_vec(), plan));
    }

    /// The plan of this definition, if it was the last one that was made.
    pub fn take_plan(&self, stored: &[u8]) -> Option<Plan> {
        Some(lock(&self.plan).take_if(|(of, _)| of == stored)?.1)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
