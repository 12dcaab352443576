//! The trainer of external programs: whatever reads a JSON file and prints a line an epoch can be searched.
//!
//! The worker's operator names the program (`hone worker --exec NAME=COMMAND`); a sweep can only ask for NAME and fill
//! in its params. `docs/worker.md` says what a program is told and what it has to print.

mod archive;
mod line;
mod program;
mod training;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use crate::trainer::{Stop, TrainError, Trainer, Training, TrialSpec};
pub(crate) use line::missing;
use training::ExecTraining;

/// Runs a command for every attempt.
#[derive(Clone, Debug)]
pub struct ExecTrainer {
    command: String,
    /// Whether it was said that the program keeps no state: once is enough.
    stateless: Arc<AtomicBool>,
}

impl ExecTrainer {
    /// `command` is what a shell would be given: `python train.py --quiet`. It runs in the worker's own directory.
    pub fn new(command: impl Into<String>) -> Self {
        Self {
            command: command.into(),
            stateless: Arc::default(),
        }
    }
}

impl Trainer for ExecTrainer {
    fn start(
        &self,
        trial: &TrialSpec,
        resume: Option<&Path>,
        scratch: &Path,
        _: &Stop,
    ) -> Result<Box<dyn Training>, TrainError> {
        let checkpoints = scratch.join("checkpoint");
        // A first try may have unpacked half of a damaged archive.
        let _ = fs::remove_dir_all(&checkpoints);
        fs::create_dir_all(&checkpoints).map_err(|error| disk(&checkpoints, &error))?;
        let from_epoch = match resume {
            Some(path) => {
                archive::unpack(path, &checkpoints).map_err(|reason| TrainError::Checkpoint {
                    path: path.to_owned(),
                    reason,
                })?
            }
            None => 0,
        };
        let file = scratch.join("trial.json");
        let told = told(trial, from_epoch, &checkpoints);
        fs::write(&file, told.to_string()).map_err(|error| disk(&file, &error))?;
        Ok(Box::new(ExecTraining::new(
            self,
            trial,
            file,
            checkpoints,
            from_epoch,
        )))
    }

    /// A program evaluates itself, and reports what it likes.
    fn test(
        &self,
        _: &TrialSpec,
        _: &Path,
        _: &Stop,
    ) -> Result<Option<BTreeMap<String, f64>>, TrainError> {
        Ok(None)
    }
}

/// The content of the file that `HONE_TRIAL` names.
fn told(trial: &TrialSpec, from_epoch: u32, checkpoints: &Path) -> serde_json::Value {
    let none = serde_json::Value::Object(serde_json::Map::new());
    serde_json::json!({
        "trial": trial.id,
        "params": trial.spec.get("params").unwrap_or(&none),
        "seed": trial.seed,
        "repeat": trial.repeat,
        "fold": trial.fold,
        "folds": trial.folds,
        "from_epoch": from_epoch,
        "to_epoch": trial.to_epoch,
        "full_epochs": trial.full_epochs,
        "metric": trial.objective.metric,
        "checkpoint_dir": checkpoints,
    })
}

fn disk(path: &Path, error: &std::io::Error) -> TrainError {
    TrainError::Worker(format!("{}: {error}", PathBuf::from(path).display()))
}

#[cfg(test)]
mod tests;
