//! One training under way: epochs, reports, the best weights so far.

mod divergence;
mod layers;
mod resume;

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Instant};

use super::{
    Architecture, Config,
    diagnosis::{EpochCurve, diagnose},
    evaluate::{CHUNK, Score, evaluate},
    executor::{Batch, Executor, Outcome, Training as StepSettings},
    init::initial_parameters,
    optimizer::Optimizer,
    random,
    saved_net::{About, FORMAT, SavedNet},
    schedule::Schedule,
};
use crate::{
    data::{AugmentKey, Batches, Part, Prepared},
    trainer::{Epoch, Objective, Report, Stop, TrainError, Training, TrialSpec},
};
use divergence::Divergence;
use layers::LastStep;
pub use layers::LayerReport;

/// A network being trained.
pub struct CnnTraining {
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

/// The weights of the best epoch so far.
#[derive(Clone, Debug)]
struct Best {
    epoch: u32,
    objective: f64,
    parameters: Vec<f32>,
    statistics: Vec<f32>,
}

/// How the steps of an epoch ended.
enum Steps {
    Done {
        loss: f64,
        accuracy: f64,
        images: u64,
        last: LastStep,
    },
    Stopped,
    Diverged(String),
}

impl CnnTraining {
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
            images: vec![0.0; batch * prepared.shape().features()],
            labels: vec![0; batch],
            history: Vec::new(),
            diverged: None,
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

    /// What each epoch gave so far.
    pub fn history(&self) -> &[Report] {
        &self.history
    }

    /// The steps of epoch `epoch`, on the training part.
    fn steps(&mut self, epoch: u32, stop: &Stop, started: Instant) -> Result<Steps, TrainError> {
        let prepared = Arc::clone(&self.prepared);
        let batches = Batches::epoch(
            &prepared.split.train,
            self.config.train.batch_size,
            self.trial.seed,
            epoch,
        );
        let count = batches.steps();
        let (mut loss, mut correct, mut images) = (0.0, 0, 0);
        let mut last = LastStep::default();
        // An image of the evaluation, a forward pass, costs a third of one in training.
        let evaluation = prepared.split.validation.len() as f64
            / (3 * self.config.train.batch_size.max(1)) as f64;
        for (index, batch) in batches.iter().enumerate() {
            if stop.step() {
                return Ok(Steps::Stopped);
            }
            let step = (epoch as usize - 1) * self.steps_per_epoch + index;
            let outcome = self.gradient(batch, epoch, step)?;
            if let Some(reason) =
                self.state
                    .divergence
                    .observe(outcome.loss, self.architecture.classes, step)
            {
                return Ok(Steps::Diverged(reason));
            }
            loss += outcome.loss;
            correct += outcome.correct;
            images += batch.len();
            if index + 1 == count {
                last = LastStep::before(&self.architecture, &self.state.parameters, &self.gradient);
            }
            let rate = self.schedule.rate(step);
            self.state
                .optimizer
                .step(&mut self.state.parameters, &mut self.gradient, rate);
            let left = (count - index - 1) as f64 + evaluation;
            stop.remaining(started.elapsed().div_f64((index + 1) as f64).mul_f64(left));
        }
        last.after(&self.architecture, &self.state.parameters);
        Ok(Steps::Done {
            loss: loss / count.max(1) as f64,
            accuracy: correct as f64 / images.max(1) as f64,
            images: images as u64,
            last,
        })
    }

    /// Forward and backward of one batch.
    fn gradient(&mut self, batch: &[u32], epoch: u32, step: usize) -> Result<Outcome, TrainError> {
        let images = &mut self.images[..batch.len() * self.prepared.shape().features()];
        let labels = &mut self.labels[..batch.len()];
        let seed = self.trial.seed;
        let key = AugmentKey { seed, epoch };
        self.prepared
            .fill_augmented(batch, &self.config.data.augment, key, images, labels);
        let settings = StepSettings {
            mask_key: random::key("hone dropout v1", &[seed, step as u64]),
            label_smoothing: self.config.train.label_smoothing,
        };
        self.executor.step(
            &self.state.parameters,
            &mut self.state.statistics,
            Batch { images, labels },
            settings,
            &mut self.gradient,
        )
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

    /// Keeps the weights if the objective is better than ever; says whether patience is at its end.
    fn judge(&mut self, metrics: &BTreeMap<String, f64>) -> bool {
        let Objective { metric, best, .. } = &self.trial.objective;
        let Some(&objective) = metrics.get(metric) else {
            return false;
        };
        let old = self.best.as_ref().map(|best| best.objective);
        if self.trial.objective.improves(objective, old) {
            self.state.stale = 0;
            // With `at = "last"` only the number is needed, for patience.
            let keep = |values: &[f32]| if *best { values.to_vec() } else { Vec::new() };
            self.best = Some(Best {
                epoch: self.state.epoch,
                objective,
                parameters: keep(&self.state.parameters),
                statistics: keep(&self.state.statistics),
            });
        } else {
            self.state.stale += 1;
        }
        self.config
            .train
            .patience
            .is_some_and(|patience| self.state.stale >= patience)
    }

    fn end_diverged(&mut self, epoch: u32, reason: String) -> Epoch {
        self.diverged = Some(reason.clone());
        Epoch::Diverged { epoch, reason }
    }

    /// The network that counts: the best epoch's, or the last one's.
    pub fn saved_net(&self) -> SavedNet {
        let (epoch, parameters, statistics) = match &self.best {
            Some(best) if self.trial.objective.best => {
                (best.epoch, &best.parameters, &best.statistics)
            }
            _ => (
                self.state.epoch,
                &self.state.parameters,
                &self.state.statistics,
            ),
        };
        let set = &self.prepared.set;
        SavedNet {
            about: About {
                format: FORMAT,
                config: self.config.clone(),
                shape: [set.shape.height, set.shape.width, set.shape.channels],
                labels: set.classes.clone(),
                preprocess: self.prepared.preprocess.kind,
                epoch,
            },
            architecture: self.architecture.clone(),
            parameters: parameters.clone(),
            statistics: statistics.clone(),
            preprocess: self.prepared.preprocess.clone(),
        }
    }
}

impl Training for CnnTraining {
    fn epochs_done(&self) -> u32 {
        self.state.epoch
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a stopwatch for the report; nothing is decided by it"
    )]
    fn epoch(&mut self, stop: &Stop) -> Result<Epoch, TrainError> {
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
        let layers = self.layer_reports(&last)?;
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
