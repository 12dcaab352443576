//! The coordinator's process on its simulated host, and the bugs that may be planted in it.

use std::{
    cell::RefCell,
    collections::HashSet,
    path::{Path, PathBuf},
    rc::Rc,
    sync::{Arc, Mutex},
};

use tokio_util::sync::CancellationToken;

use super::{
    network,
    world::{LEASE, SECOND},
};
use crate::{
    Config,
    blob_folder::{Blobs, flat_folder_of},
    clock::Clock,
    config::Timing,
    driver,
    ids::{AttemptRef, SessionId},
    secrets::Secrets,
    server::{recover, serve},
    state::{State, reap},
    store::{OpenAttempt, Store, WorkingSet},
};

/// A bug planted on purpose: the checks must find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// Leases go on after a restart as if the coordinator had been there all the time.
    ExpiryAfterBoot,
    /// Any process of a worker's name renews what an earlier one of that name held.
    AdoptionByName,
}

/// The coordinator's machine.
#[derive(Clone)]
pub struct Host {
    pub disk: Arc<Mutex<WorkingSet>>,
    pub database: PathBuf,
    pub clock: Clock,
    pub seed: u64,
    /// When a coordinator began on it, in Unix milliseconds.
    pub boots: Rc<RefCell<Vec<i64>>>,
    pub bug: Option<Bug>,
}

impl Host {
    /// A coordinator's process: what `Coordinator::start` makes, but with the driver in the same thread and commands
    /// applied there too, so that nothing but the seed decides who comes first.
    pub async fn boot(self) -> turmoil::Result {
        self.boots.borrow_mut().push(self.clock.unix_ms());
        let mut config = Config::new(&self.database);
        config.timing = Timing::new(15 * SECOND, LEASE, LEASE).unwrap();
        config.clock = self.clock.clone();
        config.secrets = Secrets::seeded((self.seed << 20) + self.boots.borrow().len() as u64);
        let incoming = network::incoming().await?;
        let store = Store::on_disk(self.disk);
        let keep: HashSet<_> = store.read().blobs().await?.into_iter().collect();
        let blobs = Blobs::open(
            &flat_folder_of(&self.database),
            Path::new(""),
            u64::MAX,
            &keep,
        )?;
        let state = Arc::new(State::new(store, blobs, &config, CancellationToken::new()));
        recover(&state).await?;
        match self.bug {
            Some(Bug::ExpiryAfterBoot) => {
                let long_ago = self.clock.now().saturating_sub(LEASE);
                for (held, session, _) in open(&state).await {
                    state.leases().adopt(&held, session, long_ago);
                }
            }
            Some(Bug::AdoptionByName) => {
                tokio::task::spawn_local(adopt_by_name(Arc::clone(&state)));
            }
            None => {}
        }
        tokio::task::spawn_local(driver::drive(Arc::clone(&state), None));
        tokio::spawn(reap(Arc::clone(&state)));
        Ok(serve(incoming, state).await?)
    }
}

/// Running attempts with their sessions and worker names.
async fn open(state: &State) -> Vec<(AttemptRef, SessionId, String)> {
    let open = state.store.read().open_attempts().await.unwrap();
    let row = |open: OpenAttempt| (open.claim(), open.row.session, open.row.worker);
    open.into_iter().map(row).collect()
}

async fn adopt_by_name(state: Arc<State>) {
    for steps in 1.. {
        tokio::time::sleep(10 * SECOND).await;
        let connected: HashSet<String> = state
            .sessions()
            .all()
            .into_iter()
            .map(|(_, known)| known.name.clone())
            .collect();
        for (held, _, worker) in open(&state).await {
            if connected.contains(&worker) {
                state.leases().renew(&held, Some(steps), state.clock.now());
            }
        }
    }
}
