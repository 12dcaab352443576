//! Loss and accuracy of fixed weights over many images.

use super::executor::{Executor, score};
use crate::{
    data::{Part, Prepared},
    trainer::TrainError,
};

/// Images at a time. A constant: sums are added in this grouping, whatever the trial's batch size.
pub(super) const CHUNK: usize = 256;

/// What an evaluation gave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Mean cross-entropy, without label smoothing.
    pub loss: f64,
    /// Share of images whose class is the most probable one.
    pub accuracy: f64,
}

/// Evaluates `weights` (parameters and statistics) on `images`, in order. `None` when `stop` said so in between, or
/// there are no images.
pub fn evaluate(
    executor: &mut dyn Executor,
    weights: (&[f32], &[f32]),
    prepared: &Prepared,
    part: Part,
    images: &[u32],
    mut stop: impl FnMut() -> bool,
) -> Result<Option<Score>, TrainError> {
    if images.is_empty() {
        return Ok(None);
    }
    let features = prepared.shape().len();
    let classes = prepared.set.classes.len();
    let mut pixels = vec![0.0; CHUNK.min(images.len()) * features];
    let mut labels = vec![0; CHUNK.min(images.len())];
    let mut logits = vec![0.0; CHUNK.min(images.len()) * classes];
    let (mut loss, mut correct) = (0.0, 0);
    for chunk in images.chunks(CHUNK) {
        if stop() {
            return Ok(None);
        }
        let pixels = &mut pixels[..chunk.len() * features];
        let labels = &mut labels[..chunk.len()];
        let logits = &mut logits[..chunk.len() * classes];
        prepared.fill(part, chunk, pixels, labels);
        executor.logits(weights.0, weights.1, pixels, logits)?;
        let (chunk_loss, chunk_correct) = score(logits, labels);
        loss += chunk_loss;
        correct += chunk_correct;
    }
    let count = images.len() as f64;
    Ok(Some(Score {
        loss: loss / count,
        accuracy: correct as f64 / count,
    }))
}
