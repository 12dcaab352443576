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

    /// A trial's value after an epoch, from its reports in order of epoch: what [`TrialEvent`](super::TrialEvent) carries.
    ///
    /// With `at_best` the best of `values`, otherwise the last one; `None` when there is none.
    pub fn of_curve(&self, values: impl IntoIterator<Item = f64>) -> Option<f64> {
        let values = values.into_iter();
        if self.at_best {
            values.min_by(|a, b| self.compare(*a, *b))
        } else {
            values.last()
        }
    }
}
