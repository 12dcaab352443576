//! PURE: what the search says, as actions for the writer.

use std::collections::BTreeMap;

use serde_json::json;

use super::nets::check_spec;
use crate::{
    definition::{DefinitionError, SweepDefinition, box_json, substitute},
    ids::{Seed, TrialNumber},
    search::{
        Decision, EDGES, NewTrial as Proposed, Params, Plan, PointSource, RoundPlan, Search,
        SearchBox, Winner,
    },
    store::{NewRound, NewTrial, WinnerRef, Wish, command::Action},
    trial::TrialKind,
};

/// One decision as an action; `None` for the end, which the caller carries out.
pub fn action(
    sweep: &SweepDefinition,
    plan: &Plan,
    decision: &Decision,
) -> Result<Option<Action>, DefinitionError> {
    Ok(Some(match decision {
        Decision::Enqueue(trial) => Action::Enqueue(vec![search_trial(sweep, trial)?]),
        Decision::Promote(promotion) => Action::Promote {
            trial: sweep.number(promotion.trial),
            to_epoch: promotion.to_epoch,
            wish: Wish {
                queue_order: u64::from(promotion.priority),
                waits_at_end: promotion.waits_at_end,
                keep_weights: promotion.keep_weights,
            },
        },
        Decision::Prune { trial } => Action::Prune {
            trial: sweep.number(*trial),
            reason: "other points are better".to_owned(),
        },
        Decision::NarrowTo {
            round,
            within,
            points,
        } => {
            let planned = plan.rounds.iter().find(|planned| planned.number == *round);
            let Some(planned) = planned else {
                return Ok(None);
            };
            Action::Round(NewRound {
                points: *points,
                ..new_round(sweep, planned, Some(within))
            })
        }
        Decision::Warn(warning) => Action::Warn {
            key: warning.key.clone(),
            text: warning.text.clone(),
        },
        Decision::Edges { warnings, .. } => Action::WarnInstead {
            family: EDGES,
            warnings: warnings
                .iter()
                .map(|warning| (warning.key.clone(), warning.text.clone()))
                .collect(),
        },
        Decision::Finish { .. } => return Ok(None),
    }))
}

/// Where the winner stands.
pub fn place(winner: &Winner) -> WinnerRef {
    WinnerRef {
        round: winner.round,
        point: winner.point,
    }
}

fn search_trial(sweep: &SweepDefinition, trial: &Proposed) -> Result<NewTrial, DefinitionError> {
    let (round, point, repeat, fold) = (trial.round, trial.point, trial.repeat, trial.fold);
    let number = sweep.number(trial.number);
    Ok(NewTrial {
        round,
        point,
        repeat,
        fold,
        seed: Seed(sweep.search.seed).of_trial(round, point, repeat, fold),
        to_epoch: trial.to_epoch,
        full_epochs: trial.full_epochs,
        queue_order: u64::from(trial.priority),
        waits_at_end: trial.waits_at_end,
        keep_weights: trial.keep_weights,
        ..new_trial(sweep, TrialKind::Search, number, &trial.params)?
    })
}

/// What the plan amounts to, for people, and which numbers it takes.
pub fn plan_actions(sweep: &SweepDefinition, search: &Search) -> Vec<Action> {
    let plan = search.plan();
    let whole = SearchBox::whole(&sweep.search.space);
    let planned = |round: &RoundPlan| {
        let within = (round.number == 1).then_some(&whole);
        Action::Round(new_round(sweep, round, within))
    };
    let mut actions: Vec<_> = plan.rounds.iter().map(planned).collect();
    actions.push(Action::Reserve(sweep.last_reserved(search)));
    actions.push(Action::Plan {
        trials: plan.trials(),
        epochs: plan.epochs,
    });
    if let Some(from) = &sweep.from {
        let points = sweep.search.earlier.len();
        actions.push(Action::Warn {
            key: "from".to_owned(),
            text: format!("{points} points are reused from {from}"),
        });
    }
    actions
}

fn new_round(sweep: &SweepDefinition, round: &RoundPlan, within: Option<&SearchBox>) -> NewRound {
    let mut rungs = BTreeMap::<u32, u64>::new();
    for rung in round.brackets.iter().flat_map(|bracket| &bracket.rungs) {
        *rungs.entry(rung.epochs).or_default() += rung.points;
    }
    NewRound {
        round: round.number,
        points: round.points(),
        rungs: rungs.into_iter().collect(),
        repeats: round.repeats,
        top: match round.source {
            PointSource::Top(top) => Some(top),
            PointSource::Drawn { .. } | PointSource::Proposed { .. } => None,
        },
        box_json: within.map_or_else(String::new, |within| box_json(&sweep.search.space, within)),
    }
}

/// The check of a sweep: one trial outside points, at the middle of every axis, with one net a combination of choices.
pub fn check_trial(
    sweep: &SweepDefinition,
    number: TrialNumber,
) -> Result<NewTrial, DefinitionError> {
    let (middle, spec) = check_spec(&sweep.spec, &sweep.search.space)?;
    Ok(NewTrial {
        spec_json: spec.to_string(),
        ..new_trial(sweep, TrialKind::Check, number, &middle)?
    })
}

/// A test of one trial of the winning point: its kept weights on the test part.
pub fn test_trial(
    sweep: &SweepDefinition,
    number: TrialNumber,
    of: TrialNumber,
    fold: u32,
    params: &Params,
) -> Result<NewTrial, DefinitionError> {
    Ok(NewTrial {
        fold,
        weights_of: Some(of),
        // Tests are points of round 0 after the check, each its own.
        point: of.0,
        ..new_trial(sweep, TrialKind::Test, number, params)?
    })
}

/// A trial of these values, as it is outside of points: the caller says what else is so.
fn new_trial(
    sweep: &SweepDefinition,
    kind: TrialKind,
    number: TrialNumber,
    params: &Params,
) -> Result<NewTrial, DefinitionError> {
    Ok(NewTrial {
        number,
        kind,
        round: 0,
        point: 0,
        repeat: 0,
        fold: 0,
        params_json: json!(params).to_string(),
        spec_json: substitute(&sweep.spec, sweep.search.space.domains(), params)?.to_string(),
        seed: Seed(sweep.search.seed).of_trial(0, number.0, 0, 0),
        to_epoch: 1,
        full_epochs: 1,
        queue_order: 0,
        waits_at_end: false,
        keep_weights: false,
        weights_of: None,
    })
}
