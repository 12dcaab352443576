//! The data sets that this worker offers. They are opened when a sweep wants them, away from the slots.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use crate::{client::Offer, config::DataSets, worker::Worker};

/// Sets by name: open, refused, or on the way.
#[derive(Debug)]
pub(crate) struct Offers {
    data: Arc<dyn DataSets>,
    sets: Mutex<BTreeMap<String, Option<Offer>>>,
    /// Counts the sets that have been opened or refused, and told to the coordinator.
    told: watch::Sender<u64>,
}

impl Offers {
    pub(crate) fn new(data: Arc<dyn DataSets>) -> Self {
        Self {
            data,
            sets: Mutex::default(),
            told: watch::Sender::default(),
        }
    }

    /// What is known by now.
    pub(crate) fn all(&self) -> Vec<Offer> {
        self.lock().values().flatten().cloned().collect()
    }

    /// Sees every set that is told from now on.
    pub(crate) fn told(&self) -> watch::Receiver<u64> {
        self.told.subscribe()
    }

    /// Whether the set that a lease is pinned to is the one that is open here.
    ///
    /// # Errors
    /// A sentence with both hashes.
    pub(crate) fn check(&self, name: &str, hash: &[u8]) -> Result<(), String> {
        if name.is_empty() || hash.is_empty() {
            return Ok(());
        }
        match self.lock().get(name) {
            Some(Some(Offer { found: Ok(set), .. })) if set.hash != hash => Err(format!(
                "data set {name}: the sweep is pinned to {}, this worker has {}",
                blake3_prefix(hash),
                blake3_prefix(&set.hash)
            )),
            _ => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Option<Offer>>> {
        self.sets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens the sets that are neither open nor on the way, and registers again as each one is.
pub(crate) fn want(worker: &Arc<Worker>, names: &[String]) {
    for name in names {
        {
            let mut sets = worker.offers.lock();
            if sets.contains_key(name) {
                continue;
            }
            sets.insert(name.clone(), None);
        }
        let (worker, name) = (Arc::clone(worker), name.clone());
        tokio::spawn(async move { open(&worker, name).await });
    }
}

async fn open(worker: &Worker, name: String) {
    let data = Arc::clone(&worker.offers.data);
    let wanted = name.clone();
    let found = tokio::task::spawn_blocking(move || data.open(&wanted))
        .await
        .unwrap_or_else(|panic| Err(format!("data set {name}: opening it failed: {panic}")));
    match &found {
        Ok(set) => {
            let [height, width, channels] = set.shape;
            let classes = set.classes;
            tracing::info!(
                "data set {name}: {height}×{width}×{channels}, {classes} classes, {}",
                blake3_prefix(&set.hash)
            );
        }
        Err(error) => tracing::warn!("data set {name} cannot be offered: {error}"),
    }
    let offer = Offer {
        name: name.clone(),
        found,
    };
    worker.offers.lock().insert(name, Some(offer));
    if let Err(status) = worker.register(&worker.client).await {
        // The next acquire is refused or names the set again, and either leads to another registration.
        tracing::debug!(%status, "offering a data set");
    }
    worker.offers.told.send_modify(|count| *count += 1);
}

/// Enough of a hash to tell two sets apart by eye.
fn blake3_prefix(hash: &[u8]) -> String {
    crate::scratch::hex(&hash[..hash.len().min(6)])
}
