//! What each layer did in an epoch: gradients and steps from the flat vectors, activations from a probe.

use super::CnnCurve;
use crate::{
    cnn::{
        Architecture,
        architecture::{Op, Parameter, ParameterKind},
        diagnosis::LayerReport,
        executor::ActivationStatistics,
        optimizer::norm,
    },
    data::Part,
    trainer::TrainError,
};

/// Images that a probe looks at, and the share of the training part that it looks at at most: it is to cost little.
const PROBE: usize = 128;
const PROBE_SHARE: usize = 16;
/// With fewer, a unit that answers seldom would pass for dead.
const PROBE_LEAST: usize = 48;

/// Norms around the last step of an epoch, one a weight.
#[derive(Clone, Debug, Default)]
pub(super) struct LastStep {
    old: Vec<f32>,
    gradients: Vec<f64>,
    updates: Vec<f64>,
}

impl LastStep {
    /// Before the optimizer has used the gradient up.
    pub fn before(architecture: &Architecture, parameters: &[f32], gradient: &[f32]) -> Self {
        Self {
            old: parameters.to_vec(),
            gradients: weights(architecture)
                .map(|weight| norm(&gradient[weight.range.clone()]))
                .collect(),
            updates: Vec::new(),
        }
    }

    /// After the step.
    pub fn after(&mut self, architecture: &Architecture, parameters: &[f32]) {
        for (old, new) in self.old.iter_mut().zip(parameters) {
            *old -= new;
        }
        self.updates = weights(architecture)
            .map(|weight| {
                let range = weight.range.clone();
                let length = norm(&parameters[range.clone()]);
                norm(&self.old[range]) / length.max(f64::from(f32::MIN_POSITIVE))
            })
            .collect();
        self.old = Vec::new();
    }
}

/// The weights of convolutions and linear layers, without those of projections.
fn weights(architecture: &Architecture) -> impl Iterator<Item = &Parameter> {
    architecture.parameters.iter().filter(|parameter| {
        parameter.kind == ParameterKind::Weight
            && matches!(
                architecture.layers[parameter.layer].op,
                Op::Conv(_) | Op::Linear(_)
            )
    })
}

impl CnnCurve {
    /// One report a layer with weights.
    pub(super) fn layer_reports(
        &mut self,
        last: &LastStep,
    ) -> Result<Vec<LayerReport>, TrainError> {
        let train = &self.prepared.split.train;
        let count = (train.len() / PROBE_SHARE).clamp(PROBE_LEAST, PROBE);
        let images: Vec<u32> = train.iter().copied().take(count).collect();
        let mut pixels = vec![0.0; images.len() * self.prepared.shape().len()];
        let mut labels = vec![0; images.len()];
        self.prepared
            .fill(Part::Train, &images, &mut pixels, &mut labels);
        let probed =
            self.executor
                .probe(&self.state.parameters, &self.state.statistics, &pixels)?;
        let architecture = &self.architecture;
        let reports = weights(architecture).enumerate().map(|(index, weight)| {
            let name = &architecture.layers[weight.layer].name;
            let seen = probed.iter().find(|seen| owner(architecture, seen) == name);
            LayerReport {
                name: name.clone(),
                update_ratio: last.updates.get(index).copied().unwrap_or_default(),
                gradient_norm: last.gradients.get(index).copied().unwrap_or_default(),
                mean: seen.map(|seen| seen.mean),
                deviation: seen.map(|seen| seen.deviation),
                dead: seen.and_then(|seen| seen.dead),
                saturated: seen.and_then(|seen| seen.saturated),
                twins: twins(&self.state.parameters[weight.range.clone()], &weight.shape)
                    .filter(|_| name != "output"),
            }
        });
        Ok(reports.collect())
    }
}

/// The layer with weights to which an activation belongs: `conv1` of `conv1.relu`.
fn owner<'a>(architecture: &'a Architecture, seen: &ActivationStatistics) -> &'a str {
    let name = architecture
        .layers
        .get(seen.layer)
        .map_or("", |layer| &layer.name);
    name.split('.').next().unwrap_or(name)
}

/// Share of neighbouring output units with equal incoming weights. `None` for one unit.
fn twins(weight: &[f32], shape: &[usize]) -> Option<f64> {
    let units = *shape.last()?;
    if units < 2 {
        return None;
    }
    let twins = (1..units).filter(|unit| {
        weight
            .chunks_exact(units)
            .all(|row| row[*unit] == row[unit - 1])
    });
    Some(twins.count() as f64 / (units - 1) as f64)
}
