//! Whether one network trains.

use std::{collections::BTreeMap, time::Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Finding, Severity};
use crate::{
    cnn::{
        Architecture, CnnTrainer, Config,
        architecture::{Op, ParameterKind},
        config::{ActivationKind, InitKind, OptimizerKind, Train},
        executor::{Batch, Executor, Outcome, StepSettings},
        init::initial_parameters,
        optimizer::{Optimizer, norm},
        trainer::lay_out,
    },
    data::{Batches, Part, Prepared},
    trainer::{Stop, TrainError, TrialSpec},
};

/// What one net did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NetCheck {
    /// The choices that make it up, by path; empty when there are none.
    pub choices: BTreeMap<String, Value>,
    /// Whether nothing that was found is a failure.
    pub passed: bool,
    /// Data loss of the first weights.
    pub first_loss: f64,
    /// ln(classes): what chance gives.
    pub chance_loss: f64,
    /// The first loss with ½ λ ‖W‖², λ = 1 (the lecture's second sanity check: it must be higher).
    pub first_loss_regularised: f64,
    /// Twenty examples learnt by heart.
    pub overfit: Overfit,
    /// Length of the first gradient by weight.
    pub gradients: Vec<(String, f64)>,
    /// Epochs that one slot trains in a second, evaluation included.
    pub epochs_per_second: f64,
}

/// The run on twenty examples.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Overfit {
    /// How many examples there were.
    pub examples: usize,
    /// The best accuracy reached; 1 is asked for.
    pub accuracy: f64,
    /// Epochs of the run that reached it.
    pub epochs: usize,
    /// Its learning rate.
    pub learning_rate: f64,
}

const EXAMPLES: usize = 20;
const EPOCHS: usize = 200;
/// Adam's rates, most likely first: its steps do not depend on the scale of the pixels.
const LADDER: [f64; 4] = [3e-3, 3e-2, 3e-4, 3e-1];
/// Steps whose time is taken.
const TIMED_STEPS: usize = 4;
/// Above this ratio to ln(classes) a warning, above the other a failure.
const WARN_RATIO: f64 = 1.1;
const FAIL_RATIO: f64 = 2.0;

/// A net on the bench.
struct Bench<'a> {
    config: &'a Config,
    architecture: Architecture,
    executor: Box<dyn Executor>,
    prepared: &'a Prepared,
    seed: u64,
}

/// Looks at one net; `None` when stopped.
pub(super) fn check(
    cnn: &CnnTrainer,
    config: &Config,
    trial: &TrialSpec,
    prepared: &Prepared,
    subject: &str,
    stop: &Stop,
) -> Result<Option<(NetCheck, Vec<Finding>)>, TrainError> {
    let architecture = lay_out(config, prepared)?;
    let executor = cnn.executor(&architecture)?;
    let mut bench = Bench {
        config,
        architecture,
        executor,
        prepared,
        seed: trial.seed,
    };
    let mut net = bench.first_step()?;
    let zero = config.model.init == InitKind::Zero;
    let Some(overfit) = bench.overfit(stop)? else {
        return Ok(None);
    };
    net.overfit = overfit;
    net.epochs_per_second = bench.epochs_per_second()?;
    let findings = findings(&net, subject, zero, config);
    net.passed = !findings
        .iter()
        .any(|finding| finding.severity == Severity::Failure);
    Ok(Some((net, findings)))
}

