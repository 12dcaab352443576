//! The layer list on our own kernels: the executor of every CPU.
//!
//! What is stored is each layer's raw output; batch norm, bias, activation, pool and dropout are a lens through which the
//! next layer reads it ([`plan`]). All buffers are kept between steps. The results do not depend on threads, on the
//! instruction set, or on how many images are evaluated at once.

mod backward;
pub mod bench;
mod forward;
mod lens;
mod op;
mod plan;
mod probe;
mod timing;

use hone_kernels::{Compute, Isa, softmax_cross_entropy};

use super::{
    architecture::Architecture,
    executor::{ActivationStatistics, Batch, Executor, Outcome, Training},
};
use crate::trainer::TrainError;
use forward::Mode;
pub use op::TrainStep;
use plan::Plan;
pub use timing::LayerTime;
use timing::Timing;

/// Images that are evaluated at once: enough for threads, few enough to stay in the caches.
const PORTION: usize = 32;

/// An [`Architecture`] on our kernels.
#[derive(Debug)]
pub struct Fused {
    architecture: Architecture,
    compute: Compute,
    plan: Plan,
    /// One a tensor of the plan.
    data: Vec<Vec<f32>>,
    /// One a gradient buffer of the plan.
    gradients: Vec<Vec<f32>>,
    written: Vec<bool>,
    spare: Vec<f32>,
    timing: Timing,
}

impl Fused {
    /// With so many threads, on the fastest path of this machine, or on that which `HONE_ISA` names.
    ///
    /// # Errors
    /// `HONE_ISA` names no path of this machine, or the system gives no threads.
    pub fn new(architecture: Architecture, threads: usize) -> Result<Self, TrainError> {
        let isa = Isa::from_environment().map_err(|error| TrainError::Worker(error.to_string()))?;
        Self::on(architecture, isa, threads)
    }

    /// The same, on a path of the caller's.
    pub fn on(architecture: Architecture, isa: Isa, threads: usize) -> Result<Self, TrainError> {
        let compute =
            Compute::new(isa, threads).map_err(|error| TrainError::Worker(error.to_string()))?;
        let plan = Plan::new(&architecture);
        Ok(Self {
            data: vec![Vec::new(); plan.tensors.len()],
            gradients: vec![Vec::new(); plan.gradients],
            written: Vec::new(),
            spare: Vec::new(),
            timing: Timing::default(),
            architecture,
            compute,
            plan,
        })
    }

    /// Measures each layer of the training steps from now on.
    pub fn measure(&mut self) {
        self.timing.enable(self.architecture.layers.len());
    }

    /// Time of each layer of the architecture since [`Self::measure`]; what is done on the way into the next layer
    /// counts there.
    pub fn times(&self) -> &[LayerTime] {
        self.timing.layers()
    }

    /// Bytes of the buffers kept between steps.
    pub fn buffer_bytes(&self) -> usize {
        let buffers = self.data.iter().chain(&self.gradients);
        (buffers.map(Vec::capacity).sum::<usize>() + self.spare.capacity()) * size_of::<f32>()
    }

    fn portions<'a>(&self, images: &'a [f32]) -> std::slice::Chunks<'a, f32> {
        images.chunks(PORTION * self.architecture.input.len())
    }

    fn logits_at(&self) -> usize {
        self.plan.tensors.len() - 1
    }
}

impl Executor for Fused {
    fn step(
        &mut self,
        parameters: &[f32],
        statistics: &mut [f32],
        batch: Batch<'_>,
        training: Training,
        gradient: &mut [f32],
    ) -> Result<Outcome, TrainError> {
        let count = batch.labels.len();
        self.forward(
            parameters,
            batch.images,
            count,
            Mode::Train {
                statistics,
                training,
            },
        );
        let logits = self.logits_at();
        let Some(slot) = self.plan.tensors[logits].gradient else {
            return Err(TrainError::Trial(String::from(
                "a network without a layer to train",
            )));
        };
        let buffer = &mut self.gradients[slot];
        buffer.clear();
        buffer.extend_from_slice(&self.data[logits]);
        let smoothing = training.label_smoothing as f32;
        let loss =
            softmax_cross_entropy(buffer, batch.labels, self.architecture.classes, smoothing);
        self.backward(parameters, batch.images, count, gradient);
        Ok(Outcome {
            loss: loss.sum / count as f64,
            correct: loss.correct,
        })
    }

    fn logits(
        &mut self,
        parameters: &[f32],
        statistics: &[f32],
        images: &[f32],
        logits: &mut [f32],
    ) -> Result<(), TrainError> {
        let classes = self.architecture.classes;
        for (images, logits) in self
            .portions(images)
            .zip(logits.chunks_mut(PORTION * classes))
        {
            let count = logits.len() / classes;
            self.forward(parameters, images, count, Mode::Evaluate { statistics });
            logits.copy_from_slice(&self.data[self.logits_at()]);
        }
        Ok(())
    }

    fn probe(
        &mut self,
        parameters: &[f32],
        statistics: &[f32],
        images: &[f32],
    ) -> Result<Vec<ActivationStatistics>, TrainError> {
        Ok(self.observe(parameters, statistics, images))
    }
}

#[cfg(test)]
mod tests;
