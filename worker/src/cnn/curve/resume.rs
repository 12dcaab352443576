//! Checkpoints: everything that an exact resume needs, in one file.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Best, CnnCurve, Divergence};
use crate::{
    cnn::tensor_file::{self, Entry, TensorFile, bytes_of, exact::Exact},
    trainer::TrainError,
};

/// What this version writes and reads.
const FORMAT: u32 = 1;

/// The JSON text in the file's metadata.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    format: u32,
    /// Whose training this is: configuration, seed, fold, horizon and data.
    fingerprint: String,
    epoch: u32,
    optimizer_steps: u64,
    stale: usize,
    divergence: Divergence,
    best: Option<AboutBest>,
    /// blake3 of the tensors, so that a damaged file is never trained on.
    tensors: String,
    history: Vec<History>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AboutBest {
    epoch: u32,
    objective: Exact,
    kept: bool,
}

/// An epoch's report, for the diagnosis.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct History {
    epoch: u32,
    metrics: std::collections::BTreeMap<String, f64>,
    layers: String,
}

impl CnnCurve {
    pub(super) fn write_checkpoint(&self, to: &Path) -> Result<(), TrainError> {
        let entries = self.entries();
        let (.., optimizer_steps) = self.state.optimizer.state();
        let about = About {
            format: FORMAT,
            fingerprint: self.fingerprint(),
            epoch: self.state.epoch,
            optimizer_steps,
            stale: self.state.stale,
            divergence: self.state.divergence.clone(),
            best: self.best.as_ref().map(|best| AboutBest {
                epoch: best.epoch,
                objective: Exact(best.objective),
                kept: !best.parameters.is_empty(),
            }),
            tensors: hash(&entries),
            history: self
                .history
                .iter()
                .map(|report| History {
                    epoch: report.epoch,
                    metrics: report.metrics.clone(),
                    layers: String::from_utf8_lossy(&report.layers).into_owned(),
                })
                .collect(),
        };
        tensor_file::write(to, &about, &entries)
    }

    fn entries(&self) -> Vec<Entry<'_>> {
        let (first, second, _) = self.state.optimizer.state();
        let mut entries = vec![
            ("parameters", &self.state.parameters[..]),
            ("statistics", &self.state.statistics),
            ("optimizer.first", first),
            ("optimizer.second", second),
        ];
        if let Some(best) = &self.best {
            entries.push(("best.parameters", &best.parameters));
            entries.push(("best.statistics", &best.statistics));
        }
        entries
            .into_iter()
            .map(|(name, values)| (name.to_owned(), vec![values.len()], values))
            .collect()
    }

    /// Goes on from a file. It is not trusted: anything that is not this very training's is refused.
    pub(in crate::cnn) fn resume(&mut self, from: &Path) -> Result<(), TrainError> {
        self.read_checkpoint(from)
            .map_err(|reason| TrainError::Checkpoint {
                path: from.to_owned(),
                reason,
            })
    }

    fn read_checkpoint(&mut self, from: &Path) -> Result<(), String> {
        let mut file = TensorFile::<About>::read(from)?;
        if file.about.format != FORMAT {
            return Err(format!(
                "format {}; this version reads {FORMAT}",
                file.about.format
            ));
        }
        if file.about.fingerprint != self.fingerprint() {
            return Err("it belongs to another trial, other data or another version".into());
        }
        let (parameters, statistics) = (self.state.parameters.len(), self.state.statistics.len());
        let (first, second, _) = self.state.optimizer.state();
        let (first, second) = (first.len(), second.len());
        let mut state = self.state.clone();
        state.epoch = file.about.epoch;
        state.stale = file.about.stale;
        state.parameters = file.take("parameters", &[parameters])?;
        state.statistics = file.take("statistics", &[statistics])?;
        let first = file.take("optimizer.first", &[first])?;
        let second = file.take("optimizer.second", &[second])?;
        if !state
            .optimizer
            .restore(first, second, file.about.optimizer_steps)
        {
            return Err("the optimizer's state does not fit".into());
        }
        state.divergence = std::mem::take(&mut file.about.divergence);
        let best = match file.about.best.take() {
            None => None,
            Some(about) => Some(Best {
                epoch: about.epoch,
                objective: about.objective.0,
                parameters: file.take(
                    "best.parameters",
                    &[if about.kept { parameters } else { 0 }],
                )?,
                statistics: file.take(
                    "best.statistics",
                    &[if about.kept { statistics } else { 0 }],
                )?,
            }),
        };
        let found = file.about.tensors;
        let history = file
            .about
            .history
            .into_iter()
            .map(History::report)
            .collect();
        let old = (
            std::mem::replace(&mut self.state, state),
            std::mem::replace(&mut self.best, best),
            std::mem::replace(&mut self.history, history),
        );
        if hash(&self.entries()) != found {
            (self.state, self.best, self.history) = old;
            return Err(
                "its tensors do not have the hash that it names: the file is damaged".into(),
            );
        }
        Ok(())
    }

    /// Whose checkpoint it is. `to_epoch` does not count: a promoted trial goes on from its rung.
    fn fingerprint(&self) -> String {
        let mut hasher = blake3::Hasher::new_derive_key("hone checkpoint v1");
        // A Config has no map with unordered keys, so its JSON is one text.
        let config = serde_json::to_vec(&self.config).unwrap_or_default();
        hasher
            .update(&(config.len() as u64).to_le_bytes())
            .update(&config);
        let trial = &self.trial;
        hasher.update(&trial.seed.to_le_bytes());
        for number in [trial.fold, trial.folds, trial.full_epochs] {
            hasher.update(&number.to_le_bytes());
        }
        hasher.update(trial.objective.metric.as_bytes());
        hasher.update(&[
            u8::from(trial.objective.maximize),
            u8::from(trial.objective.best),
        ]);
        hasher.update(&self.prepared.set.hash);
        hasher.finalize().to_hex().to_string()
    }
}

impl History {
    fn report(self) -> crate::trainer::Report {
        crate::trainer::Report {
            epoch: self.epoch,
            metrics: self.metrics,
            layers: self.layers.into_bytes(),
            weights_hash: Vec::new(),
            seconds: 0.0,
            images: 0,
        }
    }
}

fn hash(entries: &[Entry<'_>]) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("hone checkpoint tensors v1");
    for (name, _, values) in entries {
        hasher.update(name.as_bytes());
        hasher.update(&(values.len() as u64).to_le_bytes());
        hasher.update(&bytes_of(values));
    }
    hasher.finalize().to_hex().to_string()
}
