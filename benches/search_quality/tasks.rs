//! The tasks: fixed before any strategy ran on them, none added or dropped since.
//!
//! A task is a loss over its space (0 at the optimum, about 1 for a median point), a learning curve towards it, and noise. Reported is
//! `loss + lag × slow(point) × remaining(epoch) + seed noise + epoch noise`. `slow` is a smooth function of the point, so that early
//! epochs mislead as on real tables: `main.rs --correlations` prints the rank correlation of each rung with the end.

use hone_coordinator::search::{Domain, Kind, Range, Scale, Space};

use crate::table;

/// Epochs of a full training.
pub const FULL_EPOCHS: u32 = 9;
/// Standard deviation of the final loss over seeds, in units of a median point's loss.
pub const SEED_NOISE: f64 = 0.03;
/// Standard deviation of one epoch's loss around the trial's curve.
const EPOCH_NOISE: f64 = 0.01;

/// One task.
pub struct Task {
    pub name: &'static str,
    axes: &'static [Axis],
    /// Of shares of the axes in [0, 1]; 0 at its minimum.
    shape: fn(&[f64]) -> f64,
    /// What `shape` is divided by: its median over the space.
    median: f64,
    /// Weight of the misleading part of the curve.
    lag: f64,
    /// Points that learn late are the good ones.
    starts_slowly: bool,
    /// Points with this share of the first axis and more diverge.
    diverges_from: f64,
}

struct Axis {
    path: &'static str,
    scale: Scale,
    low: f64,
    high: f64,
}

const fn linear(path: &'static str, low: f64, high: f64) -> Axis {
    Axis {
        path,
        scale: Scale::Linear,
        low,
        high,
    }
}

const fn log(path: &'static str, low: f64, high: f64) -> Axis {
    Axis {
        path,
        scale: Scale::Log,
        low,
        high,
    }
}

const NEVER: f64 = 2.0;

/// In the order of the report; the recorded one last.
const TASKS: [Task; 8] = [
    Task {
        name: "branin",
        axes: &[linear("a", -5.0, 10.0), linear("b", 0.0, 15.0)],
        shape: branin,
        median: 35.3,
        lag: 2.0,
        starts_slowly: false,
        diverges_from: NEVER,
    },
    Task {
        name: "hartmann6 + 4 useless",
        axes: &[
            linear("a", 0.0, 1.0),
            linear("b", 0.0, 1.0),
            linear("c", 0.0, 1.0),
            linear("d", 0.0, 1.0),
            linear("e", 0.0, 1.0),
            linear("f", 0.0, 1.0),
            linear("g", 0.0, 1.0),
            linear("h", 0.0, 1.0),
            linear("i", 0.0, 1.0),
            linear("j", 0.0, 1.0),
        ],
        shape: hartmann6,
        median: 3.22,
        lag: 0.1,
        starts_slowly: false,
        diverges_from: NEVER,
    },
    Task {
        name: "rosenbrock, log axes",
        axes: &[
            log("a", 1e-5, 1.0),
            log("b", 1e-5, 1.0),
            log("c", 1e-5, 1.0),
        ],
        shape: rosenbrock,
        median: 6.4,
        lag: 0.3,
        starts_slowly: false,
        diverges_from: NEVER,
    },
    Task {
        name: "two peaks",
        axes: &[
            linear("a", 0.0, 1.0),
            linear("b", 0.0, 1.0),
            linear("c", 0.0, 1.0),
        ],
        shape: two_peaks,
        median: 0.858,
        lag: 0.35,
        starts_slowly: false,
        diverges_from: NEVER,
    },
    Task {
        name: "ridge at the edge",
        axes: &[
            log("a", 1e-4, 1e-1),
            linear("b", 0.0, 1.0),
            linear("c", 0.0, 1.0),
            linear("d", 0.0, 1.0),
        ],
        shape: ridge,
        median: 0.89,
        lag: 0.9,
        starts_slowly: false,
        diverges_from: NEVER,
    },
    Task {
        name: "slow starter",
        axes: &[
            log("a", 1e-4, 1.0),
            linear("b", 0.0, 1.0),
            linear("c", 0.0, 1.0),
        ],
        shape: bowl,
        median: 0.59,
        lag: 3.0,
        starts_slowly: true,
        diverges_from: NEVER,
    },
    Task {
        name: "30 % diverge",
        axes: &[
            log("a", 1e-4, 1.0),
            log("b", 1e-6, 1e-1),
            linear("c", 0.0, 1.0),
            linear("d", 0.0, 1.0),
        ],
        shape: cliff,
        median: 0.284,
        lag: 1.4,
        starts_slowly: false,
        diverges_from: 0.7,
    },
    Task {
        name: "Fashion-MNIST, recorded",
        axes: &[
            log("a", 4.0, 16.0),
            log("b", 8.0, 32.0),
            linear("c", 0.0, 0.5),
            log("d", 1e-4, 1.0),
            log("e", 1e-6, 1e-1),
        ],
        shape: recorded,
        median: 1.0,
        lag: 0.0,
        starts_slowly: false,
        diverges_from: NEVER,
    },
];

