use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::{data::Library, trainer::Objective};

fn run(spec: Value) -> CheckReport {
    run_with(Library::new(Vec::new(), BTreeMap::new()), spec)
}

fn run_with(library: Library, spec: Value) -> CheckReport {
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
    let cnn = CnnTrainer::new(Arc::new(library), 1);
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

/// A folder of two classes, `sizes` images each, no two alike.
fn folder(sizes: [u32; 2]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (class, count) in ["a", "b"].iter().zip(sizes) {
        std::fs::create_dir(root.path().join(class)).unwrap();
        for index in 0..count {
            let seed = index * 2 + u32::from(*class == "b");
            let image = image::GrayImage::from_fn(8, 8, |x, y| {
                image::Luma([(seed * 37 + x * seed * 11 + y * 29) as u8])
            });
            let path = root.path().join(class).join(format!("{index}.png"));
            image.save(path).unwrap();
        }
    }
    root
}

#[test]
fn the_check_tells_what_was_read_and_what_is_odd() {
    let root = folder([12, 12]);
    let twin = root.path().join("b/twin.png");
    std::fs::copy(root.path().join("a/3.png"), twin).unwrap();
    std::fs::write(root.path().join("a/old.webp"), "").unwrap();
    let folders = BTreeMap::from([("own".to_owned(), root.path().to_owned())]);
    let library = Library::new(Vec::new(), folders);
    let report = run_with(
        library,
        json!({"data": {"source": "own"}, "model": {"hidden": [16]}}),
    );
    assert_eq!((report.data.parts[0].images, report.data.classes), (25, 2));
    assert_eq!(report.data.passed_over[0].what, ".webp");
    assert!(
        report.data.notes[0].starts_with("22 images are trained on, 3 held out"),
        "{report:?}"
    );
    let twins = "twins with different labels: a/3.png, b/twin.png";
    assert!(
        report
            .findings
            .iter()
            .any(|finding| finding.message.starts_with(twins)),
        "{report:?}"
    );
}

#[test]
fn a_class_of_one_image_fails_with_the_remedy() {
    let root = folder([9, 1]);
    let folders = BTreeMap::from([("own".to_owned(), root.path().to_owned())]);
    let set = Library::new(Vec::new(), folders).open("own").unwrap();
    let config = crate::data::Config::new("own");
    let split = crate::data::Split::new(&set, &config, 0).unwrap();
    let [finding] = &missing(&set, &split, &config)[..] else {
        panic!("one part lacks it")
    };
    assert_eq!(finding.severity, Severity::Failure);
    assert!(
        finding.message.ends_with("no image of class b"),
        "{finding:?}"
    );
    assert!(finding.advice.contains("the class has 1"), "{finding:?}");
}
