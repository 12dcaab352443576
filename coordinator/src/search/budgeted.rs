//! The planner: rounds and rungs out of a budget.

use serde_json::json;

use super::{
    definition::{Definition, Finish, Planned, PlannedKind, Pruner, Sampler},
    definition_error::DefinitionError,
    plan::{Bracket, FinishPlan, Plan, PointSource, RoundPlan, Rung},
    sampler, simulate,
};

/// Share of time used below which a plan with more rounds is too narrow for `parallel` workers.
const LEAST_SHARE: f64 = 0.8;
/// Percent of the budget that the finish may take.
const FINISH_PERCENT: u64 = 15;
/// Full trainings below which zoom is one round of halving.
const LEAST_FOR_TWO_ROUNDS: u64 = 19;
/// Full trainings from which on some full trainings are drawn from the whole space without `hedge`, too.
const MANY_TRAININGS: u64 = 30;
/// Percent of what the finish leaves that goes into full trainings, without and with `hedge`.
const FULL_PERCENT: u64 = 75;
const FULL_PERCENT_WITH_HEDGE: u64 = 80;
/// With so many generations of proposals they are two rounds, the second on a smaller box.
const GENERATIONS_FOR_TWO_BOXES: u64 = 4;
/// Percent of a halving round's budget for the bracket that starts late, and of the full trainings those drawn from the whole space.
const HEDGE_PERCENT: u64 = 20;
const HEDGE_PERCENT_OF_FULL: u64 = 40;

/// The plan of a budget.
///
/// # Errors
///
/// A budget that pays no full training, or is in minutes still; a sampler that the strategy does not take.
pub(super) fn plan(definition: &Definition, planned: &Planned) -> Result<Plan, DefinitionError> {
    let budget = checked_budget(definition, planned)?;
    match planned.kind {
        PlannedKind::Random | PlannedKind::EarlyCut => one_round(definition, planned, budget),
        PlannedKind::Zoom => zoom(definition, planned, budget),
    }
}

/// Rungs of a round of halving, ascending and without repeats of a number, and one in how many goes on.
pub(crate) fn rungs(planned: &Planned) -> (Vec<u32>, u32) {
    let (full, eta) = (planned.full_epochs, planned.eta);
    let (mut rungs, eta) = match planned.kind {
        PlannedKind::Random => (vec![full], eta),
        PlannedKind::EarlyCut => (vec![full.div_ceil(9), full], 9),
        PlannedKind::Zoom => {
            let first = full.div_ceil(eta.saturating_mul(eta));
            (vec![first, full.div_ceil(eta), full], eta)
        }
    };
    rungs.dedup();
    (rungs, eta)
}

fn checked_budget(definition: &Definition, planned: &Planned) -> Result<u64, DefinitionError> {
    let refuse =
        |key: &str, message: String| Err(DefinitionError::at(format!("search.{key}"), message));
    let allowed: &[Sampler] = match planned.kind {
        PlannedKind::Random => &[Sampler::Random, Sampler::Sobol, Sampler::Grid, Sampler::Tpe],
        PlannedKind::Zoom | PlannedKind::EarlyCut => &[Sampler::Random, Sampler::Sobol],
    };
    if !allowed.contains(&definition.sampler) {
        let words = format!(
            "the strategy {} does not take the sampler {}: it takes \"sobol\" or \"random\"; grid and tpe go with strategy = \"random\" and with written rounds",
            json!(planned.kind),
            json!(definition.sampler)
        );
        return refuse("sampler", words);
    }
    let Some(budget) = planned.budget.epochs(planned.full_epochs) else {
        return refuse(
            "budget",
            "minutes must be turned into epochs by a check first".into(),
        );
    };
    let least = u64::from(planned.full_epochs) * u64::from(definition.folds);
    if budget < least {
        return refuse(
            "budget",
            format!(
                "{budget} epochs do not pay one full training ({} epochs × {} folds): the smallest that works is \"{least} epochs\"",
                planned.full_epochs, definition.folds
            ),
        );
    }
    Ok(budget)
}

