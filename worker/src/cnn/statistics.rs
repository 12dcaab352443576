//! What an activation's values look like: the evidence for dead, saturated and collapsed layers.

use super::{
    architecture::{Activation, Architecture, Op},
    executor::ActivationStatistics,
};

/// How a layer's values are to be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observed {
    /// Neither dead nor saturated values exist.
    Plain,
    /// A unit can be 0 for every image.
    CanDie,
    /// Values crowd at 0 and 1.
    Sigmoid,
    /// Values crowd at −1 and 1.
    Tanh,
}

/// Whether a layer's output is looked at: every activation, and layers that should have one but are linear.
pub fn observed(architecture: &Architecture, index: usize) -> Option<Observed> {
    let layers = &architecture.layers;
    match &layers[index].op {
        Op::Activation(Activation::Relu) => Some(Observed::CanDie),
        Op::Activation(Activation::Sigmoid) => Some(Observed::Sigmoid),
        Op::Activation(Activation::Tanh) => Some(Observed::Tanh),
        op if is_nonlinear(op) => Some(Observed::Plain),
        Op::Conv(_) | Op::Linear(_) if index + 1 < layers.len() => match &layers[index + 1].op {
            Op::BatchNorm(_) => None,
            op => (!is_nonlinear(op)).then_some(Observed::Plain),
        },
        Op::BatchNorm(_) => match layers.get(index + 1) {
            Some(next) if is_nonlinear(&next.op) => None,
            _ => Some(Observed::Plain),
        },
        _ => None,
    }
}

fn is_nonlinear(op: &Op) -> bool {
    matches!(op, Op::Activation(_) | Op::Prelu(_) | Op::Maxout(_))
}

/// Statistics of values `[…, channel]`.
pub fn of_layer(
    layer: usize,
    kind: Observed,
    values: &[f32],
    channels: usize,
) -> ActivationStatistics {
    let count = values.len().max(1) as f64;
    let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / count;
    let squares: f64 = values
        .iter()
        .map(|&value| (f64::from(value) - mean).powi(2))
        .sum();
    let dead = (kind == Observed::CanDie).then(|| {
        let mut alive = vec![false; channels];
        for place in values.chunks_exact(channels.max(1)) {
            for (alive, &value) in alive.iter_mut().zip(place) {
                *alive |= value != 0.0;
            }
        }
        let dead = alive.iter().filter(|&&alive| !alive).count();
        dead as f64 / channels.max(1) as f64
    });
    let outer = |low: f32, high: f32| {
        let hits = values.iter().filter(|&&value| value < low || value > high);
        Some(hits.count() as f64 / count)
    };
    let saturated = match kind {
        Observed::Sigmoid => outer(0.01, 0.99),
        Observed::Tanh => outer(-0.99, 0.99),
        Observed::Plain | Observed::CanDie => None,
    };
    ActivationStatistics {
        layer,
        mean,
        deviation: (squares / count).sqrt(),
        dead,
        saturated,
    }
}
