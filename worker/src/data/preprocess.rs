//! Preprocessing: fitted on the training part alone, then the same for every image.

use serde::{Deserialize, Serialize};

use super::{Config, Crew, DataError, DataSet, PreprocessKind, statistics::Statistics, zca};

/// Fitted values. As JSON (or any serde format) they are stored beside the weights.
///
/// An image of bytes becomes `(bytes × pixel_scale − subtract) × multiply`, then, for `pca` and `whiten`, is multiplied
/// by a symmetric matrix M, or by a factor W of it and then by Wᵀ: M = Wᵀ W.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocess {
    /// What is done.
    pub kind: PreprocessKind,
    /// Pixels are multiplied by this first: `scale / 255`.
    pub pixel_scale: f32,
    /// Subtracted from each feature of the scaled image, `[height, width, channel]`; empty for none.
    pub subtract: Vec<f32>,
    /// Each feature is multiplied by this afterwards; empty for none.
    pub multiply: Vec<f32>,
    /// `pca` and `whiten`: M `[feature, feature]`, or W `[component, feature]` with fewer components than features; else
    /// empty.
    pub rotate: Vec<f32>,
}

impl Preprocess {
    /// Fits to the images of `set.train` that `train` names, and to no others.
    ///
    /// Sums are taken over whole numbers, so they are exact and the result has the same bits on every machine.
    pub fn fit(
        config: &Config,
        set: &DataSet,
        train: &[u32],
        crew: &Crew,
    ) -> Result<Preprocess, DataError> {
        let pixel_scale = config.scale / 255.0;
        let mut fitted = Preprocess {
            kind: config.preprocess,
            pixel_scale: pixel_scale as f32,
            subtract: Vec::new(),
            multiply: Vec::new(),
            rotate: Vec::new(),
        };
        if config.preprocess == PreprocessKind::None {
            return Ok(fitted);
        }
        let features = set.shape.len();
        let images = train
            .iter()
            .map(|&image| &set.train.pixels[image as usize * features..][..features]);
        let statistics = Statistics::of(features, images);
        match config.preprocess {
            PreprocessKind::None => {}
            PreprocessKind::MeanImage => fitted.subtract = statistics.means(pixel_scale),
            PreprocessKind::MeanChannel => {
                fitted.subtract = statistics.by_channel(set.shape.channels).means(pixel_scale);
            }
            PreprocessKind::Standardize => {
                (fitted.subtract, fitted.multiply) = statistics.standardize(pixel_scale);
            }
            PreprocessKind::MinMax => {
                (fitted.subtract, fitted.multiply) = statistics.min_max(pixel_scale);
            }
            PreprocessKind::Pca | PreprocessKind::Whiten => {
                fitted.subtract = statistics.means(pixel_scale);
                fitted.rotate = zca::fit(config, set, train, &statistics, crew)?;
            }
        }
        Ok(fitted)
    }

    /// Refuses stored values that do not fit images of so many features.
    pub fn check(&self, features: usize) -> Result<(), DataError> {
        // `rotate` has a row for each component, the others have one.
        let lists = [
            ("subtract", &self.subtract, 1),
            ("multiply", &self.multiply, 1),
            ("rotate", &self.rotate, features),
        ];
        for (name, list, most) in lists {
            let found = list.len();
            if found > 0 && !(found.is_multiple_of(features) && found / features <= most) {
                let rows = if most > 1 { " a component" } else { "" };
                return Err(DataError::Stored(format!(
                    "{name} has {found} numbers, images of {features} features need {features}{rows}"
                )));
            }
            if !list.iter().all(|value| value.is_finite()) {
                return Err(DataError::Stored(format!(
                    "{name} holds a number that is not finite"
                )));
            }
        }
        if self.kind.rotates() == self.rotate.is_empty() {
            return Err(DataError::Stored(format!(
                "{} and a matrix of {} numbers",
                self.kind.name(),
                self.rotate.len()
            )));
        }
        if self.subtract.is_empty() && !(self.multiply.is_empty() && self.rotate.is_empty()) {
            return Err(DataError::Stored(
                "nothing to subtract, but something to multiply by".to_owned(),
            ));
        }
        if !(self.pixel_scale.is_finite() && self.pixel_scale > 0.0) {
            return Err(DataError::Stored(format!(
                "pixel_scale is {}",
                self.pixel_scale
            )));
        }
        Ok(())
    }

    /// What it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        let values = [&self.subtract, &self.multiply, &self.rotate];
        values.iter().map(|values| size_of_val(&values[..])).sum()
    }

    /// One image without the rotation: both slices have one number per feature.
    pub(super) fn scale(&self, pixels: &[u8], to: &mut [f32]) {
        let scale = self.pixel_scale;
        if self.subtract.is_empty() {
            for (to, &pixel) in to.iter_mut().zip(pixels) {
                *to = f32::from(pixel) * scale;
            }
        } else if self.multiply.is_empty() {
            for ((to, &pixel), &subtract) in to.iter_mut().zip(pixels).zip(&self.subtract) {
                *to = f32::from(pixel) * scale - subtract;
            }
        } else {
            let fitted = self.subtract.iter().zip(&self.multiply);
            for ((to, &pixel), (&subtract, &multiply)) in to.iter_mut().zip(pixels).zip(fitted) {
                *to = (f32::from(pixel) * scale - subtract) * multiply;
            }
        }
    }
}
