//! The curve of one trial: epoch after epoch of steps, reports, the best weights so far.

mod best;
mod divergence;
mod layers;
mod resume;
mod steps;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Architecture, Config,
    diagnosis::{EpochCurve, diagnose},
    evaluate::{CHUNK, Score, evaluate},
    executor::Executor,
    init::initial_parameters,
    optimizer::Optimizer,
    schedule::Schedule,
};
use crate::{
    data::{Batches, Part, Prepared},
    trainer::{Epoch, Report, Stop, TrainError, Training, TrialSpec},
};
use best::Best;
use divergence::Divergence;
use steps::Steps;

/// A network being trained.
pub struct CnnCurve {
    config: Config,
    trial: TrialSpec,
    prepared: Arc<Prepared>,
    architecture: Architecture,
    executor: Box<dyn Executor>,
    schedule: Schedule,
    steps_per_epoch: usize,
    state: State,
    /// The newest network that counts.
    best: Option<Best>,
    gradient: Vec<f32>,
    images: Vec<f32>,
    labels: Vec<u32>,
    /// What each epoch gave, for the diagnosis.
    history: Vec<Report>,
    /// Why it ended, if it diverged.
    diverged: Option<String>,
    /// Time spent on what only the diagnosis reads.
    observing: Duration,
}

/// Everything that steps change. A stopped epoch puts the old one back.
#[derive(Clone, Debug)]
struct State {
    epoch: u32,
    parameters: Vec<f32>,
    statistics: Vec<f32>,
    optimizer: Optimizer,
    divergence: Divergence,
    /// Epochs since the objective was last improved.
    stale: usize,
}

impl CnnCurve {
    /// From first weights, or before [`resume`](Self::resume).
    pub(super) fn new(
        config: Config,
        trial: &TrialSpec,
        prepared: Arc<Prepared>,
        architecture: Architecture,
        executor: Box<dyn Executor>,
    ) -> Self {
        let images = prepared.split.train.len();
        let batch = config.train.batch_size.min(images);
        let steps_per_epoch = Batches::steps_of(images, config.train.batch_size);
        Self {
            schedule: Schedule::new(&config.train, trial.full_epochs, steps_per_epoch),
            steps_per_epoch,
            state: State {
                epoch: 0,
                parameters: initial_parameters(&architecture, &config.model, trial.seed),
                statistics: architecture.fresh_statistics(),
                optimizer: Optimizer::new(&config.train, &architecture),
                divergence: Divergence::default(),
                stale: 0,
            },
            best: None,
            gradient: vec![0.0; architecture.parameter_count],
            images: vec![0.0; batch * prepared.shape().len()],
            labels: vec![0; batch],
            history: Vec::new(),
            diverged: None,
            observing: Duration::ZERO,
            trial: trial.clone(),
            config,
            prepared,
            architecture,
            executor,
        }
    }

    /// How much it is, in words.
    pub fn sizes(&self) -> String {
        let split = &self.prepared.split;
        format!(
            "{} training and {} validation images of {}, {} parameters",
            split.train.len(),
            split.validation.len(),
            self.prepared.shape(),
            self.architecture.parameter_count
        )
    }

    /// The network.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Time spent on the layers' statistics so far; the epochs' `seconds` include it.
    pub fn observing(&self) -> Duration {
        self.observing
    }

