//! The plan of rounds that a person wrote.

use super::{
    definition::{Definition, RoundPoints, Sampler, WrittenRound},
    definition_error::DefinitionError,
    plan::{Bracket, Plan, PointSource, RoundPlan, Rung},
    sampler,
};

/// Each round as written, in order; no finish beyond them.
///
/// # Errors
///
/// No round, a round without points, `top` first, a grid without its values.
pub(super) fn plan(
    definition: &Definition,
    written: &[WrittenRound],
) -> Result<Plan, DefinitionError> {
    if written.is_empty() {
        return Err(DefinitionError::at(
            "search.round",
            "write at least one round, or a budget",
        ));
    }
    let mut rounds: Vec<RoundPlan> = Vec::new();
    let mut first_trial = 1;
    for (i, round) in written.iter().enumerate() {
        let at = |key: &str| format!("search.round.{i}.{key}");
        let (source, points) = points(definition, round, rounds.last(), &at)?;
        let plan = RoundPlan {
            number: i as u32 + 1,
            source,
            brackets: vec![Bracket {
                first_point: 0,
                rungs: vec![Rung {
                    epochs: round.epochs,
                    points,
                }],
            }],
            repeats: round.repeats,
            full_epochs: round.epochs,
            pruner: round.pruner,
            first_trial,
            keep_weights: i + 1 == written.len(),
        };
        first_trial += plan.trials(definition.folds);
        rounds.push(plan);
    }
    let epochs = rounds
        .iter()
        .map(|round| round.trials(definition.folds) * u64::from(round.full_epochs))
        .sum();
    Ok(Plan {
        full_epochs: rounds.last().map_or(1, |round| round.full_epochs),
        rounds,
        finish: None,
        folds: definition.folds,
        epochs,
        extensions: Vec::new(),
        is_written: true,
        notes: Vec::new(),
    })
}

/// Where a round's points come from, and how many they are; `before` is the round before it.
fn points(
    definition: &Definition,
    round: &WrittenRound,
    before: Option<&RoundPlan>,
    at: &impl Fn(&str) -> String,
) -> Result<(PointSource, u64), DefinitionError> {
    let (key, source, points) = match (round.points, before) {
        (RoundPoints::Drawn(points), _) => {
            let points = match definition.sampler {
                Sampler::Grid => sampler::grid_points(&sampler::grid(&definition.space)?),
                _ => points,
            };
            ("points", PointSource::Drawn { from_whole: 0 }, points)
        }
        (RoundPoints::Top(_), None) => {
            return Err(DefinitionError::at(
                at("top"),
                "the first round has no round before it: give it `points`",
            ));
        }
        (RoundPoints::Top(top), Some(before)) => {
            let points = u64::from(top).min(before.points());
            ("top", PointSource::Top(top), points)
        }
    };
    if points == 0 {
        return Err(DefinitionError::at(at(key), "must be at least 1"));
    }
    Ok((source, points))
}
