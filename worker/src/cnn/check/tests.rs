use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::{data::Library, trainer::Objective};

fn run(spec: Value) -> CheckReport {
    let trial = TrialSpec {
        id: String::from("test/check"),
        spec,
        seed: 3,
        repeat: 0,
        fold: 0,
        folds: 1,
        full_epochs: 9,
        to_epoch: 9,
        objective: Objective {
            metric: String::from("val_accuracy"),
            maximize: true,
            best: true,
        },
    };
    let cnn = CnnTrainer::new(Arc::new(Library::new(Vec::new(), BTreeMap::new())), 1);
    check(&cnn, &trial, &Stop::default()).unwrap().unwrap()
}

fn digits(model: Value) -> Value {
    json!({"data": {"source": "digits"}, "model": model, "train": {}})
}

#[test]
fn a_sound_net_passes_without_a_word() {
    let report = run(digits(
        json!({"conv": [{"filters": 8, "pool": 2}], "hidden": [32]}),
    ));
    assert!(report.passed, "{report:?}");
    assert_eq!(report.findings, []);
    let net = &report.nets[0];
    assert!(
        (net.first_loss / net.chance_loss - 1.0).abs() < 0.05,
        "{net:?}"
    );
    assert!(net.first_loss_regularised > net.first_loss);
    assert_eq!(net.overfit.accuracy, 1.0);
    assert_eq!(net.gradients.len(), 3);
    assert!(report.epochs_per_second > 0.0);
}

#[test]
fn weights_that_are_too_large_fail_the_first_loss() {
    let model = json!({"hidden": [64, 64], "batch_norm": false, "init": "normal", "init_std": 1.0, "output_gain": 1});
    let report = run(digits(model));
    assert!(!report.passed);
    assert!(
        report.findings[0].message.contains("first loss"),
        "{report:?}"
    );
}

#[test]
fn zero_weights_are_reported_and_not_refused() {
    let report = run(digits(json!({"hidden": [16], "init": "zero"})));
    assert!(report.passed, "{report:?}");
    assert!(report.findings[0].message.contains("stay equal"));
}

#[test]
fn a_combination_that_fails_beside_passing_ones_is_a_warning_with_its_choices() {
    let xor = |hidden: Value| {
        let spec = json!({"data": {"source": "xor"}, "model": {"hidden": hidden}});
        json!({"choices": {"model.hidden": hidden}, "spec": spec})
    };
    let report = run(json!({"nets": [xor(json!([])), xor(json!([16]))]}));
    assert!(report.passed, "{report:?}");
    let [finding] = &report.findings[..] else {
        panic!("{report:?}")
    };
    assert_eq!(finding.severity, Severity::Warning);
    assert_eq!(finding.subject, "net 1 (model.hidden = [])");
    let alone = run(json!({"nets": [xor(json!([]))]}));
    assert!(!alone.passed);
}

#[test]
fn layers_without_an_activation_are_called_linear() {
    let model = json!({"hidden": [16], "activation": "none"});
    let spec = json!({"data": {"source": "xor"}, "model": model});
    let report = run(json!({"nets": [{"choices": {}, "spec": spec}]}));
    let [finding] = &report.findings[..] else {
        panic!("{report:?}")
    };
    assert!(finding.advice.contains("one linear map"), "{finding:?}");
}
