//! The spec of one network out of a sweep file's space.

use hone_coordinator::search::combinations;
use serde_json::{Value, json};

use crate::{
    exit::wrong,
    sweep_file::{
        self, SweepFile,
        domain::{Domain, Values},
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
                sweep_file::place(&mut spec, path, value.clone());
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
pub fn place(file: &SweepFile, spec: &mut Value, text: &str) -> anyhow::Result<()> {
    let (ending, value) = text.split_once('=').ok_or_else(|| {
        wrong(format!(
            "--set {text:?}: write PATH=VALUE, as in train.learning_rate=0.05"
        ))
    })?;
    let found: Vec<&Domain> = file
        .domains
        .iter()
        .filter(|domain| domain.path == ending || domain.path.ends_with(&format!(".{ending}")))
        .collect();
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    match found[..] {
        [domain] => {
            sweep_file::place(spec, &domain.path, value);
            Ok(())
        }
        [] => Err(wrong(format!(
            "--set {text:?}: no hyperparameter of {} ends in {ending:?}",
            file.name
        ))),
        _ => Err(wrong(format!(
            "--set {text:?}: several hyperparameters end in {ending:?}; write more of the path"
        ))),
    }
}

/// Epochs of the longest training that the file plans.
pub fn epochs(file: &SweepFile) -> u32 {
    match &file.search.kind {
        SearchKind::Planned { full_epochs, .. } => *full_epochs,
        SearchKind::Rounds(rounds) => rounds.iter().map(|round| round.epochs).max().unwrap_or(1),
    }
}
