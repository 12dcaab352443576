//! What runs a network: candle's tensors ([`Reference`](super::reference::Reference)) or our kernels.

use crate::trainer::TrainError;

/// Images and their classes.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// `[image, height, width, channel]`.
    pub images: &'a [f32],
    /// One an image, below the number of classes.
    pub labels: &'a [u32],
}

/// What a batch gave.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Mean softmax cross-entropy over the batch, natural logarithm, without regularisation.
    pub loss: f64,
    /// Images whose largest logit is that of their class.
    pub correct: usize,
}

/// How a training step differs from an evaluation.
#[derive(Clone, Copy, Debug)]
pub struct StepSettings {
    /// Decides the dropout masks of this step.
    pub mask_key: u64,
    /// Share of the target probability that is spread evenly over all classes; the loss is that against these targets.
    pub label_smoothing: f64,
}

/// Statistics of one layer's output over a batch, for the diagnosis.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ActivationStatistics {
    /// Index of the layer in the architecture.
    pub layer: usize,
    /// Mean of all values.
    pub mean: f64,
    /// Their standard deviation.
    pub deviation: f64,
    /// Share of units (channels) that are 0 for every image and place; null for activations that have no such state.
    pub dead: Option<f64>,
    /// Share of values in the outer hundredth of the range, for sigmoid and tanh; else null.
    pub saturated: Option<f64>,
}

/// Runs one network. Kept for a whole training, so that buffers can be; used by one thread at a time.
pub trait Executor: Send {
    /// Forward and backward in training mode: fills `gradient` with that of the loss and moves the running statistics.
    fn step(
        &mut self,
        parameters: &[f32],
        statistics: &mut [f32],
        batch: Batch<'_>,
        settings: StepSettings,
        gradient: &mut [f32],
    ) -> Result<Outcome, TrainError>;

    /// Forward in evaluation mode; `logits` gets `[image, class]`.
    fn logits(
        &mut self,
        parameters: &[f32],
        statistics: &[f32],
        images: &[f32],
        logits: &mut [f32],
    ) -> Result<(), TrainError>;

    /// Statistics of every activation (and of hidden layers without one) over these images, in evaluation mode.
    fn probe(
        &mut self,
        parameters: &[f32],
        statistics: &[f32],
        images: &[f32],
    ) -> Result<Vec<ActivationStatistics>, TrainError>;
}

/// Sum of the cross-entropies of `[image, class]` logits, and how many are right (the first of equals counts).
pub fn score(logits: &[f32], labels: &[u32]) -> (f64, usize) {
    let classes = logits.len() / labels.len().max(1);
    let mut loss = 0.0;
    let mut correct = 0;
    for (row, &label) in logits.chunks_exact(classes.max(1)).zip(labels) {
        let mut top = 0;
        for (class, value) in row.iter().enumerate() {
            // A NaN wins, so that it is seen in the loss.
            if *value > row[top] || value.is_nan() {
                top = class;
            }
        }
        let peak = f64::from(row[top]);
        let total: f64 = row
            .iter()
            .map(|&value| libm::exp(f64::from(value) - peak))
            .sum();
        loss += peak + libm::log(total) - f64::from(row[label as usize]);
        correct += usize::from(top == label as usize && !peak.is_nan());
    }
    (loss, correct)
}
