use std::path::PathBuf;

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};

use super::*;
use crate::cnn::diagnosis::LayerReport;
use crate::{
    cnn::{SavedNet, trainer::CnnTrainer},
    data::Library,
    trainer::{Objective, Trainer},
};

fn trial(model: Value, train: Value, epochs: u32) -> TrialSpec {
    TrialSpec {
        id: String::from("test/1"),
        spec: json!({"data": {"source": "digits", "validation": 360}, "model": model, "train": train}),
        seed: 5,
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
    }
}

fn trainer() -> CnnTrainer {
    CnnTrainer::new(Arc::new(Library::new(Vec::new(), BTreeMap::new())), 1)
}

fn small() -> Value {
    json!({"conv": [{"filters": 8, "pool": 2}], "hidden": [32], "dropout": 0.2})
}

fn reports(training: &mut dyn Training, epochs: u32) -> Vec<Report> {
    (0..epochs)
        .map(|_| match training.epoch(&Stop::default()).unwrap() {
            Epoch::Done(report) => report,
            other => panic!("{other:?}"),
        })
        .collect()
}

/// Everything but the time.
fn exact(reports: &[Report]) -> Vec<Report> {
    let timeless = |report: &Report| Report {
        seconds: 0.0,
        ..report.clone()
    };
    reports.iter().map(timeless).collect()
}

#[test]
fn digits_are_learnt() {
    let trial = trial(
        small(),
        json!({"learning_rate": 0.05, "schedule": "one-cycle"}),
        5,
    );
    let mut training = trainer().begin(&trial, None, &Stop::default()).unwrap();
    let reports = reports(&mut training, 5);
    let last = &reports[4].metrics;
    assert!(last["val_accuracy"] > 0.95, "{last:?}");
    assert!(last["train_loss"] < reports[0].metrics["train_loss"] / 2.0);
    let layers: Vec<LayerReport> = serde_json::from_slice(&reports[4].layers).unwrap();
    let names: Vec<_> = layers.iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(names, ["conv1", "hidden1", "output"]);
    assert!(
        layers
            .iter()
            .all(|layer| layer.update_ratio > 0.0 && layer.gradient_norm > 0.0),
        "{layers:?}"
    );
    assert!(
        layers[0].dead.is_some() && layers[0].deviation.is_some_and(|deviation| deviation > 0.0)
    );
}

#[test]
fn a_resume_gives_the_bits_of_the_uninterrupted_training() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| -> PathBuf { folder.path().join(name) };
    for optimizer in ["sgd", "adam"] {
        let train = json!({"learning_rate": 0.01, "optimizer": optimizer, "schedule": "cosine"});
        let trial = trial(small(), train, 4);
        let whole = reports(
            &mut trainer().begin(&trial, None, &Stop::default()).unwrap(),
            4,
        );
        let mut first = trainer().begin(&trial, None, &Stop::default()).unwrap();
        let mut parts = reports(&mut first, 2);
        first.save(&at("checkpoint")).unwrap();
        let mut second = trainer()
            .begin(&trial, Some(&at("checkpoint")), &Stop::default())
            .unwrap();
        assert_eq!(second.epochs_done(), 2);
        parts.extend(reports(&mut second, 2));
        assert_eq!(exact(&whole), exact(&parts));
    }
}

/// What a training can be made of, drawn at random. Sixty images, so that an epoch takes milliseconds.
fn any_trial() -> impl Strategy<Value = TrialSpec> {
    let activation = select(vec![
        "relu", "prelu", "maxout", "tanh", "sigmoid", "elu", "gelu", "silu",
    ]);
    let block = (1..5_usize, any::<bool>(), select(vec![0, 2]), select(vec![0.0, 0.3]))
        .prop_map(|(filters, residual, pool, dropout)| {
            json!({"filters": filters, "residual": residual, "pool": pool, "dropout": dropout})
        });
    let norm = select(vec![json!(true), json!(false), json!("conv")]);
    let model = (vec(block, 0..3), vec(2..9_usize, 0..3), activation, norm, select(vec![0.0, 0.4])).prop_map(
        |(conv, hidden, activation, batch_norm, dropout)| {
            json!({
                "conv": conv, "hidden": hidden, "activation": activation, "batch_norm": batch_norm, "dropout": dropout,
            })
        },
    );
    let optimizer = select(vec!["sgd", "rmsprop", "adagrad", "adam", "adamw"]);
    let schedule = select(vec!["constant", "step", "cosine", "one-cycle"]);
    let switches = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let train = (optimizer, schedule, 7..40_usize, switches).prop_map(
        |(optimizer, schedule, batch_size, (nesterov, clip, smooth, warm))| {
            let mut train = json!({
                "optimizer": optimizer, "schedule": schedule, "batch_size": batch_size, "learning_rate": 0.01,
                "weight_decay": 1e-3, "nesterov": nesterov,
                "label_smoothing": if smooth { 0.1 } else { 0.0 }, "warmup": if warm { 0.2 } else { 0.0 },
            });
            if clip {
                train["clip_norm"] = json!(0.5);
            }
            train
        },
    );
    let preprocess = select(vec!["mean-image", "standardize", "whiten"]);
    (model, train, preprocess, any::<bool>(), any::<u32>()).prop_map(
        |(model, train, preprocess, augment, seed)| {
            let augment = json!({"flip": augment, "shift": u32::from(augment)});
            let data = json!({
                "source": "digits", "validation": 30, "limit": 60, "preprocess": preprocess, "augment": augment,
            });
            TrialSpec {
                spec: json!({"data": data, "model": model, "train": train}),
                seed: u64::from(seed),
                ..trial(json!({}), json!({}), EPOCHS)
            }
        },
    )
}

