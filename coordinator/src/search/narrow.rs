//! From the best points to the next, smaller box.

use super::{
    domain::Kind,
    search_box::{AxisBox, SearchBox},
    space::{Params, Space},
};

/// Margin on each side of the elites, as a share of their width.
const MARGIN: f64 = 0.25;
/// The least width, as a share of the original (log) range.
const LEAST_WIDTH: f64 = 0.2;
/// An axis that fewer elites have does not narrow.
const LEAST_ELITES: usize = 4;
/// More elites than these tell no more about where the good values lie, and a decision must not grow with the sweep.
pub(super) const MOST_ELITES: usize = 200;

/// The box of the elites: per range their least and greatest share of the axis, a margin on both sides, not narrower than a fifth of the
/// file's range, and within it (shifted there, not cut). `previous` stays where fewer than four elites have the hyperparameter.
pub(super) fn next_box(space: &Space, previous: &SearchBox, elites: &[Params]) -> SearchBox {
    let shares: Vec<Vec<Option<f64>>> = elites.iter().map(|params| space.shares(params)).collect();
    let axes = space
        .domains()
        .iter()
        .enumerate()
        .map(|(axis, domain)| {
            let known: Vec<f64> = shares.iter().filter_map(|shares| shares[axis]).collect();
            let conditional = !domain.conditions.is_empty();
            if known.is_empty() || (conditional && known.len() < LEAST_ELITES) {
                return previous.axes()[axis].clone();
            }
            match domain.kind {
                Kind::Range(_) => range_of(&known),
                Kind::Choice(_) => previous.axes()[axis].clone(),
            }
        })
        .collect();
    SearchBox::new(axes)
}

fn range_of(shares: &[f64]) -> AxisBox {
    let least = shares.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = shares.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let width = ((greatest - least) * (1.0 + 2.0 * MARGIN)).clamp(LEAST_WIDTH, 1.0);
    let middle = (least + greatest) / 2.0;
    let low = (middle - width / 2.0).clamp(0.0, 1.0 - width);
    AxisBox::Range {
        low,
        high: low + width,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(shares: &[f64]) -> (f64, f64) {
        match range_of(shares) {
            AxisBox::Range { low, high } => (low, high),
            AxisBox::Choice { .. } => unreachable!("a range was asked for"),
        }
    }

    fn close((a, b): (f64, f64), (c, d): (f64, f64)) -> bool {
        (a - c).abs() < 1e-12 && (b - d).abs() < 1e-12
    }

    #[test]
    fn a_quarter_of_the_width_is_added_on_each_side() {
        assert!(close(ends(&[0.4, 0.5, 0.6]), (0.35, 0.65)));
    }

    #[test]
    fn a_box_is_never_narrower_than_a_fifth() {
        assert!(close(ends(&[0.5, 0.5]), (0.4, 0.6)));
    }

    #[test]
    fn at_an_end_the_box_is_shifted_and_not_cut() {
        assert!(close(ends(&[0.9, 0.98]), (0.8, 1.0)));
        assert!(close(ends(&[0.0, 0.4]), (0.0, 0.6)));
    }

    #[test]
    fn elites_everywhere_keep_the_whole_axis() {
        assert!(close(ends(&[0.02, 0.97]), (0.0, 1.0)));
    }
}
