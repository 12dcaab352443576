//! Optimizers, in place on the flat parameter vector.

use std::ops::Range;

use super::{
    architecture::Architecture,
    config::{OptimizerKind, Train},
};

/// An optimizer with its state: none to two numbers a parameter.
#[derive(Clone, Debug)]
pub struct Optimizer {
    settings: Train,
    /// Where weight decay applies: neighbouring stretches are one.
    stretches: Vec<(Range<usize>, bool)>,
    /// Velocity (sgd), mean gradient (adam); empty where there is none.
    first: Vec<f32>,
    /// Mean or sum of squared gradients; empty where there is none.
    second: Vec<f32>,
    /// Steps done.
    steps: u64,
}

impl Optimizer {
    /// Fresh state.
    pub fn new(train: &Train, architecture: &Architecture) -> Self {
        let count = architecture.parameter_count;
        let state = |there: bool| if there { vec![0.0; count] } else { Vec::new() };
        let kind = train.optimizer;
        let first = match kind {
            OptimizerKind::Sgd => train.momentum != 0.0,
            OptimizerKind::Adam | OptimizerKind::Adamw => true,
            OptimizerKind::Rmsprop | OptimizerKind::Adagrad => false,
        };
        Self {
            settings: train.clone(),
            stretches: stretches(architecture),
            first: state(first),
            second: state(kind != OptimizerKind::Sgd),
            steps: 0,
        }
    }

    /// The state, for checkpoints and hashes: two vectors (possibly empty) and the count of steps.
    pub fn state(&self) -> (&[f32], &[f32], u64) {
        (&self.first, &self.second, self.steps)
    }

    /// Puts a saved state back; `false` when its lengths are not this optimizer's.
    #[must_use]
    pub fn restore(&mut self, first: Vec<f32>, second: Vec<f32>, steps: u64) -> bool {
        let fits = first.len() == self.first.len() && second.len() == self.second.len();
        if fits {
            (self.first, self.second, self.steps) = (first, second, steps);
        }
        fits
    }

    /// One step at `rate`. `gradient` is that of the data loss; it is used up.
    pub fn step(&mut self, parameters: &mut [f32], gradient: &mut [f32], rate: f64) {
        assert_eq!(parameters.len(), gradient.len(), "one gradient a parameter");
        self.steps += 1;
        if let Some(longest) = self.settings.clip_norm {
            clip(gradient, longest);
        }
        for (range, decays) in self.stretches.clone() {
            let decay = if decays {
                self.settings.weight_decay
            } else {
                0.0
            };
            self.stretch(range, parameters, gradient, rate, decay);
        }
    }

    fn stretch(
        &mut self,
        range: Range<usize>,
        parameters: &mut [f32],
        gradient: &mut [f32],
        rate: f64,
        decay: f64,
    ) {
        let settings = &self.settings;
        let parameters = &mut parameters[range.clone()];
        let gradient = &mut gradient[range.clone()];
        let decoupled = settings.optimizer == OptimizerKind::Adamw;
        if decay != 0.0 && decoupled {
            let keep = (1.0 - rate * decay) as f32;
            parameters.iter_mut().for_each(|weight| *weight *= keep);
        } else if decay != 0.0 {
            let decay = decay as f32;
            for (slope, weight) in gradient.iter_mut().zip(parameters.iter()) {
                *slope += decay * *weight;
            }
        }
        let epsilon = settings.epsilon as f32;
        let first = self.first.get_mut(range.clone()).unwrap_or_default();
        let second = self.second.get_mut(range).unwrap_or_default();
        match settings.optimizer {
            OptimizerKind::Sgd => {
                let momentum = settings.momentum as f32;
                sgd(
                    parameters,
                    gradient,
                    first,
                    rate as f32,
                    momentum,
                    settings.nesterov,
                );
            }
            OptimizerKind::Rmsprop => {
                let keep = settings.decay_rate as f32;
                rmsprop(parameters, gradient, second, rate as f32, keep, epsilon);
            }
            OptimizerKind::Adagrad => adagrad(parameters, gradient, second, rate as f32, epsilon),
            OptimizerKind::Adam | OptimizerKind::Adamw => {
                let steps = self.steps as f64;
                let adam = Adam {
                    beta1: settings.beta1 as f32,
                    beta2: settings.beta2 as f32,
                    rate: (rate / (1.0 - libm::pow(settings.beta1, steps))) as f32,
                    root: (1.0 - libm::pow(settings.beta2, steps)).sqrt().recip() as f32,
                    epsilon,
                };
                adam.step(parameters, gradient, first, second);
            }
        }
    }
}

