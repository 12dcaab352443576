//! The built-in trainer at the worker's door.

use std::{collections::BTreeMap, path::Path};

use super::{CnnTrainer, SavedNet, check::check, evaluate::evaluate, trainer::parse};
use crate::{
    data::Part,
    trainer::{Stop, TrainError, Trainer, Training, TrialSpec},
};

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
            .library()
            .open_unless_stopped(&config.data.set_name(), stop)?;
        let Some(test) = &set.test else {
            return Ok(None);
        };
        let images: Vec<u32> = (0..test.len() as u32).collect();
        let net = SavedNet::open(weights)?;
        let crew = self.library().crew(stop)?;
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
        let Some(report) = check(self, trial, stop)? else {
            return Err(TrainError::Stopped);
        };
        serde_json::to_value(report).map_err(|error| TrainError::Worker(error.to_string()))
    }
}
