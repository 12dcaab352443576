//! The sweep's preflight: does anything train at all, before the budget is spent?
//!
//! CS231n's sanity checks: the first loss is that of chance, twenty examples can be learnt by heart, every layer gets a
//! gradient, the data are what they seem.

mod data;
mod net;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use data::missing;
pub use net::{NetCheck, Overfit};

use super::{CnnTrainer, Config, trainer};
use crate::data::Inventory;
use crate::trainer::{Stop, TrainError, TrialSpec};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Training would be pointless with this.
    Failure,
    /// It may cost accuracy or time.
    Warning,
}

/// One thing that the check found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// `data`, or `net 1` and so on.
    pub subject: String,
    /// What is wrong, with the numbers.
    pub message: String,
    /// What to try.
    pub advice: String,
}

/// Everything that the check says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckReport {
    /// False when the data are not sane, or every net failed.
    pub passed: bool,
    /// Worst first.
    pub findings: Vec<Finding>,
    /// One for each net that was looked at.
    pub nets: Vec<NetCheck>,
    /// Epochs that one slot trains in a second, evaluation included: the median over the nets.
    pub epochs_per_second: f64,
    /// What the data are: images read and passed over, classes, sizes.
    #[serde(default)]
    pub data: Inventory,
}

/// At most so many nets are looked at: a check is to take seconds.
const MAX_NETS: usize = 8;

/// A net to look at: the choices that make it up, by path, and its spec.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default)]
    choices: BTreeMap<String, Value>,
    spec: Value,
}

/// Runs the check. The trial's spec is that of one net, or `{"nets": [{"choices": {…}, "spec": {…}}, …]}`, one a
/// combination of choices.
///
/// `None` when `stop` asked for the end.
pub fn check(
    cnn: &CnnTrainer,
    trial: &TrialSpec,
    stop: &Stop,
) -> Result<Option<CheckReport>, TrainError> {
    let wanted = wanted(&trial.spec)?;
    let mut findings = Vec::new();
    let mut nets = Vec::new();
    let mut data = Inventory::default();
    let mut seen = Vec::new();
    for wanted in wanted {
        let trial = TrialSpec {
            spec: wanted.spec,
            ..trial.clone()
        };
        let config = plain(trainer::parse(&trial)?);
        // Choices of [train] make no other net: the check has rates and an optimizer of its own.
        let index = seen.len();
        if index == MAX_NETS || seen.contains(&(config.data.clone(), config.model.clone())) {
            continue;
        }
        seen.push((config.data.clone(), config.model.clone()));
        let prepared = cnn.library().prepare(&config.data, trial.fold, stop)?;
        if index == 0 {
            data = prepared.split.inventory(&prepared.set, &config.data);
            for line in data.lines() {
                tracing::info!("{line}");
            }
            findings.extend(data::findings(&prepared, &config.data));
        }
        let subject = subject(index, &wanted.choices);
        let Some((net, found)) = net::check(cnn, &config, &trial, &prepared, &subject, stop)?
        else {
            return Ok(None);
        };
        nets.push(NetCheck {
            choices: wanted.choices,
            ..net
        });
        findings.extend(found);
    }
    let sane = !findings
        .iter()
        .any(|finding| finding.subject == "data" && finding.severity == Severity::Failure);
    let some_net = nets.iter().any(|net| net.passed);
    if some_net {
        // Beside a net that passes, one that fails is a warning that names its choices.
        for finding in findings
            .iter_mut()
            .filter(|finding| finding.subject != "data")
        {
            finding.severity = Severity::Warning;
        }
    }
    findings.sort_by_key(|finding| finding.severity == Severity::Warning);
    for finding in &findings {
        tracing::info!("{}: {}", finding.subject, finding.message);
    }
    Ok(Some(CheckReport {
        passed: sane && some_net,
        epochs_per_second: median(nets.iter().map(|net| net.epochs_per_second).collect()),
        findings,
        nets,
        data,
    }))
}

fn wanted(spec: &Value) -> Result<Vec<Wanted>, TrainError> {
    let Some(nets) = spec.get("nets") else {
        let choices = BTreeMap::new();
        return Ok(vec![Wanted {
            choices,
            spec: spec.clone(),
        }]);
    };
    let nets: Vec<Wanted> = serde_json::from_value(nets.clone())
        .map_err(|error| TrainError::Trial(format!("the nets to check: {error}")))?;
    if nets.is_empty() {
        return Err(TrainError::Trial("no net to check".into()));
    }
    Ok(nets)
}

/// What would hide a fault, off: dropout, weight decay, augmentation, smoothing.
fn plain(mut config: Config) -> Config {
    config.model.dropout = 0.0;
    for block in &mut config.model.conv {
        block.dropout = 0.0;
    }
    config.train.weight_decay = 0.0;
    config.train.label_smoothing = 0.0;
    config.data.augment = crate::data::Augment::default();
    config
}

/// `net 2 (model.activation = "tanh")`.
fn subject(index: usize, choices: &BTreeMap<String, Value>) -> String {
    let choices: Vec<String> = choices
        .iter()
        .map(|(path, value)| format!("{path} = {value}"))
        .collect();
    if choices.is_empty() {
        format!("net {}", index + 1)
    } else {
        format!("net {} ({})", index + 1, choices.join(", "))
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;
