//! What a sweep ranks points by.

use std::cmp::Ordering;

/// Metric, direction, and which epoch counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    /// Name of a reported metric, such as `val_accuracy`.
    pub metric: String,
    /// Larger is better.
    pub maximize: bool,
    /// A trial's value at an epoch is the best so far; otherwise the one of that epoch.
    pub at_best: bool,
    /// The search ends at the first finished rung or round whose best point reaches it.
    pub target: Option<f64>,
}

impl Objective {
    /// Better values first; NaN last.
    pub fn compare(&self, a: f64, b: f64) -> Ordering {
        match (a.is_nan(), b.is_nan()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) if self.maximize => b.total_cmp(&a),
            (false, false) => a.total_cmp(&b),
        }
    }

    /// The value turned so that smaller is better.
    pub(super) fn turned(&self, value: f64) -> f64 {
        if self.maximize { -value } else { value }
    }

    /// Whether `value` is good enough to end the search.
    pub fn reached(&self, value: f64) -> bool {
        self.target
            .is_some_and(|target| self.compare(value, target) != Ordering::Greater)
    }

    /// A trial's value after an epoch with `new`, the one before it being `old`: what [`TrialEvent`](super::TrialEvent) carries. After a
    /// value that is not finite there is none: what was before it counts no more, and a trial that ends so has diverged.
    pub fn fold(&self, old: Option<f64>, new: Option<f64>) -> Option<f64> {
        let new = new.filter(|new| new.is_finite())?;
        match old {
            Some(old) if self.at_best && self.compare(new, old) != Ordering::Less => Some(old),
            _ => Some(new),
        }
    }
}
