//! What `hone extend` adds to a plan: one round more, then the finish again.

use super::{
    budgeted::{rungs, widest_bracket},
    definition::{Definition, Extension, Planned, PlannedKind, Pruner, Sampler, Strategy},
    definition_error::DefinitionError,
    plan::{FinishPlan, Plan, PointSource, RoundPlan},
};

/// Adds a round and a finish behind everything that the plan has.
///
/// Zoom's round is one of full trainings of what its model proposes after all that has been trained; the baselines draw
/// more points.
///
/// # Errors
///
/// Rounds written by hand, a grid (which has no more points), a budget below one full training.
pub(super) fn extend(
    plan: &mut Plan,
    definition: &Definition,
    added: Extension,
) -> Result<(), DefinitionError> {
    let planned = checked(plan, definition, added)?;
    let full = full_training(planned, definition);
    // As many repeats as the first finish had, if half of the added budget pays them.
    let (top, wanted) = plan
        .finish
        .map_or((0, 0), |finish| (finish.top, finish.extra));
    let each = u64::from(top) * full;
    let paid = (added.epochs / 2).checked_div(each).unwrap_or(0);
    let extra = u64::from(wanted).min(paid) as u32;
    let left = (added.epochs - u64::from(extra) * each) / u64::from(definition.folds);
    let source = match (planned.kind, definition.sampler) {
        (PlannedKind::Zoom, _) | (PlannedKind::Random, Sampler::Tpe) => {
            PointSource::Proposed { from_whole: 0 }
        }
        _ => PointSource::Drawn { from_whole: 0 },
    };
    let (rungs, eta) = match planned.kind {
        PlannedKind::Zoom => (vec![planned.full_epochs], planned.eta),
        PlannedKind::Random | PlannedKind::EarlyCut => rungs(planned),
    };
    let bracket = widest_bracket(&rungs, eta, left);
    plan.epochs += bracket.epochs() * u64::from(definition.folds) + u64::from(extra) * each;
    let round = RoundPlan {
        number: plan.rounds.len() as u32 + 1,
        source,
        brackets: vec![bracket],
        repeats: 1,
        full_epochs: planned.full_epochs,
        pruner: Pruner::None,
        first_trial: added.first_trial,
        keep_weights: true,
    };
    let first_trial = added.first_trial + round.trials(definition.folds);
    plan.rounds.push(round);
    plan.extensions.push(plan.finish.map(|finish| FinishPlan {
        extra,
        first_trial,
        ..finish
    }));
    Ok(())
}

/// What the planner made the plan from, if it can be extended by this much.
fn checked<'a>(
    plan: &Plan,
    definition: &'a Definition,
    added: Extension,
) -> Result<&'a Planned, DefinitionError> {
    let Strategy::Planned(planned) = &definition.strategy else {
        return Err(DefinitionError::at(
            "search.round",
            "rounds written by hand cannot be extended: `hone fork` makes a sweep that reuses their trials",
        ));
    };
    if definition.sampler == Sampler::Grid {
        return Err(DefinitionError::at(
            "search.sampler",
            "a grid has no more points: `hone fork` makes a sweep with other values",
        ));
    }
    let full = full_training(planned, definition);
    if added.epochs < full {
        return Err(DefinitionError::at(
            "search.budget",
            format!(
                "{} more epochs do not pay one full training: \"{full} epochs\" is the least",
                added.epochs
            ),
        ));
    }
    if added.first_trial <= plan.last_trial() {
        return Err(DefinitionError::at(
            "search.budget",
            format!("trial {} belongs to the plan already", added.first_trial),
        ));
    }
    Ok(planned)
}

/// Epochs of one full training of a point, in all folds.
fn full_training(planned: &Planned, definition: &Definition) -> u64 {
    u64::from(planned.full_epochs) * u64::from(definition.folds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::{
        definition::WrittenRound,
        planner,
        tests::outcomes::{definition, zoom},
    };

    fn extended(mut definition: Definition, epochs: u64) -> Result<Plan, DefinitionError> {
        let first_trial = planner::plan(&definition)?.last_trial() + 10;
        definition.extensions.push(Extension {
            epochs,
            first_trial,
        });
        planner::plan(&definition)
    }

    #[test]
    fn one_round_more_and_the_finish_again_within_the_added_budget() {
        let definition = definition(Strategy::Planned(zoom(180, 9)));
        let before = planner::plan(&definition).unwrap();
        let after = extended(definition, 60).unwrap();
        let round = after.rounds.last().unwrap();
        assert_eq!(after.rounds.len(), before.rounds.len() + 1);
        assert_eq!(after.rounds[..before.rounds.len()], before.rounds[..]);
        // 60 - 27 for one more trial of each of three = 33: three full trainings.
        assert_eq!(
            (round.points(), round.source),
            (3, PointSource::Proposed { from_whole: 0 })
        );
        assert_eq!(round.first_trial, before.last_trial() + 10);
        assert_eq!(after.extensions[0].unwrap().extra, 1);
        assert_eq!(after.epochs, before.epochs + 27 + 27);
        assert_eq!(after.last_trial(), round.first_trial + 3 + 3 - 1);
    }

    #[test]
    fn what_cannot_be_extended_says_why() {
        let planned = definition(Strategy::Planned(zoom(180, 9)));
        let small = extended(planned, 8).unwrap_err();
        assert!(small.message.contains("\"9 epochs\""), "{small}");
        let written = definition(Strategy::Written(vec![WrittenRound {
            points: crate::search::RoundPoints::Drawn(4),
            epochs: 1,
            repeats: 1,
            pruner: Pruner::None,
        }]));
        let refused = extended(written, 60).unwrap_err();
        assert!(refused.message.contains("hone fork"), "{refused}");
    }
}
