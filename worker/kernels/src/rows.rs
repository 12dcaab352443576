//! The element-wise loops over one row of an image, compiled for each instruction set.
//!
//! Coefficients that belong to channels come repeated over the row's pixels, so that every loop is flat: whatever the
//! number of channels, full vectors and no remainder at each pixel.

use crate::{
    activation::{Activation, Curve, with_curve},
    dropout::Dropout,
    isa::for_each_isa,
    prologue::Affine,
};

#[inline(always)]
fn activate_as<C: Curve>(affine: &Affine, raw: &[f32], out: &mut [f32]) {
    let n = out.len();
    let (scale, shift) = (&affine.scale[..n], &affine.shift[..n]);
    let (raw, slope) = (&raw[..n], &affine.slope[..n]);
    for i in 0..n {
        out[i] = C::value(raw[i].mul_add(scale[i], shift[i]), slope[i]);
    }
}

#[inline(always)]
fn curve_as<C: Curve>(slope: &[f32], values: &mut [f32]) {
    for (value, slope) in values.iter_mut().zip(slope) {
        *value = C::value(*value, *slope);
    }
}

#[inline(always)]
fn back_as<C: Curve>(affine: &Affine, raw: &[f32], gradient: &mut [f32], sums: &mut [f32]) {
    let n = gradient.len();
    let (scale, shift) = (&affine.scale[..n], &affine.shift[..n]);
    let (raw, slope) = (&raw[..n], &affine.slope[..n]);
    let (mean, inverse) = (&affine.mean[..n], &affine.inverse[..n]);
    let (first, second) = sums.split_at_mut(sums.len() / 2);
    let (first, second) = (&mut first[..n], &mut second[..n]);
    for i in 0..n {
        let g = C::back(raw[i].mul_add(scale[i], shift[i]), slope[i], gradient[i]);
        gradient[i] = g;
        first[i] += g;
        second[i] = g.mul_add((raw[i] - mean[i]) * inverse[i], second[i]);
    }
}

