//! The layer list on candle's own tensors, with its autograd: any device, f32 or f64. The truth of the tests.
//!
//! Activations are `[image, height, width, channel]`. Three things of candle 0.11.1 are gone around: `max_pool2d` has a
//! wrong gradient, `conv2d`'s fails for some strides, and `relu` turns NaN into 0. Convolution is one matrix product over
//! shifted views laid side by side instead; a pool folds the same views.

mod ops;
mod windows;

use candle_core::{DType, Device, Result, Tensor};

use super::{
    architecture::{Architecture, BATCH_NORM_MOMENTUM, BatchNorm, Op},
    dropout,
    executor::{ActivationStatistics, Batch, Executor, Outcome, StepSettings, score},
};
use crate::trainer::TrainError;

/// An [`Architecture`] on candle's tensors.
#[derive(Clone, Debug)]
pub struct Reference {
    architecture: Architecture,
    device: Device,
    dtype: DType,
}

/// A forward pass.
#[derive(Debug)]
pub struct Pass {
    /// `[image, class]`.
    pub logits: Tensor,
    /// Output of every layer, in order.
    pub outputs: Vec<Tensor>,
    /// The statistics vector, moved if this was training.
    pub statistics: Vec<f64>,
}

impl Reference {
    /// On the CPU, in f32.
    pub fn new(architecture: Architecture) -> Self {
        Self::with(architecture, Device::Cpu, DType::F32)
    }

    /// On any device, in `F32` or `F64`.
    pub fn with(architecture: Architecture, device: Device, dtype: DType) -> Self {
        Self {
            architecture,
            device,
            dtype,
        }
    }

    /// The network that is run.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// A tensor of this executor's device and type.
    pub fn tensor<T: candle_core::WithDType>(
        &self,
        values: &[T],
        shape: &[usize],
    ) -> Result<Tensor> {
        Tensor::from_slice(values, shape, &self.device)?.to_dtype(self.dtype)
    }

    /// Runs the layers. `parameters` is the flat vector, `images` `[image, height, width, channel]`; with `training`
    /// batch norm takes the batch's own statistics, and dropout drops.
    pub fn forward(
        &self,
        parameters: &Tensor,
        statistics: &[f64],
        images: &Tensor,
        training: Option<StepSettings>,
    ) -> Result<Pass> {
        let mut pass = Pass {
            logits: images.clone(),
            outputs: Vec::with_capacity(self.architecture.layers.len()),
            statistics: statistics.to_vec(),
        };
        let mut at = images.clone();
        let mut remembered = images.clone();
        for layer in &self.architecture.layers {
            at = match &layer.op {
                Op::Conv(conv) => ops::conv(&at, parameters, conv)?,
                Op::BatchNorm(norm) => {
                    let training = training.is_some();
                    let (output, batch) =
                        ops::batch_norm(&at, parameters, norm, statistics, training)?;
                    move_towards(&mut pass.statistics, norm, batch);
                    output
                }
                Op::Activation(activation) => ops::activation(&at, *activation)?,
                Op::Prelu(slopes) => ops::prelu(&at, parameters, slopes)?,
                Op::Maxout(pieces) => ops::maxout(&at, *pieces)?,
                Op::ResidualBegin => {
                    remembered = at.clone();
                    at
                }
                Op::ResidualAdd { projection } => match projection {
                    Some(conv) => (at + ops::conv(&remembered, parameters, conv)?)?,
                    None => (at + &remembered)?,
                },
                Op::Pool(pool) => windows::pool(&at, pool)?,
                Op::GlobalPool => at.mean((1, 2))?,
                Op::Dropout { rate, index } => match training {
                    Some(settings) => {
                        let key = settings.mask_key;
                        let mask = dropout::mask(key, *index, *rate, at.elem_count());
                        (&at * self.tensor(&mask, at.dims())?)?
                    }
                    None => at,
                },
                Op::Flatten => at.flatten_from(1)?,
                Op::Linear(linear) => ops::linear(&at, parameters, linear)?,
            };
            pass.outputs.push(at.clone());
        }
        pass.logits = at;
        Ok(pass)
    }

    /// Mean cross-entropy against smoothed targets.
    pub fn loss(&self, logits: &Tensor, labels: &[u32], smoothing: f64) -> Result<Tensor> {
        let classes = self.architecture.classes;
        let mut targets = vec![smoothing / classes as f64; labels.len() * classes];
        for (row, &label) in targets.chunks_exact_mut(classes).zip(labels) {
            row[label as usize] += 1.0 - smoothing;
        }
        let targets = self.tensor(&targets, &[labels.len(), classes])?;
        let log = candle_nn::ops::log_softmax(logits, 1)?;
        (log * targets)?.sum_all()? / -(labels.len() as f64)
    }

