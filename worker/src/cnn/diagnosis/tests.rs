use serde_json::json;

use super::*;

// How often the rules are right on real trainings is counted by `benches/diagnosis`, which `cargo test` runs in short.

fn config() -> Config {
    Config::from_spec(&json!({"data": {"source": "cifar10"}, "model": {"hidden": [50]}})).unwrap()
}

fn layer(name: &str, update_ratio: f64) -> LayerReport {
    LayerReport {
        name: name.to_owned(),
        update_ratio,
        ..LayerReport::default()
    }
}

/// Training loss and accuracy, one pair an epoch; validation does as well as training.
fn curves(epochs: &[(f64, f64)], step: f64) -> Vec<EpochCurve> {
    epochs
        .iter()
        .map(|&(loss, accuracy)| EpochCurve {
            train_loss: loss,
            train_accuracy: accuracy,
            val_loss: Some(loss),
            val_accuracy: Some(accuracy),
            layers: vec![layer("hidden1", step), layer("output", 0.1)],
        })
        .collect()
}

fn first(epochs: &[(f64, f64)], step: f64) -> State {
    diagnose(
        &config(),
        10,
        epochs.len() as u32,
        &curves(epochs, step),
        None,
    )[0]
    .state
}

/// CS231n at a rate of 1e-6: the loss stays where it was while accuracy goes from 0.09 to 0.19.
#[test]
fn a_rate_that_is_too_low_is_told_by_the_loss() {
    let epochs = [
        (2.3625, 0.09),
        (2.3625, 0.13),
        (2.3624, 0.17),
        (2.3624, 0.19),
    ];
    assert_eq!(first(&epochs, 1e-5), State::RateTooLow);
}

#[test]
fn what_falls_at_the_end_as_at_the_start_is_still_improving() {
    let falling = [
        (2.0, 0.3),
        (1.7, 0.4),
        (1.4, 0.5),
        (1.1, 0.6),
        (0.8, 0.7),
        (0.5, 0.8),
    ];
    assert_eq!(first(&falling, 5e-3), State::StillImproving);
    let settled = [
        (0.8, 0.7),
        (0.3, 0.9),
        (0.1, 0.95),
        (0.08, 0.96),
        (0.07, 0.96),
        (0.07, 0.96),
    ];
    assert_eq!(first(&settled, 5e-3), State::Healthy);
    let stuck = [
        (1.6, 0.4),
        (1.5, 0.45),
        (1.49, 0.46),
        (1.48, 0.46),
        (1.48, 0.46),
        (1.48, 0.46),
    ];
    assert_eq!(first(&stuck, 5e-3), State::Underfitting);
}

/// The end of a cosine is flat in every training: it must not be taken for one that cannot learn more.
#[test]
fn a_schedule_that_ends_too_early_is_no_want_of_capacity() {
    let config = Config::from_spec(&json!({
        "data": {"source": "digits"}, "model": {"hidden": [50]}, "train": {"schedule": "cosine"},
    }))
    .unwrap();
    let epochs = [
        (2.2, 0.3),
        (2.0, 0.4),
        (1.8, 0.5),
        (1.6, 0.6),
        (1.5, 0.62),
        (1.48, 0.63),
        (1.47, 0.63),
        (1.47, 0.63),
    ];
    let said = diagnose(&config, 10, 8, &curves(&epochs, 1e-3), None);
    assert_eq!(said[0].state, State::RateTooLow, "{said:?}");
}

#[test]
fn a_reason_to_end_is_the_whole_story() {
    let said = diagnose(&config(), 10, 4, &[], Some("loss is NaN at step 3"));
    assert_eq!(said.len(), 1);
    assert_eq!(said[0].state, State::Diverged);
    assert!(said[0].evidence.contains("NaN at step 3"));
}

#[test]
fn a_training_without_an_epoch_says_so() {
    let said = diagnose(&config(), 10, 4, &[], None);
    assert_eq!(
        (said[0].state, said[0].evidence.as_str()),
        (State::Healthy, "no epoch is done")
    );
}
