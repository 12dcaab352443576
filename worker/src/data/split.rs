//! Which images are trained on and which are held out.

use rand_core::Rng;

use super::{
    Config, DataError, DataSet, Validation,
    random::{generator, shuffle},
};

/// A stratified split of a set's training images. It depends on the set, `validation` or `folds`, `split_seed` and
/// `limit`, and never on the sweep's seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Indices into the set's training images, ascending.
    pub train: Vec<u32>,
    /// Indices into the set's training images, ascending.
    pub validation: Vec<u32>,
}

impl Split {
    /// `fold`: which part is held out, from 0; ignored without `folds`.
    ///
    /// Held-out images are taken off first, then `limit` of the rest are kept, both class by class.
    pub fn new(set: &DataSet, config: &Config, fold: u32) -> Result<Split, DataError> {
        let all: Vec<u32> = (0..set.train.len() as u32).collect();
        let seed = u64::from(config.split_seed);
        let strata = Strata::new(
            &all,
            &set.train.labels,
            &mut generator("hone validation split v1", &[seed]),
        );
        let (validation, rest) = match config.folds {
            Some(folds) => {
                check_folds(set, folds, fold)?;
                deal(strata, folds, fold)
            }
            None => take(strata, held_out(set, config.validation)?),
        };
        let train = match config.limit {
            Some(limit) if (limit as usize) < rest.len() => {
                let mut random = generator("hone limit v1", &[seed]);
                take(
                    Strata::new(&rest, &set.train.labels, &mut random),
                    limit as usize,
                )
                .0
            }
            _ => rest,
        };
        Ok(Split { train, validation })
    }

    /// Everything is trained on, nothing held out: what is left to do when a search is over.
    pub fn all(set: &DataSet) -> Split {
        Split {
            train: (0..set.train.len() as u32).collect(),
            validation: Vec::new(),
        }
    }

    /// Of no training image at all: for the test part alone.
    pub fn none() -> Split {
        Split {
            train: Vec::new(),
            validation: Vec::new(),
        }
    }

    /// blake3 of both lists.
    pub fn hash(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("hone split hash v1");
        for part in [&self.train, &self.validation] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            for index in part {
                hasher.update(&index.to_le_bytes());
            }
        }
        *hasher.finalize().as_bytes()
    }
}

fn held_out(set: &DataSet, validation: Validation) -> Result<usize, DataError> {
    let all = set.train.len();
    let (count, written) = match validation {
        Validation::Share(share) => ((share * all as f64).round() as usize, share.to_string()),
        Validation::Count(count) => (count as usize, count.to_string()),
    };
    if count == 0 || count >= all {
        let message = format!(
            "{} has {all} training images: the held-out part must have at least 1 and leave at least 1 (this is {count})",
            set.name
        );
        return Err(DataError::config("validation", written, message));
    }
    Ok(count)
}

fn check_folds(set: &DataSet, folds: u32, fold: u32) -> Result<(), DataError> {
    let all = set.train.len();
    if folds < 2 || folds as usize > all {
        let message = format!(
            "{} has {all} training images: from 2 to {all} parts can be made",
            set.name
        );
        return Err(DataError::config("folds", folds, message));
    }
    if fold >= folds {
        return Err(DataError::config(
            "folds",
            folds,
            format!("there is no part {fold}: they count from 0"),
        ));
    }
    Ok(())
}

/// Image indices by class, each class in a random order.
pub(super) struct Strata {
    classes: Vec<Vec<u32>>,
    /// Classes in a random order: it breaks ties, so that the same classes are not always favoured.
    order: Vec<usize>,
    total: usize,
}

impl Strata {
    /// `labels` are those of all images, `images` the ones that count.
    pub(super) fn new(images: &[u32], labels: &[u32], random: &mut impl Rng) -> Strata {
        let mut classes: Vec<Vec<u32>> = Vec::new();
        for &image in images {
            let class = labels[image as usize] as usize;
            if class >= classes.len() {
                classes.resize_with(class + 1, Vec::new);
            }
            classes[class].push(image);
        }
        for class in &mut classes {
            shuffle(random, class);
        }
        let mut order: Vec<usize> = (0..classes.len()).collect();
        shuffle(random, &mut order);
        Strata {
            classes,
            order,
            total: images.len(),
        }
    }

    /// How many of `count` each class gives: its exact share rounded down, what is missing then by largest remainder.
    fn shares(&self, count: usize) -> Vec<usize> {
        let total = self.total.max(1);
        let mut shares: Vec<usize> = self
            .classes
            .iter()
            .map(|class| class.len() * count / total)
            .collect();
        let mut by_remainder = self.order.clone();
        by_remainder
            .sort_by_key(|&class| std::cmp::Reverse(self.classes[class].len() * count % total));
        let missing = count.min(self.total) - shares.iter().sum::<usize>();
        for &class in by_remainder.iter().take(missing) {
            shares[class] += 1;
        }
        shares
    }
}

/// `count` images with each class in proportion, and the rest; both ascending.
pub(super) fn take(strata: Strata, count: usize) -> (Vec<u32>, Vec<u32>) {
    let shares = strata.shares(count);
    let (mut taken, mut rest) = (Vec::with_capacity(count), Vec::with_capacity(strata.total));
    for (class, share) in strata.classes.iter().zip(shares) {
        taken.extend_from_slice(&class[..share]);
        rest.extend_from_slice(&class[share..]);
    }
    taken.sort_unstable();
    rest.sort_unstable();
    (taken, rest)
}

/// Deals the images like cards, class after class, to `folds` parts; gives part `fold` and the others.
fn deal(strata: Strata, folds: u32, fold: u32) -> (Vec<u32>, Vec<u32>) {
    let (mut held, mut rest) = (Vec::new(), Vec::new());
    let cards = strata
        .order
        .iter()
        .flat_map(|&class| &strata.classes[class]);
    for (image, part) in cards.zip((0..folds).cycle()) {
        if part == fold { &mut held } else { &mut rest }.push(*image);
    }
    held.sort_unstable();
    rest.sort_unstable();
    (held, rest)
}
