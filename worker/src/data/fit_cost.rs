//! What `pca` and `whiten` take in memory and time, known before anything is allocated.

mod limit;

use super::{Config, Shape, krylov, zca};
use limit::time;
pub(super) use limit::{copies_fit, size};

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
        let features = shape.len();
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
        format!("{}{on}, {}", time(self.seconds(threads)), size(self.bytes))
    }
}

#[cfg(test)]
mod tests;
