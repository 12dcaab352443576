//! What `pca` and `whiten` take in memory and time, known before anything is allocated.

use super::{Config, ConfigProblem, DataError, Shape, krylov, zca};

/// Memory that a fit and the preprocessed copies may take.
const MOST_BYTES: u64 = 8_000_000_000;
/// Memory that what is fitted may take: it goes with the weights, and a coordinator takes no file above a gibibyte.
const MOST_FITTED: u64 = 1_000_000_000;
/// Time that a fit may take on one thread.
const MOST_SECONDS: f64 = 2.0 * 3600.0;

/// Nanoseconds of one thread of a recent machine for a multiplication of each sort. They decide which way is taken, so a
/// change of theirs is another arithmetic.
mod nanoseconds {
    /// Of whole numbers, into a triangle.
    pub const WHOLE: f64 = 0.06;
    /// Reduction, QL steps and back: for each n³ of a matrix of n².
    pub const DENSE: f64 = 2.5;
    /// Of numbers with a panel.
    pub const PANEL: f64 = 0.15;
    /// In f32, of images with what was fitted.
    pub const APPLY: f64 = 0.05;
}

/// How the components are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// From the covariance of the features, whole.
    Features,
    /// From the products of the images with each other: they are fewer than features.
    Images,
    /// The strongest few without either.
    Krylov {
        /// How many.
        wanted: usize,
    },
}

/// What one fit takes, with the preprocessed copies of the images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FitCost {
    pub(super) way: Way,
    /// At its peak, beside the images as bytes.
    pub bytes: u64,
    /// What goes with the weights.
    fitted: u64,
    /// On one thread.
    seconds: f64,
    images: usize,
    features: usize,
}

impl FitCost {
    /// Of fitting to `train` images and keeping copies of `copies`; `None` where nothing is fitted that takes time.
    pub fn of(config: &Config, shape: Shape, train: usize, copies: usize) -> Option<FitCost> {
        if !config.preprocess.rotates() {
            return None;
        }
        let features = shape.features();
        let wanted = config
            .components
            .map_or(features, |count| features.min(count as usize));
        // A whole decomposition leaves nothing to chance, so it is preferred while it is not much dearer. Copies have no say:
        // whoever fits takes the same way.
        let whole = FitCost::whole(wanted, train, features);
        let cost = match FitCost::few(wanted, train, features) {
            Some(few) if 2.0 * few.seconds < whole.seconds => few,
            _ => whole,
        };
        Some(cost.with_copies(wanted.min(train), copies))
    }

    fn whole(wanted: usize, images: usize, features: usize) -> FitCost {
        let way = if images < features {
            Way::Images
        } else {
            Way::Features
        };
        let (size, other) = (images.min(features), images.max(features));
        let lifted = match way {
            Way::Images => wanted.min(images) as f64 * features as f64,
            _ => 0.0,
        };
        let n = size as f64;
        let spent = nanoseconds::WHOLE * n * n * other as f64 / 2.0
            + nanoseconds::DENSE * n * n * n
            + nanoseconds::PANEL * lifted * images as f64;
        // The matrix, the rotations and the sorted vectors side by side.
        let bytes = 3.0 * 8.0 * n * n + 8.0 * lifted;
        FitCost {
            way,
            bytes: bytes as u64,
            fitted: 0,
            seconds: spent * 1e-9,
            images,
            features,
        }
    }

    fn few(wanted: usize, images: usize, features: usize) -> Option<FitCost> {
        let (first, most) = krylov::basis(wanted);
        if 2 * most > images.min(features) {
            return None;
        }
        let (n, d, most) = (images as f64, features as f64, most as f64);
        // Half again as many directions as are looked at first: what spectra of images take.
        let basis = 1.5 * first as f64;
        let spent = nanoseconds::PANEL * (2.0 * n * d * basis + 2.0 * d * basis * basis)
            + nanoseconds::DENSE * 3.0 * basis * basis * basis;
        let bytes = 8.0 * d * (most + 2.0 * wanted as f64) + 3.0 * 8.0 * most * most;
        Some(FitCost {
            way: Way::Krylov { wanted },
            bytes: bytes as u64,
            fitted: 0,
            seconds: spent * 1e-9,
            images,
            features,
        })
    }

    /// With what is fitted and the images that are multiplied by it; it lies there packed for a while.
    fn with_copies(mut self, components: usize, copies: usize) -> FitCost {
        let features = self.features as f64;
        // A factor is multiplied by twice, there and back.
        let (rows, passes) = match zca::factored(components, self.features) {
            true => (components as f64, 2.0),
            false => (features, 1.0),
        };
        let (fitted, copied) = (4.0 * rows * features, 4.0 * copies as f64 * features);
        self.fitted = fitted as u64;
        self.bytes = self.bytes.max(((1.0 + passes) * fitted + copied) as u64);
        self.seconds += nanoseconds::APPLY * 1e-9 * passes * rows * features * copies as f64;
        self
    }

