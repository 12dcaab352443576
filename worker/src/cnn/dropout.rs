//! Dropout masks: a number a value, out of a key and the value's place, so that no order and no thread count matters.

use hone_kernels::Dropout;

/// The masks of dropout layer `layer` in one step; `rate` is the probability of being dropped.
pub fn of_layer(mask_key: u64, layer: u64, rate: f64) -> Dropout {
    Dropout::new(mask_key ^ layer.wrapping_mul(0xD1B5_4A32_D192_ED03), rate)
}

/// The mask of one layer, written out: 0 where dropped, else 1/(1 − rate).
pub fn mask(mask_key: u64, layer: u64, rate: f64, length: usize) -> Vec<f32> {
    let dropout = of_layer(mask_key, layer, rate);
    (0..length as u64)
        .map(|place| dropout.factor(place))
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
