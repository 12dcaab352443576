//! What a trial is made of: its configuration, its images, its network and what runs that.

use std::{path::Path, sync::Arc};

use super::{Architecture, Config, curve::CnnCurve, executor::Executor, fused::Fused};
use crate::{
    data::{DataError, Library, Prepared, Split},
    trainer::{Stop, TrainError, TrialSpec},
};

/// Trains convolutional networks; one per process, shared by its slots.
#[derive(Clone, Debug)]
pub struct CnnTrainer {
    library: Arc<Library>,
    pub(super) threads: usize,
}

impl CnnTrainer {
    /// `threads`: how many one trial may use. The results do not depend on it.
    pub fn new(library: Arc<Library>, threads: usize) -> Self {
        Self {
            library,
            threads: threads.max(1),
        }
    }

    /// Where the data sets come from.
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// The executor of this process, with buffers of its own.
    ///
    /// # Errors
    /// `HONE_ISA` names what this processor lacks, or there are no threads left.
    pub fn executor(&self, architecture: &Architecture) -> Result<Box<dyn Executor>, TrainError> {
        Ok(Box::new(Fused::new(architecture.clone(), self.threads)?))
    }

    /// As [`Trainer::start`](crate::trainer::Trainer::start), with the type that the command line's verbs need.
    pub fn begin(
        &self,
        trial: &TrialSpec,
        resume: Option<&Path>,
        stop: &Stop,
    ) -> Result<CnnCurve, TrainError> {
        let config = parse(trial)?;
        let prepared = self.library.prepare(&config.data, trial.fold, stop)?;
        let architecture = lay_out(&config, &prepared)?;
        let executor = self.executor(&architecture)?;
        let mut training = CnnCurve::new(config, trial, prepared, architecture, executor);
        if let Some(path) = resume {
            training.resume(path)?;
        }
        Ok(training)
    }

    /// A last training, on training and validation part together: no validation metrics, and the last weights count.
    pub fn begin_on_everything(
        &self,
        trial: &TrialSpec,
        stop: &Stop,
    ) -> Result<CnnCurve, TrainError> {
        let config = parse(trial)?;
        let set = self
            .library
            .open_unless_stopped(&config.data.set_name(), stop)?;
        let split = Split::all(&set);
        let crew = self.library.crew(stop)?;
        let prepared = Arc::new(Prepared::fitted(set, split, &config.data, &crew)?);
        let architecture = lay_out(&config, &prepared)?;
        let executor = self.executor(&architecture)?;
        Ok(CnnCurve::new(
            config,
            trial,
            prepared,
            architecture,
            executor,
        ))
    }
}

/// The trial's configuration; a trial that cannot be is at fault itself.
pub(super) fn parse(trial: &TrialSpec) -> Result<Config, TrainError> {
    Config::from_spec(&trial.spec).map_err(|error| TrainError::Trial(error.to_string()))
}

/// The network for a data set.
pub(super) fn lay_out(config: &Config, prepared: &Prepared) -> Result<Architecture, TrainError> {
    let (shape, set) = (prepared.shape(), &prepared.set);
    let images = prepared.split.train.len();
    Architecture::of(config, shape, set.classes.len(), images)
        .map_err(|error| TrainError::Trial(format!("{error} (images are {shape})")))
}

impl From<DataError> for TrainError {
    fn from(error: DataError) -> Self {
        match error {
            DataError::Config(problem) => Self::Trial(problem.to_string()),
            DataError::Stopped => Self::Stopped,
            error => Self::Worker(error.to_string()),
        }
    }
}
