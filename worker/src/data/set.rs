//! A data set in memory.

use std::ops::Range;

use super::{Inventory, inventory::PartCount};

pub use hone_kernels::Shape;

/// Images with their labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Images {
    /// `[image, height, width, channel]`, row-major.
    pub pixels: Vec<u8>,
    /// Class of each image, below the number of classes.
    pub labels: Vec<u32>,
}

impl Images {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The images with these indices, in this order.
    pub(super) fn pick(&self, indices: &[u32], shape: Shape) -> Images {
        let features = shape.len();
        let mut picked = Images::default();
        for &index in indices {
            let index = index as usize;
            picked
                .pixels
                .extend_from_slice(&self.pixels[index * features..][..features]);
            picked.labels.push(self.labels[index]);
        }
        picked
    }

    /// How many images each of `classes` classes has.
    pub fn class_counts(&self, classes: usize) -> Vec<usize> {
        let mut counts = vec![0; classes];
        for &label in &self.labels {
            counts[label as usize] += 1;
        }
        counts
    }

    fn append(&mut self, mut more: Images) {
        self.pixels.append(&mut more.pixels);
        self.labels.append(&mut more.labels);
    }
}

/// A data set, decoded: equal bytes have equal hashes, whatever files they came from.
#[derive(Clone, Debug)]
pub struct DataSet {
    /// The name by which workers offer it.
    pub name: String,
    /// blake3 of shape, class names, labels and pixels of all parts.
    pub hash: [u8; 32],
    /// Size of every image.
    pub shape: Shape,
    /// Names of the classes, by label.
    pub classes: Vec<String>,
    /// What is trained on and validated with; a validation part that the set brings itself is at the end of it.
    pub train: Images,
    /// How many images that validation part has; 0 for none, and then one is drawn.
    given: usize,
    /// What is looked at once, at the end.
    pub test: Option<Images>,
    /// A remark for people, such as how many files were there; empty for none.
    pub note: String,
    /// Where it was read, on this machine; none for embedded sets.
    pub folder: Option<std::path::PathBuf>,
    /// What was found when it was read.
    pub inventory: Inventory,
}

/// The parts that a set comes in.
#[derive(Clone, Debug, Default)]
pub(super) struct Parts {
    /// What is trained on.
    pub(super) train: Images,
    /// What is validated with; empty where it is drawn from `train`.
    pub(super) validation: Images,
    /// What is looked at once, at the end.
    pub(super) test: Option<Images>,
}

impl DataSet {
    /// Puts a set together and hashes it.
    ///
    /// Every image must have `shape.len()` pixels and a label below `classes.len()`: the readers see to that.
    pub fn new(
        name: &str,
        shape: Shape,
        classes: Vec<String>,
        train: Images,
        test: Option<Images>,
    ) -> DataSet {
        let parts = Parts {
            train,
            validation: Images::default(),
            test,
        };
        DataSet::in_parts(name, shape, classes, parts)
    }

    /// As [`DataSet::new`], perhaps with a validation part of its own.
    pub(super) fn in_parts(
        name: &str,
        shape: Shape,
        classes: Vec<String>,
        parts: Parts,
    ) -> DataSet {
        let Parts {
            mut train,
            validation,
            test,
        } = parts;
        for images in [&train, &validation].into_iter().chain(&test) {
            debug_assert_eq!(images.pixels.len(), images.len() * shape.len());
            debug_assert!(
                images
                    .labels
                    .iter()
                    .all(|&label| (label as usize) < classes.len())
            );
        }
        let none = Images::default();
        let of_test = test.as_ref().unwrap_or(&none);
        let parts = [&train, &validation, of_test];
        let inventory = Inventory {
            shape: [shape.height, shape.width, shape.channels],
            classes: classes.len(),
            parts: PartCount::all(parts, classes.len()),
            ..Inventory::default()
        };
        let hash = hash(shape, &classes, parts);
        let given = validation.len();
        train.append(validation);
        DataSet {
            name: name.to_owned(),
            hash,
            shape,
            classes,
            train,
            given,
            test,
            note: String::new(),
            folder: None,
            inventory,
        }
    }

    /// What its images take in memory.
    pub(super) fn bytes(&self) -> usize {
        let parts = [&self.train].into_iter().chain(&self.test);
        parts
            .map(|part| part.pixels.len() + size_of_val(&part.labels[..]))
            .sum()
    }

    /// Where in `train` the validation part is that the set brings itself.
    pub fn given_validation(&self) -> Option<Range<u32>> {
        let all = self.train.len();
        (self.given > 0).then(|| (all - self.given) as u32..all as u32)
    }
}

/// `parts`: training, validation, test. A validation part is hashed only where there is one: sets of two parts keep the
/// hashes that sweeps are pinned to.
fn hash(shape: Shape, classes: &[String], parts: [&Images; 3]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("hone data set v1");
    let number = |hasher: &mut blake3::Hasher, value: usize| {
        hasher.update(&(value as u64).to_le_bytes());
    };
    for value in [shape.height, shape.width, shape.channels, classes.len()] {
        number(&mut hasher, value);
    }
    for class in classes {
        number(&mut hasher, class.len());
        hasher.update(class.as_bytes());
    }
    let [train, validation, test] = parts;
    let third = Some(validation).filter(|images| !images.is_empty());
    for images in [train, test].into_iter().chain(third) {
        number(&mut hasher, images.len());
        for label in &images.labels {
            hasher.update(&label.to_le_bytes());
        }
        hasher.update(&images.pixels);
    }
    *hasher.finalize().as_bytes()
}
