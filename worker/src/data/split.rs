//! Which images are trained on and which are held out.

use std::ops::RangeInclusive;

use rand_core::Rng;

use super::{
    Config, DataError, DataSet, Inventory, Validation,
    random::{generator, shuffle},
};

/// A stratified split of a set's training images, or the set's own. It depends on the set, `validation` or `folds`,
/// `split_seed` and `limit`, and never on the sweep's seed.
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
    /// Held-out images are taken off first, then `limit` of the rest are kept, both class by class: at least one of each.
    pub fn new(set: &DataSet, config: &Config, fold: u32) -> Result<Split, DataError> {
        let seed = u64::from(config.split_seed);
        let labels = &set.train.labels;
        let (validation, rest) = match (set.given_validation(), config.folds) {
            (Some(given), _) => {
                check_given(set, config)?;
                (given.clone().collect(), (0..given.start).collect())
            }
            (None, folds) => {
                let all: Vec<u32> = (0..set.train.len() as u32).collect();
                let mut random = generator("hone validation split v1", &[seed]);
                let strata = Strata::new(&all, labels, &mut random);
                match folds {
                    Some(folds) => {
                        check_folds(set, folds, fold)?;
                        deal(strata, folds, fold)
                    }
                    None => {
                        let mut shares = strata.shares(held_out(set, config.validation)?);
                        // Of a class of one image no part can be held out and another trained on.
                        strata.bound(
                            &mut shares,
                            |size| if size < 2 { 0..=1 } else { 1..=size - 1 },
                        );
                        divide(strata, &shares)
                    }
                }
            }
        };
        let train = match config.limit {
            Some(limit) if (limit as usize) < rest.len() => {
                let mut random = generator("hone limit v1", &[seed]);
                let strata = Strata::new(&rest, labels, &mut random);
                check_limit(set, limit, strata.classes())?;
                let mut shares = strata.shares(limit as usize);
                strata.bound(&mut shares, |size| size.min(1)..=size);
                divide(strata, &shares).0
            }
            _ => rest,
        };
        Ok(Split { train, validation })
    }

    /// What is known of the set, and how many of its images are trained on and held out.
    pub fn inventory(&self, set: &DataSet, config: &Config) -> Inventory {
        let mut all = set.inventory.clone();
        let (train, held) = (self.train.len(), self.validation.len());
        all.notes
            .extend(Some(set.note.clone()).filter(|note| !note.is_empty()));
        let given = set.given_validation().is_some();
        all.notes.push(match (given, config.folds) {
            (true, _) => format!(
                "{train} images are trained on; the validation part is the set's own, so split_seed only chooses what limit keeps"
            ),
            (false, Some(folds)) => format!("{train} images are trained on, {held} held out, in the first of {folds} folds"),
            (false, None) => format!("{train} images are trained on, {held} held out"),
        });
        let asked = held_out(set, config.validation).unwrap_or(held);
        if !given && config.folds.is_none() && asked != held {
            all.notes.push(format!(
                "validation = {} is {asked} of them: {held} are held out, so that each class has one on both sides",
                f64::from(config.validation),
            ));
        }
        if let Some(limit) = config.limit.filter(|&limit| train > limit as usize) {
            all.notes.push(format!(
                "limit = {limit}, and some more, so that each class has one"
            ));
        }
        all
    }

    /// Everything is trained on, nothing held out: what is left to do when a search is over.
    pub fn all(set: &DataSet) -> Split {
        Split {
            train: (0..set.train.len() as u32).collect(),
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

/// How many images are held out, before each class has got one.
fn held_out(set: &DataSet, validation: Validation) -> Result<usize, DataError> {
    let all = set.train.len();
    let wrong = |message| {
        Err(DataError::config(
            "validation",
            f64::from(validation),
            message,
        ))
    };
    let (count, classes) = match validation {
        Validation::Share(share) => ((share * all as f64).round() as usize, 0),
        Validation::Count(count) => (count as usize, classes_there(set)),
    };
    if count >= all {
        return wrong(format!(
            "{} has {all} training images: the held-out part must have at least 1 and leave at least 1 (this is {count})",
            set.name
        ));
    }
    if count < classes {
        return wrong(format!(
            "{} has {classes} classes, and one image of each is held out: at least {classes}, or a share below 1 such as 0.2",
            set.name
        ));
    }
    Ok(count)
}

fn classes_there(set: &DataSet) -> usize {
    let counts = set.train.class_counts(set.classes.len());
    counts.iter().filter(|&&count| count > 0).count()
}

/// A set that brings its own validation part leaves nothing to `validation` and `folds`. (A default cannot be told from
/// the same value written out: the command line refuses that.)
fn check_given(set: &DataSet, config: &Config) -> Result<(), DataError> {
    let (key, value) = match config.folds {
        Some(folds) => ("folds", f64::from(folds)),
        None if config.validation != Validation::default() => {
            ("validation", f64::from(config.validation))
        }
        None => return Ok(()),
    };
    Err(DataError::config(key, value, given_already(set)))
}

/// Why `validation` and `folds` cannot be had.
pub fn given_already(set: &DataSet) -> String {
    let given = set.given_validation().map_or(0, |given| given.len());
    format!(
        "{} brings a validation part of {given} images: leave this key out, or move those images into the training part",
        set.name
    )
}

fn check_limit(set: &DataSet, limit: u32, classes: usize) -> Result<(), DataError> {
    if (limit as usize) < classes {
        let message = format!(
            "{} has {classes} classes, and each needs an image: at least {classes}",
            set.name
        );
        return Err(DataError::config("limit", limit, message));
    }
    Ok(())
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

    /// How many classes have images.
    fn classes(&self) -> usize {
        self.classes
            .iter()
            .filter(|class| !class.is_empty())
            .count()
    }

    /// Keeps each class's share in the range that its size allows.
    fn bound(&self, shares: &mut [usize], range: impl Fn(usize) -> RangeInclusive<usize>) {
        for (share, class) in shares.iter_mut().zip(&self.classes) {
            let range = range(class.len());
            *share = (*share).clamp(*range.start(), *range.end());
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
    divide(strata, &shares)
}

/// So many images of each class, and the rest; both ascending.
fn divide(strata: Strata, shares: &[usize]) -> (Vec<u32>, Vec<u32>) {
    let (mut taken, mut rest) = (Vec::new(), Vec::with_capacity(strata.total));
    for (class, &share) in strata.classes.iter().zip(shares) {
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
