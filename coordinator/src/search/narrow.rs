//! From the best points to the next, smaller box.

use super::{
    domain::{Kind, choice_index},
    edge::Edge,
    search_box::{AxisBox, SearchBox},
    space::{Params, Space},
};

/// Margin on each side of the elites, as a share of their width.
const MARGIN: f64 = 0.25;
/// The least width, as a share of the original (log) range.
const LEAST_WIDTH: f64 = 0.2;
/// How far a widened end moves out, as a share of the original range.
const GROWTH: f64 = 1.0 / 3.0;
/// A choice's value is dropped when the elites lack it and chance would do that so rarely.
const CHANCE: f64 = 0.05;
/// An axis that fewer elites have does not narrow.
const LEAST_ELITES: usize = 4;
/// More elites than these tell no more about where the good values lie, and a decision must not grow with the sweep.
pub(super) const MOST_ELITES: usize = 200;

/// The box of the elites: per range their least and greatest share of the axis, a margin on both sides, not narrower than a fifth of the
/// file's range, and within it (shifted there, not cut). Per choice the values that do not lose clearly: one is dropped when no elite has
/// it although so many of `tried`, of which the elites are the best, had it that chance would do that in one case of twenty. `previous` stays where fewer than four elites have the hyperparameter.
pub(super) fn next_box(
    space: &Space,
    previous: &SearchBox,
    elites: &[Params],
    tried: &[Params],
) -> SearchBox {
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
                Kind::Choice(ref values) => {
                    let count = values.len();
                    let tried = tried
                        .iter()
                        .filter_map(|params| domain.share(params.get(&domain.path)?));
                    let tried: Vec<f64> = tried.collect();
                    choice_of(&previous.axes()[axis], count, &known, &tried)
                }
            }
        })
        .collect();
    SearchBox::new(axes)
}

/// The whole space, each of these ends a third of its range further out.
///
/// A range does not grow past its [natural ends](super::domain::Range::natural_ends): a share stays a share.
pub(super) fn widened(space: &Space, edges: &[Edge]) -> SearchBox {
    let mut axes: Vec<AxisBox> = space.domains().iter().map(AxisBox::whole).collect();
    for edge in edges {
        let (AxisBox::Range { low, high }, Kind::Range(range)) =
            (&mut axes[edge.axis], &space.domains()[edge.axis].kind)
        else {
            continue;
        };
        // No further than values can lie by their nature, and never inwards.
        let (floor, ceiling) = range.natural_ends();
        let place = |end: Option<f64>| end.and_then(|end| range.share(end));
        if edge.upper {
            let most = place(ceiling).unwrap_or(f64::INFINITY);
            *high = (1.0 + GROWTH).min(most.max(1.0));
        } else {
            let least = place(floor).unwrap_or(f64::NEG_INFINITY);
            *low = (-GROWTH).max(least.min(0.0));
        }
    }
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

fn choice_of(previous: &AxisBox, count: usize, elites: &[f64], tried: &[f64]) -> AxisBox {
    let AxisBox::Choice { kept } = previous else {
        return previous.clone();
    };
    let had = |shares: &[f64], value: usize| {
        let has = shares.iter().filter(|s| choice_index(**s, count) == value);
        has.count()
    };
    let miss = 1.0 - (elites.len() as f64 / tried.len().max(1) as f64).min(1.0);
    let loses = |value: usize| {
        let chance: f64 = (0..had(tried, value)).map(|_| miss).product();
        had(elites, value) == 0 && chance <= CHANCE
    };
    AxisBox::Choice {
        kept: kept
            .iter()
            .copied()
            .filter(|&value| !loses(value))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_drops_a_value_only_on_clear_evidence() {
        let whole = AxisBox::Choice {
            kept: vec![0, 1, 2],
        };
        let at = |value: usize| (value as f64 + 0.5) / 3.0;
        let many = |counts: [usize; 3]| -> Vec<f64> {
            let of = |value: usize| std::iter::repeat_n(at(value), counts[value]);
            (0..3).flat_map(of).collect()
        };
        let elites = many([6, 2, 0]);
        // A quarter is elite: eleven misses in a row have a chance of 0.75¹¹ = 4.2 %, ten of 5.6 %.
        let after =
            |misses: usize| choice_of(&whole, 3, &elites, &many([20, 32 - 20 - misses, misses]));
        assert_eq!(after(11), AxisBox::Choice { kept: vec![0, 1] });
        assert_eq!(after(10), whole);
    }

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
    fn a_widened_rate_grows_by_a_third_of_its_decades_and_a_share_stays_one() {
        use crate::search::domain::{Domain, Range, Scale};
        let rate = Range::new(Scale::Log, 1e-4, 1e-1);
        let dropout = Range::new(Scale::Linear, 0.0, 0.9);
        let space = Space::new(vec![
            Domain::new("a", Kind::Range(rate)),
            Domain::new("b", Kind::Range(dropout)),
        ])
        .unwrap();
        let at =
            |v: f64, w: f64| Params::from([("a".to_owned(), v.into()), ("b".to_owned(), w.into())]);
        let edges = crate::search::edge::edges(&space, &at(0.09, 0.89), &[]);
        let wide = widened(&space, &edges);
        let ends = |i: usize| wide.axes()[i].ends(&space.domains()[i]).unwrap();
        assert!((ends(0).1 / 1.0 - 1.0).abs() < 1e-9, "{:?}", ends(0));
        assert!(
            (ends(1).1 - 1.0).abs() < 1e-9 && ends(1).0 == 0.0,
            "{:?}",
            ends(1)
        );
    }

    #[test]
    fn elites_everywhere_keep_the_whole_axis() {
        assert!(close(ends(&[0.02, 0.97]), (0.0, 1.0)));
    }
}
