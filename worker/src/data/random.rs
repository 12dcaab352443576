//! Random numbers that depend on what they are for, and on nothing else.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// A generator for one purpose, such as `hone split v1`, and its numbers.
pub(super) fn generator(purpose: &str, ids: &[u64]) -> ChaCha8Rng {
    let mut hasher = blake3::Hasher::new_derive_key(purpose);
    for id in ids {
        hasher.update(&id.to_le_bytes());
    }
    ChaCha8Rng::from_seed(*hasher.finalize().as_bytes())
}

/// A whole number below `end`, each equally likely (Lemire, "Fast random integer generation in an interval", 2019).
pub(super) fn below(random: &mut impl Rng, end: u32) -> u32 {
    let threshold = end.wrapping_neg() % end.max(1);
    loop {
        let product = u64::from(random.next_u32()) * u64::from(end);
        if product as u32 >= threshold {
            return (product >> 32) as u32;
        }
    }
}

/// Puts the items into a random order (Fisher and Yates).
pub(super) fn shuffle<T>(random: &mut impl Rng, items: &mut [T]) {
    for last in (1..items.len()).rev() {
        let other = below(random, last as u32 + 1) as usize;
        items.swap(last, other);
    }
}
