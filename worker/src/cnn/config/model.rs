//! `[model]`: the network.

use hone_kernels::Activation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    batch_norm::BatchNormWhere,
    error::{ConfigError, count, share, within},
    padding::Padding,
};

/// The network: blocks of convolutions, then fully connected layers, then one output a class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Model {
    /// Blocks of convolutions, from the image on.
    pub conv: Vec<ConvBlock>,
    /// Average each map over its height and width before the first fully connected layer.
    pub global_pool: bool,
    /// Sizes of the fully connected layers; the last layer, one output a class, is always added.
    pub hidden: Vec<usize>,
    /// The nonlinearity after every convolution and every hidden layer.
    pub activation: ActivationKind,
    /// Slope for negative inputs: of `leaky_relu`, and the start of `prelu`'s learned slopes.
    pub slope: f64,
    /// `elu` tends to minus this for large negative inputs.
    pub alpha: f64,
    /// How many linear pieces `maxout` takes the largest of; each costs a whole set of weights.
    pub pieces: usize,
    /// Batch normalisation before the activation: after every conv and hidden layer, `"conv"` only, or not at all.
    pub batch_norm: BatchNormWhere,
    /// Share of units dropped after the activation of every hidden layer, in training only.
    pub dropout: f64,
    /// How weights start: `he` for the ReLU family, `xavier` for sigmoid and tanh.
    pub init: InitKind,
    /// Standard deviation of `init = "normal"`.
    pub init_std: f64,
    /// Distribution of the first weights; both shapes have the same deviation.
    pub init_shape: InitShape,
    /// First value of every bias; a small positive one keeps ReLUs from starting dead.
    pub bias_init: f64,
    /// The last layer's first weights are multiplied by this, so that the first loss is ln(classes).
    pub output_gain: f64,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            conv: Vec::new(),
            global_pool: false,
            hidden: Vec::new(),
            activation: ActivationKind::Relu,
            slope: 0.1,
            alpha: 1.0,
            pieces: 2,
            batch_norm: BatchNormWhere::Everywhere,
            dropout: 0.0,
            init: InitKind::He,
            init_std: 0.01,
            init_shape: InitShape::Normal,
            bias_init: 0.0,
            output_gain: 0.1,
        }
    }
}

impl Model {
    /// The nonlinearity as a function of one number. Those that have more, as they begin: PReLU's slopes, and maxout's pieces as a
    /// ReLU.
    pub fn pointwise(&self) -> Activation {
        match self.activation {
            ActivationKind::None => Activation::Identity,
            ActivationKind::Sigmoid => Activation::Sigmoid,
            ActivationKind::Tanh => Activation::Tanh,
            ActivationKind::Relu | ActivationKind::Maxout => Activation::Relu,
            ActivationKind::LeakyRelu | ActivationKind::Prelu => {
                Activation::Leaky(self.slope as f32)
            }
            ActivationKind::Elu => Activation::Elu(self.alpha as f32),
            ActivationKind::Gelu => Activation::Gelu,
            ActivationKind::Silu => Activation::Silu,
        }
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        count("model.conv", self.conv.len(), 0, 64)?;
        for (index, block) in self.conv.iter().enumerate() {
            block.validate(index)?;
        }
        count("model.hidden", self.hidden.len(), 0, 64)?;
        for (index, &size) in self.hidden.iter().enumerate() {
            count(&format!("model.hidden.{index}"), size, 1, 65_536)?;
        }
        within("model.slope", self.slope, -1.0, 1.0)?;
        within("model.alpha", self.alpha, 0.0, 100.0)?;
        count("model.pieces", self.pieces, 2, 16)?;
        share("model.dropout", self.dropout)?;
        within("model.init_std", self.init_std, 0.0, 1e3)?;
        within("model.bias_init", self.bias_init, -1e3, 1e3)?;
        within("model.output_gain", self.output_gain, 0.0, 1e3)
    }
}

