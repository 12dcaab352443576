//! Where lease tokens come from: the operating system, or a seed in a simulation that must be repeatable.

use std::sync::{Arc, Mutex, PoisonError};

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use crate::{Error, ids::Token};

/// A source of secrets. Cheap to clone; clones draw from the same stream.
#[derive(Clone, Debug)]
pub struct Secrets(Option<Arc<Mutex<ChaCha20Rng>>>);

impl Secrets {
    /// The operating system's.
    pub fn system() -> Self {
        Self(None)
    }

    /// A stream that a seed determines: for simulations alone.
    pub fn seeded(seed: u64) -> Self {
        Self(Some(Arc::new(Mutex::new(ChaCha20Rng::seed_from_u64(seed)))))
    }

    /// A fresh lease token.
    pub(crate) fn token(&self) -> Result<Token, Error> {
        let mut bytes = [0; 16];
        match &self.0 {
            Some(stream) => stream
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .fill_bytes(&mut bytes),
            None => getrandom::fill(&mut bytes)
                .map_err(|error| Error::Unavailable(format!("no random numbers: {error}")))?,
        }
        Ok(Token(bytes))
    }
}
