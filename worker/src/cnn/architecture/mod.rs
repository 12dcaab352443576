//! The network as a list of layers over one flat vector of parameters.
//!
//! Layers hold ranges into that vector, so optimizers, clipping and checkpoints work on one slice, and two executors
//! (candle's tensors, our kernels) run the same list. Running statistics of batch norm lie in a second flat vector.

mod build;
mod layer;
mod summary;

pub use layer::{
    Activation, BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM, BatchNorm, Conv, Geometry, Layer, Linear,
    Op, Parameter, ParameterKind, Pool, Shape,
};
pub use summary::LayerSummary;

use super::config::{Config, ConfigError, Model};

/// A network, ready to be run.
#[derive(Clone, Debug, PartialEq)]
pub struct Architecture {
    /// What goes in.
    pub input: Shape,
    /// How many classes come out: the last layer's units.
    pub classes: usize,
    /// In the order of the forward pass.
    pub layers: Vec<Layer>,
    /// Every stretch of the parameter vector, in order and without a gap.
    pub parameters: Vec<Parameter>,
    /// Length of the parameter vector.
    pub parameter_count: usize,
    /// Length of the statistics vector.
    pub statistics_count: usize,
}

impl Architecture {
    /// Lays the network out for images of shape `input`.
    ///
    /// The error shows the arithmetic of the layer that would have no output.
    pub fn new(model: &Model, input: Shape, classes: usize) -> Result<Self, ConfigError> {
        build::build(model, input, classes)
    }

    /// The network of a configuration, for `images` training images of this shape: whether they go through preprocessing and
    /// network with output left everywhere, in batches that batch norm can do something with.
    ///
    /// The error shows the arithmetic: `(8 - 5 + 2*0)/2 + 1 = 2`.
    pub fn of(
        config: &Config,
        shape: Shape,
        classes: usize,
        images: usize,
    ) -> Result<Self, ConfigError> {
        config.data.fits(shape)?;
        let net = Self::new(&config.model, shape, classes)?;
        net.takes_batches_of(config.train.batch_size.min(images))?;
        Ok(net)
    }

    /// Refuses batches of so many images in which a batch norm has one value a channel: normalised by itself, it is 0 whatever
    /// the image. (PyTorch: "Expected more than 1 value per channel when training".)
    pub fn takes_batches_of(&self, images: usize) -> Result<(), ConfigError> {
        let alone = self.layers.iter().find(|layer| {
            let values = images * layer.input.height * layer.input.width;
            matches!(layer.op, Op::BatchNorm(_)) && values < 2
        });
        let Some(layer) = alone else {
            return Ok(());
        };
        let name = layer.name.split('.').next().unwrap_or_default();
        let message = format!(
            "the batch norm of {name} would have one value a channel to normalise, which leaves nothing of it: take \
             batch_size = 2 or more, or {}",
            match name.starts_with("hidden") {
                true => "batch_norm = \"conv\"",
                false => "batch_norm = false",
            }
        );
        Err(ConfigError::new("train.batch_size", images, message))
    }

    /// Fresh statistics: means 0, variances 1.
    pub fn fresh_statistics(&self) -> Vec<f32> {
        let mut statistics = vec![0.0; self.statistics_count];
        for layer in &self.layers {
            if let Op::BatchNorm(norm) = &layer.op {
                statistics[norm.variance.clone()].fill(1.0);
            }
        }
        statistics
    }

    /// The stretches that weight decay touches.
    pub fn weights(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters
            .iter()
            .filter(|parameter| parameter.kind == ParameterKind::Weight)
    }

    /// The same network without dropout, for the check.
    #[must_use]
    pub fn without_dropout(&self) -> Self {
        let mut same = self.clone();
        same.layers
            .retain(|layer| !matches!(layer.op, Op::Dropout { .. }));
        for parameter in &mut same.parameters {
            let dropped = self.layers[..parameter.layer]
                .iter()
                .filter(|layer| matches!(layer.op, Op::Dropout { .. }));
            parameter.layer -= dropped.count();
        }
        same
    }
}

#[cfg(test)]
mod tests;
