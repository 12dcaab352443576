//! From `[model]` to the layer list.

use std::ops::Range;

use super::{
    Architecture,
    layer::{BatchNorm, Conv, Geometry, Layer, Linear, Op, Parameter, ParameterKind, Pool, Shape},
};
use crate::cnn::config::{ActivationKind, BatchNormWhere, ConfigError, ConvBlock, Model, PoolKind};
use hone_kernels::windows;

/// More would not fit a worker's memory with optimizer state beside it, and no honest sweep asks for it.
const MAX_PARAMETERS: usize = 1 << 28;

pub(super) fn build(
    model: &Model,
    input: Shape,
    classes: usize,
) -> Result<Architecture, ConfigError> {
    let mut builder = Builder::new(model, input);
    for (index, block) in model.conv.iter().enumerate() {
        builder.block(index, block)?;
    }
    builder.head(classes)?;
    Ok(Architecture {
        input,
        classes,
        layers: builder.layers,
        parameters: builder.parameters,
        parameter_count: builder.parameter_count,
        statistics_count: builder.statistics_count,
    })
}

struct Builder<'a> {
    model: &'a Model,
    at: Shape,
    path: String,
    layers: Vec<Layer>,
    parameters: Vec<Parameter>,
    parameter_count: usize,
    statistics_count: usize,
    convolutions: usize,
    dropouts: u64,
}

impl<'a> Builder<'a> {
    fn new(model: &'a Model, input: Shape) -> Self {
        Self {
            model,
            at: input,
            path: String::from("model"),
            layers: Vec::new(),
            parameters: Vec::new(),
            parameter_count: 0,
            statistics_count: 0,
            convolutions: 0,
            dropouts: 0,
        }
    }

    /// One entry of `conv`: `repeat` convolutions, then the pool.
    fn block(&mut self, index: usize, block: &ConvBlock) -> Result<(), ConfigError> {
        self.path = format!("model.conv.{index}");
        for turn in 0..block.repeat {
            let stride = if turn == 0 { block.stride } else { 1 };
            self.convolutions += 1;
            let name = format!("conv{}", self.convolutions);
            self.convolution(&name, block, stride)?;
            if turn + 1 == block.repeat && block.pool > 0 {
                self.pool(&name, block)?;
            }
            self.dropout(&name, block.dropout);
        }
        Ok(())
    }

    fn convolution(
        &mut self,
        name: &str,
        block: &ConvBlock,
        stride: usize,
    ) -> Result<(), ConfigError> {
        let input = self.at;
        if block.residual {
            self.push(format!("{name}.skip"), input, Op::ResidualBegin);
        }
        let channels = block.filters * self.pieces();
        let norm = self.model.batch_norm != BatchNormWhere::Nowhere;
        let (size, pad) = (block.size, block.padding());
        self.leaves_something(size, stride, pad)?;
        let shape = vec![size, size, input.channels, channels];
        let weight = self.weight(name, shape, size * size)?;
        let bias = (!norm).then(|| self.per_channel(name, "bias", ParameterKind::Bias, channels));
        let geometry = Geometry::new(input, channels, size, stride, pad);
        let geometry = geometry.ok_or_else(|| self.too_large(name))?;
        let conv = Conv {
            geometry,
            weight,
            bias,
        };
        let output = geometry.output();
        self.push(name.to_owned(), output, Op::Conv(conv));
        if norm {
            self.batch_norm(name);
        }
        self.activation(name);
        if block.residual {
            self.residual_add(name, input, stride)?;
        }
        Ok(())
    }

    /// The sum with the convolution's own input, through a 1×1 convolution where the shapes differ.
    fn residual_add(&mut self, name: &str, input: Shape, stride: usize) -> Result<(), ConfigError> {
        let output = self.at;
        let name = format!("{name}.add");
        let mut projection = None;
        if input != output {
            let fits = |from: usize, to: usize| (from - 1) / stride + 1 == to;
            if !fits(input.height, output.height) || !fits(input.width, output.width) {
                let message = format!(
                    "the input {input} cannot be added to the output {output}; an odd size with pad = \"same\" keeps \
                     them alike"
                );
                return Err(ConfigError::new(
                    format!("{}.residual", self.path),
                    true,
                    message,
                ));
            }
            let shape = vec![1, 1, input.channels, output.channels];
            let weight = self.weight(&name, shape, 1)?;
            let geometry = Geometry::new(input, output.channels, 1, stride, 0);
            projection = Some(Conv {
                geometry: geometry.ok_or_else(|| self.too_large(&name))?,
                weight,
                bias: None,
            });
        }
        self.push(name, output, Op::ResidualAdd { projection });
        Ok(())
    }

    fn pool(&mut self, name: &str, block: &ConvBlock) -> Result<(), ConfigError> {
        let stride = block.pool_stride.unwrap_or(block.pool);
        self.leaves_something(block.pool, stride, 0)?;
        let average = block.pool_kind == PoolKind::Average;
        let pool = Pool::new(self.at, block.pool, stride, average);
        let pool = pool.ok_or_else(|| self.too_large(name))?;
        self.push(format!("{name}.pool"), pool.output(), Op::Pool(pool));
        Ok(())
    }