fn one_round(
    definition: &Definition,
    planned: &Planned,
    budget: u64,
) -> Result<Plan, DefinitionError> {
    let finish = affordable_finish(definition, planned, budget);
    let left = budget - finish_cost(definition, planned, finish);
    let (rungs, eta) = rungs(planned);
    let mut bracket = widest_bracket(&rungs, eta, left / u64::from(definition.folds));
    if definition.sampler == Sampler::Grid {
        let product = sampler::grid_points(&sampler::grid(&definition.space)?);
        if product > bracket.points() {
            let cost = product * u64::from(planned.full_epochs) * u64::from(definition.folds);
            let words = format!(
                "the grid has {product} points and costs {cost} epochs, the budget is {budget}: give \"{cost} epochs\", or fewer values"
            );
            return Err(DefinitionError::at("search.budget", words));
        }
        bracket.rungs[0].points = product;
    }
    let source = PointSource::Drawn { from_whole: 0 };
    Ok(assemble(
        definition,
        planned,
        &[(source, vec![bracket])],
        finish,
    ))
}

/// A wide round of halving, then full trainings of what the model proposes, the later ones on a smaller box. One round of halving where the budget is small, or where more could not keep `parallel` workers busy.
fn zoom(definition: &Definition, planned: &Planned, budget: u64) -> Result<Plan, DefinitionError> {
    let full = u64::from(planned.full_epochs) * u64::from(definition.folds);
    let finish = affordable_finish(definition, planned, budget);
    let left = budget - finish_cost(definition, planned, finish);
    let halving = halving_round(definition, planned, left, planned.hedge);
    let one_round = |definition, finish| {
        let source = PointSource::Drawn { from_whole: 0 };
        assemble(definition, planned, &[(source, halving)], finish)
    };
    if budget < LEAST_FOR_TWO_ROUNDS * full {
        return Ok(one_round(definition, finish));
    }
    let percent = if planned.hedge {
        FULL_PERCENT_WITH_HEDGE
    } else {
        FULL_PERCENT
    };
    let trainings = full_trainings(planned, budget / full, left * percent / 100 / full);
    let in_full: u64 = trainings.iter().map(|(_, points)| points).sum();
    let wide = halving_round(definition, planned, left - in_full * full, false);
    let mut rounds = vec![(PointSource::Drawn { from_whole: 0 }, wide)];
    rounds.extend(trainings.into_iter().map(|(source, points)| {
        let bracket = bracket(&[planned.full_epochs], planned.eta, points);
        (source, vec![bracket])
    }));
    let plan = assemble(definition, planned, &rounds, finish);
    if simulate::share_used(definition, &plan, planned.parallel) >= LEAST_SHARE {
        return Ok(plan);
    }
    let mut plan = one_round(definition, finish);
    plan.notes.push(format!(
        "one round of halving alone, so that {} trials can run at once",
        planned.parallel
    ));
    Ok(plan)
}

/// The rounds of at most `most` full trainings: some drawn from the whole space, the others proposed in whole generations.
fn full_trainings(planned: &Planned, budget: u64, most: u64) -> Vec<(PointSource, u64)> {
    let size = u64::from(planned.parallel);
    let from_whole = if planned.hedge {
        most * HEDGE_PERCENT_OF_FULL / 100
    } else if budget >= MANY_TRAININGS {
        // As many as find no promotion to train when the wide round ends.
        (size - 1).min(most / 4)
    } else {
        0
    };
    let generations = (most - from_whole) / size;
    if generations < GENERATIONS_FOR_TWO_BOXES {
        let proposed = match generations {
            0 => most - from_whole,
            whole => whole * size,
        };
        return vec![(PointSource::Proposed { from_whole }, from_whole + proposed)];
    }
    let first = generations.div_ceil(2) * size;
    let second = generations / 2 * size;
    vec![
        (PointSource::Proposed { from_whole }, from_whole + first),
        (PointSource::Proposed { from_whole: 0 }, second),
    ]
}

/// One bracket, and with `hedge` a second one that starts later.
fn halving_round(
    definition: &Definition,
    planned: &Planned,
    epochs: u64,
    hedge: bool,
) -> Vec<Bracket> {
    let share = epochs / u64::from(definition.folds);
    let (levels, _) = rungs(planned);
    let late = share * HEDGE_PERCENT / 100;
    if !hedge || levels.len() < 3 || late < u64::from(planned.full_epochs) {
        return vec![widest_bracket(&levels, planned.eta, share)];
    }
    let first = widest_bracket(&levels, planned.eta, share - late);
    let mut second = widest_bracket(&levels[1..], planned.eta, late);
    second.first_point = first.points();
    vec![first, second]
}

