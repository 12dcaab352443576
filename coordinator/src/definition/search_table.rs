//! `[search]` and `[objective]` on the wire, both ways: a key is one line here and one there, a value of an enum one row.

use hone_proto::v1;

use super::{
    DefinitionError,
    field::{name, read, required, write},
    sizes::{self, EPOCHS, ETA, FEW, PARALLEL, within},
};
use crate::search::{
    Budget, Finish, Objective, Planned, PlannedKind, Pruner, RoundPoints, Sampler, Strategy,
    WrittenRound,
};

const SAMPLERS: [(v1::Sampler, Sampler); 4] = [
    (v1::Sampler::Random, Sampler::Random),
    (v1::Sampler::Sobol, Sampler::Sobol),
    (v1::Sampler::Grid, Sampler::Grid),
    (v1::Sampler::Tpe, Sampler::Tpe),
];
const STRATEGIES: [(v1::PlannedStrategy, PlannedKind); 3] = [
    (v1::PlannedStrategy::Zoom, PlannedKind::Zoom),
    (v1::PlannedStrategy::Random, PlannedKind::Random),
    (v1::PlannedStrategy::EarlyCut, PlannedKind::EarlyCut),
];
const PRUNERS: [(v1::Pruner, Pruner); 3] = [
    (v1::Pruner::None, Pruner::None),
    (v1::Pruner::Median, Pruner::Median),
    (v1::Pruner::Asha, Pruner::Asha),
];
const MAXIMIZE: [(v1::Direction, bool); 2] = [
    (v1::Direction::Maximize, true),
    (v1::Direction::Minimize, false),
];
const AT_BEST: [(v1::At, bool); 2] = [(v1::At::Best, true), (v1::At::Last, false)];

pub(super) fn objective(value: Option<&v1::Objective>) -> Result<Objective, DefinitionError> {
    let field = "sweep.objective";
    let value = required(field, value)?;
    let maximize = read(&format!("{field}.direction"), &MAXIMIZE, value.direction)?;
    if let Some(target) = value.target.filter(|target| !target.is_finite()) {
        let problem = format!("is {target}, and must be a number that can be reached");
        return Err(DefinitionError::at(format!("{field}.target"), problem));
    }
    Ok(Objective {
        maximize,
        at_best: read(&format!("{field}.at"), &AT_BEST, value.at)?,
        metric: name(&format!("{field}.metric"), value.metric.clone())?,
        target: value.target,
    })
}

/// What points are ranked by.
pub fn objective_message(objective: &Objective) -> v1::Objective {
    v1::Objective {
        metric: objective.metric.clone(),
        direction: write(&MAXIMIZE, objective.maximize),
        at: write(&AT_BEST, objective.at_best),
        target: objective.target,
    }
}

pub(super) fn strategy(search: &v1::Search) -> Result<Strategy, DefinitionError> {
    Ok(
        match required("sweep.search.strategy", search.strategy.as_ref())? {
            v1::search::Strategy::Planned(planned) => Strategy::Planned(planned_of(planned)?),
            v1::search::Strategy::Written(written) => {
                sizes::check_list("search.round", &written.rounds)?;
                let rounds = (0..).zip(&written.rounds).map(written_round);
                Strategy::Written(rounds.collect::<Result<_, _>>()?)
            }
        },
    )
}

pub(super) fn sampler(search: &v1::Search) -> Result<Sampler, DefinitionError> {
    read("sweep.search.sampler", &SAMPLERS, search.sampler)
}

/// How the space is searched; `start` and `from` are left to the caller.
pub fn search_message(strategy: &Strategy, sampler: Sampler) -> v1::Search {
    let strategy = match strategy {
        Strategy::Planned(planned) => v1::search::Strategy::Planned(planned_message(planned)),
        Strategy::Written(rounds) => v1::search::Strategy::Written(v1::Written {
            rounds: rounds.iter().map(round_message).collect(),
        }),
    };
    v1::Search {
        strategy: Some(strategy),
        sampler: write(&SAMPLERS, sampler),
        ..v1::Search::default()
    }
}

