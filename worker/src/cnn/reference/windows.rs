//! Sliding windows as shifted, strided views.

use candle_core::{Result, Tensor};

use crate::cnn::architecture::Pool;

/// One view a tap of the window, in row order, each `[image, output rows, output columns, channel]`.
///
/// `x`: `[image, height, width, channel]`, with its padding already around it.
pub(super) fn taps(x: &Tensor, size: usize, stride: usize) -> Result<Vec<Tensor>> {
    let (_, height, width, _) = x.dims4()?;
    let rows = (height - size) / stride + 1;
    let columns = (width - size) / stride + 1;
    // A strided view is cut out of whole strides, so the last one may reach past the end.
    let reach = |count: usize| (size - 1) + count * stride;
    let x = x.pad_with_zeros(1, 0, reach(rows).saturating_sub(height))?;
    let x = x.pad_with_zeros(2, 0, reach(columns).saturating_sub(width))?;
    let mut taps = Vec::with_capacity(size * size);
    for row in 0..size {
        let band = every(&x, 1, row, rows, stride)?;
        for column in 0..size {
            taps.push(every(&band, 2, column, columns, stride)?);
        }
    }
    Ok(taps)
}

/// Every `stride`-th position from `start`, `count` of them.
fn every(x: &Tensor, dim: usize, start: usize, count: usize, stride: usize) -> Result<Tensor> {
    let cut = x.narrow(dim, start, count * stride)?;
    if stride == 1 {
        return Ok(cut);
    }
    let mut dims = cut.dims().to_vec();
    dims[dim] = count;
    dims.insert(dim + 1, stride);
    cut.contiguous()?
        .reshape(dims)?
        .narrow(dim + 1, 0, 1)?
        .squeeze(dim + 1)
}

/// Largest or mean value of each window.
pub(super) fn pool(x: &Tensor, pool: &Pool) -> Result<Tensor> {
    let taps = taps(x, pool.window(), pool.stride())?;
    let mut taps_left = taps.iter();
    let Some(first) = taps_left.next() else {
        return Ok(x.clone());
    };
    let mut at = first.contiguous()?;
    for tap in taps_left {
        at = match pool.average() {
            true => (at + tap)?,
            false => larger(&at, &tap.contiguous()?)?,
        };
    }
    match pool.average() {
        true => at / taps.len() as f64,
        false => Ok(at),
    }
}

/// The larger of two, the first of equals; NaN wins.
pub(super) fn larger(first: &Tensor, second: &Tensor) -> Result<Tensor> {
    let takes_second = (second.gt(first)? + second.ne(second)?)?;
    takes_second.where_cond(second, first)
}
