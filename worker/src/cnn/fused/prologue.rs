//! What a node does to the tensor that it reads: batch norm or bias, activation, pool without overlap, dropout.

use std::ops::Range;

use hone_kernels::{self as kernels, Activation, Affine, Dropout, Shape};

use super::{
    gradient::Buffer,
    node::{Batch, Pass},
};
use crate::cnn::{
    architecture::{BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM, BatchNorm},
    dropout,
    statistics::Observed,
};

/// What scales and shifts.
#[derive(Clone, Debug, Default)]
pub(super) enum Shift {
    /// Nothing does.
    #[default]
    None,
    /// A layer's own bias.
    Bias(Range<usize>),
    /// A batch norm.
    Norm(BatchNorm),
}

/// A node's prologue, with what is kept between forward and backward.
#[derive(Debug, Default)]
pub(super) struct Prologue {
    pub shift: Shift,
    pub activation: Activation,
    /// PReLU's learned slopes.
    pub slopes: Option<Range<usize>>,
    /// Side and step of a max pool.
    pub pool: Option<usize>,
    /// Rate, and number of the dropout layer.
    pub dropout: Option<(f64, u64)>,
    /// The layer whose values it has before pool and dropout, if they are looked at.
    pub observed: Option<(usize, Observed)>,
    affine: Affine,
    masks: Option<Dropout>,
}

impl Prologue {
    /// Takes the step's parameters, and in training the batch's moments, by which it moves the running statistics.
    pub fn prepare(&mut self, input: &Batch<'_>, pass: &Pass<'_>, running: &mut [f32]) {
        let (shape, parameters) = (input.shape, pass.parameters);
        match &self.shift {
            Shift::None => self.affine.shift_only(shape, None),
            Shift::Bias(bias) => {
                let bias = &parameters[bias.clone()];
                self.affine.shift_only(shape, Some(bias));
            }
            Shift::Norm(norm) => {
                let (mean, variance) = statistics(norm, input, running);
                let gamma = &parameters[norm.gamma.clone()];
                let beta = &parameters[norm.beta.clone()];
                self.affine
                    .normalise(shape, &mean, &variance, gamma, beta, BATCH_NORM_EPSILON);
            }
        }
        match &self.slopes {
            Some(slopes) => {
                let slopes = &parameters[slopes.clone()];
                self.affine.slopes(shape, |c| slopes[c]);
            }
            None => {
                let slope = self.activation.parameter().unwrap_or_default();
                self.affine.slopes(shape, |_| slope);
            }
        }
        let masks = self.dropout.zip(pass.training);
        self.masks =
            masks.map(|((rate, index), step)| dropout::of_layer(step.mask_key, index, rate));
    }

    pub fn window(&self) -> usize {
        self.pool.unwrap_or(1)
    }

    /// For the kernels, over maps of this shape.
    pub fn fused(&self, stored: Shape) -> kernels::Prologue<'_> {
        kernels::Prologue {
            stored,
            affine: &self.affine,
            activation: self.activation,
            window: self.window(),
            dropout: self.masks,
        }
    }

    /// Once the gradient of `input` has come back through here: the gradients of what is learned, and how the input's own node is to
    /// read the rest.
    pub fn learn(&self, input: &Batch<'_>, to: &mut Buffer, learned: &mut [f32]) {
        let normalises = matches!(self.shift, Shift::Norm(_));
        to.through = Some((self.window(), normalises));
        let sums = to.left.sums(input.shape.channels);
        match &self.shift {
            Shift::None => {}
            Shift::Bias(bias) => store(&sums[0], &mut learned[bias.clone()]),
            Shift::Norm(norm) => {
                store(&sums[0], &mut learned[norm.beta.clone()]);
                store(&sums[1], &mut learned[norm.gamma.clone()]);
                let places = input.raw.len() / input.shape.channels;
                to.norm.compute(input.shape, places, &self.affine, &sums);
            }
        }
        if let Some(slopes) = &self.slopes {
            store(&sums[2], &mut learned[slopes.clone()]);
        }
    }
}

/// Mean and variance to normalise by: the batch's in training, else the running ones.
fn statistics(norm: &BatchNorm, input: &Batch<'_>, running: &mut [f32]) -> (Vec<f64>, Vec<f64>) {
    if let Some(batch) = input.moments {
        let places = (input.raw.len() / input.shape.channels) as f64;
        let unbiased = places / (places - 1.0).max(1.0);
        move_towards(&mut running[norm.mean.clone()], &batch.mean, 1.0);
        move_towards(
            &mut running[norm.variance.clone()],
            &batch.variance,
            unbiased,
        );
        return (batch.mean.clone(), batch.variance.clone());
    }
    let wide = |range: &Range<usize>| running[range.clone()].iter().map(|&x| x.into()).collect();
    (wide(&norm.mean), wide(&norm.variance))
}

fn store(sums: &[f64], to: &mut [f32]) {
    for (to, sum) in to.iter_mut().zip(sums) {
        *to = *sum as f32;
    }
}

fn move_towards(running: &mut [f32], batch: &[f64], factor: f64) {
    for (running, batch) in running.iter_mut().zip(batch) {
        let old = f64::from(*running);
        *running = (old + BATCH_NORM_MOMENTUM * (batch * factor - old)) as f32;
    }
}
