//! What first weights do to the activations of a deep net, before any training: the lecture's experiment, and the same
//! look at a net of one's own.
//!
//! CS231n: 1000 rows of 100 normal numbers through five layers of 100 units. Weights of 0.01 let tanh's activations
//! collapse to 0, weights of 1 drive them to ±1, Xavier's keep them spread.

use hone_kernels::Activation;
use serde::Serialize;

use super::{
    Config,
    config::{ActivationKind, InitKind, Model},
    executor::StepSettings,
    init::initial_parameters,
    random::{generator, normals},
    reference::Reference,
    statistics::{Observed, observed},
    trainer::lay_out,
};
use crate::{
    data::{Part, Prepared},
    trainer::TrainError,
};

/// Rows of the input.
const ROWS: usize = 1000;
/// Units of every layer.
const UNITS: usize = 100;
/// Layers.
const LAYERS: usize = 5;
/// Bars of a histogram.
pub const BARS: usize = 40;

/// The values of one layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Histogram {
    /// `layer 3`, or the name of a net's layer.
    pub layer: String,
    /// Mean of all values.
    pub mean: f64,
    /// Their standard deviation.
    pub deviation: f64,
    /// Where the first bar begins.
    pub low: f64,
    /// Where the last bar ends.
    pub high: f64,
    /// Values a bar; those outside count in the outermost. Exact zeros are in none: a ReLU's would hide the rest.
    pub counts: Vec<u64>,
    /// Values that are exactly 0.
    pub zeros: u64,
}

impl Histogram {
    /// Counts `values` between `low` and `high`.
    pub fn new(layer: impl Into<String>, values: &[f64], low: f64, high: f64) -> Self {
        let count = values.len().max(1) as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let (mut counts, mut zeros) = (vec![0; BARS], 0);
        let width = (high - low).max(f64::MIN_POSITIVE);
        for value in values {
            if *value == 0.0 {
                zeros += 1;
                continue;
            }
            let bar = ((value - low) / width * BARS as f64).floor();
            // A cast of a negative or a not-a-number float gives 0.
            counts[(bar as usize).min(BARS - 1)] += 1;
        }
        Self {
            layer: layer.into(),
            mean,
            deviation: (squares / count).sqrt(),
            low,
            high,
            counts,
            zeros,
        }
    }

    /// Share of the values that are exactly 0.
    pub fn zero_share(&self) -> f64 {
        let all = self.zeros + self.counts.iter().sum::<u64>();
        self.zeros as f64 / all.max(1) as f64
    }
}

/// The five layers for an activation (`tanh`, `sigmoid`, `relu` and the others without state) and an init; `std` is that of
/// [`InitKind::Normal`].
pub fn experiment(
    activation: ActivationKind,
    init: InitKind,
    std: f64,
    seed: u64,
) -> Vec<Histogram> {
    let mut random = generator("hone activations v1", &[seed]);
    let mut normal = |count: usize| -> Vec<f64> {
        (0..count.div_ceil(2))
            .flat_map(|_| normals(&mut random))
            .take(count)
            .collect()
    };
    let fan = UNITS as f64;
    let deviation = match init {
        InitKind::Zero => 0.0,
        InitKind::Normal => std,
        InitKind::Xavier => (1.0 / fan).sqrt(),
        InitKind::He => (2.0 / fan).sqrt(),
    };
    let (low, high) = range(activation);
    let model = Model {
        activation,
        ..Model::default()
    };
    let activation = model.pointwise();
    let mut at = normal(ROWS * UNITS);
    (1..=LAYERS)
        .map(|layer| {
            let weight = normal(UNITS * UNITS);
            at = at
                .chunks_exact(UNITS)
                .flat_map(|row| apply(row, &weight, deviation, activation))
                .collect();
            Histogram::new(format!("layer {layer}"), &at, low, high)
        })
        .collect()
}

fn apply(row: &[f64], weight: &[f64], deviation: f64, activation: Activation) -> Vec<f64> {
    let mut sums = vec![0.0; UNITS];
    for (value, weights) in row.iter().zip(weight.chunks_exact(UNITS)) {
        for (sum, weight) in sums.iter_mut().zip(weights) {
            *sum += value * weight;
        }
    }
    sums.into_iter()
        .map(|sum| activation.value((deviation * sum) as f32, 0.0).into())
        .collect()
}

/// Training images that go through a net of one's own.
pub const IMAGES: usize = 128;

