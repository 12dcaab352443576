//! Means, spreads, and when a difference is none. Finite values have finite ones, however great or small they are.

/// Numbers outside of these have squares that are no numbers any more, or none that differ from zero.
const SQUARES: std::ops::Range<f64> = 1e-140..1e140;
/// Takes the greatest numbers to where any number of them can be added up.
const SMALLER: f64 = 1.0 / (1_u64 << 60) as f64;

/// Mean of at least one value.
pub(crate) fn mean(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let sum: f64 = values.iter().sum();
    if sum.is_finite() {
        return sum / count;
    }
    let sum: f64 = values.iter().map(|v| v * SMALLER).sum();
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (sum / count / SMALLER).clamp(least, most)
}

/// Standard deviation (n − 1); `None` for fewer than two values.
pub(super) fn spread(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let mean = mean(values);
    // Great numbers may lie further apart than any number is great: their halves do not.
    let are_great = values.iter().any(|v| v.abs() > SQUARES.end);
    let part = if are_great { 2.0 } else { 1.0 };
    let away: Vec<f64> = values.iter().map(|v| v / part - mean / part).collect();
    let deviations = away.into_iter().map(|away| (away, 1));
    Some((root_mean_square(deviations, values.len() - 1) * part).min(f64::MAX))
}

/// The root of the sum of squares, each so many times, over `count`.
fn root_mean_square(values: impl Iterator<Item = (f64, usize)> + Clone, count: usize) -> f64 {
    let most = values
        .clone()
        .fold(0.0, |most: f64, (v, _)| most.max(v.abs()));
    if most == 0.0 {
        return 0.0;
    }
    let unit = if SQUARES.contains(&most) { 1.0 } else { most };
    let squares: f64 = values
        .map(|(v, times)| (v / unit).powi(2) * times as f64)
        .sum();
    (squares / count as f64).sqrt() * unit
}

/// Which groups' means cannot be told from that of group `best` at 95 %: by Student's t with the spread pooled over all groups.
///
/// `best` itself is left out. Without two values in any group nothing is known about noise, and only equal means are a tie.
pub(super) fn ties(groups: &[Vec<f64>], best: usize) -> Vec<usize> {
    let spreads: Vec<(f64, usize)> = groups
        .iter()
        .filter_map(|group| Some((spread(group)?, group.len() - 1)))
        .collect();
    let freedom = spreads.iter().map(|(_, freedom)| freedom).sum();
    let pooled = root_mean_square(spreads.into_iter(), freedom);
    let middle = mean(&groups[best]);
    (0..groups.len())
        .filter(|&i| i != best && !groups[i].is_empty())
        .filter(|&i| {
            let sizes = 1.0 / groups[i].len() as f64 + 1.0 / groups[best].len() as f64;
            let noise = student_t(freedom) * pooled * sizes.sqrt();
            let mean = mean(&groups[i]);
            let apart = (mean - middle).abs();
            apart <= noise && (apart.is_finite() || mean / 2.0 - middle / 2.0 <= noise / 2.0)
        })
        .collect()
}

/// The half width of the 95 % confidence interval of a mean; `None` for fewer than two values.
pub(super) fn half_width(values: &[f64]) -> Option<f64> {
    let (spread, root) = (spread(values)?, (values.len() as f64).sqrt());
    let times = student_t(values.len() - 1);
    // In this order the product may be no number although the half width is one.
    let half = times * spread / root;
    let half = if half.is_finite() {
        half
    } else {
        times / root * spread
    };
    Some(half.min(f64::MAX))
}

/// The 97.5 % quantile of Student's t (any statistics textbook's table; the value for the next smaller count between its rows).
fn student_t(freedom: usize) -> f64 {
    const TABLE: [f64; 30] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
        2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
        2.052, 2.048, 2.045, 2.042,
    ];
    match freedom {
        0 => 0.0,
        1..=30 => TABLE[freedom - 1],
        31..=59 => 2.042,
        60..=119 => 2.000,
        _ => 1.980,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spread_is_the_sample_standard_deviation() {
        // 2, 4, 4, 4, 5, 5, 7, 9: squares sum to 32, over 7.
        let spread = spread(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).unwrap();
        assert!((spread - (32.0f64 / 7.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn means_within_the_noise_are_a_tie_and_others_are_not() {
        let groups = [
            vec![0.980, 0.982, 0.984],
            vec![0.979, 0.981, 0.983],
            vec![0.950, 0.952, 0.954],
        ];
        assert_eq!(ties(&groups, 0), vec![1]);
    }

    #[test]
    fn great_and_small_values_have_means_and_spreads_that_are_numbers() {
        assert_eq!(mean(&[1e308; 3]), 1e308);
        assert_eq!(mean(&[f64::MAX; 7]), f64::MAX);
        assert_eq!(mean(&[1e308, 1e308, -1e308, -1e308]), 0.0);
        assert_eq!(mean(&[5e-324; 2]), 5e-324);
        let of_great = spread(&[1e308, -1e308]).unwrap();
        assert!((of_great / 1e308 - 2f64.sqrt()).abs() < 1e-12, "{of_great}");
        let of_small = spread(&[3e-200, 1e-200]).unwrap();
        assert!(
            (of_small / 1e-200 - 2f64.sqrt()).abs() < 1e-12,
            "{of_small}"
        );
        let width = half_width(&[1e308; 12].map(|v| v * 0.5)).unwrap();
        assert_eq!(width, 0.0);
        let many: Vec<f64> = (0..100)
            .map(|i| if i % 2 == 0 { 1e308 } else { -1e308 })
            .collect();
        let width = half_width(&many).unwrap();
        assert!((1.9e307..2.1e307).contains(&width), "{width}");
        let apart = [
            vec![1e308, 1.01e308],
            vec![-1e308, -1.01e308],
            vec![1.005e308, 1e308],
        ];
        assert_eq!(ties(&apart, 0), vec![2]);
    }

    fn any_finite() -> impl Strategy<Value = f64> {
        let extreme = vec![
            1e308,
            -1e308,
            f64::MAX,
            f64::MIN,
            1e-308,
            5e-324,
            -5e-324,
            0.0,
            1.0,
        ];
        prop_oneof![
            prop::sample::select(extreme),
            any::<f64>().prop_filter("finite", |v| v.is_finite()),
        ]
    }

    proptest! {
        #[test]
        fn finite_values_have_finite_statistics(
            groups in prop::collection::vec(prop::collection::vec(any_finite(), 1..9), 1..5),
        ) {
            for group in &groups {
                let least = group.iter().copied().fold(f64::INFINITY, f64::min);
                let most = group.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let mean = mean(group);
                // Equal values may have a mean some roundings away.
                let off = |end: f64| (end.abs() * 1e-14).min(1e300);
                prop_assert!(mean.is_finite() && mean >= least - off(least) && mean <= most + off(most));
                for part in [spread(group), half_width(group)].into_iter().flatten() {
                    prop_assert!(part.is_finite() && part >= 0.0, "{group:?}: {part}");
                }
            }
            prop_assert!(ties(&groups, 0).iter().all(|&i| i != 0 && i < groups.len()));
        }
    }

    #[test]
    fn single_values_tie_only_when_equal() {
        assert_eq!(ties(&[vec![1.0], vec![1.0], vec![0.9]], 0), vec![1]);
    }
}