/// `repeat` times convolution, batch norm, activation (and the sum with its own input), then one pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConvBlock {
    /// Output channels.
    pub filters: usize,
    /// Height and width of the kernel, 1 to 7.
    #[serde(default = "three")]
    pub size: usize,
    /// Step of the kernel; with `repeat`, of the first convolution only.
    #[serde(default = "one")]
    pub stride: usize,
    /// Zeros around the image: a number, or `"same"` for (size − 1)/2.
    #[serde(default)]
    pub pad: Padding,
    /// Window of the pool at the block's end; 0 for none.
    #[serde(default)]
    pub pool: usize,
    /// Step of the pool; as large as its window when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool_stride: Option<usize>,
    /// What the pool keeps of its window.
    #[serde(default)]
    pub pool_kind: PoolKind,
    /// Add each convolution's input to its activated output (through a 1×1 convolution where the shapes differ).
    #[serde(default)]
    pub residual: bool,
    /// Share of values dropped at the end (after the pool where there is one), in training only.
    #[serde(default)]
    pub dropout: f64,
    /// How many such convolutions follow each other; the pool comes once, after the last.
    #[serde(default = "one")]
    pub repeat: usize,
}

fn one() -> usize {
    1
}

fn three() -> usize {
    3
}

impl ConvBlock {
    /// A block with every default.
    pub fn new(filters: usize) -> Self {
        Self {
            filters,
            size: 3,
            stride: 1,
            pad: Padding::Same,
            pool: 0,
            pool_stride: None,
            pool_kind: PoolKind::Max,
            residual: false,
            dropout: 0.0,
            repeat: 1,
        }
    }

    /// Zeros on each side.
    pub fn padding(&self) -> usize {
        match self.pad {
            Padding::Same => self.size.saturating_sub(1) / 2,
            Padding::Zeros(zeros) => zeros,
        }
    }

    fn validate(&self, index: usize) -> Result<(), ConfigError> {
        let at = |key: &str| format!("model.conv.{index}.{key}");
        count(&at("filters"), self.filters, 1, 4096)?;
        count(&at("size"), self.size, 1, 7)?;
        count(&at("stride"), self.stride, 1, 16)?;
        if self.padding() >= self.size {
            let message = format!(
                "must be below size = {}: a window of zeros alone teaches nothing",
                self.size
            );
            return Err(ConfigError::new(at("pad"), self.padding(), message));
        }
        count(&at("pool"), self.pool, 0, 64)?;
        if let Some(stride) = self.pool_stride {
            count(&at("pool_stride"), stride, 1, 64)?;
        }
        share(&at("dropout"), self.dropout)?;
        count(&at("repeat"), self.repeat, 1, 64)
    }
}

/// What a pool keeps of its window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PoolKind {
    /// The largest value.
    #[default]
    Max,
    /// The mean.
    Average,
}

/// The nonlinearity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActivationKind {
    /// x: the net stays linear, whatever its depth.
    None,
    /// 1/(1 + e^−x): saturates, not zero-centred.
    Sigmoid,
    /// tanh(x): saturates, zero-centred.
    Tanh,
    /// max(0, x): the first to try.
    #[default]
    Relu,
    /// max(slope·x, x).
    LeakyRelu,
    /// Leaky ReLU whose slopes are learned, one a channel.
    Prelu,
    /// x for x > 0, else alpha·(e^x − 1).
    Elu,
    /// The largest of `pieces` linear functions.
    Maxout,
    /// x·Φ(x), by its tanh approximation.
    Gelu,
    /// x·sigmoid(x).
    Silu,
}

impl ActivationKind {
    /// The name in the sweep file.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Sigmoid => "sigmoid",
            Self::Tanh => "tanh",
            Self::Relu => "relu",
            Self::LeakyRelu => "leaky_relu",
            Self::Prelu => "prelu",
            Self::Elu => "elu",
            Self::Maxout => "maxout",
            Self::Gelu => "gelu",
            Self::Silu => "silu",
        }
    }
}

/// How weights start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InitKind {
    /// All 0: hidden units stay equal to each other for ever. To see why not.
    Zero,
    /// Deviation `init_std`.
    Normal,
    /// Variance 2/(inputs + outputs) (Glorot and Bengio 2010): for sigmoid and tanh.
    Xavier,
    /// Variance 2/inputs (He et al. 2015): for the ReLU family.
    #[default]
    He,
}

/// Distribution of the first weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InitShape {
    /// Gaussian.
    #[default]
    Normal,
    /// Uniform, with the same deviation.
    Uniform,
}