/// The net of a configuration with its first weights: a histogram for each activation, and for each layer that has none,
/// the logits included, over the first [`IMAGES`] images of the training part. Batch norm takes the mean and the variance
/// of these images, as in a step of training; nothing is dropped.
///
/// # Errors
/// The images are too small for the network.
pub fn of_net(
    config: &Config,
    prepared: &Prepared,
    seed: u64,
) -> Result<Vec<Histogram>, TrainError> {
    let architecture = lay_out(config, prepared)?.without_dropout();
    let images = &prepared.split.train[..prepared.split.train.len().min(IMAGES)];
    let mut pixels = vec![0.0; images.len() * prepared.shape().len()];
    let mut labels = vec![0; images.len()];
    prepared.fill(Part::Train, images, &mut pixels, &mut labels);
    let parameters = initial_parameters(&architecture, &config.model, seed);
    let reference = Reference::new(architecture);
    let values = reference
        .outputs(
            &parameters,
            &pixels,
            Some(StepSettings {
                mask_key: 0,
                label_smoothing: 0.0,
            }),
        )
        .map_err(|error| TrainError::Worker(error.to_string()))?;
    let architecture = reference.architecture();
    let last = architecture.layers.len() - 1;
    let seen = values.iter().enumerate().filter_map(|(index, values)| {
        let kind = observed(architecture, index).or((index == last).then_some(Observed::Plain))?;
        let (low, high) = match kind {
            Observed::Plain => (-4.0, 4.0),
            Observed::CanDie => range(ActivationKind::Relu),
            Observed::Sigmoid => range(ActivationKind::Sigmoid),
            Observed::Tanh => range(ActivationKind::Tanh),
        };
        let name = &architecture.layers[index].name;
        Some(Histogram::new(name, values, low, high))
    });
    Ok(seen.collect())
}

/// What a histogram of this activation spans.
pub fn range(activation: ActivationKind) -> (f64, f64) {
    match activation {
        ActivationKind::Sigmoid => (0.0, 1.0),
        ActivationKind::Tanh => (-1.0, 1.0),
        ActivationKind::Relu | ActivationKind::Maxout => (0.0, 4.0),
        _ => (-4.0, 4.0),
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use serde_json::json;

    use super::*;
    use crate::{cnn::CnnTrainer, data::Library, trainer::Stop};

    fn net(model: serde_json::Value) -> Vec<Histogram> {
        let spec = json!({"data": {"source": "digits"}, "model": model});
        let config = Config::from_spec(&spec).unwrap();
        let cnn = CnnTrainer::new(Arc::new(Library::new(Vec::new(), BTreeMap::new())), 1);
        let prepared = cnn
            .library()
            .prepare(&config.data, 0, &Stop::default())
            .unwrap();
        of_net(&config, &prepared, 0).unwrap()
    }

    #[test]
    fn a_net_of_ones_own_is_seen_layer_by_layer() {
        let seen = net(json!({"conv": [{"filters": 4, "pool": 2}], "hidden": [8], "dropout": 0.5}));
        let names: Vec<&str> = seen.iter().map(|layer| layer.layer.as_str()).collect();
        assert_eq!(names, ["conv1.relu", "hidden1.relu", "output"]);
        let values = seen
            .iter()
            .map(|layer| layer.zeros + layer.counts.iter().sum::<u64>());
        let values: Vec<u64> = values.collect();
        assert_eq!(values, [8 * 8 * 4 * 128, 8 * 128, 10 * 128]);
        // Batch norm of the images themselves: half of the ReLUs' inputs are above 0.
        for relu in &seen[..2] {
            assert!((0.3..0.7).contains(&relu.zero_share()), "{relu:?}");
            assert!((0.4..0.8).contains(&relu.deviation), "{relu:?}");
        }
        assert!(seen[2].deviation < 0.5, "output_gain = 0.1: {:?}", seen[2]);
    }

    #[test]
    fn weights_of_0_01_let_a_net_of_ones_own_collapse() {
        let deep = |init: &str| {
            let model = json!({"hidden": [64, 64, 64, 64], "activation": "tanh", "batch_norm": false, "init": init});
            let layers = net(model);
            layers[3].deviation / layers[0].deviation
        };
        assert!(deep("normal") < 1e-2);
        assert!(deep("xavier") > 0.3);
    }

    /// The lecture's three pictures, as numbers.
    #[test]
    fn weights_of_one_saturate_small_ones_collapse_and_xaviers_spread() {
        let last = |init, std| {
            experiment(ActivationKind::Tanh, init, std, 0)
                .pop()
                .unwrap()
        };
        let outer = |histogram: &Histogram| {
            let ends = histogram.counts[0] + histogram.counts[BARS - 1];
            ends as f64 / histogram.counts.iter().sum::<u64>() as f64
        };
        let large = last(InitKind::Normal, 1.0);
        assert!(outer(&large) > 0.6 && large.deviation > 0.9, "{large:?}");
        let small = last(InitKind::Normal, 0.01);
        assert!(small.deviation < 1e-4, "{small:?}");
        let xavier = last(InitKind::Xavier, 0.0);
        assert!(
            (0.3..0.6).contains(&xavier.deviation) && outer(&xavier) < 0.05,
            "{xavier:?}"
        );
    }

    #[test]
    fn he_keeps_relus_alive_where_xavier_lets_them_fade() {
        let last = |init| {
            experiment(ActivationKind::Relu, init, 0.0, 0)
                .pop()
                .unwrap()
                .deviation
        };
        assert!(last(InitKind::He) > 0.5);
        assert!(last(InitKind::Xavier) < 0.3 * last(InitKind::He));
    }
}
