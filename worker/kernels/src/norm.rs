//! Batch normalisation: the batch's moments, and the coefficients that carry it forwards and backwards.

use crate::{
    behind::Behind,
    compute::{Compute, Parts},
    rows,
    view::{Affine, Extent, fold},
};

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
    /// Room for the moments of single images.
    pub(crate) fn parts(&mut self, images: usize, channels: usize) -> Parts<'_, f64> {
        self.images.resize(images * 2 * channels, 0.0);
        Parts::new(&mut self.images)
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
    pub fn compute(&mut self, compute: &Compute, extent: Extent, raw: &[f32]) {
        let images = raw.len() / extent.len();
        assert_eq!(raw.len(), images * extent.len());
        let parts = self.parts(images, extent.channels);
        compute.for_each(images, |i| {
            // SAFETY: every image has its own part.
            let out = unsafe { parts.part(i, 2 * extent.channels) };
            moments_of_image(
                compute.isa(),
                extent,
                &raw[i * extent.len()..][..extent.len()],
                out,
                &mut Vec::new(),
            );
        });
        self.combine(extent.channels, extent.height * extent.width);
    }
}

/// Mean, and sum of squares about it, of each channel of one image.
pub(crate) fn moments_of_image(
    isa: crate::Isa,
    extent: Extent,
    raw: &[f32],
    out: &mut [f64],
    buffer: &mut Vec<f32>,
) {
    let (row, channels) = (extent.row(), extent.channels);
    buffer.clear();
    buffer.resize(3 * row, 0.0);
    let (pivot, sums) = buffer.split_at_mut(row);
    // A value from the middle of the image: the sums stay small against it, however far from 0 the values lie.
    let middle = (extent.height / 2 * extent.width + extent.width / 2) * channels;
    for pixel in pivot.chunks_exact_mut(channels) {
        pixel.copy_from_slice(&raw[middle..middle + channels]);
    }
    for line in raw.chunks_exact(row) {
        rows::deviations(isa, line, pivot, sums);
    }
    let (means, squares) = out.split_at_mut(channels);
    fold(&sums[..row], means);
    fold(&sums[row..], squares);
    let pixels = (extent.height * extent.width) as f64;
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
        extent: Extent,
        mean: &[f64],
        variance: &[f64],
        gamma: &[f32],
        beta: &[f32],
        epsilon: f64,
    ) {
        let (width, channels) = (extent.width, extent.channels);
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
    pub fn shift_only(&mut self, extent: Extent, bias: Option<&[f32]>) {
        let (width, channels) = (extent.width, extent.channels);
        repeat(&mut self.shift, width, channels, |c| {
            bias.map_or(0.0, |bias| bias[c])
        });
        if self.scale.len() != extent.row() {
            repeat(&mut self.scale, width, channels, |_| 1.0);
            repeat(&mut self.mean, width, channels, |_| 0.0);
            repeat(&mut self.inverse, width, channels, |_| 0.0);
        }
    }

    /// The activation's number for each channel.
    pub fn slopes(&mut self, extent: Extent, slope: impl Fn(usize) -> f32) {
        repeat(&mut self.slope, extent.width, extent.channels, slope);
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
    /// From the sums that the view left: writes γ's and β's gradients, and the coefficients of
    /// `a · gradient + b · raw + c` (Ioffe and Szegedy 2015, section 3, solved for the input).
    pub fn compute(
        &mut self,
        extent: Extent,
        count: usize,
        affine: &Affine,
        behind: &Behind,
        gamma: &mut [f32],
        beta: &mut [f32],
    ) {
        let (width, channels) = (extent.width, extent.channels);
        let [sum, products, _] = behind.sums(channels);
        for c in 0..channels {
            gamma[c] = products[c] as f32;
            beta[c] = sum[c] as f32;
        }
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
