//! A sweep's definition: from the wire to what the search and the driver work with.

use hone_proto::v1;
use prost::Message;
use serde_json::Value;

use super::{
    field::{known, positive, required, text},
    model::{searched_objective, stored_objective},
    settled,
};
use crate::{
    Error,
    driver::SweepPlan,
    search::{self, Domain, Kind, Params, Range, Scale, Search, Space},
    store::NewSweep,
    versions::Versions,
};

/// Parses a whole definition: what is stored, and what is driven. Of one that is not stored yet, see [`search()`] too.
pub fn parse(definition: v1::SweepDefinition) -> Result<(NewSweep, SweepPlan), Error> {
    let stored = launched(&definition)?;
    let settled = settled::parse(definition.settled.as_ref())?;
    let mut searched = searched(
        &definition,
        searched_objective(&stored.objective),
        stored.folds,
    )?;
    let wanted = definition.search.as_ref();
    let mut plan = SweepPlan {
        measures: is_in_minutes(&searched),
        checks_before: settled.checks_before.unwrap_or(1),
        from: wanted.and_then(|search| search.from.clone()),
        earlier_data: settled.earlier_data,
        spec: spec(&definition.spec_json)?,
        test: definition.test,
        check: definition.check,
        search: searched.clone(),
    };
    if let (Some(epochs), search::Strategy::Planned(planned)) =
        (settled.budget_epochs, &mut searched.strategy)
    {
        planned.budget = search::Budget::Epochs(epochs);
    }
    searched.extensions = settled.extensions;
    searched.earlier = settled.earlier;
    plan.search = searched;
    if plan.measures && !plan.check {
        return Err(Error::input(
            "search.budget",
            "a budget in minutes is turned into epochs by what the check measures, and this sweep has none: give it in epochs or trainings",
        ));
    }
    Ok((stored, plan))
}

/// The search of a definition that is not stored yet; nothing is stored of one that cannot be searched.
pub fn search(plan: &SweepPlan) -> Result<Search, Error> {
    let search = plan.make_search().map_err(refused)?;
    plan.check_places()
        .map_err(|error| Error::input(error.path, error.problem))?;
    Ok(search)
}

/// What is stored beside a definition, as it says itself.
pub fn launched(definition: &v1::SweepDefinition) -> Result<NewSweep, Error> {
    let name = super::field::sweep("sweep.name", &definition.name)?;
    let data = (!definition.data_source.is_empty()).then(|| definition.data_source.clone());
    Ok(NewSweep {
        name: name.to_string(),
        identity: text("sweep.identity", definition.identity.clone())?,
        seed: definition.seed,
        trainer: text("sweep.trainer", definition.trainer.clone())?,
        objective: stored_objective("sweep.objective", definition.objective.as_ref())?,
        data_source: data,
        folds: positive("sweep.folds", definition.folds)?,
        check: definition.check,
        definition: definition.encode_to_vec(),
    })
}

/// The definition as it was stored.
pub fn stored(bytes: &[u8]) -> Result<v1::SweepDefinition, Error> {
    v1::SweepDefinition::decode(bytes).map_err(|error| {
        Error::Broken(format!("a stored sweep definition cannot be read: {error}"))
    })
}

/// With which versions a stored definition was begun.
pub fn versions(definition: &v1::SweepDefinition) -> Versions {
    let settled = definition.settled.as_ref();
    let search = settled.map_or(0, |settled| settled.search_version);
    Versions {
        search: search.max(Versions::FIRST.search),
        arithmetic: definition
            .arithmetic_version
            .max(Versions::FIRST.arithmetic),
    }
}

fn is_in_minutes(definition: &search::Definition) -> bool {
    matches!(&definition.strategy, search::Strategy::Planned(planned)
        if matches!(planned.budget, search::Budget::Minutes(_)))
}

fn refused(error: search::DefinitionError) -> Error {
    Error::input(error.path, error.message)
}

fn spec(json: &str) -> Result<Value, Error> {
    match serde_json::from_str(json) {
        Ok(spec @ Value::Object(_)) => Ok(spec),
        Ok(_) => Err(Error::input("sweep.spec_json", "is no JSON object")),
        Err(error) => Err(Error::input(
            "sweep.spec_json",
            format!("is not JSON: {error}"),
        )),
    }
}

fn searched(
    definition: &v1::SweepDefinition,
    objective: search::Objective,
    folds: u32,
) -> Result<search::Definition, Error> {
    let domains = definition
        .domains
        .iter()
        .map(domain)
        .collect::<Result<_, _>>()?;
    let wanted = required("sweep.search", definition.search.as_ref())?;
    let start = wanted
        .start_json
        .iter()
        .map(|json| params("sweep.search.start_json", json))
        .collect::<Result<_, _>>()?;
    Ok(search::Definition {
        seed: definition.seed,
        space: Space::new(domains).map_err(refused)?,
        objective,
        strategy: strategy(required("sweep.search.strategy", wanted.strategy.as_ref())?)?,
        sampler: match known::<v1::Sampler>("sweep.search.sampler", wanted.sampler)? {
            v1::Sampler::Random => search::Sampler::Random,
            v1::Sampler::Unspecified | v1::Sampler::Sobol => search::Sampler::Sobol,
            v1::Sampler::Grid => search::Sampler::Grid,
            v1::Sampler::Tpe => search::Sampler::Tpe,
        },
        folds,
        start,
        earlier: Vec::new(),
        extensions: Vec::new(),
    })
}

