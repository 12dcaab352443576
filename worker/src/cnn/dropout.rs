//! Dropout masks: a number a value, out of a key and the value's place, so that no order and no thread count matters.

/// Whether the value at `place` of dropout layer `layer` is kept; `rate` is the probability of being dropped.
///
/// The mixing is that of SplitMix64 (Steele et al. 2014).
pub fn keeps(mask_key: u64, layer: u64, place: u64, rate: f64) -> bool {
    let mut bits = mask_key ^ layer.wrapping_mul(0xD1B5_4A32_D192_ED03);
    bits = bits.wrapping_add(place.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^= bits >> 31;
    (bits >> 32) as f64 >= rate * 4_294_967_296.0
}

/// The mask of one layer: 0 where dropped, else 1/(1 − rate).
pub fn mask(mask_key: u64, layer: u64, rate: f64, length: usize) -> Vec<f32> {
    let kept = (1.0 / (1.0 - rate)) as f32;
    (0..length as u64)
        .map(|place| {
            if keeps(mask_key, layer, place, rate) {
                kept
            } else {
                0.0
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_keeps_its_share_and_its_mean() {
        let mask = mask(5, 1, 0.3, 100_000);
        let kept = mask.iter().filter(|&&value| value > 0.0).count() as f64 / 1e5;
        assert!((kept - 0.7).abs() < 0.005, "{kept}");
        let mean = mask.iter().map(|&value| f64::from(value)).sum::<f64>() / 1e5;
        assert!((mean - 1.0).abs() < 0.01, "{mean}");
    }

    #[test]
    fn keys_and_layers_have_masks_of_their_own() {
        let first = mask(5, 0, 0.5, 1000);
        for other in [mask(6, 0, 0.5, 1000), mask(5, 1, 0.5, 1000)] {
            let same = first.iter().zip(&other).filter(|(a, b)| a == b).count();
            assert!((400..600).contains(&same), "{same}");
        }
    }
}
