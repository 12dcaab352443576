//! What the curves and the layers of a training say is wrong, in words, with the evidence and the next move.
//!
//! Pure: it reads reports and nothing else, so `hone show` can ask it long after the training.

mod rules;

use serde::{Deserialize, Serialize};

use super::{Config, config::ScheduleKind};
use crate::trainer::Report;

/// The states that a training can be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// The loss left the range of sense.
    Diverged,
    /// Units of a layer are copies of each other.
    SymmetricUnits,
    /// The first weights make activations vanish or explode: a flat start, or a loss far above chance.
    BadInit,
    /// Many ReLU units are 0 for every image.
    DeadUnits,
    /// Many sigmoid or tanh units are at the end of their range.
    Saturated,
    /// Steps so large that the loss does not settle.
    RateTooHigh,
    /// Steps so small that the loss barely moves.
    RateTooLow,
    /// Training data are known by heart, others not.
    Overfitting,
    /// Even the training data are not learnt, and nothing moves any more.
    Underfitting,
    /// More epochs would help.
    StillImproving,
    /// Nothing to say.
    Healthy,
}

/// One thing to say about a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// What it is.
    pub state: State,
    /// The numbers that say so.
    pub evidence: String,
    /// The next move.
    pub advice: String,
}

/// One layer with weights, after one epoch. The numbers are those of the epoch's last step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LayerReport {
    /// `conv1`, `hidden2`, `output`.
    pub name: String,
    /// Length of the last step over length of the weights; about 1e-3 is healthy.
    pub update_ratio: f64,
    /// Length of the data loss's gradient with respect to the weights.
    pub gradient_norm: f64,
    /// Mean of the layer's values after its activation, over some training images: 128, or a sixteenth of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// Their standard deviation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deviation: Option<f64>,
    /// Share of ReLU units that are 0 for every image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead: Option<f64>,
    /// Share of values in the outer hundredth of sigmoid's or tanh's range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saturated: Option<f64>,
    /// Share of pairs of hidden units that are equal, of those looked at; above 0 only when symmetry was never broken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twins: Option<f64>,
}

/// One epoch of a training, as it was reported.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EpochCurve {
    /// Mean loss over the epoch's steps.
    pub train_loss: f64,
    /// Share right, during the epoch.
    pub train_accuracy: f64,
    /// Loss on the validation part, if there is one.
    pub val_loss: Option<f64>,
    /// Share right on the validation part.
    pub val_accuracy: Option<f64>,
    /// What each layer did.
    pub layers: Vec<LayerReport>,
}

impl EpochCurve {
    /// From metrics and the layers' JSON, as reports and the history hold them; `None` without a training loss.
    pub fn new(metric: impl Fn(&str) -> Option<f64>, layers: &[u8]) -> Option<Self> {
        Some(Self {
            train_loss: metric("train_loss")?,
            train_accuracy: metric("train_accuracy").unwrap_or_default(),
            val_loss: metric("val_loss"),
            val_accuracy: metric("val_accuracy"),
            layers: serde_json::from_slice(layers).unwrap_or_default(),
        })
    }

    /// From a report of this process.
    pub fn of_report(report: &Report) -> Option<Self> {
        Self::new(|name| report.metrics.get(name).copied(), &report.layers)
    }
}

/// Diagnoses a training of the built-in trainer. `classes` as in its data set, `full_epochs` its schedule's horizon, and
/// `diverged` the reason if that is how it ended.
///
/// The most telling state comes first; never empty.
pub fn diagnose(
    config: &Config,
    classes: usize,
    full_epochs: u32,
    curves: &[EpochCurve],
    diverged: Option<&str>,
) -> Vec<Diagnosis> {
    let annealed = matches!(
        config.train.schedule,
        ScheduleKind::Cosine | ScheduleKind::OneCycle
    ) && curves.len() >= full_epochs as usize;
    let case = rules::Case {
        config,
        chance: (classes as f64).ln(),
        curves,
        full_epochs,
        annealed,
    };
    if let Some(reason) = diverged {
        return vec![case.diverged(reason)];
    }
    // Equal units are dead, collapsed and slow as well: only the cause is told.
    if let Some(symmetric) = case.symmetric() {
        return vec![symmetric];
    }
    // Units that vanished at the start look dead: again only the cause is told.
    let gone = case.bad_init().or_else(|| case.dead());
    let mut said: Vec<Diagnosis> = [gone, case.saturated()].into_iter().flatten().collect();
    // A layer that is broken explains a loss that does not move; a rate that is too low is then not to blame.
    said.extend(case.rate_too_high());
    if said.is_empty() {
        said.extend(case.rate_too_low());
    }
    if said.is_empty() {
        said.extend(case.overfitting());
        said.extend(case.still_improving());
        if said.is_empty() {
            said.extend(case.underfitting());
        }
    }
    if said.is_empty() {
        said.push(case.healthy());
    }
    said
}

#[cfg(test)]
mod tests;
