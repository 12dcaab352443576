//! Which images are trained on and which are held out.

use super::{Config, DataError, DataSet};

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
    pub fn new(set: &DataSet, config: &Config, fold: u32) -> Result<Split, DataError> {
        let _ = (set, config, fold);
        Ok(Split {
            train: Vec::new(),
            validation: Vec::new(),
        })
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
