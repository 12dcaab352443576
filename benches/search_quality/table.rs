//! The recorded task: 300 small CNNs trained on Fashion-MNIST (`fashion.toml`), each epoch's validation accuracy in `fashion.csv`.
//!
//! Columns: point, the hyperparameters in order of path, epoch, val_accuracy; a point that diverged lacks its last
//! epochs, one that had none has a line with epoch 0. Between the
//! recorded points the mean of the five nearest counts, weighted by one over the squared distance in the unit cube.

use std::{collections::BTreeMap, sync::OnceLock};

use crate::tasks::FULL_EPOCHS;

const FILE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../benches/search_quality/fashion.csv"
);
const NEIGHBOURS: usize = 5;
/// Least and greatest value of each column between point and epoch, and whether its axis is logarithmic: as in `fashion.toml`.
const AXES: [(f64, f64, bool); 5] = [
    (4.0, 16.0, true),
    (8.0, 32.0, true),
    (0.0, 0.5, false),
    (1e-4, 1.0, true),
    (1e-6, 1e-1, true),
];

struct Point {
    shares: Vec<f64>,
    /// By epoch, from 1.
    accuracies: Vec<f64>,
}

/// Losses of the recorded points: 0 is the best final accuracy, 1 the median one.
pub struct Table {
    points: Vec<Point>,
    best: f64,
    median: f64,
}

/// The recording; `None` where it is not there.
///
/// # Panics
///
/// A file that is there and cannot be understood.
pub fn recorded() -> Option<&'static Table> {
    static TABLE: OnceLock<Option<Table>> = OnceLock::new();
    TABLE
        .get_or_init(|| {
            let text = std::fs::read_to_string(FILE).ok()?;
            Some(Table::parse(&text).unwrap_or_else(|error| panic!("{FILE}: {error}")))
        })
        .as_ref()
}

impl Table {
    fn parse(text: &str) -> Result<Table, String> {
        let mut points: BTreeMap<u64, Point> = BTreeMap::new();
        for (number, line) in text.lines().enumerate().skip(1) {
            let wrong = |what: &str| format!("line {}: {what}", number + 1);
            let fields: Result<Vec<f64>, _> = line.split(',').map(str::parse).collect();
            let fields = fields.map_err(|_| wrong("a field is no number"))?;
            let [point, ref values @ .., epoch, accuracy] = fields[..] else {
                return Err(wrong("too few columns"));
            };
            if values.len() != AXES.len() {
                return Err(wrong(&format!("{} columns are wanted", AXES.len() + 3)));
            }
            let shares = values
                .iter()
                .zip(AXES)
                .map(|(value, axis)| share(*value, axis));
            let point = points.entry(point as u64).or_insert_with(|| Point {
                shares: shares.collect(),
                accuracies: Vec::new(),
            });
            if epoch == 0.0 {
                continue;
            }
            if epoch as usize != point.accuracies.len() + 1 {
                return Err(wrong("the epochs of a point must come in order, from 1"));
            }
            point.accuracies.push(accuracy);
        }
        let points: Vec<Point> = points.into_values().collect();
        let mut last: Vec<f64> = points.iter().filter_map(|p| p.at(FULL_EPOCHS)).collect();
        last.sort_by(|a, b| b.total_cmp(a));
        let (Some(&best), Some(&median)) = (last.first(), last.get(last.len() / 2)) else {
            return Err("no point was trained to the end".to_owned());
        };
        Ok(Table {
            points,
            best,
            median,
        })
    }

    /// Loss after an epoch; `None` where the nearest recorded point had diverged by then.
    pub fn loss(&self, at: &[f64], epoch: u32) -> Option<f64> {
        let mut near: Vec<(f64, &Point)> = self.points.iter().map(|p| (p.square(at), p)).collect();
        near.sort_by(|a, b| a.0.total_cmp(&b.0));
        near.first()?.1.at(epoch)?;
        let (mut sum, mut weights) = (0.0, 0.0);
        for (square, point) in near.into_iter().take(NEIGHBOURS) {
            if let Some(accuracy) = point.at(epoch) {
                let weight = 1.0 / square.max(1e-12);
                sum += weight * accuracy;
                weights += weight;
            }
        }
        Some((self.best - sum / weights) / (self.best - self.median).max(1e-9))
    }
}

impl Point {
    fn at(&self, epoch: u32) -> Option<f64> {
        self.accuracies.get(epoch as usize - 1).copied()
    }

    fn square(&self, at: &[f64]) -> f64 {
        let squares = self.shares.iter().zip(at).map(|(a, b)| (a - b) * (a - b));
        squares.sum()
    }
}

fn share(value: f64, (low, high, is_log): (f64, f64, bool)) -> f64 {
    if is_log {
        (value / low).ln() / (high / low).ln()
    } else {
        (value - low) / (high - low)
    }
}