/// The bracket with the most points that `epochs` pay, and at least one.
pub(super) fn widest_bracket(levels: &[u32], eta: u32, epochs: u64) -> Bracket {
    let of = |points| bracket(levels, eta, points);
    let (mut fits, mut too_many) = (1, epochs + 1);
    while fits + 1 < too_many {
        let middle = fits + (too_many - fits) / 2;
        if of(middle).epochs() <= epochs {
            fits = middle;
        } else {
            too_many = middle;
        }
    }
    of(fits)
}

fn bracket(levels: &[u32], eta: u32, points: u64) -> Bracket {
    let mut left = points;
    let rungs = levels
        .iter()
        .map(|&epochs| {
            let rung = Rung {
                epochs,
                points: left,
            };
            left = (left / u64::from(eta)).max(1);
            rung
        })
        .collect();
    Bracket {
        first_point: 0,
        rungs,
    }
}

/// As many repeats as the finish's share of the budget pays, but never what the search itself needs for one training.
fn affordable_finish(definition: &Definition, planned: &Planned, budget: u64) -> Option<Finish> {
    let finish = planned.finish?;
    let full = u64::from(planned.full_epochs) * u64::from(definition.folds);
    let each = u64::from(finish.top) * full;
    let paid = (budget * FINISH_PERCENT / 100 / each).min(u64::from(finish.repeats) - 1);
    Some(Finish {
        top: finish.top,
        repeats: paid as u32 + 1,
    })
}

fn finish_cost(definition: &Definition, planned: &Planned, finish: Option<Finish>) -> u64 {
    finish.map_or(0, |finish| {
        u64::from(finish.top)
            * u64::from(finish.repeats - 1)
            * u64::from(planned.full_epochs)
            * u64::from(definition.folds)
    })
}