for_each_isa! {
    /// out = activation(scale · raw + shift).
    pub(crate) fn activate(activation: Activation, affine: &Affine, raw: &[f32], out: &mut [f32]) {
        with_curve!(activation, activate_as(affine, raw, out));
    }

    /// values = activation(values).
    pub(crate) fn curve(activation: Activation, slope: &[f32], values: &mut [f32]) {
        with_curve!(activation, curve_as(slope, values));
    }

    /// The gradient of the activation's value becomes that of its argument. Adds it, and its product with the
    /// normalised value, to the two halves of `sums`.
    pub(crate) fn back(activation: Activation, affine: &Affine, raw: &[f32], gradient: &mut [f32], sums: &mut [f32]) {
        with_curve!(activation, back_as(affine, raw, gradient, sums));
    }

    /// Adds to `sums` what a learned slope's gradient gets: gradient of the value · argument, where that is below 0.
    pub(crate) fn slope_sums(affine: &Affine, raw: &[f32], gradient: &[f32], sums: &mut [f32]) {
        let n = gradient.len();
        let (scale, shift) = (&affine.scale[..n], &affine.shift[..n]);
        let (raw, sums) = (&raw[..n], &mut sums[..n]);
        for i in 0..n {
            let z = raw[i].mul_add(scale[i], shift[i]);
            let below = if z > 0.0 { 0.0 } else { z };
            sums[i] = gradient[i].mul_add(below, sums[i]);
        }
    }

    /// Multiplies by the mask of the elements from `start`.
    pub(crate) fn drop_out(dropout: Dropout, start: u64, values: &mut [f32]) {
        for (i, value) in values.iter_mut().enumerate() {
            *value *= dropout.factor(start + i as u64);
        }
    }

    /// Adds the row's deviations from `pivot`, and their squares, to the two halves of `sums`.
    pub(crate) fn deviations(raw: &[f32], pivot: &[f32], sums: &mut [f32]) {
        let n = raw.len();
        let (first, second) = sums.split_at_mut(n);
        let (pivot, second) = (&pivot[..n], &mut second[..n]);
        for i in 0..n {
            let d = raw[i] - pivot[i];
            first[i] += d;
            second[i] = d.mul_add(d, second[i]);
        }
    }

    /// out = a · gradient + b · raw + c: the gradient before a batch norm from that behind it.
    pub(crate) fn through_norm(gradient: &[f32], raw: &[f32], a: &[f32], b: &[f32], c: &[f32], out: &mut [f32]) {
        let n = out.len();
        let (gradient, raw, a, b, c) = (&gradient[..n], &raw[..n], &a[..n], &b[..n], &c[..n]);
        for i in 0..n {
            out[i] = a[i].mul_add(gradient[i], b[i].mul_add(raw[i], c[i]));
        }
    }

    /// out = b · raw + c: the same where no gradient arrives.
    pub(crate) fn without_gradient(raw: &[f32], b: &[f32], c: &[f32], out: &mut [f32]) {
        let n = out.len();
        let (raw, b, c) = (&raw[..n], &b[..n], &c[..n]);
        for i in 0..n {
            out[i] = b[i].mul_add(raw[i], c[i]);
        }
    }

    /// to += from.
    pub(crate) fn add(to: &mut [f32], from: &[f32]) {
        for (to, from) in to.iter_mut().zip(from) {
            *to += *from;
        }
    }

    /// The maximum of each window of `window` rows and columns, `step` columns apart; the rows lie `stride` apart in `from`.
    pub(crate) fn max_rows(from: &[f32], stride: usize, window: usize, step: usize, channels: usize, out: &mut [f32]) {
        for (q, out) in out.chunks_exact_mut(channels).enumerate() {
            let at = |y: usize, x: usize| &from[y * stride + (q * step + x) * channels..][..channels];
            if window == 2 {
                let (a, b, c, d) = (at(0, 0), at(0, 1), at(1, 0), at(1, 1));
                for i in 0..channels {
                    out[i] = larger(larger(a[i], b[i]), larger(c[i], d[i]));
                }
                continue;
            }
            out.copy_from_slice(at(0, 0));
            for k in 1..window * window {
                let from = at(k / window, k % window);
                for i in 0..channels {
                    out[i] = larger(out[i], from[i]);
                }
            }
        }
    }

    /// The mean of the same windows.
    pub(crate) fn average_rows(from: &[f32], stride: usize, window: usize, step: usize, channels: usize, out: &mut [f32]) {
        let count = (window * window) as f32;
        for (q, out) in out.chunks_exact_mut(channels).enumerate() {
            out.fill(0.0);
            for k in 0..window * window {
                let from = &from[k / window * stride + (q * step + k % window) * channels..][..channels];
                for i in 0..channels {
                    out[i] += from[i];
                }
            }
            for i in 0..channels {
                out[i] /= count;
            }
        }
    }

    /// [`average_rows`] backwards: adds its share to each pixel of the windows.
    pub(crate) fn average_rows_back(gradient: &[f32], stride: usize, window: usize, step: usize, channels: usize, to: &mut [f32]) {
        let count = (window * window) as f32;
        for (q, gradient) in gradient.chunks_exact(channels).enumerate() {
            for k in 0..window * window {
                let to = &mut to[k / window * stride + (q * step + k % window) * channels..][..channels];
                for i in 0..channels {
                    to[i] += gradient[i] / count;
                }
            }
        }
    }

    /// For each window its maximum (the first of equals, in row order), the raw value there, and where that is:
    /// row · window + column.
    pub(crate) fn argmax(values: &[f32], raw: &[f32], stride: usize, window: usize, channels: usize, best: &mut [f32], at_best: &mut [f32], place: &mut [u8]) {
        if window == 2 {
            argmax_of_four(values, raw, stride, channels, best, at_best, place);
            return;
        }
        for (q, best) in best.chunks_exact_mut(channels).enumerate() {
            let at_best = &mut at_best[q * channels..][..channels];
            let place = &mut place[q * channels..][..channels];
            for k in 0..window * window {
                let at = k / window * stride + (q * window + k % window) * channels;
                let (values, raw) = (&values[at..][..channels], &raw[at..][..channels]);
                for i in 0..channels {
                    let take = k == 0 || values[i] > best[i] || values[i].is_nan();
                    best[i] = if take { values[i] } else { best[i] };
                    at_best[i] = if take { raw[i] } else { at_best[i] };
                    place[i] = if take { k as u8 } else { place[i] };
                }
            }
        }
    }

    /// Adds a · gradient to those pixels of a row that were the largest; `row` is the row's place in its window.
    pub(crate) fn scatter(gradient: &[f32], place: &[u8], row: usize, window: usize, channels: usize, a: Option<&[f32]>, out: &mut [f32]) {
        for (q, gradient) in gradient.chunks_exact(channels).enumerate() {
            let place = &place[q * channels..][..channels];
            for x in 0..window {
                let code = (row * window + x) as u8;
                let out = &mut out[(q * window + x) * channels..][..channels];
                if let Some(a) = a {
                    let a = &a[..channels];
                    for i in 0..channels {
                        let g = if place[i] == code { gradient[i] } else { 0.0 };
                        out[i] = a[i].mul_add(g, out[i]);
                    }
                } else {
                    for i in 0..channels {
                        out[i] += if place[i] == code { gradient[i] } else { 0.0 };
                    }
                }
            }
        }
    }
}

/// The same for the most usual window, whose four candidates fit the registers.
#[inline(always)]
fn argmax_of_four(
    values: &[f32],
    raw: &[f32],
    stride: usize,
    channels: usize,
    best: &mut [f32],
    at_best: &mut [f32],
    place: &mut [u8],
) {
    for (q, best) in best.chunks_exact_mut(channels).enumerate() {
        let at_best = &mut at_best[q * channels..][..channels];
        let place = &mut place[q * channels..][..channels];
        let at = |y: usize, x: usize| y * stride + (2 * q + x) * channels;
        let value = |y: usize, x: usize| &values[at(y, x)..][..channels];
        let raw = |y: usize, x: usize| &raw[at(y, x)..][..channels];
        let (a, b, c, d) = (value(0, 0), value(0, 1), value(1, 0), value(1, 1));
        let (ra, rb, rc, rd) = (raw(0, 0), raw(0, 1), raw(1, 0), raw(1, 1));
        for i in 0..channels {
            let right = b[i] > a[i] || b[i].is_nan();
            let lower_right = d[i] > c[i] || d[i].is_nan();
            let (upper, lower) = (
                if right { b[i] } else { a[i] },
                if lower_right { d[i] } else { c[i] },
            );
            let below = lower > upper || lower.is_nan();
            best[i] = if below { lower } else { upper };
            let upper_raw = if right { rb[i] } else { ra[i] };
            let lower_raw = if lower_right { rd[i] } else { rc[i] };
            at_best[i] = if below { lower_raw } else { upper_raw };
            let upper_code = if right { 1_u32 } else { 0 };
            let lower_code = if lower_right { 3_u32 } else { 2 };
            place[i] = if below { lower_code } else { upper_code } as u8;
        }
    }
}

/// The larger one; NaN if either is.
#[inline(always)]
pub(crate) fn larger(a: f32, b: f32) -> f32 {
    let larger = if b > a { b } else { a };
    if b.is_nan() { b } else { larger }
}