fn planned_of(planned: &v1::Planned) -> Result<Planned, DefinitionError> {
    Ok(Planned {
        kind: read(
            "sweep.search.planned.strategy",
            &STRATEGIES,
            planned.strategy,
        )?,
        budget: budget("search.budget", planned.budget.as_ref())?,
        full_epochs: within("search.full_epochs", planned.full_epochs, EPOCHS)?,
        eta: within("search.eta", planned.eta, ETA)?,
        parallel: within("search.parallel", planned.parallel, PARALLEL)?,
        hedge: planned.hedge,
        widen: planned.widen,
        finish: planned.finish.as_ref().map(finish).transpose()?,
    })
}

fn finish(finish: &v1::Finish) -> Result<Finish, DefinitionError> {
    Ok(Finish {
        top: within("search.finish.top", finish.top, FEW)?,
        repeats: within("search.finish.repeats", finish.repeats, FEW)?,
    })
}

fn planned_message(planned: &Planned) -> v1::Planned {
    v1::Planned {
        strategy: write(&STRATEGIES, planned.kind),
        budget: Some(budget_message(planned.budget)),
        full_epochs: planned.full_epochs,
        eta: planned.eta,
        parallel: planned.parallel,
        hedge: planned.hedge,
        widen: planned.widen,
        finish: planned.finish.map(|finish| v1::Finish {
            top: finish.top,
            repeats: finish.repeats,
        }),
    }
}

/// A budget, as a file or `hone extend` gives it.
pub fn budget(field: &str, budget: Option<&v1::Budget>) -> Result<Budget, DefinitionError> {
    let amount = required(field, budget.and_then(|budget| budget.amount))?;
    let budget = match amount {
        v1::budget::Amount::Epochs(epochs) => Budget::Epochs(epochs),
        v1::budget::Amount::Trainings(trainings) => Budget::Trainings(trainings),
        v1::budget::Amount::Minutes(minutes) => Budget::Minutes(minutes),
    };
    sizes::check_budget(field, budget)?;
    Ok(budget)
}

/// How much is to be trained.
pub fn budget_message(budget: Budget) -> v1::Budget {
    v1::Budget {
        amount: Some(match budget {
            Budget::Epochs(epochs) => v1::budget::Amount::Epochs(epochs),
            Budget::Trainings(trainings) => v1::budget::Amount::Trainings(trainings),
            Budget::Minutes(minutes) => v1::budget::Amount::Minutes(minutes),
        }),
    }
}

fn written_round((i, round): (u32, &v1::WrittenRound)) -> Result<WrittenRound, DefinitionError> {
    let at = |key: &str| format!("search.round.{i}.{key}");
    let points = match (round.points, round.top) {
        (Some(_), Some(_)) => {
            return Err(DefinitionError::at(
                at("top"),
                "`points` and `top` in one round: give one",
            ));
        }
        (_, Some(top)) => RoundPoints::Top(top),
        // A grid leaves the number of its points to the product of its domains.
        (points, None) => RoundPoints::Drawn(points.unwrap_or(0)),
    };
    Ok(WrittenRound {
        points,
        epochs: within(&at("epochs"), round.epochs, EPOCHS)?,
        repeats: within(&at("repeats"), round.repeats, FEW)?,
        pruner: read(&at("pruner"), &PRUNERS, round.pruner)?,
    })
}

fn round_message(round: &WrittenRound) -> v1::WrittenRound {
    let (points, top) = match round.points {
        RoundPoints::Drawn(points) => ((points > 0).then_some(points), None),
        RoundPoints::Top(top) => (None, Some(top)),
    };
    v1::WrittenRound {
        points,
        top,
        epochs: round.epochs,
        repeats: round.repeats,
        pruner: write(&PRUNERS, round.pruner),
    }
}
