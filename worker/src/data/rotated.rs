//! The shared f32 copy of a set under `pca` or `whiten`.

use super::{Images, Preprocess};

/// Preprocessed images.
#[derive(Debug)]
pub(super) struct Rotated {
    features: usize,
    /// Row of each image in `values`; `u32::MAX` for those that are not in it.
    rows: Vec<u32>,
    /// `[row, feature]`.
    values: Vec<f32>,
}

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
        let mut centred = vec![0.0; BLOCK * features];
        for (images, values) in images
            .chunks(BLOCK)
            .zip(values.chunks_mut(BLOCK * features))
        {
            for (&image, centred) in images.iter().zip(centred.chunks_exact_mut(features)) {
                let pixels = &source.pixels[image as usize * features..][..features];
                preprocess.scale(pixels, centred);
            }
            multiply(
                &centred[..images.len() * features],
                &preprocess.rotate,
                features,
                values,
            );
        }
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

/// So many images share one pass over the matrix.
const BLOCK: usize = 16;

/// `to = images × matrix`, each sum in the order of the features, so that its bits do not depend on the machine.
fn multiply(images: &[f32], matrix: &[f32], features: usize, to: &mut [f32]) {
    for (feature, row) in matrix.chunks_exact(features).enumerate() {
        for (image, to) in images
            .chunks_exact(features)
            .zip(to.chunks_exact_mut(features))
        {
            let factor = image[feature];
            for (to, &value) in to.iter_mut().zip(row) {
                *to += factor * value;
            }
        }
    }
}
