//! A round's box: the part of each axis that its points are drawn from.

use serde_json::Value;

use super::{
    domain::{Domain, Kind, choice_index},
    space::{Params, Space},
};

/// The part of the space that a round draws from: one [`AxisBox`] per domain, in order of path.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchBox {
    axes: Vec<AxisBox>,
}

/// The part of one axis that is in the box.
#[derive(Clone, Debug, PartialEq)]
pub enum AxisBox {
    /// Shares of the sweep file's axis (on its log or linear scale); past [0, 1] where the range was widened.
    Range {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
    /// Positions of the choice's values that are still in, ascending.
    Choice {
        /// At least one.
        kept: Vec<usize>,
    },
}

impl SearchBox {
    /// The whole space as the sweep file has it.
    pub fn whole(space: &Space) -> SearchBox {
        let axes = space.domains().iter().map(AxisBox::whole).collect();
        SearchBox { axes }
    }

    /// A box of these axes, in order of path.
    pub fn new(axes: Vec<AxisBox>) -> SearchBox {
        SearchBox { axes }
    }

    /// Params for a sampler's coordinates (each in [0, 1], one per domain) within the box.
    pub fn params(&self, space: &Space, coordinates: &[f64]) -> Params {
        space.assemble(|axis, domain| self.axes[axis].value(domain, coordinates[axis]))
    }

    /// Where params lie in the box, as a sampler's coordinates: the counterpart of [`params`](Self::params). The middle for the inactive.
    pub(super) fn coordinates(&self, space: &Space, params: &Params) -> Vec<f64> {
        let shares = space.shares(params);
        self.axes
            .iter()
            .zip(shares)
            .zip(space.domains())
            .map(|((axis, share), domain)| {
                share.map_or(0.5, |share| axis.coordinate(domain, share))
            })
            .collect()
    }

    /// Shares of the file's axes for a sampler's coordinates, as the values that they stand for have them; NaN for the inactive.
    pub(super) fn shares(&self, space: &Space, coordinates: &[f64]) -> Vec<f64> {
        if space.domains().iter().any(|d| !d.conditions.is_empty()) {
            let params = self.params(space, coordinates);
            return space
                .shares(&params)
                .into_iter()
                .map(|s| s.unwrap_or(f64::NAN))
                .collect();
        }
        self.axes
            .iter()
            .zip(coordinates)
            .zip(space.domains())
            .map(|((axis, c), domain)| axis.share(domain, *c))
            .collect()
    }

    /// The counterpart of [`SearchBox::shares`].
    pub(super) fn coordinates_of(&self, space: &Space, shares: &[f64]) -> Vec<f64> {
        self.axes
            .iter()
            .zip(shares)
            .zip(space.domains())
            .map(|((axis, share), domain)| {
                if share.is_nan() {
                    0.5
                } else {
                    axis.coordinate(domain, *share)
                }
            })
            .collect()
    }

    /// One per domain, in order of path.
    pub fn axes(&self) -> &[AxisBox] {
        &self.axes
    }
}

impl AxisBox {
    /// The axis as the sweep file has it.
    pub fn whole(domain: &Domain) -> AxisBox {
        match &domain.kind {
            Kind::Range(_) => AxisBox::Range {
                low: 0.0,
                high: 1.0,
            },
            Kind::Choice(values) => AxisBox::Choice {
                kept: (0..values.len()).collect(),
            },
        }
    }

    /// The value for a sampler's coordinate in [0, 1].
    pub fn value(&self, domain: &Domain, coordinate: f64) -> Value {
        match (self, &domain.kind) {
            (AxisBox::Range { low, high }, _) => domain.value(low + coordinate * (high - low)),
            (AxisBox::Choice { kept }, Kind::Choice(values)) => {
                values[kept[choice_index(coordinate, kept.len())]].clone()
            }
            (AxisBox::Choice { .. }, Kind::Range(_)) => domain.value(coordinate),
        }
    }

    fn share(&self, domain: &Domain, coordinate: f64) -> f64 {
        match (self, &domain.kind) {
            (AxisBox::Range { low, high }, Kind::Range(range)) => {
                let share = low + coordinate * (high - low);
                if range.integer || range.step.is_some() {
                    domain.share(&domain.value(share)).unwrap_or(share)
                } else {
                    share
                }
            }
            (AxisBox::Choice { kept }, Kind::Choice(values)) => {
                (kept[choice_index(coordinate, kept.len())] as f64 + 0.5) / values.len() as f64
            }
            _ => coordinate,
        }
    }

    fn coordinate(&self, domain: &Domain, share: f64) -> f64 {
        match (self, &domain.kind) {
            (AxisBox::Range { low, high }, _) if high > low => {
                ((share - low) / (high - low)).clamp(0.0, 1.0)
            }
            (AxisBox::Choice { kept }, Kind::Choice(values)) => {
                let index = choice_index(share, values.len());
                let position = kept.iter().position(|&kept| kept == index);
                position.map_or(0.5, |at| (at as f64 + 0.5) / kept.len() as f64)
            }
            _ => 0.5,
        }
    }

    /// The box's ends in the hyperparameter's own values; `None` for choices.
    pub fn ends(&self, domain: &Domain) -> Option<(f64, f64)> {
        match self {
            AxisBox::Range { low, high } => {
                Some((domain.value(*low).as_f64()?, domain.value(*high).as_f64()?))
            }
            AxisBox::Choice { .. } => None,
        }
    }
}
