//! Softmax cross-entropy.

use crate::math::{exp, ln};

/// What a batch of logits says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Loss {
    /// Sum over the examples. NaN as soon as one logit is.
    pub sum: f64,
    /// How many examples have their largest logit at their label (the first of equals).
    pub correct: usize,
}

/// Turns logits `[batch, classes]` into the gradient of their mean loss, in place. The target is the label's class with
/// `1 - smoothing`, and `smoothing` spread over all classes (Szegedy et al. 2016).
pub fn softmax_cross_entropy(
    logits: &mut [f32],
    labels: &[u32],
    classes: usize,
    smoothing: f32,
) -> Loss {
    assert_eq!(logits.len(), labels.len() * classes);
    let batch = labels.len() as f32;
    let (off, on) = (
        smoothing / classes as f32,
        1.0 - smoothing + smoothing / classes as f32,
    );
    let mut loss = Loss::default();
    for (row, &label) in logits.chunks_exact_mut(classes).zip(labels) {
        let label = label as usize;
        let best = first_largest(row);
        loss.correct += usize::from(best == label && row.iter().all(|v| !v.is_nan()));
        let highest = row[best];
        let shifted_label = row[label] - highest;
        let shifted_sum: f32 = row.iter().map(|v| v - highest).sum();
        let mut total = 0.0;
        for value in row.iter_mut() {
            *value = exp(*value - highest);
            total += *value;
        }
        // ln Σ e^v − Σ target · v, the targets summing to 1.
        let expected = if smoothing == 0.0 {
            shifted_label
        } else {
            (on - off) * shifted_label + off * shifted_sum
        };
        loss.sum += f64::from(ln(total) - expected);
        for (c, value) in row.iter_mut().enumerate() {
            let target = if c == label { on } else { off };
            *value = (*value / total - target) / batch;
        }
    }
    loss
}

fn first_largest(row: &[f32]) -> usize {
    let mut best = 0;
    for (i, value) in row.iter().enumerate() {
        if *value > row[best] {
            best = i;
        }
    }
    best
}