/// All tasks; without the recorded one where its file is not there.
pub fn tasks() -> &'static [Task] {
    const ALL: &[Task] = &TASKS;
    match table::recorded() {
        Some(_) => ALL,
        None => &ALL[..ALL.len() - 1],
    }
}

/// The recorded table's loss after a full training; NaN where it diverges.
fn recorded(u: &[f64]) -> f64 {
    let table = table::recorded();
    let loss = table.and_then(|table| table.loss(u, FULL_EPOCHS));
    loss.unwrap_or(f64::NAN)
}

impl Task {
    /// The hyperparameters; paths are single letters, so their order is that of the axes.
    pub fn space(&self) -> Space {
        let domain = |axis: &Axis| {
            let range = Range::new(axis.scale, axis.low, axis.high);
            Domain::new(axis.path, Kind::Range(range))
        };
        Space::new(self.axes.iter().map(domain).collect()).expect("the tasks' spaces are sound")
    }

    fn is_recorded(&self) -> bool {
        self.name == TASKS[TASKS.len() - 1].name
    }

    /// How many axes it has.
    pub fn dimensions(&self) -> usize {
        self.axes.len()
    }

    /// Loss without noise after a full training; a point that diverges has none.
    pub fn loss(&self, u: &[f64]) -> Option<f64> {
        let loss = (self.shape)(u) / self.median;
        (u[0] < self.diverges_from && !loss.is_nan()).then_some(loss)
    }

    /// What a training with this seed reports after an epoch; `None`: it diverges.
    pub fn report(&self, u: &[f64], seed: u64, epoch: u32) -> Option<f64> {
        if u[0] >= self.diverges_from && epoch >= 2 {
            return None;
        }
        let noise = SEED_NOISE * normal(seed, 0) + EPOCH_NOISE * normal(seed, epoch);
        if self.is_recorded() {
            return Some(table::recorded()?.loss(u, epoch)? + noise);
        }
        let loss = (self.shape)(u) / self.median;
        let remaining =
            (f64::from(FULL_EPOCHS) / f64::from(epoch)).ln() / f64::from(FULL_EPOCHS).ln();
        let slow = if self.starts_slowly {
            (-1.5 * loss).exp()
        } else {
            waves(u)
        };
        Some(loss + self.lag * slow * remaining + noise)
    }
}

/// A smooth function of the point, in [0, 1], unrelated to any of the losses.
fn waves(u: &[f64]) -> f64 {
    let phase: f64 = u
        .iter()
        .enumerate()
        .map(|(i, u)| (u - 0.3) * (2.0 + i as f64 % 3.0))
        .sum();
    0.5 + 0.5 * (phase * 1.7 + 1.0).sin()
}

