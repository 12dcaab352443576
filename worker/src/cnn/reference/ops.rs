//! Layers in candle's ops.

use std::ops::Range;

use candle_core::{DType, Result, Tensor};

use super::windows;
use crate::cnn::architecture::{Activation, BATCH_NORM_EPSILON, BatchNorm, Conv, Linear};

/// A stretch of the parameter vector, as a view.
fn view(parameters: &Tensor, range: &Range<usize>) -> Result<Tensor> {
    parameters.narrow(0, range.start, range.len())
}

/// One matrix product `[places, taps · input channels] × [taps · input channels, output channels]`.
pub(super) fn conv(x: &Tensor, parameters: &Tensor, conv: &Conv) -> Result<Tensor> {
    let (size, stride, pad) = (
        conv.geometry.size(),
        conv.geometry.stride(),
        conv.geometry.pad(),
    );
    let padded = x.pad_with_zeros(1, pad, pad)?.pad_with_zeros(2, pad, pad)?;
    let taps = windows::taps(&padded, size, stride)?;
    let columns = Tensor::cat(&taps, 3)?;
    let (images, rows, width, depth) = columns.dims4()?;
    let weight = view(parameters, &conv.weight)?;
    let filters = conv.weight.len() / depth;
    let output = columns
        .reshape((images * rows * width, depth))?
        .matmul(&weight.reshape((depth, filters))?)?
        .reshape((images, rows, width, filters))?;
    add_bias(output, parameters, conv.bias.as_ref())
}

/// `[image, input] × [input, output] + bias`.
pub(super) fn linear(x: &Tensor, parameters: &Tensor, linear: &Linear) -> Result<Tensor> {
    let (_, inputs) = x.dims2()?;
    let weight = view(parameters, &linear.weight)?;
    let weight = weight.reshape((inputs, linear.weight.len() / inputs))?;
    add_bias(x.matmul(&weight)?, parameters, linear.bias.as_ref())
}

fn add_bias(x: Tensor, parameters: &Tensor, bias: Option<&Range<usize>>) -> Result<Tensor> {
    match bias {
        Some(bias) => x.broadcast_add(&view(parameters, bias)?),
        None => Ok(x),
    }
}

/// Means and (unbiased) variances of a batch, one a channel.
pub(super) type BatchStatistics = (Vec<f64>, Vec<f64>);

/// Batch normalisation over all but the last dimension; in training also the batch's statistics.
pub(super) fn batch_norm(
    x: &Tensor,
    parameters: &Tensor,
    norm: &BatchNorm,
    statistics: &[f64],
    training: bool,
) -> Result<(Tensor, Option<BatchStatistics>)> {
    let channels = norm.gamma.len();
    let flat = x.reshape(((), channels))?;
    let mut batch = None;
    let (mean, variance) = if training {
        let count = flat.dim(0)? as f64;
        let mean = flat.mean_keepdim(0)?;
        let variance = flat.broadcast_sub(&mean)?.sqr()?.mean_keepdim(0)?;
        let numbers = |tensor: &Tensor| {
            tensor
                .detach()
                .flatten_all()?
                .to_dtype(DType::F64)?
                .to_vec1::<f64>()
        };
        let unbiased = count / (count - 1.0).max(1.0);
        let variances = numbers(&variance)?
            .iter()
            .map(|value| value * unbiased)
            .collect();
        batch = Some((numbers(&mean)?, variances));
        (mean, variance)
    } else {
        let stored = |range: &Range<usize>| {
            Tensor::from_slice(&statistics[range.clone()], (1, channels), x.device())?
                .to_dtype(x.dtype())
        };
        (stored(&norm.mean)?, stored(&norm.variance)?)
    };
    let deviation = (variance + BATCH_NORM_EPSILON)?.sqrt()?;
    let output = flat
        .broadcast_sub(&mean)?
        .broadcast_div(&deviation)?
        .broadcast_mul(&view(parameters, &norm.gamma)?)?
        .broadcast_add(&view(parameters, &norm.beta)?)?;
    Ok((output.reshape(x.shape())?, batch))
}

/// The nonlinearity. Written so that NaN stays NaN, in the gradient too.
pub(super) fn activation(x: &Tensor, kind: Activation) -> Result<Tensor> {
    match kind {
        Activation::Identity | Activation::Prelu => Ok(x.clone()),
        Activation::Sigmoid => sigmoid(x),
        Activation::Tanh => x.tanh(),
        Activation::Relu => below_zero(x, &x.zeros_like()?),
        Activation::Leaky(slope) => below_zero(x, &(x * f64::from(slope))?),
        Activation::Elu(alpha) => {
            // e^x of a large x would be infinite, and 0 · ∞ in the gradient NaN.
            let negative = x.le(0.0)?.where_cond(x, &x.zeros_like()?)?;
            below_zero(x, &((negative.exp()? - 1.0)? * f64::from(alpha))?)
        }
        Activation::Gelu => {
            // candle's own gradient of gelu has constants of six digits.
            let inner = ((x * 0.044715)? * x.sqr()?)?;
            let inner = ((x + inner)? * (2.0 / std::f64::consts::PI).sqrt())?;
            ((inner.tanh()? + 1.0)? * x)? * 0.5
        }
        Activation::Silu => x * sigmoid(x)?,
    }
}

/// Leaky ReLU with a learned slope a channel.
pub(super) fn prelu(x: &Tensor, parameters: &Tensor, slopes: &Range<usize>) -> Result<Tensor> {
    below_zero(x, &x.broadcast_mul(&view(parameters, slopes)?)?)
}

/// ½ (1 + tanh(x/2)): no overflow on either side.
fn sigmoid(x: &Tensor) -> Result<Tensor> {
    ((x * 0.5)?.tanh()? + 1.0)? * 0.5
}

/// `x` above 0, `other` elsewhere.
fn below_zero(x: &Tensor, other: &Tensor) -> Result<Tensor> {
    x.le(0.0)?.where_cond(other, x)
}

/// The largest of each group of `pieces` neighbouring channels.
pub(super) fn maxout(x: &Tensor, pieces: usize) -> Result<Tensor> {
    let mut dims = x.dims().to_vec();
    let Some(last) = dims.pop() else {
        return Ok(x.clone());
    };
    dims.extend([last / pieces, pieces]);
    let groups = x.reshape(dims)?;
    let dim = groups.rank() - 1;
    let piece = |index: usize| groups.narrow(dim, index, 1)?.squeeze(dim)?.contiguous();
    let mut at = piece(0)?;
    for index in 1..pieces {
        at = windows::larger(&at, &piece(index)?)?;
    }
    Ok(at)
}