impl Bench<'_> {
    /// Loss and gradients of the first weights on one batch.
    fn first_step(&mut self) -> Result<NetCheck, TrainError> {
        let count = self.prepared.split.train.len().min(256);
        let order = Batches::epoch(&self.prepared.split.train, count, self.seed, 1);
        let batch = order.iter().next().unwrap_or_default().to_vec();
        let parameters = initial_parameters(&self.architecture, &self.config.model, self.seed);
        let mut statistics = self.architecture.fresh_statistics();
        let mut gradient = vec![0.0; parameters.len()];
        let outcome = self.step(&parameters, &mut statistics, &batch, &mut gradient)?;
        let weights = self.architecture.weights();
        let squares: f64 = weights
            .map(|weight| norm(&parameters[weight.range.clone()]).powi(2))
            .sum();
        let layers = &self.architecture.layers;
        let learning = self.architecture.parameters.iter().filter(|parameter| {
            parameter.kind == ParameterKind::Weight
                && matches!(layers[parameter.layer].op, Op::Conv(_) | Op::Linear(_))
        });
        Ok(NetCheck {
            first_loss: outcome.loss,
            chance_loss: (self.architecture.classes as f64).ln(),
            first_loss_regularised: outcome.loss + 0.5 * squares,
            gradients: learning
                .map(|parameter| {
                    (
                        layers[parameter.layer].name.clone(),
                        norm(&gradient[parameter.range.clone()]),
                    )
                })
                .collect(),
            ..NetCheck::default()
        })
    }

    fn step(
        &mut self,
        parameters: &[f32],
        statistics: &mut [f32],
        batch: &[u32],
        gradient: &mut [f32],
    ) -> Result<Outcome, TrainError> {
        let mut images = vec![0.0; batch.len() * self.prepared.shape().len()];
        let mut labels = vec![0; batch.len()];
        self.prepared
            .fill(Part::Train, batch, &mut images, &mut labels);
        let batch = Batch {
            images: &images,
            labels: &labels,
        };
        let plain = StepSettings {
            mask_key: 0,
            label_smoothing: 0.0,
        };
        self.executor
            .step(parameters, statistics, batch, plain, gradient)
    }

    /// Twenty examples, all in one batch, up the ladder of rates until one run knows them all.
    fn overfit(&mut self, stop: &Stop) -> Result<Option<Overfit>, TrainError> {
        let examples = self.examples();
        let mut best = Overfit {
            examples: examples.len(),
            ..Overfit::default()
        };
        for learning_rate in LADDER {
            let train = Train {
                optimizer: OptimizerKind::Adam,
                learning_rate,
                ..Train::default()
            };
            let mut optimizer = Optimizer::new(&train, &self.architecture);
            let mut parameters =
                initial_parameters(&self.architecture, &self.config.model, self.seed);
            let mut statistics = self.architecture.fresh_statistics();
            let mut gradient = vec![0.0; parameters.len()];
            for epoch in 1..=EPOCHS {
                if stop.step() {
                    return Ok(None);
                }
                let outcome = self.step(&parameters, &mut statistics, &examples, &mut gradient)?;
                let accuracy = outcome.correct as f64 / examples.len().max(1) as f64;
                if accuracy > best.accuracy {
                    best = Overfit {
                        accuracy,
                        epochs: epoch,
                        learning_rate,
                        ..best
                    };
                }
                if accuracy == 1.0 {
                    return Ok(Some(best));
                }
                if !outcome.loss.is_finite() {
                    break;
                }
                optimizer.step(&mut parameters, &mut gradient, learning_rate);
            }
        }
        Ok(Some(best))
    }

    /// Twenty training images, the classes in turn.
    fn examples(&self) -> Vec<u32> {
        let labels = &self.prepared.set.train.labels;
        let mut by_class = vec![Vec::new(); self.architecture.classes];
        for &image in &self.prepared.split.train {
            by_class[labels[image as usize] as usize].push(image);
        }
        let deepest = by_class.iter().map(Vec::len).max().unwrap_or(0);
        (0..deepest.min(EXAMPLES))
            .flat_map(|depth| by_class.iter().filter_map(move |images| images.get(depth)))
            .copied()
            .take(EXAMPLES)
            .collect()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a stopwatch: a budget in minutes is made of it, once, and stored"
    )]
    fn epochs_per_second(&mut self) -> Result<f64, TrainError> {
        let split = &self.prepared.split;
        let batches = Batches::epoch(&split.train, self.config.train.batch_size, self.seed, 1);
        let parameters = initial_parameters(&self.architecture, &self.config.model, self.seed);
        let mut statistics = self.architecture.fresh_statistics();
        let mut gradient = vec![0.0; parameters.len()];
        let mut times = Vec::new();
        for batch in batches.iter().take(TIMED_STEPS) {
            let started = Instant::now();
            self.step(&parameters, &mut statistics, batch, &mut gradient)?;
            times.push(started.elapsed().as_secs_f64());
        }
        // Evaluation is a forward pass, about a third of a step.
        let share = split.validation.len() as f64 / (3.0 * split.train.len().max(1) as f64);
        let epoch = super::median(times) * batches.steps() as f64 * (1.0 + share);
        Ok(if epoch > 0.0 { 1.0 / epoch } else { 0.0 })
    }
}

fn findings(net: &NetCheck, subject: &str, zero: bool, config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |severity, message: String, advice: &str| {
        findings.push(Finding {
            severity,
            subject: subject.to_owned(),
            message,
            advice: advice.to_owned(),
        });
    };
    let ratio = net.first_loss / net.chance_loss;
    if ratio.is_nan() || ratio > WARN_RATIO {
        let severity = if ratio <= FAIL_RATIO {
            Severity::Warning
        } else {
            Severity::Failure
        };
        let message = format!(
            "the first loss is {:.3}, {ratio:.2} × ln(classes) = {:.3}: the untrained net is sure of wrong answers",
            net.first_loss, net.chance_loss
        );
        add(
            severity,
            message,
            "smaller first weights: model.output_gain = 0.1, init = \"he\" or \"xavier\", data.scale = 1",
        );
    }
    if zero {
        let message =
            String::from("init = \"zero\": all units of a layer start equal and stay equal");
        add(
            Severity::Warning,
            message,
            "init = \"he\" (ReLU family) or \"xavier\" (sigmoid, tanh)",
        );
        return findings;
    }
    let still: Vec<&str> = net
        .gradients
        .iter()
        .filter(|(_, norm)| !(norm.is_finite() && *norm > 0.0))
        .map(|(name, _)| name.as_str())
        .collect();
    if !still.is_empty() {
        let message = format!("no gradient reaches {}", still.join(", "));
        let advice = "dead or saturated from the start: model.batch_norm = true, another init, model.bias_init = 0.01";
        add(Severity::Failure, message, advice);
    }
    if net.overfit.accuracy < 1.0 {
        let message = format!(
            "{} examples are not learnt by heart in {EPOCHS} epochs at any of {} rates: accuracy {:.2}",
            net.overfit.examples,
            LADDER.len(),
            net.overfit.accuracy
        );
        let advice = if config.model.hidden.is_empty() && config.model.conv.is_empty() {
            "without a hidden layer the net is linear: give model.hidden = [64]"
        } else if config.model.activation == ActivationKind::None {
            "with activation = \"none\" all layers together are one linear map: model.activation = \"relu\""
        } else {
            "more units, model.batch_norm = true, or an activation that does not saturate"
        };
        add(Severity::Failure, message, advice);
    }
    findings
}