    /// What every layer gives for these images, in the order of the layers, beside fresh statistics.
    pub fn outputs(
        &self,
        parameters: &[f32],
        images: &[f32],
        training: Option<StepSettings>,
    ) -> Result<Vec<Vec<f64>>> {
        let statistics: Vec<f64> = self
            .architecture
            .fresh_statistics()
            .into_iter()
            .map(f64::from)
            .collect();
        let parameters = self.tensor(parameters, &[parameters.len()])?;
        let pass = self.forward(&parameters, &statistics, &self.images(images)?, training)?;
        let values = |output: &Tensor| output.to_dtype(DType::F64)?.flatten_all()?.to_vec1();
        pass.outputs.iter().map(values).collect()
    }

    fn images(&self, images: &[f32]) -> Result<Tensor> {
        let input = self.architecture.input;
        let count = images.len() / input.len().max(1);
        self.tensor(images, &[count, input.height, input.width, input.channels])
    }

    fn evaluate(&self, parameters: &[f32], statistics: &[f32], images: &[f32]) -> Result<Pass> {
        let parameters = self.tensor(parameters, &[parameters.len()])?;
        let statistics: Vec<f64> = statistics.iter().map(|&value| f64::from(value)).collect();
        self.forward(&parameters, &statistics, &self.images(images)?, None)
    }

    fn train(
        &self,
        parameters: &[f32],
        statistics: &mut [f32],
        batch: Batch<'_>,
        settings: StepSettings,
        gradient: &mut [f32],
    ) -> Result<Outcome> {
        let variable =
            candle_core::Var::from_tensor(&self.tensor(parameters, &[parameters.len()])?)?;
        let before: Vec<f64> = statistics.iter().map(|&value| f64::from(value)).collect();
        let images = self.images(batch.images)?;
        let pass = self.forward(&variable, &before, &images, Some(settings))?;
        let loss = self.loss(&pass.logits, batch.labels, settings.label_smoothing)?;
        let gradients = loss.backward()?;
        if let Some(found) = gradients.get(&variable) {
            let found: Vec<f32> = found.to_dtype(DType::F32)?.to_vec1()?;
            gradient.copy_from_slice(&found);
        } else {
            gradient.fill(0.0);
        }
        for (to, from) in statistics.iter_mut().zip(&pass.statistics) {
            *to = *from as f32;
        }
        let logits: Vec<f32> = pass
            .logits
            .detach()
            .to_dtype(DType::F32)?
            .flatten_all()?
            .to_vec1()?;
        let (_, correct) = score(&logits, batch.labels);
        let loss = loss.to_dtype(DType::F64)?.to_scalar()?;
        Ok(Outcome { loss, correct })
    }
}

fn move_towards(running: &mut [f64], norm: &BatchNorm, batch: Option<ops::BatchStatistics>) {
    let Some((mean, variance)) = batch else {
        return;
    };
    for (range, batch) in [(&norm.mean, mean), (&norm.variance, variance)] {
        for (running, batch) in running[range.clone()].iter_mut().zip(batch) {
            *running += BATCH_NORM_MOMENTUM * (batch - *running);
        }
    }
}

fn worker_fault(error: candle_core::Error) -> TrainError {
    TrainError::Worker(format!("candle: {error}"))
}

impl Executor for Reference {
    fn step(
        &mut self,
        parameters: &[f32],
        statistics: &mut [f32],
        batch: Batch<'_>,
        settings: StepSettings,
        gradient: &mut [f32],
    ) -> std::result::Result<Outcome, TrainError> {
        self.train(parameters, statistics, batch, settings, gradient)
            .map_err(worker_fault)
    }

    fn logits(
        &mut self,
        parameters: &[f32],
        statistics: &[f32],
        images: &[f32],
        logits: &mut [f32],
    ) -> std::result::Result<(), TrainError> {
        let found = self
            .evaluate(parameters, statistics, images)
            .and_then(|pass| {
                pass.logits
                    .to_dtype(DType::F32)?
                    .flatten_all()?
                    .to_vec1::<f32>()
            })
            .map_err(worker_fault)?;
        logits.copy_from_slice(&found);
        Ok(())
    }

    fn probe(
        &mut self,
        parameters: &[f32],
        statistics: &[f32],
        images: &[f32],
    ) -> std::result::Result<Vec<ActivationStatistics>, TrainError> {
        let pass = self
            .evaluate(parameters, statistics, images)
            .map_err(worker_fault)?;
        let mut found = Vec::new();
        for (index, layer) in self.architecture.layers.iter().enumerate() {
            let Some(kind) = super::statistics::observed(&self.architecture, index) else {
                continue;
            };
            let values = pass.outputs[index]
                .to_dtype(DType::F32)
                .and_then(|output| output.flatten_all()?.to_vec1::<f32>())
                .map_err(worker_fault)?;
            found.push(super::statistics::of_layer(
                index,
                kind,
                &values,
                layer.output.channels,
            ));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
