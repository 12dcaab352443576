//! Data sets: formats, the validation split, preprocessing, augmentation and seeded batches.
//!
//! Images lie in memory as bytes, `[image, height, width, channel]`, shared by all slots of a worker; normalisation and
//! augmentation happen while a batch is copied into the trainer's buffer. Nothing here depends on the number of threads
//! or on the order in which batches are asked for.
//!
//! The way of a trial: [`Library::open`] → [`Split::new`] → [`Prepared::new`] → [`Batches::epoch`] → [`Prepared::fill`].

mod augment;
mod batches;
mod centred;
mod cifar;
mod config;
mod crew;
mod digits;
mod eigen;
mod error;
mod fit_cost;
mod folder;
mod idx;
mod inventory;
mod krylov;
mod library;
mod pickle;
mod places;
mod prepared;
mod preprocess;
mod random;
mod read;
mod rotated;
mod set;
mod shared;
mod split;
mod statistics;
mod xor;
mod zca;

pub use augment::{AugmentKey, Change};
pub use batches::Batches;
pub use config::{
    Augment, Config, ConfigProblem, KNOWN_SETS, PreprocessKind, Validation, is_known_set,
    plain_name,
};
pub use crew::Crew;
pub use error::DataError;
pub use fit_cost::FitCost;
pub use folder::{read_image, survey};
pub use inventory::{Inventory, PartCount, PassedOver, SizeCount};
pub use library::Library;
pub use prepared::{Part, Prepared};
pub use preprocess::Preprocess;
pub use set::{DataSet, Images, Shape};
pub use split::{Split, given_already};

/// Largest height or width of an image, in pixels.
pub const MAX_SIDE: u32 = 4096;

#[cfg(test)]
mod tests;