    /// What each epoch gave so far.
    pub fn history(&self) -> &[Report] {
        &self.history
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a stopwatch: when the next trial is asked for, never what is trained"
    )]
    fn validate(&mut self, stop: &Stop) -> Result<Option<Score>, TrainError> {
        let weights = (&self.state.parameters[..], &self.state.statistics[..]);
        let prepared = Arc::clone(&self.prepared);
        let images = &prepared.split.validation;
        let (started, mut done) = (Instant::now(), 0);
        evaluate(
            &mut *self.executor,
            weights,
            &prepared,
            Part::Train,
            images,
            || {
                if done > 0 {
                    let left = images.len().div_ceil(CHUNK) - done;
                    stop.remaining(started.elapsed().div_f64(done as f64).mul_f64(left as f64));
                }
                done += 1;
                stop.wanted()
            },
        )
    }

    /// ½ λ ‖W‖² over the weights.
    fn regularisation_loss(&self) -> f64 {
        let squares: f64 = self
            .architecture
            .weights()
            .map(|weight| {
                super::optimizer::norm(&self.state.parameters[weight.range.clone()]).powi(2)
            })
            .sum();
        0.5 * self.config.train.weight_decay * squares
    }

    /// blake3 of weights, statistics and optimizer state.
    fn weights_hash(&self) -> Vec<u8> {
        let (first, second, steps) = self.state.optimizer.state();
        let mut hasher = blake3::Hasher::new_derive_key("hone weights v1");
        for values in [
            &self.state.parameters[..],
            &self.state.statistics,
            first,
            second,
        ] {
            hasher.update(&(values.len() as u64).to_le_bytes());
            hasher.update(&super::tensor_file::bytes_of(values));
        }
        hasher.update(&steps.to_le_bytes());
        hasher.finalize().as_bytes().to_vec()
    }

    fn end_diverged(&mut self, epoch: u32, reason: String) -> Epoch {
        self.diverged = Some(reason.clone());
        Epoch::Diverged { epoch, reason }
    }
}

impl Training for CnnCurve {
    fn epochs_done(&self) -> u32 {
        self.state.epoch
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a stopwatch for the report; nothing is decided by it"
    )]
    fn epoch(&mut self, stop: &Stop) -> Result<Epoch, TrainError> {
        // A worker may have died after the last report, and before it could say that it was the last.
        if self.is_out_of_patience() {
            return Ok(Epoch::Ended);
        }
        let started = Instant::now();
        let before = self.state.clone();
        let epoch = before.epoch + 1;
        let (loss, accuracy, images, last) = match self.steps(epoch, stop, started)? {
            Steps::Done {
                loss,
                accuracy,
                images,
                last,
            } => (loss, accuracy, images, last),
            Steps::Stopped => {
                self.state = before;
                return Ok(Epoch::Stopped);
            }
            Steps::Diverged(reason) => return Ok(self.end_diverged(epoch, reason)),
        };
        let mut metrics = BTreeMap::from([
            (String::from("train_loss"), loss),
            (String::from("train_accuracy"), accuracy),
            (
                String::from("regularisation_loss"),
                self.regularisation_loss(),
            ),
        ]);
        let score = self.validate(stop)?;
        if stop.wanted() {
            self.state = before;
            return Ok(Epoch::Stopped);
        }
        if let Some(score) = score {
            metrics.insert(String::from("val_loss"), score.loss);
            metrics.insert(String::from("val_accuracy"), score.accuracy);
        }
        if let Some((name, value)) = metrics.iter().find(|(_, value)| !value.is_finite()) {
            let reason = format!("{name} is {value} after epoch {epoch}");
            return Ok(self.end_diverged(epoch, reason));
        }
        self.state.epoch = epoch;
        let begun = started.elapsed();
        let layers = self.layer_reports(&last)?;
        self.observing += started.elapsed() - begun;
        let report = Report {
            epoch,
            layers: serde_json::to_vec(&layers)
                .map_err(|error| TrainError::Worker(error.to_string()))?,
            weights_hash: self.weights_hash(),
            seconds: started.elapsed().as_secs_f64(),
            images,
            metrics,
        };
        self.history.push(report.clone());
        let patient = !self.judge(&report.metrics);
        Ok(if patient {
            Epoch::Done(report)
        } else {
            Epoch::Last(report)
        })
    }

    fn save(&self, to: &Path) -> Result<(), TrainError> {
        self.write_checkpoint(to)
    }

    fn save_best(&self, to: &Path) -> Result<bool, TrainError> {
        self.saved_net().save(to).map(|()| true)
    }

    fn diagnosis(&self) -> Option<serde_json::Value> {
        let curves: Vec<EpochCurve> = self
            .history
            .iter()
            .filter_map(EpochCurve::of_report)
            .collect();
        let said = diagnose(
            &self.config,
            self.architecture.classes,
            self.trial.full_epochs,
            &curves,
            self.diverged.as_deref(),
        );
        serde_json::to_value(said).ok()
    }
}

#[cfg(test)]
mod tests;
