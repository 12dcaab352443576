//! The layer list on our own kernels: the executor of every CPU.
//!
//! A network is a list of nodes ([`plan`]). What is stored is each one's raw output; batch norm, bias, activation, pool and
//! dropout are the prologue of the node that reads it. All buffers are kept between steps. The results do not depend on threads, on
//! the instruction set, or on how many images are evaluated at once.

pub mod bench;
mod gradient;
mod node;
mod op;
mod plan;
mod probe;
mod prologue;
mod timing;

use hone_kernels::{Compute, Isa, softmax_cross_entropy};

use super::{
    architecture::Architecture,
    executor::{ActivationStatistics, Batch, Executor, Outcome, StepSettings},
};
use crate::trainer::TrainError;
use node::{Node, Pass};
pub use op::TrainStep;
use plan::plan;
pub use timing::LayerTime;
use timing::Timing;

/// Images that are evaluated at once: enough for threads, few enough to stay in the caches.
const PORTION: usize = 32;

/// An [`Architecture`] on our kernels.
#[derive(Debug)]
pub struct Fused {
    architecture: Architecture,
    compute: Compute,
    nodes: Vec<Node>,
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
        Self::with(architecture, isa, threads, false)
    }

    /// The same with Winograd's sums, where the shape of a convolution allows them: faster, about as exact, and of other bits. Trials
    /// are trained by direct sums.
    pub fn fast(architecture: Architecture, isa: Isa, threads: usize) -> Result<Self, TrainError> {
        Self::with(architecture, isa, threads, true)
    }

    fn with(
        architecture: Architecture,
        isa: Isa,
        threads: usize,
        fast: bool,
    ) -> Result<Self, TrainError> {
        let compute =
            Compute::new(isa, threads).map_err(|error| TrainError::Worker(error.to_string()))?;
        Ok(Self {
            nodes: plan(&architecture, fast),
            spare: Vec::new(),
            timing: Timing::default(),
            architecture,
            compute,
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
        let own = |index: usize| {
            let node = &self.nodes[index];
            let mut earlier = self.nodes[..index].iter();
            match earlier.any(|other| other.gradient.shares(&node.gradient)) {
                true => 0,
                false => node.gradient.lock().values.capacity(),
            }
        };
        let gradients: usize = (0..self.nodes.len()).map(own).sum();
        let outputs = self.nodes.iter().map(|node| node.output.values.capacity());
        (outputs.sum::<usize>() + gradients + self.spare.capacity()) * size_of::<f32>()
    }

    fn portions<'a>(&self, images: &'a [f32]) -> std::slice::Chunks<'a, f32> {
        images.chunks(PORTION * self.architecture.input.len())
    }

    /// Fills every output.
    fn forward(
        &mut self,
        parameters: &[f32],
        running: &mut [f32],
        images: &[f32],
        training: Option<StepSettings>,
    ) {
        let pass = pass(
            &self.compute,
            &self.architecture,
            parameters,
            images,
            training,
        );
        for index in 0..self.nodes.len() {
            let (before, rest) = self.nodes.split_at_mut(index);
            // Evaluation would blur what a training step spends.
            let started = self.timing.start().filter(|_| training.is_some());
            rest[0].forward(before, &pass, running);
            self.timing.forward(rest[0].layer, started);
        }
    }

    /// From the logits' gradient, which lies in its place, to that of every parameter.
    fn backward(&mut self, parameters: &[f32], images: &[f32], learned: &mut [f32]) {
        let pass = pass(&self.compute, &self.architecture, parameters, images, None);
        for index in (0..self.nodes.len()).rev() {
            let (before, rest) = self.nodes.split_at_mut(index);
            let started = self.timing.start();
            rest[0].backward(before, &pass, &mut self.spare, learned);
            self.timing.backward(rest[0].layer, started);
        }
    }
}

fn pass<'a>(
    compute: &'a Compute,
    architecture: &Architecture,
    parameters: &'a [f32],
    images: &'a [f32],
    training: Option<StepSettings>,
) -> Pass<'a> {
    let shape = architecture.input;
    Pass {
        compute,
        parameters,
        images,
        shape,
        count: images.len() / shape.len(),
        training,
    }
}

impl Executor for Fused {
    fn step(
        &mut self,
        parameters: &[f32],
        statistics: &mut [f32],
        batch: Batch<'_>,
        settings: StepSettings,
        gradient: &mut [f32],
    ) -> Result<Outcome, TrainError> {
        self.forward(parameters, statistics, batch.images, Some(settings));
        for node in &self.nodes {
            node.gradient.lock().written = false;
        }
        let Some(last) = self.nodes.last() else {
            let text = "a network without a layer to train";
            return Err(TrainError::Trial(String::from(text)));
        };
        let loss = {
            let mut arrived = last.gradient.lock();
            arrived.receive(&last.output.values);
            let (classes, smoothing) = (self.architecture.classes, settings.label_smoothing as f32);
            softmax_cross_entropy(&mut arrived.values, batch.labels, classes, smoothing)
        };
        self.backward(parameters, batch.images, gradient);
        Ok(Outcome {
            loss: loss.sum / batch.labels.len() as f64,
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
        let mut running = statistics.to_vec();
        let portions = logits.chunks_mut(PORTION * classes);
        for (images, logits) in self.portions(images).zip(portions) {
            self.forward(parameters, &mut running, images, None);
            if let Some(last) = self.nodes.last() {
                logits.copy_from_slice(&last.output.values);
            }
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
