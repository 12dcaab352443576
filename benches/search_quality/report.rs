//! Ratios to random search, with their intervals.

use crate::tasks::mix;

/// `[task][seed]` regrets of one contender.
pub type Regrets = Vec<Vec<f64>>;

/// Per task the ratio of mean regrets, their geometric mean over tasks, and its 95 % bootstrap interval over seeds.
pub struct Comparison {
    pub ratios: Vec<f64>,
    pub mean: f64,
    pub interval: (f64, f64),
    /// Share of (task, seed) pairs with a smaller regret; a tie counts half.
    pub wins: f64,
}

/// Compares a contender with random search on the same tasks and seeds.
pub fn compare(regrets: &Regrets, random: &Regrets) -> Comparison {
    let seeds = regrets[0].len().min(random[0].len());
    let all: Vec<usize> = (0..seeds).collect();
    let ratios = ratios(regrets, random, &all, &all);
    let mut means: Vec<f64> = (0..2000u64)
        .map(|draw| {
            let sample = |side: u64| -> Vec<usize> {
                (0..seeds as u64)
                    .map(|i| (mix(mix(draw * 2 + side) ^ i) % seeds as u64) as usize)
                    .collect()
            };
            geometric_mean(&self::ratios(regrets, random, &sample(0), &sample(1)))
        })
        .collect();
    means.sort_by(f64::total_cmp);
    let (mut wins, mut pairs) = (0.0, 0.0);
    for (ours, theirs) in regrets.iter().zip(random) {
        for (a, b) in ours.iter().zip(theirs) {
            wins += if a < b { 1.0 } else { 0.0 } + if a == b { 0.5 } else { 0.0 };
            pairs += 1.0;
        }
    }
    Comparison {
        mean: geometric_mean(&ratios),
        ratios,
        interval: (means[50], means[1949]),
        wins: wins / pairs,
    }
}

fn ratios(a: &Regrets, b: &Regrets, of_a: &[usize], of_b: &[usize]) -> Vec<f64> {
    let mean = |values: &[f64], chosen: &[usize]| {
        chosen.iter().map(|&i| values[i]).sum::<f64>() / chosen.len() as f64
    };
    a.iter()
        .zip(b)
        .map(|(a, b)| mean(a, of_a) / mean(b, of_b))
        .collect()
}

fn geometric_mean(values: &[f64]) -> f64 {
    (values.iter().map(|v| v.ln()).sum::<f64>() / values.len() as f64).exp()
}
