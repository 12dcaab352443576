//! The trainer as a whole: PyTorch's learning curve, and the lecture's own experiments.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use super::{
    Architecture, CnnTrainer,
    architecture::{Op, ParameterKind, Shape},
    config::{ConvBlock, Model, Train},
    executor::{Batch, Executor, StepSettings, score},
    fused::Fused,
    optimizer::Optimizer,
    reference::Reference,
};
use crate::{
    data::Library,
    trainer::{Epoch, Objective, Report, Stop, Training, TrialSpec},
};

/// A multiplicative hash of the index, as 24 bits, centred: the same numbers as in benches/pytorch_curve.py.
fn number(index: u32) -> f32 {
    (f64::from(index.wrapping_mul(2_654_435_761) >> 8) / f64::from(1 << 24) - 0.5) as f32
}

/// Printed by benches/pytorch_curve.py (PyTorch 2.15, float64).
const PYTORCH: [f64; 12] = [
    1.077622760,
    1.116241105,
    1.013973452,
    1.061988676,
    1.002741906,
    0.970102638,
    1.016055846,
    1.028054590,
    0.996669286,
    1.008973757,
    0.949292152,
    1.001368985,
];
const PYTORCH_EVALUATION: f64 = 0.984803199;

fn follows_pytorch(architecture: &Architecture, executor: &mut dyn Executor) {
    let train = Train {
        learning_rate: 0.1,
        weight_decay: 1e-2,
        ..Train::default()
    };
    let mut optimizer = Optimizer::new(&train, architecture);
    let mut parameters = vec![0.0; architecture.parameter_count];
    for parameter in &architecture.parameters {
        for index in parameter.range.clone() {
            parameters[index] = match parameter.kind {
                ParameterKind::Weight => number(index as u32),
                ParameterKind::Gamma => 1.0,
                _ => 0.0,
            };
        }
    }
    let mut statistics = architecture.fresh_statistics();
    let mut gradient = vec![0.0; parameters.len()];
    let labels: Vec<u32> = (0..8).map(|image| image * 7 % 3).collect();
    let images = |step: u32| -> Vec<f32> {
        (0..8 * 6 * 6 * 2)
            .map(|index| 2.0 * number(100_000 + step % 2 * 1000 + index))
            .collect()
    };
    for (step, wanted) in PYTORCH.iter().enumerate() {
        let images = images(step as u32);
        let batch = Batch {
            images: &images,
            labels: &labels,
        };
        let plain = StepSettings {
            mask_key: 0,
            label_smoothing: 0.0,
        };
        let found = executor
            .step(&parameters, &mut statistics, batch, plain, &mut gradient)
            .unwrap();
        assert!(
            (found.loss - wanted).abs() < 2e-4,
            "step {step}: {} {wanted}",
            found.loss
        );
        optimizer.step(&mut parameters, &mut gradient, train.learning_rate);
    }
    let mut logits = vec![0.0; 8 * 3];
    executor
        .logits(&parameters, &statistics, &images(0), &mut logits)
        .unwrap();
    let loss = score(&logits, &labels).0 / 8.0;
    assert!((loss - PYTORCH_EVALUATION).abs() < 2e-4, "{loss}");
}

#[test]
fn the_learning_curve_is_pytorchs() {
    let model = Model {
        conv: vec![ConvBlock {
            pool: 2,
            ..ConvBlock::new(4)
        }],
        hidden: vec![5],
        ..Model::default()
    };
    let net = Architecture::new(&model, Shape::from([6, 6, 2]), 3).unwrap();
    follows_pytorch(&net, &mut Reference::new(net.clone()));
    follows_pytorch(&net, &mut Fused::new(net.clone(), 1).unwrap());
}

