//! What a stored tensor is seen through: batch norm or bias, activation, pool without overlap, dropout.

use std::ops::Range;

use hone_kernels::{
    Activation as Curve, Affine, Behind, Compute, Delta, Dropout, Extent, Moments, NormBack,
    NormGradient, View,
};

use crate::cnn::{
    architecture::{Activation, BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM, BatchNorm},
    dropout,
    executor::Training,
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

/// A tensor's lens, with what is kept between forward and backward.
#[derive(Debug)]
pub(super) struct Lens {
    pub shift: Shift,
    pub activation: Option<Activation>,
    /// Side and step of a max pool; 1 for none.
    pub window: usize,
    /// Rate, and number of the dropout layer.
    pub dropout: Option<(f64, u64)>,
    affine: Affine,
    pub moments: Moments,
    masks: Option<Dropout>,
    pub behind: Behind,
    norm: NormGradient,
}

impl Default for Lens {
    fn default() -> Self {
        Self {
            shift: Shift::None,
            activation: None,
            window: 1,
            dropout: None,
            affine: Affine::default(),
            moments: Moments::default(),
            masks: None,
            behind: Behind::default(),
            norm: NormGradient::default(),
        }
    }
}

impl Lens {
    /// That adds a bias.
    pub fn with_bias(bias: Range<usize>) -> Self {
        Self {
            shift: Shift::Bias(bias),
            ..Self::default()
        }
    }

    /// Whether batch moments are wanted in training.
    pub fn normalises(&self) -> bool {
        matches!(self.shift, Shift::Norm(_))
    }

    fn curve(&self) -> Curve {
        match &self.activation {
            None | Some(Activation::Maxout { .. }) => Curve::Identity,
            Some(Activation::Sigmoid) => Curve::Sigmoid,
            Some(Activation::Tanh) => Curve::Tanh,
            Some(Activation::Relu) => Curve::Relu,
            Some(Activation::LeakyRelu { .. } | Activation::Prelu { .. }) => Curve::Leaky,
            Some(Activation::Elu { alpha }) => Curve::Elu(*alpha as f32),
            Some(Activation::Gelu) => Curve::Gelu,
            Some(Activation::Silu) => Curve::Silu,
        }
    }

    /// Before anyone looks through it, once the tensor and in training its moments are there. Moves the running
    /// statistics.
    pub fn train(
        &mut self,
        extent: Extent,
        places: usize,
        parameters: &[f32],
        statistics: &mut [f32],
        training: Training,
    ) {
        if let Shift::Norm(norm) = &self.shift {
            let unbiased = places as f64 / (places as f64 - 1.0).max(1.0);
            let Moments { mean, variance, .. } = &self.moments;
            move_towards(&mut statistics[norm.mean.clone()], mean, 1.0);
            move_towards(&mut statistics[norm.variance.clone()], variance, unbiased);
            let (gamma, beta) = (
                &parameters[norm.gamma.clone()],
                &parameters[norm.beta.clone()],
            );
            self.affine
                .normalise(extent, mean, variance, gamma, beta, BATCH_NORM_EPSILON);
        }
        self.rest(extent, parameters);
        self.masks = self
            .dropout
            .map(|(rate, index)| dropout::of_layer(training.mask_key, index, rate));
    }

    /// The same, in evaluation.
    pub fn evaluate(&mut self, extent: Extent, parameters: &[f32], statistics: &[f32]) {
        if let Shift::Norm(norm) = &self.shift {
            let wide = |range: &Range<usize>| {
                statistics[range.clone()]
                    .iter()
                    .copied()
                    .map(f64::from)
                    .collect::<Vec<_>>()
            };
            let (gamma, beta) = (
                &parameters[norm.gamma.clone()],
                &parameters[norm.beta.clone()],
            );
            let (mean, variance) = (wide(&norm.mean), wide(&norm.variance));
            self.affine
                .normalise(extent, &mean, &variance, gamma, beta, BATCH_NORM_EPSILON);
        }
        self.rest(extent, parameters);
        self.masks = None;
    }

    fn rest(&mut self, extent: Extent, parameters: &[f32]) {
        match &self.shift {
            Shift::None => self.affine.shift_only(extent, None),
            Shift::Bias(bias) => self
                .affine
                .shift_only(extent, Some(&parameters[bias.clone()])),
            Shift::Norm(_) => {}
        }
        match &self.activation {
            Some(Activation::LeakyRelu { slope }) => self.affine.slopes(extent, |_| *slope as f32),
            Some(Activation::Elu { alpha }) => self.affine.slopes(extent, |_| *alpha as f32),
            Some(Activation::Prelu { slope }) => {
                self.affine.slopes(extent, |c| parameters[slope.start + c]);
            }
            _ => self.affine.slopes(extent, |_| 0.0),
        }
    }

    /// As the readers see it.
    pub fn view(&self, extent: Extent) -> View<'_> {
        View {
            extent,
            affine: &self.affine,
            activation: self.curve(),
            window: self.window,
            dropout: self.masks,
        }
    }

    /// Without pool and dropout: the activation's values, for the diagnosis.
    pub fn bare_view(&self, extent: Extent) -> View<'_> {
        View {
            window: 1,
            dropout: None,
            ..self.view(extent)
        }
    }

    /// Once the readers' gradient has gone back through the view: the gradients of what is learned here.
    pub fn learn(&mut self, extent: Extent, places: usize, gradient: &mut [f32]) {
        let sums = |behind: &Behind| behind.sums(extent.channels);
        match &self.shift {
            Shift::None => {}
            Shift::Bias(bias) => store(&sums(&self.behind)[0], &mut gradient[bias.clone()]),
            Shift::Norm(norm) => {
                let mut gamma = vec![0.0; extent.channels];
                let beta = &mut gradient[norm.beta.clone()];
                self.norm
                    .compute(extent, places, &self.affine, &self.behind, &mut gamma, beta);
                gradient[norm.gamma.clone()].copy_from_slice(&gamma);
            }
        }
        if let Some(Activation::Prelu { slope }) = &self.activation {
            store(&sums(&self.behind)[2], &mut gradient[slope.clone()]);
        }
    }

    /// The gradient of the stored tensor, from what [`View::backward`] made of `gradient`.
    pub fn delta<'a>(&'a self, extent: Extent, raw: &'a [f32], gradient: &'a [f32]) -> Delta<'a> {
        let NormGradient { a, b, c } = &self.norm;
        let norm = self.normalises().then_some(NormBack { raw, a, b, c });
        Delta {
            extent,
            gradient,
            window: self.window,
            choice: &self.behind.choice,
            norm,
        }
    }

    /// Whether that gradient is the buffer itself.
    pub fn passes(&self) -> bool {
        self.window == 1 && !self.normalises()
    }

    /// Recomputes nothing and goes back in place; for tensors whose reader did not do so itself.
    pub fn back(&mut self, compute: &Compute, extent: Extent, raw: &[f32], gradient: &mut [f32]) {
        let mut behind = std::mem::take(&mut self.behind);
        self.view(extent)
            .backward(compute, raw, gradient, &mut behind);
        self.behind = behind;
    }
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
