//! A whole training step as one candle op: (parameters, images) → loss.
//!
//! For those who train with candle's tensors: `Var`s, devices and autograd stay the borders, and between them nothing is
//! copied. [`apply_op2_no_bwd`](candle_core::Tensor::apply_op2_no_bwd) with a kept op costs nothing beside the step itself, and
//! leaves the gradient in [`TrainStep::gradient`]; through `apply_op2` the loss can be differentiated as any other.

use std::sync::{Mutex, MutexGuard, PoisonError};

use candle_core::{CpuStorage, CustomOp2, Device, Error, Layout, Result, Shape, Tensor, bail};

use super::Fused;
use crate::cnn::executor::{Batch, Executor, StepSettings};

/// One network's training steps.
#[derive(Debug)]
pub struct TrainStep {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    executor: Fused,
    statistics: Vec<f32>,
    labels: Vec<u32>,
    settings: StepSettings,
    gradient: Vec<f32>,
}

impl TrainStep {
    /// Steps of this executor, from these running statistics.
    pub fn new(
        executor: Fused,
        statistics: Vec<f32>,
        labels: Vec<u32>,
        settings: StepSettings,
    ) -> Self {
        let gradient = vec![0.0; executor.architecture.parameter_count];
        Self {
            state: Mutex::new(State {
                executor,
                statistics,
                labels,
                settings,
                gradient,
            }),
        }
    }

    /// The labels and settings of the next step.
    pub fn prepare(&self, labels: &[u32], settings: StepSettings) {
        let mut state = self.state();
        state.labels.clear();
        state.labels.extend_from_slice(labels);
        state.settings = settings;
    }

    /// Reads the last step's gradient where it was left. No step can run meanwhile.
    pub fn gradient<T>(&self, read: impl FnOnce(&[f32]) -> T) -> T {
        read(&self.state().gradient)
    }

    /// The running statistics.
    pub fn statistics(&self) -> Vec<f32> {
        self.state().statistics.clone()
    }

    /// A panic elsewhere leaves buffers that the next step writes anew.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn slice<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<f32>()?[start..end]),
        None => bail!("a training step takes contiguous tensors"),
    }
}

impl CustomOp2 for TrainStep {
    fn name(&self) -> &'static str {
        "train-step"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (parameters, images) = (slice(s1, l1)?, slice(s2, l2)?);
        let State {
            executor,
            statistics,
            labels,
            settings,
            gradient,
        } = &mut *self.state();
        let expected = labels.len() * executor.architecture.input.len();
        if parameters.len() != gradient.len() || images.len() != expected {
            bail!(
                "a training step takes {} parameters and {expected} pixels, not {} and {}",
                gradient.len(),
                parameters.len(),
                images.len()
            );
        }
        let batch = Batch { images, labels };
        let outcome = executor
            .step(parameters, statistics, batch, *settings, gradient)
            .map_err(Error::wrap)?;
        Ok((CpuStorage::F32(vec![outcome.loss as f32]), Shape::from(())))
    }

    fn bwd(
        &self,
        parameters: &Tensor,
        _: &Tensor,
        _: &Tensor,
        upstream: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let gradient = self
            .gradient(|gradient| Tensor::from_slice(gradient, parameters.shape(), &Device::Cpu))?;
        Ok((Some(gradient.broadcast_mul(upstream)?), None))
    }
}
