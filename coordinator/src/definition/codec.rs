//! A sweep's definition: from the stored message to what the search and the driver work with.

use hone_proto::v1;
use prost::Message;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    DefinitionError, SweepDefinition,
    field::{hash, name, read, required, sweep, text},
    minutes, search_table,
    sizes::{self, FEW, GRID_POINTS, SETTLED, within},
    spec::substitute,
};
use crate::{
    Error,
    ids::Seed,
    search::{
        self, Condition, Domain, EarlierPoint, Extension, Grid, Kind, Objective, Range, Scale,
        Space,
    },
    versions::Versions,
};

/// A sweep as the store keeps it, but for its name: the columns that it asks by, and the definition itself.
#[derive(Clone, Debug, PartialEq)]
pub struct NewSweep {
    /// Hash (hex) of the canonical JSON: what makes two files the same sweep.
    pub identity: String,
    /// All random draws are keyed by it.
    pub seed: Seed,
    /// Which workers can take it.
    pub trainer: String,
    /// What the search ranks by.
    pub objective: Objective,
    /// Name of the data set; `None` for a trainer without one.
    pub data_source: Option<String>,
    /// Cross-validation folds, at least 1.
    pub folds: u32,
    /// It starts as `checking`.
    pub check: bool,
    /// Encoded `hone.v1.SweepDefinition`.
    pub definition: Vec<u8>,
}

/// The definition as it was stored.
pub fn stored(bytes: &[u8]) -> Result<v1::SweepDefinition, Error> {
    v1::SweepDefinition::decode(bytes).map_err(|error| {
        Error::Broken(format!("a stored sweep definition cannot be read: {error}"))
    })
}

