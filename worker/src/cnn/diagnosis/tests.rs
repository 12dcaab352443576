use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use super::*;
use crate::{
    cnn::CnnTrainer,
    data::Library,
    trainer::{Epoch, Objective, Stop, Training, TrialSpec},
};

/// How often each sickness is made; the bar is 9 of 10.
const SEEDS: u64 = 3;

fn train(data: &Value, model: &Value, train: &Value, epochs: u32, seed: u64) -> Vec<Diagnosis> {
    let trial = TrialSpec {
        id: String::from("test/1"),
        spec: json!({"data": data, "model": model, "train": train}),
        seed,
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
    let mut training = cnn.begin(&trial, None).unwrap();
    for _ in 0..epochs {
        match training.epoch(&Stop::default()).unwrap() {
            Epoch::Done(_) => {}
            Epoch::Diverged { .. } => break,
            other => panic!("{other:?}"),
        }
    }
    serde_json::from_value(training.diagnosis().unwrap()).unwrap()
}

/// Makes a sickness with several seeds and counts how often it is told.
fn found(state: State, data: Value, model: Value, settings: Value, epochs: u32) {
    let mut hits = 0;
    let mut all = Vec::new();
    for seed in 0..SEEDS {
        let said = train(&data, &model, &settings, epochs, seed);
        let healthy = [State::Healthy, State::StillImproving].contains(&state);
        let among = if healthy {
            said[..1].to_vec()
        } else {
            said.clone()
        };
        hits += u64::from(among.iter().any(|one| one.state == state));
        all.push(said);
    }
    assert!(
        hits * 10 >= SEEDS * 9,
        "{state:?} was found {hits} of {SEEDS} times: {all:#?}"
    );
}

fn digits() -> Value {
    json!({"source": "digits", "validation": 360})
}

#[test]
fn a_rate_that_is_too_low_is_found_by_the_loss() {
    found(
        State::RateTooLow,
        digits(),
        json!({"hidden": [64]}),
        json!({"learning_rate": 1e-5}),
        4,
    );
    let plain = json!({"hidden": [50], "batch_norm": false});
    found(
        State::RateTooLow,
        digits(),
        plain,
        json!({"learning_rate": 1e-4}),
        4,
    );
}

#[test]
fn a_rate_that_is_too_high_is_found() {
    let model = json!({"conv": [{"filters": 8, "pool": 2}], "hidden": [32]});
    found(
        State::RateTooHigh,
        digits(),
        model,
        json!({"learning_rate": 3}),
        6,
    );
}

#[test]
fn divergence_is_named() {
    let model = json!({"hidden": [64], "batch_norm": false});
    found(
        State::Diverged,
        digits(),
        model,
        json!({"learning_rate": 1e4}),
        2,
    );
}

#[test]
fn dead_units_are_found() {
    let model = json!({"hidden": [64, 64], "batch_norm": false, "bias_init": -3});
    found(
        State::DeadUnits,
        digits(),
        model,
        json!({"learning_rate": 0.05}),
        3,
    );
}

#[test]
fn saturated_units_are_found() {
    for activation in ["tanh", "sigmoid"] {
        let model = json!({
            "hidden": [64, 64], "batch_norm": false, "activation": activation, "init": "normal", "init_std": 2,
        });
        found(State::Saturated, digits(), model, json!({}), 3);
    }
}

#[test]
fn a_bad_init_is_found() {
    let vanishing = json!({"hidden": [64, 64, 64, 64], "batch_norm": false, "init": "normal", "init_std": 0.01});
    found(
        State::BadInit,
        digits(),
        vanishing,
        json!({"learning_rate": 0.01}),
        3,
    );
    let exploding = json!({"hidden": [64, 64], "batch_norm": false, "init": "normal", "init_std": 1, "output_gain": 1});
    found(
        State::BadInit,
        digits(),
        exploding,
        json!({"learning_rate": 1e-6}),
        3,
    );
}

#[test]
fn units_that_stay_equal_are_found() {
    found(
        State::SymmetricUnits,
        digits(),
        json!({"hidden": [32], "init": "zero"}),
        json!({}),
        2,
    );
}

#[test]
fn overfitting_is_found() {
    let few = json!({"source": "digits", "validation": 360, "limit": 60});
    found(
        State::Overfitting,
        few,
        json!({"hidden": [128]}),
        json!({"batch_size": 20, "learning_rate": 0.05}),
        15,
    );
}

#[test]
fn underfitting_is_found() {
    let model = json!({"hidden": [2], "activation": "sigmoid", "batch_norm": false});
    found(
        State::Underfitting,
        digits(),
        model,
        json!({"learning_rate": 0.3}),
        12,
    );
    let linear = json!({"hidden": []});
    found(
        State::Underfitting,
        json!({"source": "xor"}),
        linear,
        json!({"learning_rate": 0.1}),
        6,
    );
}

#[test]
fn healthy_trainings_draw_no_other_word() {
    for (model, settings) in [
        (
            json!({"conv": [{"filters": 8, "pool": 2}], "hidden": [32]}),
            json!({"learning_rate": 0.05}),
        ),
        (
            json!({"hidden": [64]}),
            json!({"learning_rate": 0.05, "schedule": "one-cycle"}),
        ),
        (
            json!({"hidden": [64], "dropout": 0.3}),
            json!({"optimizer": "adam", "learning_rate": 0.003}),
        ),
        (
            json!({"hidden": [64], "activation": "tanh", "init": "xavier"}),
            json!({"learning_rate": 0.03}),
        ),
        (
            json!({"hidden": [64, 64], "batch_norm": false}),
            json!({"learning_rate": 0.02, "schedule": "cosine"}),
        ),
    ] {
        found(State::Healthy, digits(), model, settings, 12);
    }
}