    /// On so many threads, about.
    pub fn seconds(&self, threads: usize) -> f64 {
        self.seconds / threads.max(1) as f64
    }

    /// In words: `about 40 s on 2 threads, 1.2 GB`.
    pub fn words(&self, threads: usize) -> String {
        let on = match threads {
            0 | 1 => String::new(),
            count => format!(" on {count} threads"),
        };
        format!(
            "about {}{on}, {}",
            time(self.seconds(threads)),
            size(self.bytes)
        )
    }

    fn is_too_much(&self) -> bool {
        self.bytes > MOST_BYTES || self.fitted > MOST_FITTED || self.seconds > MOST_SECONDS
    }
}

impl Config {
    /// What preparing a set takes for each fold, refused when it is too much; `images` and `test` are how many the set has.
    ///
    /// # Errors
    /// With the arithmetic, and with what would do.
    pub fn fit_cost(
        &self,
        shape: Shape,
        images: usize,
        test: usize,
    ) -> Result<Option<FitCost>, ConfigProblem> {
        let (train, validation) = self.counts(images);
        self.affordable(shape, train, train + validation + test)
    }

    /// The same once the split is known.
    pub(super) fn affordable(
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
                "{} of {shape} images: {}; together {} on one thread; at most {} and {}, and {} for what is fitted. {}",
                self.preprocess.name(),
                arithmetic(&cost, copies),
                cost.words(1),
                size(MOST_BYTES),
                time(MOST_SECONDS),
                size(MOST_FITTED),
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
            let numbers = *components as usize * shape.features();
            remedies.push(format!(
                "components = {components} keeps {components} × {} numbers = {}",
                thousands(shape.features()),
                size(4 * numbers as u64)
            ));
        }
        let halves =
            (1..8).map(|by| Shape::new(shape.height >> by, shape.width >> by, shape.channels));
        let mut smaller = halves.filter(|smaller| smaller.features() > 0);
        if let Some(smaller) = smaller.find(|&smaller| fits(self, smaller, train, copies)) {
            remedies.push(format!("size = [{}, {}]", smaller.height, smaller.width));
        }
        remedies.push("preprocess = \"standardize\" mixes no pixels".to_owned());
        remedies
    }
}

/// Refuses f32 copies of so many images that are more than a machine is asked for.
pub(super) fn copies_fit(images: usize, features: usize) -> Result<(), DataError> {
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
    let matrix = |side: usize, of: &str| {
        let bytes = size(8 * square(side));
        format!(
            "a matrix of {} {of}, squared × 8 bytes = {bytes}, three times",
            thousands(side)
        )
    };
    let fit = match cost.way {
        Way::Features => matrix(cost.features, "features"),
        Way::Images => format!("{features} features, {}", matrix(cost.images, "images")),
        Way::Krylov { wanted } => {
            let (_, most) = krylov::basis(wanted);
            let bytes = size(8 * most as u64 * cost.features as u64);
            format!(
                "{features} features × {} directions × 8 bytes = {bytes}",
                thousands(most)
            )
        }
    };
    let copied = size(4 * copies as u64 * cost.features as u64);
    format!(
        "{fit}; {} copies × {features} × 4 bytes = {copied}",
        thousands(copies)
    )
}

fn square(side: usize) -> u64 {
    (side as u64).saturating_mul(side as u64)
}

/// Bytes in words: `19 GB`.
fn size(bytes: u64) -> String {
    let bytes = bytes as f64;
    match bytes {
        0.0..1e6 => format!("{:.0} kB", (bytes / 1e3).ceil()),
        1e6..1e9 => format!("{:.0} MB", bytes / 1e6),
        1e9..1e10 => format!("{:.1} GB", bytes / 1e9),
        _ => format!("{:.0} GB", bytes / 1e9),
    }
}

/// A time in words: `40 s`, `12 min`, `3.5 h`.
fn time(seconds: f64) -> String {
    match seconds {
        ..0.95 => "1 s".to_owned(),
        ..90.0 => format!("{seconds:.0} s"),
        ..5400.0 => format!("{:.0} min", seconds / 60.0),
        ..36000.0 => format!("{:.1} h", seconds / 3600.0),
        _ => format!("{:.0} h", seconds / 3600.0),
    }
}

/// 49152 as `49,152`.
fn thousands(number: usize) -> String {
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

#[cfg(test)]
mod tests;
