//! The shared f32 copy of a set under `pca` or `whiten`.

use hone_kernels::Linear;

use super::{Crew, DataError, Images, Preprocess, fit_cost::copies_fit};

/// Preprocessed images.
#[derive(Debug)]
pub(super) struct Rotated {
    features: usize,
    /// Row of each image in `values`; `u32::MAX` for those that are not in it.
    rows: Vec<u32>,
    /// `[row, feature]`.
    values: Vec<f32>,
}

/// So many images share one pass over what was fitted.
const BLOCK: usize = 256;

impl Rotated {
    /// Multiplies the centred `images` of `source` by what was fitted.
    pub(super) fn new(
        preprocess: &Preprocess,
        source: &Images,
        images: impl Iterator<Item = u32>,
        crew: &Crew,
    ) -> Result<Rotated, DataError> {
        let features = preprocess.subtract.len();
        let mut rows = vec![u32::MAX; source.len()];
        let images: Vec<u32> = images.collect();
        for (row, &image) in images.iter().enumerate() {
            rows[image as usize] = row as u32;
        }
        copies_fit(images.len(), features)?;
        let mut multiply = Multiply::new(&preprocess.rotate, features);
        let mut values = vec![0.0; images.len() * features];
        let mut centred = vec![0.0; BLOCK.min(images.len()) * features];
        for (images, values) in images
            .chunks(BLOCK)
            .zip(values.chunks_mut(BLOCK * features))
        {
            crew.go_on()?;
            let centred = &mut centred[..values.len()];
            for (&image, centred) in images.iter().zip(centred.chunks_exact_mut(features)) {
                let pixels = &source.pixels[image as usize * features..][..features];
                preprocess.scale(pixels, centred);
            }
            multiply.apply(crew, centred, values);
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

/// Multiplies rows of features by a symmetric matrix, or by its factor W and Wᵀ.
struct Multiply<'a> {
    /// `[component, feature]`; all features are components when it is the matrix.
    rotate: &'a [f32],
    components: usize,
    /// Wᵀ, `[feature, component]`; empty for the matrix.
    transposed: Vec<f32>,
    inward: Linear,
    outward: Linear,
    parts: Vec<f32>,
}

impl<'a> Multiply<'a> {
    fn new(rotate: &'a [f32], features: usize) -> Multiply<'a> {
        let components = rotate.len() / features.max(1);
        let column = |feature| rotate.iter().skip(feature).step_by(features).copied();
        let transposed = if components < features {
            (0..features).flat_map(column).collect()
        } else {
            Vec::new()
        };
        Multiply {
            rotate,
            components,
            transposed,
            inward: Linear::new(features, components),
            outward: Linear::new(components, features),
            parts: Vec::new(),
        }
    }

    fn apply(&mut self, crew: &Crew, centred: &[f32], to: &mut [f32]) {
        let compute = &crew.compute;
        if self.transposed.is_empty() {
            return self.outward.forward(compute, centred, self.rotate, to);
        }
        let features = self.rotate.len() / self.components;
        self.parts.clear();
        self.parts
            .resize(centred.len() / features * self.components, 0.0);
        self.inward
            .forward(compute, centred, &self.transposed, &mut self.parts);
        self.outward.forward(compute, &self.parts, self.rotate, to);
    }
}
