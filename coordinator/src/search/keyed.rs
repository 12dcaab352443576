//! Randomness without state: every draw is a function of the sweep's seed and of what it is for.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

/// What a draw is for; a new purpose never disturbs the draws of another.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    Random,
    Scramble,
    ScrambleWhole,
    Tpe,
    Subsample,
    Simulation,
    Model,
    Box,
}

/// A hash of the seed, the purpose and further numbers.
fn digest(seed: u64, purpose: Purpose, ids: &[u64]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(match purpose {
        Purpose::Random => "hone search random v1",
        Purpose::Scramble => "hone search scramble v1",
        Purpose::ScrambleWhole => "hone search scramble whole v1",
        Purpose::Tpe => "hone search tpe v1",
        Purpose::Subsample => "hone search subsample v1",
        Purpose::Simulation => "hone search simulation v1",
        Purpose::Model => "hone search model v1",
        Purpose::Box => "hone search box v1",
    });
    hasher.update(&seed.to_le_bytes());
    for id in ids {
        hasher.update(&id.to_le_bytes());
    }
    *hasher.finalize().as_bytes()
}

/// A generator for one purpose.
pub(super) fn generator(seed: u64, purpose: Purpose, ids: &[u64]) -> ChaCha8Rng {
    ChaCha8Rng::from_seed(digest(seed, purpose, ids))
}

/// Sixty-four bits for one purpose.
pub(super) fn number(seed: u64, purpose: Purpose, ids: &[u64]) -> u64 {
    let hash = digest(seed, purpose, ids);
    u64::from_le_bytes([
        hash[0], hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7],
    ])
}

/// Uniform in [0, 1), 53 bits.
pub(super) fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}
