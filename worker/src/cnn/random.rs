//! Random numbers that depend on what they are for, and on nothing else.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// A generator for one purpose, such as `hone first weights v1`, and its numbers.
pub(super) fn generator(purpose: &str, ids: &[u64]) -> ChaCha8Rng {
    ChaCha8Rng::from_seed(digest(purpose, ids))
}

/// A 64-bit key for one purpose and its numbers.
pub(super) fn key(purpose: &str, ids: &[u64]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = digest(purpose, ids);
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

fn digest(purpose: &str, ids: &[u64]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(purpose);
    for id in ids {
        hasher.update(&id.to_le_bytes());
    }
    *hasher.finalize().as_bytes()
}

/// Uniform in (0, 1): 53 random bits and a half, so that neither end is ever met.
pub(super) fn uniform(random: &mut impl Rng) -> f64 {
    ((random.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
}

/// Standard normal numbers by Box and Muller's method, in pairs.
///
/// `libm` and not the system's: the same bits on every machine.
pub(super) fn normals(random: &mut impl Rng) -> [f64; 2] {
    let radius = (-2.0 * libm::log(uniform(random))).sqrt();
    let angle = std::f64::consts::TAU * uniform(random);
    [radius * libm::cos(angle), radius * libm::sin(angle)]
}
