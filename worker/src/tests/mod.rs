//! The worker's loop against a coordinator that follows a script, over real sockets.

mod coordinator;
mod curve_trainer;
mod faults;
mod loop_;

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use coordinator::Coordinator;
use curve_trainer::CurveTrainer;
use tokio::task::JoinHandle;

use crate::{Config, Error, Shutdown, run};

/// A running worker and the means to end it.
struct Running {
    shutdown: Shutdown,
    ended: JoinHandle<Result<(), Error>>,
}

impl Running {
    /// Drains it and waits until it has left.
    async fn drain(self) {
        self.shutdown.drain();
        self.ended.await.unwrap().unwrap();
    }
}

fn config(address: &str, scratch: &Path, trainer: CurveTrainer) -> Config {
    let mut config = Config::new(address, scratch).unwrap();
    config.trainers = BTreeMap::from([("curve".to_owned(), Arc::new(trainer) as _)]);
    config
}

fn start(config: Config) -> Running {
    let shutdown = Shutdown::default();
    let ended = tokio::spawn(run(config, shutdown.clone()));
    Running { shutdown, ended }
}

async fn pair(trainer: CurveTrainer) -> (Coordinator, Running, tempfile::TempDir) {
    let scratch = tempfile::tempdir().unwrap();
    let coordinator = Coordinator::start(Duration::from_millis(50)).await;
    let worker = start(config(&coordinator.address(), scratch.path(), trainer));
    (coordinator, worker, scratch)
}