/// Horizon of the random trainings.
const EPOCHS: u32 = 5;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Killed in any epoch, twice: what was trained since the last checkpoint is lost, a fresh process goes on from there.
    #[test]
    fn killed_anywhere_and_resumed_it_gives_the_same_bits(
        trial in any_trial(), first in 0..EPOCHS, second in 0..EPOCHS, threads in 1..3_usize,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let checkpoint = folder.path().join("checkpoint");
        let whole = reports(&mut trainer().begin(&trial, None, &Stop::default()).unwrap(), EPOCHS);
        let mut kills = [first, second];
        kills.sort_unstable();
        let mut resume = None;
        let mut parts = Vec::new();
        let other = CnnTrainer::new(Arc::new(Library::new(Vec::new(), BTreeMap::new())), threads);
        for kill in kills {
            let mut training = other.begin(&trial, resume, &Stop::default()).unwrap();
            let done = training.epochs_done();
            parts.extend(reports(&mut training, kill - done));
            training.save(&checkpoint).unwrap();
            reports(&mut training, 1);
            resume = Some(checkpoint.as_path());
        }
        let mut last = other.begin(&trial, resume, &Stop::default()).unwrap();
        prop_assert_eq!(last.epochs_done(), kills[1]);
        parts.extend(reports(&mut last, EPOCHS - kills[1]));
        prop_assert_eq!(exact(&whole), exact(&parts));
    }
}

#[test]
fn a_stopped_epoch_leaves_no_trace() {
    let trial = trial(small(), json!({}), 3);
    let mut training = trainer().begin(&trial, None, &Stop::default()).unwrap();
    reports(&mut training, 1);
    let hash = training.weights_hash();
    let stop = Stop::default();
    stop.request();
    assert_eq!(training.epoch(&stop).unwrap(), Epoch::Stopped);
    assert_eq!(training.weights_hash(), hash);
    assert_eq!(training.epochs_done(), 1);
}

#[test]
fn a_foreign_or_damaged_checkpoint_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let mine = trial(small(), json!({}), 3);
    trainer()
        .begin(&mine, None, &Stop::default())
        .unwrap()
        .save(&path)
        .unwrap();
    let mut other = mine.clone();
    other.seed += 1;
    let refused = |trial: &TrialSpec| match trainer().begin(trial, Some(&path), &Stop::default()) {
        Err(TrainError::Checkpoint { reason, .. }) => reason,
        other => panic!("{:?}", other.map(|_| "taken")),
    };
    assert!(refused(&other).contains("another trial"));
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    assert!(refused(&mine).contains("damaged"));
    bytes.truncate(bytes.len() / 2);
    std::fs::write(&path, &bytes).unwrap();
    assert!(refused(&mine).contains("safetensors"));
}

