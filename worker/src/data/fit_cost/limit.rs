//! What is too much, and said so with the arithmetic and with what would do.

use super::{FitCost, Way};
use crate::data::{Config, ConfigProblem, DataError, Shape, Validation, krylov};

/// Memory that a fit and the preprocessed copies may take.
const MOST_BYTES: u64 = 8_000_000_000;
/// Memory that what is fitted may take: it goes with the weights, and a coordinator takes no file above a gibibyte.
const MOST_FITTED: u64 = 1_000_000_000;
/// Time that a fit may take on one thread.
const MOST_SECONDS: f64 = 2.0 * 3600.0;

impl FitCost {
    fn is_too_much(&self) -> bool {
        self.bytes > MOST_BYTES || self.fitted > MOST_FITTED || self.seconds > MOST_SECONDS
    }
}

impl Config {
    /// How many of `images` are trained on and how many held out, as far as that can be said without them.
    pub fn counts(&self, images: usize) -> (usize, usize) {
        let held_out = match (self.folds, self.validation) {
            (Some(folds), _) => images.div_ceil(folds.max(1) as usize),
            (None, Validation::Share(share)) => (images as f64 * share).round() as usize,
            (None, Validation::Count(count)) => images.min(count as usize),
        };
        let rest = images.saturating_sub(held_out);
        (
            self.limit.map_or(rest, |limit| rest.min(limit as usize)),
            held_out,
        )
    }

    /// What fitting to `train` images and keeping so many `copies` takes for each fold, refused when it is too much.
    ///
    /// # Errors
    /// With the arithmetic, and with what would do.
    pub fn fit_cost(
        &self,
        shape: Shape,
        train: usize,
        copies: usize,
    ) -> Result<Option<FitCost>, ConfigProblem> {
        let Some(cost) = FitCost::of(self, shape, train, copies) else {
            return Ok(None);
        };
        if !cost.is_too_much() {
            return Ok(Some(cost));
        }
        Err(ConfigProblem {
            key: "preprocess",
            value: self.preprocess.name().to_owned(),
            message: format!(
                "images of {shape} have {}; in all {} on one thread and {}. At most {} GB, {} h, and {} GB for what is fitted, \
                 which goes with the weights. Instead: {}",
                arithmetic(&cost, copies),
                time(cost.seconds),
                size(cost.bytes),
                MOST_BYTES / 1_000_000_000,
                MOST_SECONDS / 3600.0,
                MOST_FITTED / 1_000_000_000,
                self.remedies(shape, train, copies).join("; ")
            ),
        })
    }

    /// Changes that would make it affordable.
    fn remedies(&self, shape: Shape, train: usize, copies: usize) -> Vec<String> {
        let fits = |config: &Config, shape, train, copies| {
            FitCost::of(config, shape, train, copies).is_some_and(|cost| !cost.is_too_much())
        };
        let mut remedies = Vec::new();
        let fewer = |&components: &u32| {
            self.components.is_none_or(|written| components < written)
                && fits(
                    &Config {
                        components: Some(components),
                        ..self.clone()
                    },
                    shape,
                    train,
                    copies,
                )
        };
        if let Some(components) = [2000, 1000, 500, 200, 100, 50, 20]
            .iter()
            .find(|count| fewer(count))
        {
            let numbers = *components as usize * shape.len();
            remedies.push(format!(
                "components = {components} keeps {components} × {} numbers = {}",
                thousands(shape.len()),
                size(4 * numbers as u64)
            ));
        }
        let halves =
            (1..8).map(|by| Shape::new(shape.height >> by, shape.width >> by, shape.channels));
        let mut smaller = halves.filter(|smaller| !smaller.is_empty());
        if let Some(smaller) = smaller.find(|&smaller| fits(self, smaller, train, copies)) {
            remedies.push(format!("size = [{}, {}]", smaller.height, smaller.width));
        }
        remedies.push("preprocess = \"standardize\" mixes no pixels".to_owned());
        remedies
    }
}

/// Refuses f32 copies of so many images that are more than a machine is asked for.
pub(in crate::data) fn copies_fit(images: usize, features: usize) -> Result<(), DataError> {
    let bytes = (images as u64).saturating_mul(4 * features as u64);
    if bytes <= MOST_BYTES {
        return Ok(());
    }
    Err(DataError::Machine(format!(
        "preprocessed copies of {} images × {} features × 4 bytes = {}; at most {}",
        thousands(images),
        thousands(features),
        size(bytes),
        size(MOST_BYTES)
    )))
}

/// The numbers of the largest things.
fn arithmetic(cost: &FitCost, copies: usize) -> String {
    let features = thousands(cost.features);
    let matrix = |side: usize| {
        let bytes = size(8 * square(side));
        format!(
            "a matrix of {}² × 8 bytes = {bytes}, three times",
            thousands(side)
        )
    };
    let fit = match cost.way {
        Way::Features => matrix(cost.features),
        Way::Images => format!(
            "{} for {} images",
            matrix(cost.images),
            thousands(cost.images)
        ),
        Way::Krylov { wanted } => {
            let (_, most) = krylov::basis(wanted);
            let bytes = size(8 * most as u64 * cost.features as u64);
            format!(
                "{} directions × {features} × 8 bytes = {bytes}",
                thousands(most)
            )
        }
    };
    let rows = thousands((cost.fitted / (4 * cost.features.max(1) as u64)) as usize);
    let (fitted, copied) = (
        size(cost.fitted),
        size((copies as u64).saturating_mul(4 * cost.features as u64)),
    );
    format!(
        "{features} features: {fit}; {rows} × {features} × 4 bytes = {fitted} fitted; {} copies × {features} × 4 bytes = \
         {copied}",
        thousands(copies)
    )
}

fn square(side: usize) -> u64 {
    (side as u64).saturating_mul(side as u64)
}

/// Bytes in words: `19 GB`.
pub(in crate::data) fn size(bytes: u64) -> String {
    let bytes = bytes as f64;
    match bytes {
        0.0..1e6 => format!("{:.0} kB", (bytes / 1e3).ceil()),
        1e6..1e9 => format!("{:.0} MB", bytes / 1e6),
        1e9..1e10 => format!("{:.1} GB", bytes / 1e9),
        _ => format!("{:.0} GB", bytes / 1e9),
    }
}

/// A time in words: `about 40 s`, `about 12 min`, `about 3.5 h`.
pub(super) fn time(seconds: f64) -> String {
    match seconds {
        ..0.95 => "less than 1 s".to_owned(),
        ..90.0 => format!("about {seconds:.0} s"),
        ..5400.0 => format!("about {:.0} min", seconds / 60.0),
        ..36000.0 => format!("about {:.1} h", seconds / 3600.0),
        _ => format!("about {:.0} h", seconds / 3600.0),
    }
}

/// 49152 as `49,152`.
pub(super) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
