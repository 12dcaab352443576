//! A worker with a trainer of its own, which is no CNN: gradient descent on a parabola.
//!
//! ```text
//! hone coordinator &
//! hone launch examples/python-worker/sweep.toml
//! cargo run -p hone-worker --example parabola -- http://127.0.0.1:7700
//! ```

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use hone_worker::{
    Config, Shutdown,
    trainer::{Epoch, Report, Stop, TrainError, Trainer, Training, TrialSpec},
};
use serde::{Deserialize, Serialize};

/// Reads hyperparameters and starts trainings.
#[derive(Debug)]
struct ParabolaTrainer;

#[derive(Clone, Copy, Debug, Deserialize)]
struct Params {
    rate: f64,
    momentum: f64,
}

/// The whole state, so that a checkpoint is this struct as JSON.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
struct State {
    epoch: u32,
    x: f64,
    speed: f64,
}

struct Parabola {
    params: Params,
    state: State,
}

impl Trainer for ParabolaTrainer {
    fn start(
        &self,
        trial: &TrialSpec,
        resume: Option<&Path>,
        _scratch: &Path,
        _stop: &Stop,
    ) -> Result<Box<dyn Training>, TrainError> {
        // A trial that cannot be trained anywhere is the trial's own fault.
        let params = Params::deserialize(&trial.spec["params"])
            .map_err(|error| TrainError::Trial(format!("params: {error}")))?;
        let state = match resume {
            Some(path) => load(path).map_err(|reason| TrainError::Checkpoint {
                path: path.to_owned(),
                reason,
            })?,
            None => State {
                epoch: 0,
                x: 1.0 + (trial.seed % 7) as f64,
                speed: 0.0,
            },
        };
        Ok(Box::new(Parabola { params, state }))
    }

    fn test(
        &self,
        _: &TrialSpec,
        _: &Path,
        _: &Stop,
    ) -> Result<Option<BTreeMap<String, f64>>, TrainError> {
        Ok(None)
    }
}

impl Training for Parabola {
    fn epochs_done(&self) -> u32 {
        self.state.epoch
    }

    fn epoch(&mut self, stop: &Stop) -> Result<Epoch, TrainError> {
        // A copy, so that a stop in the middle leaves the state of the last whole epoch.
        let mut state = self.state;
        for _ in 0..10 {
            if stop.step() {
                return Ok(Epoch::Stopped);
            }
            state.speed = self.params.momentum * state.speed - self.params.rate * 2.0 * state.x;
            state.x += state.speed;
        }
        state.epoch += 1;
        self.state = state;
        let bytes = [state.x.to_le_bytes(), state.speed.to_le_bytes()].concat();
        Ok(Epoch::Done(Report {
            epoch: state.epoch,
            metrics: BTreeMap::from([("loss".to_owned(), state.x * state.x)]),
            layers: Vec::new(),
            weights_hash: blake3::hash(&bytes).as_bytes().to_vec(),
            seconds: 0.0,
            images: 10,
        }))
    }

    fn save(&self, to: &Path) -> Result<(), TrainError> {
        serde_json::to_vec(&self.state)
            .map_err(std::io::Error::from)
            .and_then(|bytes| fs::write(to, bytes))
            .map_err(|error| TrainError::Worker(format!("{}: {error}", to.display())))
    }

    fn save_best(&self, _: &Path) -> Result<bool, TrainError> {
        Ok(false)
    }
}

fn load(path: &Path) -> Result<State, String> {
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    serde_json::from_slice(&bytes).map_err(|error| error.to_string())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1);
    let address = address.unwrap_or_else(|| "http://127.0.0.1:7700".to_owned());
    let mut config = Config::new(address, std::env::temp_dir().join("hone-parabola"))?;
    config
        .trainers
        .insert("parabola".to_owned(), Arc::new(ParabolaTrainer));
    let shutdown = Shutdown::default();
    let on_signal = shutdown.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            on_signal.drain();
        }
    });
    Ok(hone_worker::run(config, shutdown).await?)
}