#[test]
fn a_rate_beyond_reason_diverges_within_steps() {
    let trial = trial(
        json!({"hidden": [32], "batch_norm": false}),
        json!({"learning_rate": 1e4}),
        3,
    );
    let mut training = trainer().begin(&trial, None, &Stop::default()).unwrap();
    match training.epoch(&Stop::default()).unwrap() {
        Epoch::Diverged { epoch: 1, reason } => assert!(reason.contains("loss"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn patience_that_is_over_stays_over_when_the_worker_dies_before_it_says_so() {
    let trial = trial(
        json!({"batch_norm": false}),
        json!({"learning_rate": 0.0, "patience": 2}),
        9,
    );
    let stop = Stop::default();
    let mut first = trainer().begin(&trial, None, &stop).unwrap();
    reports(&mut first, 2);
    assert!(matches!(first.epoch(&stop).unwrap(), Epoch::Last(_)));
    // As after a kill between the report of epoch 3, with its checkpoint, and the finish.
    let directory = tempfile::tempdir().unwrap();
    let checkpoint = directory.path().join("checkpoint");
    first.save(&checkpoint).unwrap();
    let mut second = trainer().begin(&trial, Some(&checkpoint), &stop).unwrap();
    assert_eq!(second.epoch(&stop).unwrap(), Epoch::Ended);
    assert_eq!(second.epochs_done(), 3);
}

#[test]
fn patience_ends_a_training_that_does_not_improve() {
    let trial = trial(
        json!({"hidden": [16], "batch_norm": false}),
        json!({"learning_rate": 0.0, "patience": 2}),
        9,
    );
    let mut training = trainer().begin(&trial, None, &Stop::default()).unwrap();
    let mut epochs = 0;
    while let Epoch::Done(_) = training.epoch(&Stop::default()).unwrap() {
        epochs += 1;
    }
    // The first epoch sets the objective, the two after it do not better it.
    assert_eq!(epochs, 2);
}

#[test]
fn the_kept_weights_are_those_of_the_best_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    let trial = trial(small(), json!({"learning_rate": 0.2, "batch_size": 256}), 6);
    let trainer = trainer();
    let mut training = trainer.begin(&trial, None, &Stop::default()).unwrap();
    let reports = reports(&mut training, 6);
    let accuracy = |report: &Report| report.metrics["val_accuracy"];
    let best = reports.iter().map(accuracy).fold(0.0, f64::max);
    training.save_best(&path).unwrap();
    let net = SavedNet::open(&path).unwrap();
    assert_eq!(accuracy(&reports[net.about.epoch as usize - 1]), best);
    let prepared = Arc::clone(&training.prepared);
    let weights = (&net.parameters[..], &net.statistics[..]);
    let mut executor = trainer.executor(&net.architecture).unwrap();
    let images = &prepared.split.validation;
    let score = evaluate(
        &mut *executor,
        weights,
        &prepared,
        Part::Train,
        images,
        || false,
    )
    .unwrap();
    assert_eq!(score.unwrap().accuracy, best);
    assert!(trainer.test(&trial, &path, &Stop::default()).is_ok());
}

#[test]
fn a_net_carries_its_components_as_a_factor_or_as_the_matrix_that_older_files_have() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    let stop = Stop::default();
    for (components, rows) in [(10, 10), (40, 64)] {
        let mut trial = trial(json!({"hidden": [16]}), json!({"learning_rate": 0.1}), 1);
        trial.spec["data"]["preprocess"] = "whiten".into();
        trial.spec["data"]["components"] = components.into();
        let trainer = trainer();
        let mut training = trainer.begin(&trial, None, &stop).unwrap();
        let report = reports(&mut training, 1).remove(0);
        training.save_best(&path).unwrap();
        let net = SavedNet::open(&path).unwrap();
        assert_eq!(net.preprocess, training.prepared.preprocess);
        assert_eq!(net.preprocess.rotate.len(), rows * 64);
        // Through the file it judges as it did in the training.
        let set = Arc::clone(&training.prepared.set);
        let images = &training.prepared.split.validation;
        let crew = trainer.library().crew(&stop).unwrap();
        let through = net
            .prepare(set, &[(Part::Train, images.clone())], &crew)
            .unwrap();
        let mut executor = trainer.executor(&net.architecture).unwrap();
        let weights = (&net.parameters[..], &net.statistics[..]);
        let score = evaluate(
            &mut *executor,
            weights,
            &through,
            Part::Train,
            images,
            || false,
        );
        assert_eq!(
            score.unwrap().unwrap().accuracy,
            report.metrics["val_accuracy"]
        );
        assert!(trainer.test(&trial, &path, &stop).unwrap().unwrap()["test_accuracy"] > 0.5);
        let asked = Stop::default();
        asked.request();
        let stopped = trainer.test(&trial, &path, &asked);
        assert!(matches!(stopped, Err(TrainError::Stopped)), "{stopped:?}");
    }
}

#[test]
fn fuzz_checkpoints() {
    let trial = trial(
        json!({"hidden": [2], "batch_norm": false}),
        json!({"learning_rate": 0.1}),
        3,
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let mut training = trainer().begin(&trial, None, &Stop::default()).unwrap();
    let mut seeds = Vec::new();
    for _ in 0..2 {
        reports(&mut training, 1);
        training.save(&path).unwrap();
        seeds.push(std::fs::read(&path).unwrap());
    }
    let target = hone_fuzz::Target {
        name: "checkpoints",
        seeds,
        words: &[
            b"\"epoch\":",
            b"\"best\":null",
            b"\"dtype\":\"F32\"",
            b"\"shape\":[",
            b"\"data_offsets\":[",
            b"\\\"",
            b"{",
            b"}",
        ],
    };
    let fresh = trainer().begin(&trial, None, &Stop::default()).unwrap();
    let training = std::cell::RefCell::new(fresh);
    let before = training.borrow().state.parameters.clone();
    hone_fuzz::fuzz(&target, |bytes| {
        std::fs::write(&path, bytes).unwrap();
        let mut training = training.borrow_mut();
        match training.resume(&path) {
            Ok(()) => format!("resumed{}", "d".repeat(training.epochs_done() as usize)),
            Err(TrainError::Checkpoint { reason, .. }) => reason,
            Err(other) => panic!("{other}"),
        }
    });
    assert_eq!(before.len(), training.borrow().state.parameters.len());
}