fn assemble(
    definition: &Definition,
    planned: &Planned,
    planned_rounds: &[(PointSource, Vec<Bracket>)],
    finish: Option<Finish>,
) -> Plan {
    let mut rounds: Vec<RoundPlan> = Vec::new();
    let mut first_trial = 1;
    let mut epochs = finish_cost(definition, planned, finish);
    for (source, of_round) in planned_rounds {
        let round = RoundPlan {
            number: rounds.len() as u32 + 1,
            source: *source,
            brackets: of_round.clone(),
            repeats: 1,
            full_epochs: planned.full_epochs,
            pruner: Pruner::None,
            first_trial,
            keep_weights: true,
        };
        first_trial += round.trials(definition.folds);
        let of_brackets: u64 = of_round.iter().map(Bracket::epochs).sum();
        epochs += of_brackets * u64::from(definition.folds);
        rounds.push(round);
    }
    let mut notes = Vec::new();
    if let (Some(wanted), Some(paid)) = (planned.finish, finish)
        && paid.repeats < wanted.repeats
    {
        notes.push(format!(
            "the finish has {} of {} trainings a point: {FINISH_PERCENT} % of the budget pays no more",
            paid.repeats, wanted.repeats
        ));
    }
    Plan {
        rounds,
        finish: finish.map(|finish| FinishPlan {
            top: finish.top,
            extra: finish.repeats - 1,
            first_trial,
        }),
        folds: definition.folds,
        full_epochs: planned.full_epochs,
        epochs,
        extensions: Vec::new(),
        is_written: false,
        notes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::{
        definition::{Budget, Strategy},
        tests::outcomes::{definition, zoom},
    };

    fn plan_of(planned: Planned) -> Result<Plan, DefinitionError> {
        let definition = definition(Strategy::Planned(planned.clone()));
        plan(&definition, &planned)
    }

    fn points(plan: &Plan) -> Vec<Vec<u64>> {
        let rungs = |b: &Bracket| b.rungs.iter().map(|r| r.points).collect();
        plan.rounds
            .iter()
            .map(|round| rungs(&round.brackets[0]))
            .collect()
    }

    #[test]
    fn a_budget_of_twenty_trainings_makes_two_rounds_and_one_repeat_more() {
        let plan = plan_of(Planned {
            parallel: 1,
            ..zoom(180, 9)
        })
        .unwrap();
        // 180 − 27 for the finish = 153, three quarters of it pay 12 full trainings; 45 epochs are left: 20 + 6 × 2 + 2 × 6 = 44.
        assert_eq!(points(&plan), [vec![20, 6, 2], vec![6], vec![6]]);
        assert_eq!(plan.finish.unwrap().extra, 1);
        assert!(plan.epochs <= 180, "{}", plan.epochs);
        let rungs: Vec<u32> = plan.rounds[0].brackets[0]
            .rungs
            .iter()
            .map(|r| r.epochs)
            .collect();
        assert_eq!(rungs, [1, 3, 9]);
    }

    #[test]
    fn sixty_trainings_leave_most_to_the_proposals() {
        let plan = plan_of(Planned {
            parallel: 1,
            ..zoom(540, 9)
        })
        .unwrap();
        assert_eq!(plan.rounds.len(), 3);
        let whole = |from_whole| PointSource::Proposed { from_whole };
        assert_eq!(plan.rounds[1].source, whole(0));
        let in_full = plan.rounds[1].points() + plan.rounds[2].points();
        assert!(in_full * 9 > 270, "{plan:?}");
        assert_eq!(plan.finish.unwrap().extra, 2);
        assert!(plan.epochs <= 540 && plan.epochs > 500, "{}", plan.epochs);
    }

    #[test]
    fn rungs_without_repeats_of_a_number() {
        let of = |full_epochs| rungs(&zoom(0, full_epochs)).0;
        assert_eq!(of(9), [1, 3, 9]);
        assert_eq!(of(2), [1, 2]);
        assert_eq!(of(1), [1]);
        assert_eq!(of(10), [2, 4, 10]);
    }

    #[test]
    fn a_budget_below_one_training_names_the_smallest_that_works() {
        let error = plan_of(zoom(8, 9)).unwrap_err();
        assert_eq!(error.path, "search.budget");
        assert!(error.message.contains("\"9 epochs\""), "{error}");
        assert_eq!(points(&plan_of(zoom(9, 9)).unwrap()), [[1, 1, 1]]);
    }

    #[test]
    fn minutes_are_refused_until_a_check_has_measured_the_rate() {
        let budget = Budget::Minutes(30.0);
        assert_eq!(
            plan_of(Planned {
                budget,
                ..zoom(0, 9)
            })
            .unwrap_err()
            .path,
            "search.budget"
        );
        let budget = Budget::Epochs(180);
        assert!(
            plan_of(Planned {
                budget,
                ..zoom(0, 9)
            })
            .is_ok()
        );
    }

    #[test]
    fn a_wide_plan_is_made_for_many_workers() {
        let narrow = plan_of(Planned {
            parallel: 1,
            ..zoom(540, 9)
        })
        .unwrap();
        let wide = plan_of(Planned {
            parallel: 64,
            ..zoom(540, 9)
        })
        .unwrap();
        assert_eq!((narrow.rounds.len(), wide.rounds.len()), (3, 1));
        assert!(
            wide.notes[0].contains("64 trials can run at once"),
            "{:?}",
            wide.notes
        );
    }

    #[test]
    fn with_hedge_two_fifths_of_the_full_trainings_are_drawn_from_the_whole_space() {
        let plan = plan_of(Planned {
            hedge: true,
            parallel: 1,
            ..zoom(180, 9)
        })
        .unwrap();
        assert_eq!(
            plan.rounds[1].source,
            PointSource::Proposed { from_whole: 5 }
        );
        assert!(plan.epochs <= 180, "{}", plan.epochs);
    }

    #[test]
    fn one_round_of_halving_with_hedge_has_a_bracket_that_starts_late() {
        let plan = plan_of(Planned {
            hedge: true,
            parallel: 1,
            ..zoom(162, 9)
        })
        .unwrap();
        let late = &plan.rounds[0].brackets[1];
        assert_eq!(late.rungs[0].epochs, 3);
        assert_eq!(late.first_point, plan.rounds[0].brackets[0].points());
        assert!(plan.epochs <= 162);
    }
}
