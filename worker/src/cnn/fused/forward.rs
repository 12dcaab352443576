//! The steps in order, in training and in evaluation.

use hone_kernels::{Source, global_average, maxout};

use super::{Fused, plan::Action};
use crate::cnn::executor::Training;

/// What a pass may read, and in training what it moves.
pub(super) enum Mode<'a> {
    Train {
        statistics: &'a mut [f32],
        training: Training,
    },
    Evaluate {
        statistics: &'a [f32],
    },
}

impl Fused {
    /// Fills every tensor from `count` images.
    pub(super) fn forward(
        &mut self,
        parameters: &[f32],
        images: &[f32],
        count: usize,
        mut mode: Mode<'_>,
    ) {
        // Evaluation would blur what a training step spends.
        let training = matches!(mode, Mode::Train { .. });
        for index in 0..self.plan.steps.len() {
            let started = self.timing.start().filter(|_| training);
            self.forward_step(index, parameters, images, count, &mut mode);
            self.timing.forward(self.plan.steps[index].layer, started);
        }
    }

    fn forward_step(
        &mut self,
        index: usize,
        parameters: &[f32],
        images: &[f32],
        count: usize,
        mode: &mut Mode<'_>,
    ) {
        let step = &mut self.plan.steps[index];
        let (before, after) = self.plan.tensors.split_at_mut(step.output);
        let (source, target) = (&before[step.input], &mut after[0]);
        let mut out = std::mem::take(&mut self.data[step.output]);
        out.resize(count * target.extent.len(), 0.0);
        let raw = if step.input == 0 {
            images
        } else {
            &self.data[step.input]
        };
        let (extent, _) = source.batched(count);
        let training = matches!(mode, Mode::Train { .. });
        let mut norm = target
            .lens
            .as_mut()
            .filter(|lens| training && lens.normalises());
        match &mut step.action {
            Action::Conv { conv, weight } => {
                let view = source.lens.as_ref().map(|lens| lens.view(extent));
                let moments = norm.as_mut().map(|lens| &mut lens.moments);
                conv.forward(
                    &self.compute,
                    &Source { raw, view },
                    &parameters[weight.clone()],
                    &mut out,
                    moments,
                );
            }
            Action::Linear { linear, weight } => {
                linear.forward(&self.compute, raw, &parameters[weight.clone()], &mut out);
                if let Some(lens) = norm {
                    let extent = hone_kernels::Extent {
                        height: count,
                        width: 1,
                        channels: target.extent.len(),
                    };
                    lens.moments.compute(&self.compute, extent, &out);
                }
            }
            Action::Materialise => {
                if let Some(lens) = &source.lens {
                    lens.view(extent).materialise(&self.compute, raw, &mut out);
                }
            }
            Action::Pool(pool) => pool.forward(&self.compute, raw, &mut out),
            Action::GlobalPool => global_average(source.extent, raw, &mut out),
            Action::Maxout(pieces) => maxout(*pieces, raw, &mut out),
            Action::Add(right) => {
                let right = if *right == 0 {
                    images
                } else {
                    &self.data[*right]
                };
                out.copy_from_slice(raw);
                out.iter_mut()
                    .zip(right)
                    .for_each(|(sum, value)| *sum += *value);
            }
        }
        let (extent, copies) = target.batched(count);
        let places = copies * extent.height * extent.width;
        if let Some(lens) = &mut target.lens {
            match mode {
                Mode::Train {
                    statistics,
                    training,
                } => lens.train(extent, places, parameters, statistics, *training),
                Mode::Evaluate { statistics } => lens.evaluate(extent, parameters, statistics),
            }
        }
        self.data[step.output] = out;
    }
}
