//! The shared f32 copy of a set under `pca` or `whiten`.

use std::num::NonZero;

use hone_kernels::{Compute, Isa, Linear};

use super::{DataError, Images, Preprocess};

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
const BLOCK: usize = 1024;

impl Rotated {
    /// Multiplies the centred `images` of `source` by the fitted matrix, on all cores: every trial waits for it.
    pub(super) fn new(
        preprocess: &Preprocess,
        source: &Images,
        images: impl Iterator<Item = u32>,
    ) -> Result<Rotated, DataError> {
        let features = preprocess.subtract.len();
        let mut rows = vec![u32::MAX; source.len()];
        let images: Vec<u32> = images.collect();
        for (row, &image) in images.iter().enumerate() {
            rows[image as usize] = row as u32;
        }
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let compute = Compute::new(Isa::best(), cores)
            .map_err(|error| DataError::Stored(format!("no threads to apply it with: {error}")))?;
        let mut linear = Linear::new(features, features);
        let mut values = vec![0.0; images.len() * features];
        let mut centred = vec![0.0; BLOCK.min(images.len()) * features];
        for (images, values) in images
            .chunks(BLOCK)
            .zip(values.chunks_mut(BLOCK * features))
        {
            let centred = &mut centred[..values.len()];
            for (&image, centred) in images.iter().zip(centred.chunks_exact_mut(features)) {
                let pixels = &source.pixels[image as usize * features..][..features];
                preprocess.scale(pixels, centred);
            }
            linear.forward(&compute, centred, &preprocess.rotate, values);
        }
        Ok(Rotated {
            features,
            rows,
            values,
        })
    }

    /// Size in memory.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&self.values[..])
    }

    /// One image.
    pub(super) fn image(&self, image: u32) -> &[f32] {
        let row = self.rows[image as usize] as usize;
        &self.values[row * self.features..][..self.features]
    }
}
