//! Batch normalisation: the batch's moments, and the coefficients that carry it forwards and backwards.

use crate::{Affine, Compute, Isa, Shape, prologue::fold, rows};

/// Mean and variance (biased) of each channel.
#[derive(Clone, Debug, Default)]
pub struct Moments {
    /// Means.
    pub mean: Vec<f64>,
    /// Variances, divided by the count.
    pub variance: Vec<f64>,
    images: Vec<f64>,
}

impl Moments {
    /// Room for the moments of single images, `2 * channels` each.
    pub(crate) fn of_images(&mut self, images: usize, channels: usize) -> &mut [f64] {
        self.images.resize(images * 2 * channels, 0.0);
        &mut self.images
    }

    /// Of all images together. All have equally many pixels.
    pub(crate) fn combine(&mut self, channels: usize, pixels: usize) {
        let images = self.images.len() / (2 * channels);
        self.mean.clear();
        self.mean.resize(channels, 0.0);
        self.variance.clear();
        self.variance.resize(channels, 0.0);
        for image in self.images.chunks_exact(2 * channels) {
            for (mean, part) in self.mean.iter_mut().zip(image) {
                *mean += part / images as f64;
            }
        }
        // Squares about the images' own means, and the means' about the whole: never E[x²] − mean².
        for image in self.images.chunks_exact(2 * channels) {
            let (means, squares) = image.split_at(channels);
            for c in 0..channels {
                let away = means[c] - self.mean[c];
                self.variance[c] += squares[c] + pixels as f64 * away * away;
            }
        }
        for variance in &mut self.variance {
            *variance /= (images * pixels) as f64;
        }
    }

    /// Computes those of a stored tensor of images.
    pub fn compute(&mut self, compute: &Compute, shape: Shape, raw: &[f32]) {
        let (images, channels) = (raw.len() / shape.len(), shape.channels);
        let parts = self.of_images(images, channels);
        compute.pieces(parts, 2 * channels, |i, out| {
            let raw = &raw[i * shape.len()..][..shape.len()];
            moments_of_image(compute.isa(), shape, raw, out, &mut Vec::new());
        });
        self.combine(channels, shape.height * shape.width);
    }
}

/// Mean, and sum of squares about it, of each channel of one image.
pub(crate) fn moments_of_image(
    isa: Isa,
    shape: Shape,
    raw: &[f32],
    out: &mut [f64],
    buffer: &mut Vec<f32>,
) {
    let (row, channels) = (shape.row(), shape.channels);
    buffer.clear();
    buffer.resize(3 * row, 0.0);
    let (pivot, sums) = buffer.split_at_mut(row);
    // A value from the middle of the image: the sums stay small against it, however far from 0 the values lie.
    let middle = (shape.height / 2 * shape.width + shape.width / 2) * channels;
    for pixel in pivot.chunks_exact_mut(channels) {
        pixel.copy_from_slice(&raw[middle..middle + channels]);
    }
    for line in raw.chunks_exact(row) {
        rows::deviations(isa, line, pivot, sums);
    }
    let (means, squares) = out.split_at_mut(channels);
    fold(&sums[..row], means);
    fold(&sums[row..], squares);
    let pixels = (shape.height * shape.width) as f64;
    for c in 0..channels {
        squares[c] = (squares[c] - means[c] * means[c] / pixels).max(0.0);
        means[c] = f64::from(pivot[c]) + means[c] / pixels;
    }
}

fn repeat(row: &mut Vec<f32>, width: usize, channels: usize, value: impl Fn(usize) -> f32) {
    row.clear();
    row.extend((0..channels).map(value));
    for _ in 1..width {
        row.extend_from_within(..channels);
    }
}

impl Affine {
    /// γ · (x − mean)/√(variance + ε) + β.
    pub fn normalise(
        &mut self,
        shape: Shape,
        mean: &[f64],
        variance: &[f64],
        gamma: &[f32],
        beta: &[f32],
        epsilon: f64,
    ) {
        let (width, channels) = (shape.width, shape.channels);
        let inverse = |c: usize| 1.0 / (variance[c] + epsilon).sqrt();
        let scale = |c: usize| f64::from(gamma[c]) * inverse(c);
        repeat(&mut self.scale, width, channels, |c| scale(c) as f32);
        repeat(&mut self.shift, width, channels, |c| {
            (f64::from(beta[c]) - mean[c] * scale(c)) as f32
        });
        repeat(&mut self.mean, width, channels, |c| mean[c] as f32);
        repeat(&mut self.inverse, width, channels, |c| inverse(c) as f32);
    }

    /// x + bias, or x alone.
    pub fn shift_only(&mut self, shape: Shape, bias: Option<&[f32]>) {
        let (width, channels) = (shape.width, shape.channels);
        repeat(&mut self.shift, width, channels, |c| {
            bias.map_or(0.0, |bias| bias[c])
        });
        if self.scale.len() != shape.row() {
            repeat(&mut self.scale, width, channels, |_| 1.0);
            repeat(&mut self.mean, width, channels, |_| 0.0);
            repeat(&mut self.inverse, width, channels, |_| 0.0);
        }
    }

    /// The activation's number for each channel.
    pub fn slopes(&mut self, shape: Shape, slope: impl Fn(usize) -> f32) {
        repeat(&mut self.slope, shape.width, shape.channels, slope);
    }
}

/// Coefficients of the way back, and their buffers.
#[derive(Clone, Debug, Default)]
pub struct NormGradient {
    /// Of the gradient.
    pub a: Vec<f32>,
    /// Of the stored number.
    pub b: Vec<f32>,
    /// Alone.
    pub c: Vec<f32>,
}

impl NormGradient {
    /// The coefficients of `a · gradient + b · raw + c` (Ioffe and Szegedy 2015, section 3, solved for the input), from the
    /// [sums](crate::PrologueGradient::sums) over `count` places.
    pub fn compute(&mut self, shape: Shape, count: usize, affine: &Affine, sums: &[Vec<f64>; 3]) {
        let (width, channels) = (shape.width, shape.channels);
        let [sum, products, _] = sums;
        let count = count as f64;
        let of = |row: &[f32], c: usize| f64::from(row[c]);
        let slope = |c: usize| -of(&affine.scale, c) * of(&affine.inverse, c) * products[c] / count;
        repeat(&mut self.a, width, channels, |c| affine.scale[c]);
        repeat(&mut self.b, width, channels, |c| slope(c) as f32);
        repeat(&mut self.c, width, channels, |c| {
            (-slope(c) * of(&affine.mean, c) - of(&affine.scale, c) * sum[c] / count) as f32
        });
    }
}
