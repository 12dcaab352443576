//! The steps of one epoch.

use std::{sync::Arc, time::Instant};

use super::{CnnCurve, layers::LastStep};
use crate::{
    cnn::{
        executor::{Batch, Outcome, StepSettings},
        random,
    },
    data::{AugmentKey, Batches},
    trainer::{Stop, TrainError},
};

/// How the steps of an epoch ended.
pub(super) enum Steps {
    Done {
        loss: f64,
        accuracy: f64,
        images: u64,
        last: LastStep,
    },
    Stopped,
    Diverged(String),
}

impl CnnCurve {
    /// The steps of epoch `epoch`, on the training part.
    pub(super) fn steps(
        &mut self,
        epoch: u32,
        stop: &Stop,
        started: Instant,
    ) -> Result<Steps, TrainError> {
        let prepared = Arc::clone(&self.prepared);
        let batches = Batches::epoch(
            &prepared.split.train,
            self.config.train.batch_size,
            self.trial.seed,
            epoch,
        );
        let count = batches.steps();
        let (mut loss, mut correct, mut images) = (0.0, 0, 0);
        let mut last = LastStep::default();
        // An image of the evaluation, a forward pass, costs a third of one in training.
        let evaluation = prepared.split.validation.len() as f64
            / (3 * self.config.train.batch_size.max(1)) as f64;
        for (index, batch) in batches.iter().enumerate() {
            if stop.step() {
                return Ok(Steps::Stopped);
            }
            let step = (epoch as usize - 1) * self.steps_per_epoch + index;
            let outcome = self.gradient(batch, epoch, step)?;
            if let Some(reason) =
                self.state
                    .divergence
                    .observe(outcome.loss, self.architecture.classes, step)
            {
                return Ok(Steps::Diverged(reason));
            }
            loss += outcome.loss;
            correct += outcome.correct;
            images += batch.len();
            if index + 1 == count {
                let begun = started.elapsed();
                last = LastStep::before(&self.architecture, &self.state.parameters, &self.gradient);
                self.observing += started.elapsed() - begun;
            }
            let rate = self.schedule.rate(step);
            self.state
                .optimizer
                .step(&mut self.state.parameters, &mut self.gradient, rate);
            let left = (count - index - 1) as f64 + evaluation;
            stop.remaining(started.elapsed().div_f64((index + 1) as f64).mul_f64(left));
        }
        let begun = started.elapsed();
        last.after(&self.architecture, &self.state.parameters);
        self.observing += started.elapsed() - begun;
        Ok(Steps::Done {
            loss: loss / count.max(1) as f64,
            accuracy: correct as f64 / images.max(1) as f64,
            images: images as u64,
            last,
        })
    }

    /// Forward and backward of one batch.
    fn gradient(&mut self, batch: &[u32], epoch: u32, step: usize) -> Result<Outcome, TrainError> {
        let images = &mut self.images[..batch.len() * self.prepared.shape().len()];
        let labels = &mut self.labels[..batch.len()];
        let seed = self.trial.seed;
        let key = AugmentKey { seed, epoch };
        self.prepared
            .fill_augmented(batch, &self.config.data.augment, key, images, labels);
        let settings = StepSettings {
            mask_key: random::key("hone dropout v1", &[seed, step as u64]),
            label_smoothing: self.config.train.label_smoothing,
        };
        self.executor.step(
            &self.state.parameters,
            &mut self.state.statistics,
            Batch { images, labels },
            settings,
            &mut self.gradient,
        )
    }
}
