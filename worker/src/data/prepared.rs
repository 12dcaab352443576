//! A set that is ready for training: batches come out of it.

use std::sync::Arc;

use super::{
    Augment, AugmentKey, Change, Config, Crew, DataError, DataSet, Images, Preprocess, Shape,
    Split, rotated::Rotated,
};

/// Where an index points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The set's training images; the validation part lies in them too.
    Train,
    /// The set's test part.
    Test,
}

/// A set with its split and its fitted preprocessing, shared by the trials that have both in common.
#[derive(Debug)]
pub struct Prepared {
    /// The images.
    pub set: Arc<DataSet>,
    /// Which of them are trained on, and which held out.
    pub split: Split,
    /// What is done to each.
    pub preprocess: Preprocess,
    /// `pca` and `whiten`: the images that the split names, made once; a row of the matrix for every pixel of every batch
    /// would cost more than the training.
    rotated: Option<Rotated>,
    rotated_test: Option<Rotated>,
}

impl Prepared {
    /// Splits and fits.
    pub fn new(
        set: Arc<DataSet>,
        config: &Config,
        fold: u32,
        crew: &Crew,
    ) -> Result<Prepared, DataError> {
        let split = Split::new(&set, config, fold)?;
        Prepared::fitted(set, split, config, crew)
    }

    /// Fits to the training part of a split; refused when that takes too much.
    pub fn fitted(
        set: Arc<DataSet>,
        split: Split,
        config: &Config,
        crew: &Crew,
    ) -> Result<Prepared, DataError> {
        config.fits(set.shape)?;
        let (train, copies) = (
            split.train.len(),
            split.train.len() + split.validation.len(),
        );
        config.fit_cost(set.shape, train, copies)?;
        let preprocess = Preprocess::fit(config, &set, &split.train, crew)?;
        Prepared::with(set, split, preprocess, crew)
    }

    /// With values that were fitted before, as an exported net carries them.
    pub fn with(
        set: Arc<DataSet>,
        split: Split,
        preprocess: Preprocess,
        crew: &Crew,
    ) -> Result<Prepared, DataError> {
        preprocess.check(set.shape.len())?;
        let images = split.train.iter().chain(&split.validation).copied();
        let rotated = rotated(&preprocess, Some(&set.train), images, crew)?;
        Ok(Prepared {
            set,
            split,
            preprocess,
            rotated,
            rotated_test: None,
        })
    }

    /// Readies the test part as well, which no training looks at.
    pub fn with_test(self, crew: &Crew) -> Result<Prepared, DataError> {
        let test = self.set.test.as_ref();
        let images = 0..test.map_or(0, |test| test.len() as u32);
        let rotated_test = rotated(&self.preprocess, test, images, crew)?;
        Ok(Prepared {
            rotated_test,
            ..self
        })
    }

    /// What it takes in memory beside the set.
    pub(super) fn bytes(&self) -> usize {
        let copies = [&self.rotated, &self.rotated_test];
        let copies: usize = copies.into_iter().flatten().map(Rotated::bytes).sum();
        let images = self.split.train.len() + self.split.validation.len();
        copies + size_of::<u32>() * images + self.preprocess.bytes()
    }

    /// Size of every image.
    pub fn shape(&self) -> Shape {
        self.set.shape
    }

    /// Copies images, preprocessed, to `to`: `[image, height, width, channel]`, so `images.len() * shape.len()`
    /// numbers; `labels` gets their classes.
    ///
    /// # Panics
    /// When a buffer has another length, or an index is none of the part's (with `pca` and `whiten`: of the split's, or of a
    /// test part that was not readied).
    pub fn fill(&self, part: Part, images: &[u32], to: &mut [f32], labels: &mut [u32]) {
        let source = self.source(part);
        for (&image, to) in self.places(source, images, to, labels) {
            self.image(part, source, image, to);
        }
    }

    /// As [`Prepared::fill`] with training images, each changed as the key and its index say.
    ///
    /// What a shift moves in from outside is 0 after preprocessing.
    pub fn fill_augmented(
        &self,
        images: &[u32],
        augment: &Augment,
        key: AugmentKey,
        to: &mut [f32],
        labels: &mut [u32],
    ) {
        if *augment == Augment::default() {
            return self.fill(Part::Train, images, to, labels);
        }
        let source = self.source(Part::Train);
        let mut straight = vec![0.0; self.set.shape.len()];
        for (&image, to) in self.places(source, images, to, labels) {
            self.image(Part::Train, source, image, &mut straight);
            Change::draw(augment, key, image).apply(self.set.shape, &straight, to);
        }
    }

    fn source(&self, part: Part) -> &Images {
        const EMPTY: &Images = &Images {
            pixels: Vec::new(),
            labels: Vec::new(),
        };
        match part {
            Part::Train => &self.set.train,
            Part::Test => self.set.test.as_ref().unwrap_or(EMPTY),
        }
    }

    /// Checks the lengths, copies the labels, and pairs each image with its place.
    fn places<'a>(
        &self,
        source: &Images,
        images: &'a [u32],
        to: &'a mut [f32],
        labels: &mut [u32],
    ) -> impl Iterator<Item = (&'a u32, &'a mut [f32])> {
        let features = self.set.shape.len();
        assert_eq!(to.len(), images.len() * features, "batch buffer");
        assert_eq!(labels.len(), images.len(), "label buffer");
        for (label, &image) in labels.iter_mut().zip(images) {
            *label = source.labels[image as usize];
        }
        images.iter().zip(to.chunks_exact_mut(features))
    }

    fn image(&self, part: Part, source: &Images, image: u32, to: &mut [f32]) {
        let features = to.len();
        let rotated = match part {
            Part::Train => &self.rotated,
            Part::Test => &self.rotated_test,
        };
        match rotated {
            Some(rotated) => to.copy_from_slice(rotated.image(image)),
            None => {
                assert!(
                    !self.preprocess.kind.rotates(),
                    "a part that was not readied"
                );
                let pixels = &source.pixels[image as usize * features..][..features];
                self.preprocess.scale(pixels, to);
            }
        }
    }
}

/// The copy that `pca` and `whiten` need; none for others, or for a part that is not there.
fn rotated(
    preprocess: &Preprocess,
    source: Option<&Images>,
    images: impl Iterator<Item = u32>,
    crew: &Crew,
) -> Result<Option<Rotated>, DataError> {
    source
        .filter(|_| preprocess.kind.rotates())
        .map(|source| Rotated::new(preprocess, source, images, crew))
        .transpose()
}
