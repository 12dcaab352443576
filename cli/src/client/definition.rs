//! A sweep file as it goes over the wire.

use hone_coordinator::versions::Arithmetic;
use hone_proto::v1;
use serde_json::Value;

use crate::sweep_file::{
    SweepFile,
    domain::{Domain, Grid, Values},
    search::{Budget, SearchKind},
    tables::{At, Direction, Finish, Pruner, Round, Sampler, Strategy},
};

/// The same as if a budget in minutes had been turned into so many epochs: for a plan.
pub fn definition_of_epochs(file: &SweepFile, epochs: u64) -> v1::SweepDefinition {
    v1::SweepDefinition {
        settled: Some(v1::Settled {
            budget_epochs: Some(epochs),
            ..v1::Settled::default()
        }),
        ..definition(file, true)
    }
}

/// The definition that a coordinator stores; `check`: run the check before anything else.
pub fn definition(file: &SweepFile, check: bool) -> v1::SweepDefinition {
    v1::SweepDefinition {
        name: file.name.clone(),
        seed: file.seed,
        trainer: file.trainer.clone(),
        spec_json: file.spec.to_string(),
        identity: file.identity.clone(),
        domains: file
            .domains
            .iter()
            .zip(&file.defaults)
            .map(|(d, v)| domain(d, v.as_ref()))
            .collect(),
        objective: Some(v1::Objective {
            metric: file.objective.metric.clone(),
            direction: match file.objective.direction {
                Some(Direction::Minimize) => v1::Direction::Minimize.into(),
                _ => v1::Direction::Maximize.into(),
            },
            at: match file.objective.at {
                At::Best => v1::At::Best.into(),
                At::Last => v1::At::Last.into(),
            },
            target: file.objective.target,
        }),
        search: Some(search(file)),
        data_source: file
            .data
            .as_ref()
            .map_or_else(String::new, |d| d.set.clone()),
        folds: file.data.as_ref().map_or(1, |d| d.folds),
        test: file.data.as_ref().is_some_and(|d| d.test),
        check: check && file.trainer == "cnn",
        canonical_json: file.canonical.to_string(),
        settled: None,
        arithmetic_version: arithmetic().get(&file.trainer).copied().unwrap_or(0),
    }
}

/// Versions of the arithmetic of the trainers in this program.
pub fn arithmetic() -> Arithmetic {
    Arithmetic::from([("cnn".to_owned(), hone_worker::cnn::ARITHMETIC)])
}

fn domain(domain: &Domain, default: Option<&Value>) -> v1::Domain {
    let kind = match &domain.values {
        Values::Range {
            form,
            low,
            high,
            step,
            ..
        } => v1::domain::Kind::Range(v1::Range {
            scale: if form.log() {
                v1::Scale::Log.into()
            } else {
                v1::Scale::Linear.into()
            },
            low: *low,
            high: *high,
            integer: form.whole(),
            power_of_two: form.key() == "power_of_two",
            step: *step,
        }),
        Values::Choice(nodes) => v1::domain::Kind::Choice(v1::Choice {
            values_json: nodes.iter().map(|n| n.to_json().to_string()).collect(),
        }),
    };
    let conditions = domain.conditions.iter().map(|c| v1::Condition {
        path: c.path.clone(),
        values_json: c.values.iter().map(Value::to_string).collect(),
    });
    let (grid_json, grid_points) = match &domain.grid {
        Some(Grid::Values(values)) => (values.iter().map(Value::to_string).collect(), None),
        Some(Grid::Points(n)) => (Vec::new(), Some(*n)),
        None => (Vec::new(), None),
    };
    v1::Domain {
        path: domain.path.clone(),
        kind: Some(kind),
        conditions: conditions.collect(),
        grid_json,
        grid_points,
        default_json: default.map(Value::to_string),
    }
}

fn search(file: &SweepFile) -> v1::Search {
    let search = &file.search;
    let strategy = match &search.kind {
        SearchKind::Rounds(rounds) => v1::search::Strategy::Written(v1::Written {
            rounds: rounds.iter().map(round).collect(),
        }),
        SearchKind::Planned {
            strategy,
            budget: amount,
            full_epochs,
            eta,
            parallel,
            hedge,
            widen,
            finish,
        } => v1::search::Strategy::Planned(v1::Planned {
            strategy: match strategy {
                Strategy::Random => v1::PlannedStrategy::Random,
                Strategy::EarlyCut => v1::PlannedStrategy::EarlyCut,
                Strategy::Zoom | Strategy::Rounds => v1::PlannedStrategy::Zoom,
            }
            .into(),
            budget: Some(budget(*amount)),
            full_epochs: *full_epochs,
            eta: *eta,
            parallel: *parallel,
            hedge: *hedge,
            widen: *widen,
            finish: finish.map(|Finish { top, repeats }| v1::Finish { top, repeats }),
        }),
    };
    v1::Search {
        strategy: Some(strategy),
        sampler: match search.sampler {
            Sampler::Random => v1::Sampler::Random,
            Sampler::Sobol => v1::Sampler::Sobol,
            Sampler::Grid => v1::Sampler::Grid,
            Sampler::Tpe => v1::Sampler::Tpe,
        }
        .into(),
        start_json: search
            .start
            .iter()
            .map(|p| Value::Object(p.clone()).to_string())
            .collect(),
        from: search.from.clone(),
    }
}

/// A budget on the wire.
pub fn budget(budget: Budget) -> v1::Budget {
    v1::Budget {
        amount: Some(match budget {
            Budget::Epochs(n) => v1::budget::Amount::Epochs(n),
            Budget::Trainings(n) => v1::budget::Amount::Trainings(n),
            Budget::Minutes(n) => v1::budget::Amount::Minutes(n),
        }),
    }
}

fn round(round: &Round) -> v1::WrittenRound {
    v1::WrittenRound {
        points: round.points,
        top: round.top,
        epochs: round.epochs,
        repeats: round.repeats,
        pruner: match round.pruner {
            Pruner::None => v1::Pruner::None,
            Pruner::Median => v1::Pruner::Median,
            Pruner::Asha => v1::Pruner::Asha,
        }
        .into(),
    }
}