/// Values by full path.
pub fn params(field: &str, json: &str) -> Result<Params, Error> {
    serde_json::from_str(json)
        .map_err(|error| Error::input(field, format!("is no JSON object: {error}")))
}

fn domain(domain: &v1::Domain) -> Result<Domain, Error> {
    let path = text("sweep.domains.path", domain.path.clone())?;
    let kind = match required(&path, domain.kind.as_ref())? {
        v1::domain::Kind::Range(range) => Kind::Range(range_of(&path, range)?),
        v1::domain::Kind::Choice(choice) => Kind::Choice(values(&path, &choice.values_json)?),
    };
    let conditions = domain
        .conditions
        .iter()
        .map(|condition| {
            Ok(search::Condition {
                path: condition.path.clone(),
                values: values(&path, &condition.values_json)?,
            })
        })
        .collect::<Result<_, Error>>()?;
    let grid = match domain.grid_points {
        Some(points) => Some(search::Grid::Points(positive(&path, points)?)),
        None if domain.grid_json.is_empty() => None,
        None => Some(search::Grid::Values(values(&path, &domain.grid_json)?)),
    };
    let default = domain
        .default_json
        .as_deref()
        .map(|json| value(&path, json))
        .transpose()?;
    Ok(Domain {
        path,
        kind,
        conditions,
        grid,
        default,
    })
}

fn range_of(path: &str, range: &v1::Range) -> Result<Range, Error> {
    let scale = match known::<v1::Scale>(&format!("{path}.scale"), range.scale)? {
        _ if range.power_of_two => Scale::PowerOfTwo,
        v1::Scale::Log => Scale::Log,
        v1::Scale::Unspecified | v1::Scale::Linear => Scale::Linear,
    };
    Ok(Range {
        integer: range.integer || range.power_of_two,
        step: range.step,
        ..Range::new(scale, range.low, range.high)
    })
}

fn values(path: &str, json: &[String]) -> Result<Vec<Value>, Error> {
    json.iter().map(|json| value(path, json)).collect()
}

fn value(path: &str, json: &str) -> Result<Value, Error> {
    serde_json::from_str(json)
        .map_err(|error| Error::input(path, format!("{json:?} is not JSON: {error}")))
}

fn strategy(strategy: &v1::search::Strategy) -> Result<search::Strategy, Error> {
    match strategy {
        v1::search::Strategy::Planned(planned) => {
            planned_of(planned).map(search::Strategy::Planned)
        }
        v1::search::Strategy::Written(written) => written
            .rounds
            .iter()
            .map(written_round)
            .collect::<Result<_, _>>()
            .map(search::Strategy::Written),
    }
}

fn planned_of(planned: &v1::Planned) -> Result<search::Planned, Error> {
    let field = "sweep.search.planned";
    Ok(search::Planned {
        kind: match known::<v1::PlannedStrategy>(&format!("{field}.strategy"), planned.strategy)? {
            v1::PlannedStrategy::Unspecified | v1::PlannedStrategy::Zoom => {
                search::PlannedKind::Zoom
            }
            v1::PlannedStrategy::Random => search::PlannedKind::Random,
            v1::PlannedStrategy::EarlyCut => search::PlannedKind::EarlyCut,
        },
        budget: budget(&format!("{field}.budget"), planned.budget.as_ref())?,
        full_epochs: positive(&format!("{field}.full_epochs"), planned.full_epochs)?,
        eta: planned.eta,
        parallel: positive(&format!("{field}.parallel"), planned.parallel)?,
        hedge: planned.hedge,
        widen: planned.widen,
        finish: planned.finish.map(|finish| search::Finish {
            top: finish.top,
            repeats: finish.repeats,
        }),
    })
}

/// A budget, as a file or `hone extend` gives it.
pub fn budget(field: &str, budget: Option<&v1::Budget>) -> Result<search::Budget, Error> {
    let amount = required(field, budget.and_then(|budget| budget.amount))?;
    Ok(match amount {
        v1::budget::Amount::Epochs(epochs) => search::Budget::Epochs(epochs),
        v1::budget::Amount::Trainings(trainings) => search::Budget::Trainings(trainings),
        v1::budget::Amount::Minutes(minutes) if minutes > 0.0 => search::Budget::Minutes(minutes),
        v1::budget::Amount::Minutes(minutes) => {
            return Err(Error::input(
                field,
                format!("{minutes} minutes: must be above 0"),
            ));
        }
    })
}

fn written_round(round: &v1::WrittenRound) -> Result<search::WrittenRound, Error> {
    let field = "sweep.search.written.rounds";
    Ok(search::WrittenRound {
        points: match (round.points, round.top) {
            (Some(points), None) => search::RoundPoints::Drawn(points),
            (None, Some(top)) => search::RoundPoints::Top(top),
            // A grid leaves the number of its points to the product of its domains.
            (None, None) => search::RoundPoints::Drawn(0),
            (Some(_), Some(_)) => {
                return Err(Error::input(field, "has both points and top: give one"));
            }
        },
        epochs: positive(&format!("{field}.epochs"), round.epochs)?,
        repeats: positive(&format!("{field}.repeats"), round.repeats)?,
        pruner: match known::<v1::Pruner>(&format!("{field}.pruner"), round.pruner)? {
            v1::Pruner::Unspecified | v1::Pruner::None => search::Pruner::None,
            v1::Pruner::Median => search::Pruner::Median,
            v1::Pruner::Asha => search::Pruner::Asha,
        },
    })
}