/// The whole vector as stretches that decay or do not.
fn stretches(architecture: &Architecture) -> Vec<(Range<usize>, bool)> {
    let mut stretches: Vec<(Range<usize>, bool)> = Vec::new();
    for parameter in &architecture.parameters {
        let decays = parameter.kind == super::architecture::ParameterKind::Weight;
        match stretches.last_mut() {
            Some((range, same)) if *same == decays => range.end = parameter.range.end,
            _ => stretches.push((parameter.range.clone(), decays)),
        }
    }
    stretches
}

/// Euclidean length, summed in fixed order.
pub fn norm(values: &[f32]) -> f64 {
    // Eight running sums, so that the additions need not wait for each other; the order does not depend on threads.
    let mut sums = [0.0_f64; 8];
    let chunks = values.chunks_exact(8);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (sum, &value) in sums.iter_mut().zip(chunk) {
            *sum += f64::from(value) * f64::from(value);
        }
    }
    let tail: f64 = rest
        .iter()
        .map(|&value| f64::from(value) * f64::from(value))
        .sum();
    (sums.iter().sum::<f64>() + tail).sqrt()
}

/// Shortens the whole gradient to `longest` (Pascanu et al. 2013).
fn clip(gradient: &mut [f32], longest: f64) {
    let length = norm(gradient);
    if length > longest {
        let factor = (longest / length) as f32;
        gradient.iter_mut().for_each(|slope| *slope *= factor);
    }
}

/// v ← μ v + g; w ← w − η v, or with Nesterov's look ahead w ← w − η (g + μ v) (Sutskever et al. 2013, as in PyTorch).
fn sgd(
    parameters: &mut [f32],
    gradient: &[f32],
    velocity: &mut [f32],
    rate: f32,
    momentum: f32,
    nesterov: bool,
) {
    if velocity.is_empty() {
        for (weight, slope) in parameters.iter_mut().zip(gradient) {
            *weight -= rate * slope;
        }
        return;
    }
    for ((weight, slope), velocity) in parameters.iter_mut().zip(gradient).zip(velocity) {
        *velocity = momentum * *velocity + slope;
        let step = if nesterov {
            slope + momentum * *velocity
        } else {
            *velocity
        };
        *weight -= rate * step;
    }
}

/// s ← ρ s + (1 − ρ) g²; w ← w − η g/(√s + ε) (Tieleman and Hinton 2012).
fn rmsprop(
    parameters: &mut [f32],
    gradient: &[f32],
    squares: &mut [f32],
    rate: f32,
    keep: f32,
    epsilon: f32,
) {
    for ((weight, slope), square) in parameters.iter_mut().zip(gradient).zip(squares) {
        *square = keep * *square + (1.0 - keep) * slope * slope;
        *weight -= rate * slope / (square.sqrt() + epsilon);
    }
}

/// s ← s + g²; w ← w − η g/(√s + ε) (Duchi et al. 2011).
fn adagrad(parameters: &mut [f32], gradient: &[f32], squares: &mut [f32], rate: f32, epsilon: f32) {
    for ((weight, slope), square) in parameters.iter_mut().zip(gradient).zip(squares) {
        *square += slope * slope;
        *weight -= rate * slope / (square.sqrt() + epsilon);
    }
}

/// Adam's constants of one step; `rate` and `root` hold the bias corrections (Kingma and Ba 2015, algorithm 1).
struct Adam {
    beta1: f32,
    beta2: f32,
    rate: f32,
    root: f32,
    epsilon: f32,
}

impl Adam {
    fn step(
        &self,
        parameters: &mut [f32],
        gradient: &[f32],
        means: &mut [f32],
        squares: &mut [f32],
    ) {
        for (((weight, slope), mean), square) in
            parameters.iter_mut().zip(gradient).zip(means).zip(squares)
        {
            *mean = self.beta1 * *mean + (1.0 - self.beta1) * slope;
            *square = self.beta2 * *square + (1.0 - self.beta2) * slope * slope;
            *weight -= self.rate * *mean / (square.sqrt() * self.root + self.epsilon);
        }
    }
}

#[cfg(test)]
mod tests;
