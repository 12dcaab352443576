//! Means, spreads, and when a difference is none.

/// Mean of at least one value.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Standard deviation (n − 1); `None` for fewer than two values.
pub(super) fn spread(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let mean = mean(values);
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    Some((squares / (values.len() - 1) as f64).sqrt())
}

/// Which groups' means cannot be told from that of group `best` at 95 %: by Student's t with the spread pooled over all groups.
///
/// `best` itself is left out. Without two values in any group nothing is known about noise, and only equal means are a tie.
pub(super) fn ties(groups: &[Vec<f64>], best: usize) -> Vec<usize> {
    let (mut squares, mut freedom) = (0.0, 0);
    for group in groups {
        if let Some(spread) = spread(group) {
            squares += spread.powi(2) * (group.len() - 1) as f64;
            freedom += group.len() - 1;
        }
    }
    let pooled = if freedom == 0 {
        0.0
    } else {
        (squares / freedom as f64).sqrt()
    };
    let middle = mean(&groups[best]);
    (0..groups.len())
        .filter(|&i| i != best && !groups[i].is_empty())
        .filter(|&i| {
            let sizes = 1.0 / groups[i].len() as f64 + 1.0 / groups[best].len() as f64;
            (mean(&groups[i]) - middle).abs() <= student_t(freedom) * pooled * sizes.sqrt()
        })
        .collect()
}

/// The half width of the 95 % confidence interval of a mean; `None` for fewer than two values.
pub(super) fn half_width(values: &[f64]) -> Option<f64> {
    let spread = spread(values)?;
    Some(student_t(values.len() - 1) * spread / (values.len() as f64).sqrt())
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
    fn single_values_tie_only_when_equal() {
        assert_eq!(ties(&[vec![1.0], vec![1.0], vec![0.9]], 0), vec![1]);
    }
}
