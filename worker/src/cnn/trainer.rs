//! The built-in trainer at the worker's door.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use super::{
    Architecture, Config, architecture::Shape, evaluate::evaluate, executor::Executor,
    fused::Fused, saved_net::SavedNet, training::CnnTraining,
};
use crate::{
    data::{DataError, Library, Part, Prepared, Split},
    trainer::{Stop, TrainError, Trainer, Training, TrialSpec},
};

/// Trains convolutional networks; one per process, shared by its slots.
#[derive(Clone, Debug)]
pub struct CnnTrainer {
    library: Arc<Library>,
    threads: usize,
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

    /// As [`Trainer::start`], with the type that the command line's verbs need.
    pub fn begin(
        &self,
        trial: &TrialSpec,
        resume: Option<&Path>,
        stop: &Stop,
    ) -> Result<CnnTraining, TrainError> {
        let config = parse(trial)?;
        let prepared = self.library.prepare(&config.data, trial.fold, stop)?;
        let architecture = lay_out(&config, &prepared)?;
        let executor = self.executor(&architecture)?;
        let mut training = CnnTraining::new(config, trial, prepared, architecture, executor);
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
    ) -> Result<CnnTraining, TrainError> {
        let config = parse(trial)?;
        let set = self
            .library
            .open_unless_stopped(&config.data.set_name(), stop)?;
        let split = Split::all(&set);
        let crew = self.library.crew(stop)?;
        let prepared = Arc::new(Prepared::fitted(set, split, &config.data, &crew)?);
        let architecture = lay_out(&config, &prepared)?;
        let executor = self.executor(&architecture)?;
        Ok(CnnTraining::new(
            config,
            trial,
            prepared,
            architecture,
            executor,
        ))
    }
}

impl Trainer for CnnTrainer {
    fn arithmetic(&self) -> Option<u32> {
        Some(super::ARITHMETIC)
    }

    fn start(
        &self,
        trial: &TrialSpec,
        resume: Option<&Path>,
        _scratch: &Path,
        stop: &Stop,
    ) -> Result<Box<dyn Training>, TrainError> {
        let training = self.begin(trial, resume, stop)?;
        tracing::info!("{}; threads: {}", training.sizes(), self.threads);
        Ok(Box::new(training))
    }

    fn test(
        &self,
        trial: &TrialSpec,
        weights: &Path,
        stop: &Stop,
    ) -> Result<Option<BTreeMap<String, f64>>, TrainError> {
        let config = parse(trial)?;
        let set = self
            .library
            .open_unless_stopped(&config.data.set_name(), stop)?;
        let Some(test) = &set.test else {
            return Ok(None);
        };
        let images: Vec<u32> = (0..test.len() as u32).collect();
        let net = SavedNet::open(weights)?;
        let crew = self.library.crew(stop)?;
        let prepared = net.prepare(set, &[(Part::Test, images.clone())], &crew)?;
        let mut executor = self.executor(&net.architecture)?;
        let weights = (&net.parameters[..], &net.statistics[..]);
        let Some(score) = evaluate(
            &mut *executor,
            weights,
            &prepared,
            Part::Test,
            &images,
            || stop.step(),
        )?
        else {
            return if stop.wanted() {
                Err(TrainError::Stopped)
            } else {
                Ok(None)
            };
        };
        Ok(Some(BTreeMap::from([
            (String::from("test_loss"), score.loss),
            (String::from("test_accuracy"), score.accuracy),
        ])))
    }

    fn check(&self, trial: &TrialSpec, stop: &Stop) -> Result<serde_json::Value, TrainError> {
        let Some(report) = super::check::check(self, trial, stop)? else {
            return Err(TrainError::Stopped);
        };
        serde_json::to_value(report).map_err(|error| TrainError::Worker(error.to_string()))
    }
}

/// The trial's configuration; a trial that cannot be is at fault itself.
pub(super) fn parse(trial: &TrialSpec) -> Result<Config, TrainError> {
    Config::from_spec(&trial.spec).map_err(|error| TrainError::Trial(error.to_string()))
}

/// The network for a data set.
pub(super) fn lay_out(config: &Config, prepared: &Prepared) -> Result<Architecture, TrainError> {
    let set = &prepared.set;
    let shape = Shape::from([set.shape.height, set.shape.width, set.shape.channels]);
    let images = prepared.split.train.len();
    Architecture::new(&config.model, shape, set.classes.len())
        .and_then(|net| {
            net.takes_batches_of(config.train.batch_size.min(images))?;
            Ok(net)
        })
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
