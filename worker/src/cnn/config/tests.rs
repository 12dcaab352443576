use serde_json::{Value, json};

use super::*;

fn spec(model: Value, train: Value) -> Value {
    json!({"objective": {}, "data": {"source": "digits"}, "model": model, "train": train})
}

fn refused(model: Value, train: Value) -> ConfigError {
    Config::from_spec(&spec(model, train)).expect_err("must be refused")
}

#[test]
fn defaults_are_those_of_the_documented_table() {
    let config = Config::from_spec(&json!({"data": {"source": "digits"}})).unwrap();
    assert_eq!(config.model.activation, ActivationKind::Relu);
    assert_eq!(config.model.batch_norm, BatchNormWhere::Everywhere);
    assert_eq!(config.model.output_gain, 0.1);
    assert_eq!(config.train.learning_rate, 0.01);
    assert_eq!(config.train.momentum, 0.9);
    assert_eq!(config.train.batch_size, 64);
    assert_eq!(config.train.schedule, ScheduleKind::Constant);
}

#[test]
fn canonical_json_reads_back_as_the_same_configuration() {
    let model = json!({
        "conv": [{"filters": 8, "pad": 2, "size": 5, "pool": 3, "pool_stride": 2, "pool_kind": "average"}],
        "batch_norm": "conv", "activation": "leaky_relu", "hidden": [10],
    });
    let train = json!({"schedule": "one-cycle", "clip_norm": 1, "every": 3});
    let config = Config::from_spec(&spec(model, train)).unwrap();
    let canonical = serde_json::to_value(&config).unwrap();
    assert_eq!(Config::from_spec(&canonical).unwrap(), config);
}

#[test]
fn errors_name_the_path_the_value_and_what_would_be_right() {
    let error = refused(json!({"conv": [{"filters": 4}, {"filters": 0}]}), json!({}));
    assert_eq!(error.path, "model.conv.1.filters");
    assert_eq!(error.value, "0");
    assert!(error.message.contains("between 1 and 4096"), "{error}");

    let error = refused(json!({"activation": "rellu"}), json!({}));
    assert_eq!(error.path, "model.activation");
    assert_eq!(error.value, "\"rellu\"");
    assert!(error.message.contains("leaky_relu"), "{error}");

    let error = refused(json!({}), json!({"learning_rat": 0.1}));
    assert!(error.message.contains("learning_rate"), "{error}");

    let error = refused(json!({"conv": [{"filters": 4, "pad": "valid"}]}), json!({}));
    assert_eq!(error.path, "model.conv.0.pad");
    assert!(error.message.contains("\"same\" or a number"), "{error}");
}

#[test]
fn values_out_of_range_are_refused() {
    for (model, train, path) in [
        (json!({"dropout": 1.0}), json!({}), "model.dropout"),
        (json!({"pieces": 1}), json!({}), "model.pieces"),
        (json!({"hidden": [0]}), json!({}), "model.hidden.0"),
        (
            json!({"conv": [{"filters": 1, "size": 3, "pad": 3}]}),
            json!({}),
            "model.conv.0.pad",
        ),
        (json!({}), json!({"momentum": -0.1}), "train.momentum"),
        (
            json!({}),
            json!({"learning_rate": -1e-3}),
            "train.learning_rate",
        ),
        (json!({}), json!({"batch_size": 0}), "train.batch_size"),
        (json!({}), json!({"clip_norm": 0}), "train.clip_norm"),
        (json!({}), json!({"patience": 0}), "train.patience"),
    ] {
        assert_eq!(refused(model, train).path, path);
    }
}

#[test]
fn a_section_that_is_not_the_trainers_is_refused() {
    let error = Config::from_spec(&json!({"data": {"source": "digits"}, "modell": {}}));
    assert_eq!(error.unwrap_err().path, "modell");
}

#[test]
fn keys_without_effect_are_named() {
    let unused = Config::unused_keys(&spec(
        json!({"slope": 0.2, "alpha": 1, "activation": "leaky_relu", "hidden": [4], "dropout": 0.1}),
        json!({"optimizer": "adam", "momentum": 0.5, "beta1": 0.8, "every": 2}),
    ));
    let keys: Vec<_> = unused
        .iter()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(keys, ["model.alpha", "train.momentum", "train.every"]);
}

#[test]
fn editors_get_a_schema_with_help() {
    let schema = serde_json::to_value(schemars::schema_for!(Config)).unwrap();
    let text = schema.to_string();
    assert!(
        text.contains("one-cycle") && text.contains("Size of the steps"),
        "{text}"
    );
}