    /// Everything behind the convolutions.
    fn head(&mut self, classes: usize) -> Result<(), ConfigError> {
        let model = self.model;
        self.path = String::from("model");
        if model.global_pool && !model.conv.is_empty() {
            let output = Shape::flat(self.at.channels);
            self.push(String::from("global_pool"), output, Op::GlobalPool);
        } else {
            let output = Shape::flat(self.at.len());
            self.push(String::from("flatten"), output, Op::Flatten);
        }
        for (index, &units) in model.hidden.iter().enumerate() {
            self.path = format!("model.hidden.{index}");
            let name = format!("hidden{}", index + 1);
            let norm = model.batch_norm == BatchNormWhere::Everywhere;
            self.linear(&name, units * self.pieces(), !norm)?;
            if norm {
                self.batch_norm(&name);
            }
            self.activation(&name);
            self.dropout(&name, model.dropout);
        }
        self.path = String::from("model");
        self.linear("output", classes, true)
    }

    fn linear(&mut self, name: &str, units: usize, bias: bool) -> Result<(), ConfigError> {
        let weight = self.weight(name, vec![self.at.channels, units], 1)?;
        let bias = bias.then(|| self.per_channel(name, "bias", ParameterKind::Bias, units));
        let linear = Linear { weight, bias };
        self.push(name.to_owned(), Shape::flat(units), Op::Linear(linear));
        Ok(())
    }

    fn batch_norm(&mut self, name: &str) {
        let channels = self.at.channels;
        let name = format!("{name}.bn");
        let gamma = self.per_channel(&name, "gamma", ParameterKind::Gamma, channels);
        let beta = self.per_channel(&name, "beta", ParameterKind::Beta, channels);
        let from = self.statistics_count;
        self.statistics_count += 2 * channels;
        let norm = BatchNorm {
            gamma,
            beta,
            mean: from..from + channels,
            variance: from + channels..from + 2 * channels,
        };
        self.push(name, self.at, Op::BatchNorm(norm));
    }

    fn activation(&mut self, name: &str) {
        let model = self.model;
        let name = format!("{name}.{}", model.activation.name());
        let mut output = self.at;
        let op = match model.activation {
            ActivationKind::None => return,
            ActivationKind::Prelu => {
                let slopes = ParameterKind::Slope;
                Op::Prelu(self.per_channel(&name, "slope", slopes, output.channels))
            }
            ActivationKind::Maxout => {
                output.channels /= model.pieces;
                Op::Maxout(model.pieces)
            }
            _ => Op::Activation(model.pointwise()),
        };
        self.push(name, output, op);
    }

    fn dropout(&mut self, name: &str, rate: f64) {
        if rate > 0.0 {
            let index = self.dropouts;
            self.dropouts += 1;
            self.push(
                format!("{name}.dropout"),
                self.at,
                Op::Dropout { rate, index },
            );
        }
    }

    /// How many linear pieces stand behind one output channel.
    fn pieces(&self) -> usize {
        match self.model.activation {
            ActivationKind::Maxout => self.model.pieces,
            _ => 1,
        }
    }

    fn push(&mut self, name: String, output: Shape, op: Op) {
        let layer = Layer {
            name,
            path: self.path.clone(),
            input: self.at,
            output,
            op,
        };
        self.layers.push(layer);
        self.at = output;
    }

    /// Reserves a weight; `taps` is what each channel's fan is multiplied by.
    fn weight(
        &mut self,
        name: &str,
        shape: Vec<usize>,
        taps: usize,
    ) -> Result<Range<usize>, ConfigError> {
        let length = shape
            .iter()
            .try_fold(1_usize, |product, &side| product.checked_mul(side))
            .filter(|length| self.parameter_count + length <= MAX_PARAMETERS)
            .ok_or_else(|| {
                let message = format!(
                    "{name} would have {shape:?} weights; a network may have {MAX_PARAMETERS} parameters"
                );
                ConfigError::new(self.path.clone(), self.at, message)
            })?;
        let rank = shape.len();
        let parameter = Parameter {
            name: format!("{name}.weight"),
            layer: self.layers.len(),
            kind: ParameterKind::Weight,
            range: self.parameter_count..self.parameter_count + length,
            fan_in: taps * shape[rank - 2],
            fan_out: taps * shape[rank - 1],
            shape,
        };
        Ok(self.reserve(parameter))
    }

    fn per_channel(
        &mut self,
        name: &str,
        what: &str,
        kind: ParameterKind,
        channels: usize,
    ) -> Range<usize> {
        self.reserve(Parameter {
            name: format!("{name}.{what}"),
            layer: self.layers.len(),
            kind,
            range: self.parameter_count..self.parameter_count + channels,
            shape: vec![channels],
            fan_in: 0,
            fan_out: 0,
        })
    }

    fn reserve(&mut self, parameter: Parameter) -> Range<usize> {
        let range = parameter.range.clone();
        self.parameter_count = range.end;
        self.parameters.push(parameter);
        range
    }

    /// (n − F + 2P)/S + 1, floored, refused when that is nothing.
    fn leaves_something(&self, size: usize, stride: usize, pad: usize) -> Result<(), ConfigError> {
        for (what, n) in [("rows", self.at.height), ("columns", self.at.width)] {
            if windows(n, size, stride, pad).is_none() {
                let message = format!(
                    "no {what} are left: ({n} - {size} + 2*{pad})/{stride} + 1 is below 1; make the window smaller, pad more, \
                     or pool less before it"
                );
                return Err(ConfigError::new(self.path.clone(), self.at, message));
            }
        }
        Ok(())
    }

    fn too_large(&self, name: &str) -> ConfigError {
        let message = format!(
            "{name} would make images larger than any memory; fewer filters, or pool before it"
        );
        ConfigError::new(self.path.clone(), self.at, message)
    }
}
