//! The spec of one network out of a sweep file's space.

use hone_coordinator::search::combinations;
use serde_json::{Value, json};

use crate::{
    exit::wrong,
    sweep_file::{
        self, SweepFile,
        domain::{Domain, Values},
        names::resolve,
        search::SearchKind,
    },
};

/// What a sweep's check is given: the middle of the space, and one net a combination of choices.
pub fn of_check(file: &SweepFile) -> Value {
    let mut spec = file.middle();
    let choices: Vec<_> = file.domains.iter().filter_map(choice).collect();
    let nets: Vec<Value> = combinations(&choices)
        .into_iter()
        .map(|choices| {
            let mut spec = file.middle();
            for (path, value) in &choices {
                sweep_file::set(&mut spec, path, value.clone());
            }
            json!({"choices": choices, "spec": spec})
        })
        .collect();
    if let (Value::Object(table), false) = (&mut spec, nets.is_empty()) {
        table.insert("nets".to_owned(), Value::Array(nets));
    }
    spec
}

fn choice(domain: &Domain) -> Option<(String, Vec<Value>)> {
    match &domain.values {
        Values::Choice(_) => {
            let values = domain
                .probes()
                .into_iter()
                .map(|(value, _)| value)
                .collect();
            Some((domain.path.clone(), values))
        }
        Values::Range { .. } => None,
    }
}

/// Puts `PATH=VALUE` in place; the path may be any ending that only one hyperparameter has.
pub fn set_hyperparameter(file: &SweepFile, spec: &mut Value, text: &str) -> anyhow::Result<()> {
    let (ending, value) = text.split_once('=').ok_or_else(|| {
        wrong(format!(
            "--set {text:?}: write PATH=VALUE, as in train.learning_rate=0.05"
        ))
    })?;
    let paths = file.domains.iter().map(|domain| domain.path.as_str());
    let path =
        resolve(ending, paths).map_err(|problem| wrong(format!("--set {text:?}: {problem}")))?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    sweep_file::set(spec, path, value);
    Ok(())
}

/// Epochs of the longest training that the file plans.
pub fn epochs(file: &SweepFile) -> u32 {
    match &file.search.kind {
        SearchKind::Planned(planned) => planned.full_epochs,
        SearchKind::Rounds(rounds) => rounds.iter().map(|round| round.epochs).max().unwrap_or(1),
    }
}
