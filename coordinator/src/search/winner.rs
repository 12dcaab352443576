//! Which point is recommended.

use super::space::Params;

/// A point and what its trials say.
#[derive(Clone, Debug, PartialEq)]
pub struct Winner {
    /// From 1; 0 for a point of the sweep named in `from`.
    pub round: u32,
    /// From 0, within the round.
    pub point: u64,
    /// By full path.
    pub params: Params,
    /// Mean over its trials.
    pub objective: f64,
    /// Standard deviation over its trials (n − 1); `None` for one trial.
    pub spread: Option<f64>,
    /// Trainings of the point that count: each the mean of its folds.
    pub repeats: u32,
    /// Their trials' numbers.
    pub trials: Vec<u64>,
    /// Epochs of one trial.
    pub epochs: u32,
    /// Points (round, point) whose mean cannot be told from this one's.
    pub tied: Vec<(u32, u64)>,
}
