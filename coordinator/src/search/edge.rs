//! The lecture's worrying result: the best value lies at the end of its range.

use super::{
    decision::Warning,
    domain::Kind,
    space::{Params, Space},
};

/// How near to an end is worrying, as a share of the range on its scale.
const NEAR: f64 = 0.05;

/// What the keys of these warnings begin with.
pub(crate) const FAMILY: &str = "edge ";

/// Whether a warning is about the end of a range.
pub(super) fn is_edge(warning: &Warning) -> bool {
    warning.key.starts_with(FAMILY)
}

/// An end of an axis that good points crowd at.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Edge {
    /// The axis, in order of path.
    pub axis: usize,
    /// The upper end, or the lower.
    pub upper: bool,
    /// In words.
    pub warning: Warning,
}

/// Axes at whose original ends the best point, or half of the elites, lies. Ends beyond which nothing can lie (a dropout
/// of 0) do not count.
pub(super) fn edges(space: &Space, best: &Params, elites: &[Params]) -> Vec<Edge> {
    let mut edges = Vec::new();
    for (axis, domain) in space.domains().iter().enumerate() {
        let Kind::Range(range) = &domain.kind else {
            continue;
        };
        if range.low == range.high {
            continue;
        }
        let value = |params: &Params| params.get(&domain.path).and_then(serde_json::Value::as_f64);
        let near = |value: f64, upper: bool| {
            let position = range.position(value);
            if upper {
                position >= 1.0 - NEAR
            } else {
                position <= NEAR
            }
        };
        let (floor, ceiling) = range.natural_ends();
        for upper in [false, true] {
            let is_natural = if upper {
                ceiling == Some(range.high)
            } else {
                floor == Some(range.low)
            };
            if is_natural {
                continue;
            }
            let had: Vec<f64> = elites.iter().filter_map(value).collect();
            let crowd = had.iter().filter(|&&v| near(v, upper)).count();
            let best_is_near = value(best).filter(|&v| near(v, upper));
            let said = match best_is_near {
                Some(v) => {
                    let position = range.position(v);
                    let share = if upper { 1.0 - position } else { position } * 100.0;
                    format!("the best value, {}, lies {share:.1} % from", short(v))
                }
                None if had.len() >= 4 && crowd * 2 >= had.len() => {
                    format!("{crowd} of the best {} points lie within 5 % of", had.len())
                }
                None => continue,
            };
            let (end, name) = if upper {
                (range.high, "upper")
            } else {
                (range.low, "lower")
            };
            edges.push(Edge {
                axis,
                upper,
                warning: Warning {
                    key: format!("{FAMILY}{} {name}", domain.path),
                    text: format!(
                        "{}: {said} the {name} end of [{}, {}]; better ones may lie beyond {}",
                        domain.path,
                        short(range.low),
                        short(range.high),
                        short(end),
                    ),
                },
            });
        }
    }
    edges
}

/// A number as people write it: `9.47e-4`, `0.25`, `64`.
pub(super) fn short(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || (0.01..100_000.0).contains(&size) {
        let digits = (3.0 - size.max(0.01).log10().ceil()).clamp(0.0, 4.0) as usize;
        let text = format!("{value:.digits$}");
        if text.contains('.') {
            return text.trim_end_matches('0').trim_end_matches('.').to_owned();
        }
        return text;
    }
    let text = format!("{value:.2e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) if mantissa.contains('.') => {
            let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
            format!("{mantissa}e{exponent}")
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::domain::{Domain, Range, Scale};

    #[test]
    fn the_lectures_best_rate_is_called_worrying() {
        let range = Range::new(Scale::Log, 1e-4, 1e-3);
        let domain = Domain::new("train.learning_rate", Kind::Range(range));
        let space = Space::new(vec![domain]).unwrap();
        let best = Params::from([("train.learning_rate".to_owned(), 9.471549e-4.into())]);
        let found = edges(&space, &best, &[]);
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].warning.text,
            "train.learning_rate: the best value, 9.47e-4, lies 2.4 % from the upper end of [1e-4, 1e-3]; \
             better ones may lie beyond 1e-3"
        );
    }

    #[test]
    fn the_middle_is_fine() {
        let space = Space::new(vec![Domain::new(
            "a",
            Kind::Range(Range::new(Scale::Linear, 0.0, 1.0)),
        )])
        .unwrap();
        let at = |v: f64| Params::from([("a".to_owned(), v.into())]);
        assert!(edges(&space, &at(0.5), &[at(0.06), at(0.94)]).is_empty());
    }

    #[test]
    fn an_end_beyond_which_nothing_can_lie_is_no_worry() {
        let axis = |name: &str, integer: bool, low: f64, high: f64| {
            let range = Range {
                integer,
                ..Range::new(Scale::Linear, low, high)
            };
            Domain::new(name, Kind::Range(range))
        };
        let space = Space::new(vec![
            axis("dropout", false, 0.0, 0.5),
            axis("layers", true, 1.0, 8.0),
            axis("momentum", false, 0.5, 1.0),
            axis("shift", true, 2.0, 8.0),
        ])
        .unwrap();
        let at = |values: [f64; 4]| -> Params {
            let names = ["dropout", "layers", "momentum", "shift"].map(str::to_owned);
            names
                .into_iter()
                .zip(values.map(serde_json::Value::from))
                .collect()
        };
        let keys = |values| -> Vec<String> {
            let found = edges(&space, &at(values), &[]);
            found.into_iter().map(|edge| edge.warning.key).collect()
        };
        assert_eq!(keys([0.01, 1.0, 0.99, 2.0]), ["edge shift lower"]);
        assert_eq!(
            keys([0.49, 8.0, 0.51, 8.0]),
            [
                "edge dropout upper",
                "edge layers upper",
                "edge momentum lower",
                "edge shift upper"
            ]
        );
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.25, "0.25"),
            (64.0, "64"),
            (1e-4, "1e-4"),
            (0.0, "0"),
            (60_000.0, "60000"),
        ] {
            assert_eq!(short(value), text);
        }
    }
}
