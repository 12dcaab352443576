//! What stands in a layer list.

use std::ops::Range;

pub use hone_kernels::{Activation, Geometry, Pool, Shape};

/// One step of the network.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// `conv1`, `conv1.bn`, `hidden2.relu`, `output`: unique in its network.
    pub name: String,
    /// Where in the sweep file it comes from, as `model.conv.1`; the output layer: `model`.
    pub path: String,
    /// What goes in, for one image.
    pub input: Shape,
    /// What comes out, for one image.
    pub output: Shape,
    /// What it does.
    pub op: Op,
}

/// What a layer does. Activations lie NHWC; ranges point into the one flat parameter vector.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// Cross-correlation.
    Conv(Conv),
    /// Batch normalisation over batch, height and width.
    BatchNorm(BatchNorm),
    /// The nonlinearity, of each number by itself.
    Activation(Activation),
    /// Leaky ReLU with a learned slope a channel.
    Prelu(Range<usize>),
    /// The largest of so many neighbouring channels; the first of equals.
    Maxout(usize),
    /// Remembers its input for the next [`Op::ResidualAdd`]; passes it on. These pairs are never nested.
    ResidualBegin,
    /// Adds what the last [`Op::ResidualBegin`] remembered: as it is, or through a 1×1 convolution without a bias.
    ResidualAdd {
        /// There when the shapes differ.
        projection: Option<Conv>,
    },
    /// Largest or mean value of a window. Windows never reach over the border; rows left over are dropped.
    Pool(Pool),
    /// Mean over height and width.
    GlobalPool,
    /// Inverted dropout: in training a value is 0 with probability `rate`, else times 1/(1 − rate).
    Dropout {
        /// Probability of being dropped, 0 < rate < 1.
        rate: f64,
        /// Counts the dropout layers of the net from 0: with (trial seed, step) the key of the mask.
        index: u64,
    },
    /// `[height, width, channels]` to `[height · width · channels]`, in that order: nothing moves in memory.
    Flatten,
    /// Fully connected: output = input · weight + bias.
    Linear(Linear),
}

/// A convolution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conv {
    /// Its windows.
    pub geometry: Geometry,
    /// `[kernel row, kernel column, input channel, output channel]`.
    pub weight: Range<usize>,
    /// One an output channel; none below a batch norm.
    pub bias: Option<Range<usize>>,
}

/// A batch normalisation: γ · (x − mean)/√(variance + ε) + β.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchNorm {
    /// One a channel, from 1.
    pub gamma: Range<usize>,
    /// One a channel, from 0.
    pub beta: Range<usize>,
    /// Running means, one a channel, in the statistics vector, from 0.
    pub mean: Range<usize>,
    /// Running variances (unbiased, as in PyTorch), one a channel, in the statistics vector, from 1.
    pub variance: Range<usize>,
}

/// Share of the newest batch in the running statistics.
pub const BATCH_NORM_MOMENTUM: f64 = 0.1;
/// ε under the root.
pub const BATCH_NORM_EPSILON: f64 = 1e-5;

/// A fully connected layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linear {
    /// `[input, output]`.
    pub weight: Range<usize>,
    /// One an output; none below a batch norm.
    pub bias: Option<Range<usize>>,
}

/// What a stretch of the parameter vector is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// Of a convolution or linear layer: the only kind that weight decay touches.
    Weight,
    /// Of a convolution or linear layer.
    Bias,
    /// Batch norm's scale.
    Gamma,
    /// Batch norm's shift.
    Beta,
    /// PReLU's slope.
    Slope,
}

/// A stretch of the parameter vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// `conv1.weight`, `conv1.bn.gamma`, …
    pub name: String,
    /// Index of its layer.
    pub layer: usize,
    /// What it is.
    pub kind: ParameterKind,
    /// Where it lies.
    pub range: Range<usize>,
    /// `[3, 3, 16, 32]`: row-major.
    pub shape: Vec<usize>,
    /// Inputs of one output unit; of weights.
    pub fan_in: usize,
    /// Outputs that one input reaches; of weights.
    pub fan_out: usize,
}
