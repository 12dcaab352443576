//! The data sets that this worker offers. They are opened when a sweep wants them, away from the slots.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::watch;

use crate::{client::Offer, config::DataSets, slot::stopwatch, worker::Worker};

/// A set that could not be opened is tried again after this time: its files may have come.
const AGAIN: Duration = Duration::from_secs(30);

/// Sets by name, asked for so far.
#[derive(Debug)]
pub(crate) struct Offers {
    data: Arc<dyn DataSets>,
    sets: Mutex<BTreeMap<String, Wanted>>,
    /// Counts the sets that have been opened or refused, and told to the coordinator.
    told: watch::Sender<u64>,
}

#[derive(Debug)]
struct Wanted {
    /// What came of it the last time; none yet while it is opened first.
    offer: Option<Offer>,
    opening: bool,
    since: Instant,
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
        let sets = self.lock();
        sets.values().filter_map(|set| set.offer.clone()).collect()
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
        let sets = self.lock();
        match sets.get(name).and_then(|set| set.offer.as_ref()) {
            Some(Offer { found: Ok(set), .. }) if set.hash != hash => Err(format!(
                "data set {name}: the sweep is pinned to {}, this worker has {}",
                prefix(hash),
                prefix(&set.hash)
            )),
            _ => Ok(()),
        }
    }

    /// Sets that could not be opened some time ago.
    fn to_try_again(&self) -> Vec<String> {
        let sets = self.lock();
        let failed = |set: &Wanted| {
            let refused = set.offer.as_ref().is_some_and(|offer| offer.found.is_err());
            refused && !set.opening && set.since.elapsed() >= AGAIN
        };
        let due = sets.iter().filter(|(_, set)| failed(set));
        due.map(|(name, _)| name.clone()).collect()
    }

    /// Whether the caller is the one who opens the set now.
    fn begin(&self, name: &str, again: bool) -> bool {
        let mut sets = self.lock();
        match sets.get_mut(name) {
            Some(set) if !again || set.opening => false,
            Some(set) => {
                set.opening = true;
                true
            }
            None => {
                let wanted = Wanted {
                    offer: None,
                    opening: true,
                    since: stopwatch(),
                };
                sets.insert(name.to_owned(), wanted);
                true
            }
        }
    }

    /// Remembers what came of it; returns whether that is news.
    fn end(&self, offer: Offer) -> bool {
        let wanted = Wanted {
            offer: Some(offer.clone()),
            opening: false,
            since: stopwatch(),
        };
        let before = self.lock().insert(offer.name.clone(), wanted);
        before.and_then(|before| before.offer) != Some(offer)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Wanted>> {
        self.sets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens the sets that are neither open nor on the way, and registers again as each one is.
pub(crate) fn want(worker: &Arc<Worker>, names: &[String]) {
    let again = worker.offers.to_try_again();
    let first = names.iter().map(|name| (name, false));
    for (name, again) in first.chain(again.iter().map(|name| (name, true))) {
        if worker.offers.begin(name, again) {
            let (worker, name) = (Arc::clone(worker), name.clone());
            tokio::spawn(async move { open(&worker, name).await });
        }
    }
}

async fn open(worker: &Worker, name: String) {
    let data = Arc::clone(&worker.offers.data);
    let wanted = name.clone();
    let found = tokio::task::spawn_blocking(move || data.open(&wanted))
        .await
        .unwrap_or_else(|panic| Err(format!("data set {name}: opening it failed: {panic}")));
    let offer = Offer { name, found };
    if !worker.offers.end(offer.clone()) {
        return;
    }
    say(&offer);
    if let Err(status) = worker.register(&worker.client).await {
        // The next acquire is refused or names the set again, and either leads to another registration.
        tracing::debug!(%status, "offering a data set");
    }
    worker.offers.told.send_modify(|count| *count += 1);
}

fn say(offer: &Offer) {
    let name = &offer.name;
    match &offer.found {
        Ok(set) => {
            let [height, width, channels] = set.shape;
            let (classes, hash) = (set.classes, prefix(&set.hash));
            tracing::info!(
                "data set {name}: {height}×{width}×{channels}, {classes} classes, {hash}"
            );
        }
        Err(error) => tracing::warn!("data set {name} cannot be offered: {error}"),
    }
}

/// Enough of a hash to tell two sets apart by eye.
fn prefix(hash: &[u8]) -> String {
    crate::scratch::hex(&hash[..hash.len().min(6)])
}
