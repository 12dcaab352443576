//! Coordinates of points: random, Sobol and grid. (TPE learns, and has a file of its own.)

use serde_json::Value;

use super::{
    definition::Sampler,
    definition_error::DefinitionError,
    domain::{Domain, Grid, Kind},
    keyed::{self, Purpose},
    sobol,
    space::{Params, Space},
};

/// Coordinates in [0, 1) of a point, one per domain: a pure function of (seed, round, index).
///
/// `whole`: the points that a later round draws from the file's box, counted from 0 by themselves, so that each of the two sets fills its
/// box evenly.
pub(super) fn coordinates(
    sampler: Sampler,
    seed: u64,
    round: u32,
    whole: bool,
    index: u64,
    dimensions: usize,
) -> Vec<f64> {
    let stream = u64::from(round);
    match sampler {
        Sampler::Sobol => {
            let purpose = if whole {
                Purpose::ScrambleWhole
            } else {
                Purpose::Scramble
            };
            sobol::point(seed, purpose, stream, index, dimensions)
        }
        Sampler::Random | Sampler::Grid | Sampler::Tpe => {
            let ids = [stream, u64::from(whole), index];
            let mut rng = keyed::generator(seed, Purpose::Random, &ids);
            (0..dimensions).map(|_| keyed::uniform(&mut rng)).collect()
        }
    }
}

/// The grid's values of each domain, in order of path.
///
/// # Errors
///
/// A range without end and without `grid` or `points`, or a value outside its domain.
pub(super) fn grid(space: &Space) -> Result<Vec<Vec<Value>>, DefinitionError> {
    space.domains().iter().map(axis_values).collect()
}

/// How many points the whole product has.
pub(super) fn grid_points(axes: &[Vec<Value>]) -> u64 {
    axes.iter()
        .fold(1, |n: u64, axis| n.saturating_mul(axis.len() as u64))
}

/// The `index`-th point of the product: the last axis varies fastest.
pub(super) fn grid_params(space: &Space, axes: &[Vec<Value>], index: u64) -> Params {
    let mut rest = index;
    let mut chosen = vec![0; axes.len()];
    for (axis, values) in axes.iter().enumerate().rev() {
        chosen[axis] = (rest % values.len() as u64) as usize;
        rest /= values.len() as u64;
    }
    space.assemble(|axis, _| axes[axis][chosen[axis]].clone())
}

fn axis_values(domain: &Domain) -> Result<Vec<Value>, DefinitionError> {
    match (&domain.grid, &domain.kind) {
        (Some(Grid::Values(values)), _) => {
            match values.iter().find(|value| !domain.contains(value)) {
                Some(value) => Err(DefinitionError::at(
                    &domain.path,
                    format!("the grid's value {value} lies outside the domain"),
                )),
                None if values.is_empty() => {
                    Err(DefinitionError::at(&domain.path, "the grid has no values"))
                }
                None => Ok(values.clone()),
            }
        }
        (_, Kind::Choice(values)) => Ok(values.clone()),
        (Some(Grid::Points(points)), Kind::Range(range)) => {
            let mut values: Vec<Value> = Vec::new();
            for i in 0..*points {
                let position = match points {
                    1 => 0.5,
                    n => f64::from(i) / f64::from(n - 1),
                };
                let value = range.at_position(position);
                // A range of few whole numbers has fewer values than points were asked for.
                if values.last() != Some(&value) {
                    values.push(value);
                }
            }
            Ok(values)
        }
        (None, Kind::Range(range)) => match range.size() {
            Some(size) => Ok((0..size).map(|index| range.nth(index)).collect()),
            None => Err(DefinitionError::at(
                &domain.path,
                "a grid needs `grid = [values]` or `points = n` beside this range, or a `step`",
            )),
        },
    }
}