/// The definition as it was stored, taken apart.
pub fn parse_stored(bytes: &[u8]) -> Result<SweepDefinition, Error> {
    Ok(parse(&stored(bytes)?)?)
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

/// What is stored beside a definition, as it says itself.
pub fn columns(definition: &v1::SweepDefinition) -> Result<NewSweep, DefinitionError> {
    sweep("sweep.name", &definition.name)?;
    let data = (!definition.data_source.is_empty()).then(|| definition.data_source.clone());
    Ok(NewSweep {
        identity: text("sweep.identity", definition.identity.clone())?,
        seed: Seed(definition.seed),
        trainer: name("sweep.trainer", definition.trainer.clone())?,
        objective: search_table::objective(definition.objective.as_ref())?,
        data_source: data,
        folds: definition.folds,
        check: definition.check,
        definition: definition.encode_to_vec(),
    })
}

/// Takes a definition apart, what was settled since its launch included. Whether it can be planned is asked for apart.
pub fn parse(definition: &v1::SweepDefinition) -> Result<SweepDefinition, DefinitionError> {
    let mut search = searched(definition)?;
    let measures = minutes(&search).is_some();
    let settled = definition.settled.clone().unwrap_or_default();
    settle(&mut search, &settled)?;
    sizes::check_trials(&search)?;
    let checks = settled.checks_before.unwrap_or(1);
    let data = &settled.earlier_data_hash;
    let definition = SweepDefinition {
        measures,
        checks_before: within("sweep.settled.checks_before", checks, SETTLED)?,
        from: definition.search.as_ref().and_then(|s| s.from.clone()),
        earlier_data: (!data.is_empty())
            .then(|| hash("sweep.settled.earlier_data_hash", data))
            .transpose()?,
        spec: Value::Object(object("sweep.spec_json", &definition.spec_json)?),
        test: definition.test,
        check: definition.check,
        search,
    };
    if measures && !definition.check {
        return Err(DefinitionError::at(
            "search.budget",
            "a budget in minutes is turned into epochs by what the check measures, and this sweep has none: give it in epochs or trainings",
        ));
    }
    check_places(&definition)?;
    Ok(definition)
}

fn settle(search: &mut search::Definition, settled: &v1::Settled) -> Result<(), DefinitionError> {
    if let (Some(epochs), search::Strategy::Planned(planned)) =
        (settled.budget_epochs, &mut search.strategy)
    {
        planned.budget = search::Budget::Epochs(epochs);
    }
    let at = "sweep.settled.extensions";
    sizes::check_list(at, &settled.extensions)?;
    for added in &settled.extensions {
        search.extensions.push(Extension {
            epochs: added.epochs,
            first_trial: within(at, added.first_trial, SETTLED)?,
        });
    }
    for point in &settled.earlier {
        search.earlier.push(EarlierPoint {
            params: object("sweep.settled.earlier", &point.params_json)?,
            objective: point.objective,
        });
    }
    Ok(())
}

/// Every domain has a place in the spec.
fn check_places(definition: &SweepDefinition) -> Result<(), DefinitionError> {
    let domains = definition.search.space.domains();
    let low = domains
        .iter()
        .map(|domain| (domain.path.clone(), domain.value(0.0)))
        .collect();
    substitute(&definition.spec, domains, &low).map(|_| ())
}

fn searched(definition: &v1::SweepDefinition) -> Result<search::Definition, DefinitionError> {
    sizes::check_lengths(definition)?;
    let domains = definition.domains.iter().map(domain);
    let domains = domains.collect::<Result<_, _>>()?;
    let wanted = required("sweep.search", definition.search.as_ref())?;
    sizes::check_list("search.start", &wanted.start_json)?;
    let start = wanted.start_json.iter();
    let start = start.map(|json| object("sweep.search.start_json", json));
    Ok(search::Definition {
        seed: definition.seed,
        space: Space::new(domains)?,
        objective: search_table::objective(definition.objective.as_ref())?,
        strategy: search_table::strategy(wanted)?,
        sampler: search_table::sampler(wanted)?,
        folds: within("data.folds", definition.folds, FEW)?,
        start: start.collect::<Result<_, _>>()?,
        earlier: Vec::new(),
        extensions: Vec::new(),
    })
}

/// Of a spec, or values by full path.
fn object<T: DeserializeOwned>(field: &str, json: &str) -> Result<T, DefinitionError> {
    serde_json::from_str(json)
        .map_err(|error| DefinitionError::at(field, format!("is no JSON object: {error}")))
}

fn domain(domain: &v1::Domain) -> Result<Domain, DefinitionError> {
    let path = text("sweep.domains.path", domain.path.clone())?;
    let kind = match required(&path, domain.kind.as_ref())? {
        v1::domain::Kind::Range(range) => Kind::Range(range_of(&path, range)?),
        v1::domain::Kind::Choice(choice) => Kind::Choice(values(&path, &choice.values_json)?),
    };
    let conditions = domain.conditions.iter().map(|condition| {
        Ok(Condition {
            path: condition.path.clone(),
            values: values(&path, &condition.values_json)?,
        })
    });
    let conditions = conditions.collect::<Result<_, DefinitionError>>()?;
    let grid = match domain.grid_points {
        Some(points) => Some(Grid::Points(within(
            &format!("{path}.points"),
            points,
            GRID_POINTS,
        )?)),
        None if domain.grid_json.is_empty() => None,
        None => Some(Grid::Values(values(&path, &domain.grid_json)?)),
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

fn range_of(path: &str, range: &v1::Range) -> Result<Range, DefinitionError> {
    const SCALES: [(v1::Scale, Scale); 2] = [
        (v1::Scale::Linear, Scale::Linear),
        (v1::Scale::Log, Scale::Log),
    ];
    let scale = match read(&format!("{path}.scale"), &SCALES, range.scale)? {
        _ if range.power_of_two => Scale::PowerOfTwo,
        scale => scale,
    };
    Ok(Range {
        integer: range.integer || range.power_of_two,
        step: range.step,
        ..Range::new(scale, range.low, range.high)
    })
}

fn values(path: &str, json: &[String]) -> Result<Vec<Value>, DefinitionError> {
    json.iter().map(|json| value(path, json)).collect()
}

fn value(path: &str, json: &str) -> Result<Value, DefinitionError> {
    serde_json::from_str(json)
        .map_err(|error| DefinitionError::at(path, format!("{json:?} is not JSON: {error}")))
}
