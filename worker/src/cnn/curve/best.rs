//! The network that counts: that of the best epoch so far, or the last one.

use std::collections::BTreeMap;

use super::CnnCurve;
use crate::{
    cnn::saved_net::{About, FORMAT, SavedNet, TrainedOn},
    scratch::hex,
    trainer::Objective,
};

/// The weights of the best epoch so far.
#[derive(Clone, Debug)]
pub(super) struct Best {
    pub epoch: u32,
    pub objective: f64,
    pub parameters: Vec<f32>,
    pub statistics: Vec<f32>,
}

impl CnnCurve {
    /// Keeps the weights if the objective is better than ever; says whether patience is at its end.
    pub(super) fn judge(&mut self, metrics: &BTreeMap<String, f64>) -> bool {
        let Objective { metric, best, .. } = &self.trial.objective;
        let Some(&objective) = metrics.get(metric) else {
            return false;
        };
        let old = self.best.as_ref().map(|best| best.objective);
        if self.trial.objective.improves(objective, old) {
            self.state.stale = 0;
            // With `at = "last"` only the number is needed, for patience.
            let keep = |values: &[f32]| if *best { values.to_vec() } else { Vec::new() };
            self.best = Some(Best {
                epoch: self.state.epoch,
                objective,
                parameters: keep(&self.state.parameters),
                statistics: keep(&self.state.statistics),
            });
        } else {
            self.state.stale += 1;
        }
        self.is_out_of_patience()
    }

    pub(super) fn is_out_of_patience(&self) -> bool {
        let patience = self.config.train.patience;
        patience.is_some_and(|patience| self.state.stale >= patience)
    }

    /// The network that counts: the best epoch's, or the last one's.
    pub fn saved_net(&self) -> SavedNet {
        let (epoch, parameters, statistics) = match &self.best {
            Some(best) if self.trial.objective.best => {
                (best.epoch, &best.parameters, &best.statistics)
            }
            _ => (
                self.state.epoch,
                &self.state.parameters,
                &self.state.statistics,
            ),
        };
        let set = &self.prepared.set;
        SavedNet {
            about: About {
                format: FORMAT,
                config: self.config.clone(),
                shape: set.shape.into(),
                labels: set.classes.clone(),
                preprocess: self.prepared.preprocess.kind,
                epoch,
                trained_on: Some(TrainedOn {
                    data: hex(&set.hash),
                    fold: self.trial.fold,
                    images: self.prepared.split.train.len(),
                    everything: self.prepared.split.validation.is_empty(),
                }),
            },
            architecture: self.architecture.clone(),
            parameters: parameters.clone(),
            statistics: statistics.clone(),
            preprocess: self.prepared.preprocess.clone(),
        }
    }
}
