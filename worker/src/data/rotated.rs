//! The shared f32 copy of a set under `pca` or `whiten`.

use super::{Images, Preprocess, parallel::pieces};

/// Preprocessed images.
#[derive(Debug)]
pub(super) struct Rotated {
    features: usize,
    /// Row of each image in `values`; `u32::MAX` for those that are not in it.
    rows: Vec<u32>,
    /// `[row, feature]`.
    values: Vec<f32>,
}

/// So many images share one pass over the matrix.
const BLOCK: usize = 32;

impl Rotated {
    /// Multiplies the centred `images` of `source` by the fitted matrix.
    pub(super) fn new(
        preprocess: &Preprocess,
        source: &Images,
        images: impl Iterator<Item = u32>,
    ) -> Rotated {
        let features = preprocess.subtract.len();
        let mut rows = vec![u32::MAX; source.len()];
        let images: Vec<u32> = images.collect();
        for (row, &image) in images.iter().enumerate() {
            rows[image as usize] = row as u32;
        }
        let mut values = vec![0.0; images.len() * features];
        pieces(&mut values, BLOCK * features, |block, values| {
            let mut centred = vec![0.0; values.len()];
            for (&image, centred) in images[block * BLOCK..]
                .iter()
                .zip(centred.chunks_exact_mut(features))
            {
                let pixels = &source.pixels[image as usize * features..][..features];
                preprocess.scale(pixels, centred);
            }
            multiply(&centred, &preprocess.rotate, features, values);
        });
        Rotated {
            features,
            rows,
            values,
        }
    }

    /// One image.
    pub(super) fn image(&self, image: u32) -> &[f32] {
        let row = self.rows[image as usize] as usize;
        &self.values[row * self.features..][..self.features]
    }
}

/// Features of the result that stay in registers while their sums run.
const WIDTH: usize = 32;

/// `to = images × matrix`, each sum in the order of the features, so that its bits do not depend on the machine.
fn multiply(images: &[f32], matrix: &[f32], features: usize, to: &mut [f32]) {
    for first in (0..features).step_by(WIDTH) {
        let pairs = images
            .chunks_exact(features)
            .zip(to.chunks_exact_mut(features));
        for (image, to) in pairs {
            let to = &mut to[first..features.min(first + WIDTH)];
            match <&mut [f32; WIDTH]>::try_from(&mut *to) {
                // With a length that the compiler knows, the sums stay in registers.
                Ok(to) => {
                    let mut sums = [0.0; WIDTH];
                    columns(image, &matrix[first..], features, &mut sums);
                    *to = sums;
                }
                Err(_) => columns(image, &matrix[first..], features, to),
            }
        }
    }
}

/// Adds one image's products with the first columns of a matrix whose rows lie `stride` apart.
#[inline(always)]
fn columns(image: &[f32], matrix: &[f32], stride: usize, sums: &mut [f32]) {
    for (&factor, row) in image.iter().zip(matrix.chunks(stride)) {
        for (sum, &value) in sums.iter_mut().zip(row) {
            *sum += factor * value;
        }
    }
}
