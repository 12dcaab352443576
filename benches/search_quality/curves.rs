//! What the tasks' learning curves are like: medians, and rank correlations of the rungs with the end.

use crate::tasks::{FULL_EPOCHS, Task, mix, tasks};

/// Prints a line a task: median loss, share that diverges, correlation of epochs R/9 and R/3 with R.
pub fn print() {
    println!(
        "{:24} {:>7} {:>9} {:>6} {:>6}",
        "task", "median", "diverged", "R/9", "R/3"
    );
    for task in tasks() {
        let points: Vec<Vec<f64>> = (0..4000).map(|i| point(task, i)).collect();
        let finished: Vec<(usize, f64)> = points
            .iter()
            .enumerate()
            .filter_map(|(i, u)| Some((i, task.loss(u)?)))
            .collect();
        let mut losses: Vec<f64> = finished.iter().map(|(_, loss)| *loss).collect();
        losses.sort_by(f64::total_cmp);
        let at = |epoch: u32| -> Vec<f64> {
            finished
                .iter()
                .map(|(i, _)| {
                    task.report(&points[*i], mix(*i as u64), epoch)
                        .unwrap_or(f64::NAN)
                })
                .collect()
        };
        let end = at(FULL_EPOCHS);
        println!(
            "{:24} {:7.3} {:8.1}% {:6.3} {:6.3}",
            task.name,
            losses[losses.len() / 2],
            100.0 * (1.0 - finished.len() as f64 / points.len() as f64),
            correlation(&at(FULL_EPOCHS / 9), &end),
            correlation(&at(FULL_EPOCHS / 3), &end),
        );
    }
}

fn point(task: &Task, i: u64) -> Vec<f64> {
    (0..task.dimensions() as u64)
        .map(|d| (mix(i * 64 + d) >> 11) as f64 / (1u64 << 53) as f64)
        .collect()
}

/// Spearman's rank correlation.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (ranks(a), ranks(b));
    let n = a.len() as f64;
    let squares: f64 = a.iter().zip(&b).map(|(a, b)| (a - b).powi(2)).sum();
    1.0 - 6.0 * squares / (n * (n * n - 1.0))
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    for (rank, i) in order.into_iter().enumerate() {
        ranks[i] = rank as f64;
    }
    ranks
}