/// Branin (L. C. W. Dixon and G. P. Szegő, 1978), less its minimum.
fn branin(u: &[f64]) -> f64 {
    use std::f64::consts::PI;
    let (x, y) = (-5.0 + 15.0 * u[0], 15.0 * u[1]);
    let parabola = y - 5.1 / (4.0 * PI * PI) * x * x + 5.0 / PI * x - 6.0;
    parabola.powi(2) + 10.0 * (1.0 - 1.0 / (8.0 * PI)) * x.cos() + 10.0 - 0.397_887_357_729_739
}

/// Hartmann's function in six dimensions (same source), plus its maximum; further axes do nothing.
fn hartmann6(u: &[f64]) -> f64 {
    const ALPHA: [f64; 4] = [1.0, 1.2, 3.0, 3.2];
    const A: [[f64; 6]; 4] = [
        [10.0, 3.0, 17.0, 3.5, 1.7, 8.0],
        [0.05, 10.0, 17.0, 0.1, 8.0, 14.0],
        [3.0, 3.5, 1.7, 10.0, 17.0, 8.0],
        [17.0, 8.0, 0.05, 10.0, 0.1, 14.0],
    ];
    const P: [[f64; 6]; 4] = [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ];
    let sum: f64 = (0..4)
        .map(|i| {
            let inner: f64 = (0..6).map(|j| A[i][j] * (u[j] - P[i][j]).powi(2)).sum();
            ALPHA[i] * (-inner).exp()
        })
        .sum();
    3.322_368_011_415_515 - sum
}

/// The logarithm of 1 + Rosenbrock (1960) on [−2, 2]³: the valley is long and bent.
fn rosenbrock(u: &[f64]) -> f64 {
    let z: Vec<f64> = u.iter().map(|u| -2.0 + 4.0 * u).collect();
    let sum: f64 = z
        .windows(2)
        .map(|z| 100.0 * (z[1] - z[0] * z[0]).powi(2) + (1.0 - z[0]).powi(2))
        .sum();
    (1.0 + sum).ln()
}

/// A wide hill of height 0.85 and a narrow one of height 1.
fn two_peaks(u: &[f64]) -> f64 {
    let hill = |height: f64, width: f64, at: [f64; 3]| {
        let squares: f64 = u.iter().zip(at).map(|(u, at)| (u - at).powi(2)).sum();
        height * (-squares / (2.0 * width * width)).exp()
    };
    1.0 - hill(0.85, 0.3, [0.25, 0.3, 0.7]).max(hill(1.0, 0.12, [0.75, 0.8, 0.3]))
}

/// The best rate is the largest one allowed, and the second axis must follow it; the fourth does nothing.
fn ridge(u: &[f64]) -> f64 {
    (1.0 - u[0]) + 4.0 * (u[1] - 0.2 - 0.6 * u[0]).powi(2) + 0.5 * (u[2] - 0.5).powi(2)
}

fn bowl(u: &[f64]) -> f64 {
    let at = [0.62, 0.35, 0.7];
    u.iter()
        .zip(at)
        .map(|(u, at)| (u - at).powi(2))
        .sum::<f64>()
        * 2.0
}

/// The best rates lie just below those that diverge.
fn cliff(u: &[f64]) -> f64 {
    1.5 * (u[0] - 0.64).powi(2) + (u[1] - 0.4).powi(2) + 0.5 * (u[2] - 0.3 - 0.4 * u[0]).powi(2)
}

/// A standard normal number for a seed and a purpose, by Box and Muller (1958).
fn normal(seed: u64, purpose: u32) -> f64 {
    let a = unit(mix(seed ^ mix(u64::from(purpose) * 2 + 1)));
    let b = unit(mix(seed ^ mix(u64::from(purpose) * 2 + 2)));
    (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
}

fn unit(x: u64) -> f64 {
    ((x >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}

/// The finalizer of splitmix64.
pub fn mix(x: u64) -> u64 {
    let z = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
