//! `[train]`: optimizer, schedule, regularisation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::{ConfigError, count, share, within};

/// How the network is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Train {
    /// The rule that turns gradients into steps.
    pub optimizer: OptimizerKind,
    /// Share of the last step that goes on in the next (`sgd`).
    pub momentum: f64,
    /// Look ahead along the momentum before taking the gradient (`sgd`).
    pub nesterov: bool,
    /// Memory of the mean gradient (`adam`, `adamw`).
    pub beta1: f64,
    /// Memory of the mean squared gradient (`adam`, `adamw`).
    pub beta2: f64,
    /// Memory of the mean squared gradient (`rmsprop`).
    pub decay_rate: f64,
    /// Keeps a division by a small root in bounds (all but `sgd`).
    pub epsilon: f64,
    /// Size of the steps at the schedule's full height: the hyperparameter that matters most. Search it on a log scale.
    pub learning_rate: f64,
    /// Images a step. A last, smaller batch of an epoch is left out, unless it is the only one.
    pub batch_size: usize,
    /// λ of the L2 penalty ½λ‖W‖² on weights; decoupled from the gradient for `adamw`.
    pub weight_decay: f64,
    /// How the learning rate moves over the horizon.
    pub schedule: ScheduleKind,
    /// Share of the horizon over which the rate rises linearly from 0 to the schedule's.
    pub warmup: f64,
    /// `step` multiplies the rate by this.
    pub gamma: f64,
    /// `step` does so every so many epochs; a third of the horizon when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<usize>,
    /// A longer gradient is shortened to this length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// Share of the target probability that is spread evenly over all classes.
    pub label_smoothing: f64,
    /// Ends the training after so many epochs without a better objective.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
}

impl Default for Train {
    fn default() -> Self {
        Self {
            optimizer: OptimizerKind::Sgd,
            momentum: 0.9,
            nesterov: false,
            beta1: 0.9,
            beta2: 0.999,
            decay_rate: 0.99,
            epsilon: 1e-8,
            learning_rate: 0.01,
            batch_size: 64,
            weight_decay: 0.0,
            schedule: ScheduleKind::Constant,
            warmup: 0.0,
            gamma: 0.1,
            every: None,
            clip_norm: None,
            label_smoothing: 0.0,
            patience: None,
        }
    }
}

impl Train {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        share("train.momentum", self.momentum)?;
        if self.nesterov && self.momentum == 0.0 && self.optimizer == OptimizerKind::Sgd {
            let message = "needs momentum above 0: without it there is nothing to look ahead along";
            return Err(ConfigError::new("train.nesterov", true, message));
        }
        share("train.beta1", self.beta1)?;
        share("train.beta2", self.beta2)?;
        share("train.decay_rate", self.decay_rate)?;
        // Below the smallest normal f32 it would vanish in the optimizer's arithmetic.
        within("train.epsilon", self.epsilon, 1e-30, 1.0)?;
        within("train.learning_rate", self.learning_rate, 0.0, 1e6)?;
        count("train.batch_size", self.batch_size, 1, 65_536)?;
        within("train.weight_decay", self.weight_decay, 0.0, 1e6)?;
        share("train.warmup", self.warmup)?;
        within("train.gamma", self.gamma, 0.0, 1.0)?;
        if let Some(every) = self.every {
            count("train.every", every, 1, 1_000_000)?;
        }
        if let Some(norm) = self.clip_norm {
            within("train.clip_norm", norm, f64::MIN_POSITIVE, 1e9)?;
        }
        share("train.label_smoothing", self.label_smoothing)?;
        if let Some(epochs) = self.patience {
            count("train.patience", epochs, 1, 1_000_000)?;
        }
        Ok(())
    }
}

/// The rule that turns gradients into steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OptimizerKind {
    /// Stochastic gradient descent with momentum.
    #[default]
    Sgd,
    /// Steps divided by the root of a moving mean of squared gradients.
    Rmsprop,
    /// Steps divided by the root of the sum of all squared gradients.
    Adagrad,
    /// Momentum and squared-gradient means, both corrected for their start (Kingma and Ba 2015).
    Adam,
    /// Adam with weight decay apart from the gradient (Loshchilov and Hutter 2019).
    Adamw,
}

/// How the learning rate moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleKind {
    /// Not at all.
    #[default]
    Constant,
    /// Times `gamma` every `every` epochs.
    Step,
    /// Down to 0 by a half cosine.
    Cosine,
    /// Up from a 25th over 30 % of the horizon, then down to a 250,000th, by half cosines.
    OneCycle,
}
