//! How large a sweep may be: the one place that bounds it, as its message is taken apart and before it is planned. So no sum overflows
//! behind it, nothing takes long to refuse, and a coordinator can hold every search that it accepts.

use std::ops::RangeInclusive;

use hone_proto::v1;

use super::DefinitionError;
use crate::search::{Budget, Definition, Grid, Kind, RoundPoints, Sampler, Strategy, rungs};

/// Each takes some 40 bytes of the search's memory for as long as its sweep lives.
const MOST_TRIALS: u64 = 10_000_000;
/// A grid's values are kept beside that, axis by axis.
const MOST_GRID_POINTS: u64 = 1_000_000;
/// Epochs of a budget. With [`EPOCHS`] it keeps every product of the planner below 2^64.
const MOST_EPOCHS: u64 = 1_000_000_000_000;
const MOST_MINUTES: f64 = 1e9;
pub const EPOCHS: RangeInclusive<u64> = 1..=10_000_000;
/// Folds, repeats, finalists.
pub const FEW: RangeInclusive<u64> = 1..=10_000;
pub const PARALLEL: RangeInclusive<u64> = 1..=1_000_000;
pub const ETA: RangeInclusive<u64> = 2..=1_000_000;
pub const GRID_POINTS: RangeInclusive<u64> = 1..=MOST_GRID_POINTS;
/// Numbers that the coordinator itself has settled.
pub const SETTLED: RangeInclusive<u64> = 0..=MOST_EPOCHS;
/// Domains, rounds, extensions: work grows with their square.
const MOST_LISTED: usize = 1_000;
/// Values of all choices, conditions and grids.
const MOST_VALUES: usize = 10_000;
/// Every trial is stored with the spec.
pub const MOST_BYTES: usize = 1 << 20;

type Checked = Result<(), DefinitionError>;

/// The number, if it lies there.
pub fn within<N>(field: &str, number: N, sizes: RangeInclusive<u64>) -> Result<N, DefinitionError>
where
    N: Copy + Into<u64>,
{
    let value = number.into();
    let right = match (*sizes.start(), *sizes.end()) {
        (least, _) if value < least => format!("{value} must be at least {least}"),
        (_, most) if value > most => format!("{value} must be at most {most}"),
        _ => return Ok(number),
    };
    Err(DefinitionError::at(field, right))
}

fn at_most<N: PartialOrd + ToString>(field: &str, count: N, noun: &str, most: N) -> Checked {
    if count <= most {
        return Ok(());
    }
    let (count, most) = (count.to_string(), most.to_string());
    let right = format!("{count} {noun}: must be at most {most}");
    Err(DefinitionError::at(field, right))
}

/// Checks a list that is looked at entry by entry for each of its entries.
pub fn check_list<T>(field: &str, list: &[T]) -> Checked {
    at_most(field, list.len(), "entries", MOST_LISTED)
}

/// Checks how many hyperparameters there are, and how many values are written out in all: of choices, conditions and grids.
pub fn check_space(domains: usize, values: usize) -> Checked {
    at_most("sweep.domains", domains, "entries", MOST_LISTED)?;
    at_most("sweep.domains", values, "values", MOST_VALUES)
}

/// Checks JSON, and how many values the space has: those of a choice are compared with each other.
pub fn check_lengths(definition: &v1::SweepDefinition) -> Checked {
    let (spec, canonical) = (&definition.spec_json, &definition.canonical_json);
    at_most("sweep.spec_json", spec.len(), "bytes", MOST_BYTES)?;
    at_most("sweep.canonical_json", canonical.len(), "bytes", MOST_BYTES)?;
    let of_domain = |domain: &v1::Domain| {
        let choice = match &domain.kind {
            Some(v1::domain::Kind::Choice(choice)) => choice.values_json.len(),
            _ => 0,
        };
        let conditions = domain.conditions.iter();
        let conditions: usize = conditions.map(|c| 1 + c.values_json.len()).sum();
        choice + conditions + domain.grid_json.len()
    };
    let domains = &definition.domains;
    check_space(domains.len(), domains.iter().map(of_domain).sum())
}

/// Checks what a file or `hone extend` wants trained.
pub fn check_budget(field: &str, budget: Budget) -> Checked {
    let (amount, unit, most) = match budget {
        Budget::Epochs(epochs) => (epochs as f64, "epochs", MOST_EPOCHS as f64),
        Budget::Trainings(trainings) => (trainings, "trainings", MOST_EPOCHS as f64),
        Budget::Minutes(minutes) => (minutes, "minutes", MOST_MINUTES),
    };
    // Neither holds of what is no number.
    if amount > 0.0 && amount <= most {
        return Ok(());
    }
    let right = format!("{amount:?} {unit}: must be above 0 and at most {most}");
    Err(DefinitionError::at(field, right))
}

/// Checks how many trials there may be, as far as that is known without a plan.
pub fn check_trials(definition: &Definition) -> Checked {
    let grid = grid_points(definition);
    at_most(
        "search.sampler",
        grid,
        "points of the grid",
        MOST_GRID_POINTS,
    )?;
    let planned = match &definition.strategy {
        Strategy::Planned(planned) => planned,
        Strategy::Written(rounds) => {
            let trials = rounds.iter().map(|round| {
                let points = match round.points {
                    RoundPoints::Drawn(points) => points.max(grid),
                    RoundPoints::Top(top) => top.into(),
                };
                let of_point = u64::from(round.repeats) * u64::from(definition.folds);
                points.saturating_mul(of_point)
            });
            let trials = trials.fold(0, u64::saturating_add);
            return at_most("search.round", trials, "trials", MOST_TRIALS);
        }
    };
    let full = planned.full_epochs;
    let (rungs, _) = rungs(planned);
    let added = definition.extensions.iter().map(|added| added.epochs);
    let epochs = added.fold(
        planned.budget.epochs(full).unwrap_or(0),
        u64::saturating_add,
    );
    at_most("search.budget", epochs, "epochs", MOST_EPOCHS)?;
    let trials = epochs / u64::from(rungs[0]);
    at_most("search.budget", trials, "trials to pay", MOST_TRIALS)
}

/// Of its grid, a little fewer where a range has not so many whole numbers; 1 for another sampler.
fn grid_points(definition: &Definition) -> u64 {
    if definition.sampler != Sampler::Grid {
        return 1;
    }
    let axes = definition.space.domains().iter();
    let axes = axes.map(|domain| match (&domain.grid, &domain.kind) {
        (Some(Grid::Points(points)), _) => u64::from(*points),
        (Some(Grid::Values(values)), _) | (None, Kind::Choice(values)) => values.len() as u64,
        // Of one without end there is no grid, which its sampler says.
        (None, Kind::Range(range)) => range.size().unwrap_or(1),
    });
    axes.fold(1, u64::saturating_mul)
}
