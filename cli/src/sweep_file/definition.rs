//! A sweep file as it goes over the wire.

use hone_coordinator::{definition, search, versions::Arithmetic};
use hone_proto::v1;
use serde_json::Value;

use super::{
    SweepFile,
    domain::{Domain, Grid, Values},
    tables::{At, Direction},
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
        objective: Some(definition::objective_message(&search::Objective {
            metric: file.objective.metric.clone(),
            maximize: file.objective.direction() == Direction::Maximize,
            at_best: file.objective.at == At::Best,
            target: file.objective.target,
        })),
        search: Some(search_of(file)),
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

fn search_of(file: &SweepFile) -> v1::Search {
    let search = &file.search;
    let start = search.start.iter().cloned().map(Value::Object);
    v1::Search {
        start_json: start.map(|point| point.to_string()).collect(),
        from: search.from.clone(),
        ..definition::search_message(&search.strategy(), search.sampler)
    }
}