fn train(spec: Value, epochs: u32) -> Vec<Report> {
    let trial = TrialSpec {
        id: String::from("test/1"),
        spec,
        seed: 1,
        repeat: 0,
        fold: 0,
        folds: 1,
        full_epochs: epochs,
        to_epoch: epochs,
        objective: Objective {
            metric: String::from("val_accuracy"),
            maximize: true,
            best: true,
        },
    };
    let cnn = CnnTrainer::new(Arc::new(Library::new(Vec::new(), BTreeMap::new())), 1);
    let mut training = cnn.begin(&trial, None, &Stop::default()).unwrap();
    (0..epochs)
        .map(|_| match training.epoch(&Stop::default()).unwrap() {
            Epoch::Done(report) => report,
            other => panic!("{other:?}"),
        })
        .collect()
}

/// A perceptron cannot do exclusive or; one hidden layer can.
#[test]
fn xor_needs_a_hidden_layer() {
    let accuracy = |hidden: Value| {
        let model = json!({"hidden": hidden, "activation": "tanh", "init": "xavier"});
        let spec = json!({"data": {"source": "xor"}, "model": model, "train": {"learning_rate": 0.1, "batch_size": 20}});
        train(spec, 12).last().unwrap().metrics["val_accuracy"]
    };
    let linear = accuracy(json!([]));
    assert!((0.2..0.8).contains(&linear), "{linear}");
    let solved = accuracy(json!([8]));
    assert!(solved > 0.95, "{solved}");
}

/// CS231n: at a rate of 1e-6 the loss barely moves.
#[test]
fn a_tiny_rate_leaves_the_loss_where_it_was() {
    let model = json!({"hidden": [50], "batch_norm": false});
    let spec =
        json!({"data": {"source": "digits"}, "model": model, "train": {"learning_rate": 1e-6}});
    let reports = train(spec, 5);
    let loss = |report: &Report| report.metrics["train_loss"];
    assert!(
        (loss(&reports[0]) - loss(&reports[4])).abs() < 0.01,
        "{reports:?}"
    );
}

/// CS231n's second sanity check: plain SGD at 1e-3 learns twenty examples by heart within 200 epochs. The cost stands still
/// at ln 10 for the first ten: one must not give up early.
#[test]
fn twenty_examples_are_learnt_by_heart() {
    let spec = json!({
        "data": {"source": "digits", "limit": 20, "scale": 255},
        "model": {"hidden": [50], "batch_norm": false, "init": "normal", "init_std": 1e-4, "output_gain": 1},
        "train": {"learning_rate": 1e-3, "momentum": 0, "batch_size": 5},
    });
    let reports = train(spec, 200);
    let of = |epoch: usize, metric: &str| reports[epoch - 1].metrics[metric];
    assert!((of(1, "train_loss") - 10.0_f64.ln()).abs() < 1e-3);
    assert!((of(10, "train_loss") - 10.0_f64.ln()).abs() < 1e-2);
    assert_eq!(of(200, "train_accuracy"), 1.0);
    assert!(of(200, "train_loss") < 0.01);
}

/// Depth without a nonlinearity is one matrix: three layers give the logits of their product.
#[test]
fn a_net_without_activations_is_linear() {
    let model = Model {
        hidden: vec![6, 6],
        activation: super::config::ActivationKind::None,
        batch_norm: super::config::BatchNormWhere::Nowhere,
        output_gain: 1.0,
        ..Model::default()
    };
    let net = Architecture::new(&model, Shape::flat(4), 3).unwrap();
    assert!(
        net.layers
            .iter()
            .all(|layer| matches!(layer.op, Op::Flatten | Op::Linear(_)))
    );
    let parameters = super::init::initial_parameters(&net, &model, 2);
    let logits = |x: &[f32]| {
        let mut logits = vec![0.0; 3];
        Reference::new(net.clone())
            .logits(&parameters, &[], x, &mut logits)
            .unwrap();
        logits
    };
    let (a, b) = ([1.0, -0.5, 0.25, 2.0], [0.5, 1.5, -1.0, 0.75]);
    let sum: Vec<f32> = a.iter().zip(b).map(|(a, b)| a + b).collect();
    let (of_a, of_b, of_sum) = (logits(&a), logits(&b), logits(&sum));
    for ((a, b), sum) in of_a.iter().zip(&of_b).zip(&of_sum) {
        assert!((a + b - sum).abs() < 1e-5);
    }
}
