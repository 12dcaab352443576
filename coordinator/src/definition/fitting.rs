//! Which trials of an earlier sweep a new one may take for its own.

use serde_json::Value;

use super::{SweepDefinition, spec::substitute};
use crate::search::{Domain, EarlierPoint, Params, Strategy};

/// The points, each with the epochs of its full training, that the new sweep would train with the very same spec, as
/// points of the new space.
///
/// So a key may have become a domain since, or ceased to be one: what counts is what a worker would get.
pub fn fitting(
    new: &SweepDefinition,
    old: &SweepDefinition,
    points: Vec<(u32, EarlierPoint)>,
) -> Vec<EarlierPoint> {
    let same_kind = new.search.folds == old.search.folds
        && new.search.objective.metric == old.search.objective.metric;
    if !same_kind {
        return Vec::new();
    }
    points
        .into_iter()
        .filter(|(epochs, _)| full_epochs(new) == Some(*epochs))
        .filter_map(|(_, point)| {
            Some(EarlierPoint {
                params: as_new(new, old, &point.params)?,
                objective: point.objective,
            })
        })
        .collect()
}

/// Epochs of a full training: of the last round, where rounds are written by hand.
fn full_epochs(plan: &SweepDefinition) -> Option<u32> {
    match &plan.search.strategy {
        Strategy::Planned(planned) => Some(planned.full_epochs),
        Strategy::Written(rounds) => rounds.last().map(|round| round.epochs),
    }
}

/// The point in the new space that is trained with the same spec; `None` when there is none.
fn as_new(new: &SweepDefinition, old: &SweepDefinition, params: &Params) -> Option<Params> {
    let trained = substitute(&old.spec, old.search.space.domains(), params).ok()?;
    let space = &new.search.space;
    let value = |_, domain: &Domain| at(&trained, &domain.path).cloned().unwrap_or_default();
    let found = space.assemble(value);
    let wanted = substitute(&new.spec, space.domains(), &found).ok()?;
    (space.contains(&found) && same(&wanted, &trained)).then_some(found)
}

fn at<'a>(spec: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(spec, |here, key| match here {
        Value::Array(list) => list.get(key.parse::<usize>().ok()?),
        other => other.get(key),
    })
}

/// Equality in which 1 and 1.0 are the same number and the order of keys does not count.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
        }
        _ => a == b,
    }
}
