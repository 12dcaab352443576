//! Dropout masks from a counter-based generator: the mask of an element depends on the key and its index alone, so it
//! need not be stored, and threads cannot change it.

/// The dropout of one layer in one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    key: u64,
    /// Kept are the elements whose hash is at least this.
    threshold: u32,
    /// What the kept ones are multiplied by: 1/(1 − rate).
    keep: f32,
}

impl Dropout {
    /// Drops a share `rate`, 0 ≤ rate < 1, of all elements; `key` is new in every step and layer.
    pub fn new(key: u64, rate: f64) -> Self {
        assert!((0.0..1.0).contains(&rate));
        Self {
            key,
            threshold: (rate * 4_294_967_296.0) as u32,
            keep: (1.0 / (1.0 - rate)) as f32,
        }
    }

    /// 0, or 1/(1 − rate).
    #[inline(always)]
    pub fn factor(&self, index: u64) -> f32 {
        let low = (self.key as u32) ^ ((index >> 32) as u32).wrapping_mul(0x9e37_79b9);
        let hash = mix(mix(index as u32 ^ low).wrapping_add((self.key >> 32) as u32));
        if hash >= self.threshold {
            self.keep
        } else {
            0.0
        }
    }
}

/// A bijection of 32 bits that lets every bit of the input reach every bit of the output: the finalizer of MurmurHash3
/// (Appleby, public domain).
#[inline(always)]
fn mix(mut x: u32) -> u32 {
    x = (x ^ (x >> 16)).wrapping_mul(0x85eb_ca6b);
    x = (x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35);
    x ^ (x >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_kept_and_neighbours_are_independent() {
        for rate in [0.1, 0.5, 0.9] {
            let dropout = Dropout::new(0x1234_5678_9abc_def0, rate);
            let n = 1_000_000;
            let dropped = |i: u64| dropout.factor(i) == 0.0;
            let share = (0..n).filter(|&i| dropped(i)).count() as f64 / n as f64;
            assert!((share - rate).abs() < 0.003, "{rate}: {share}");
            for distance in [1, 2, 32, 1024] {
                let both = (0..n)
                    .filter(|&i| dropped(i) && dropped(i + distance))
                    .count() as f64
                    / n as f64;
                assert!(
                    (both - rate * rate).abs() < 0.003,
                    "{rate} at {distance}: {both}"
                );
            }
        }
    }

    #[test]
    fn keys_that_differ_in_one_bit_give_other_masks() {
        let n = 100_000;
        for bit in 0..64 {
            let (a, b) = (Dropout::new(77, 0.5), Dropout::new(77 ^ (1 << bit), 0.5));
            let same = (0..n).filter(|&i| a.factor(i) == b.factor(i)).count() as f64 / n as f64;
            assert!((same - 0.5).abs() < 0.01, "bit {bit}: {same}");
        }
    }
}
