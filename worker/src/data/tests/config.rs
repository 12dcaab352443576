use serde_json::json;

use crate::data::{Augment, Config, PreprocessKind, Shape, Validation};

#[test]
fn defaults_are_those_of_the_sweep_file() {
    let config: Config = serde_json::from_value(json!({"source": "digits"})).unwrap();
    assert_eq!(config, Config::new("digits"));
    assert_eq!(
        serde_json::to_value(&config).unwrap(),
        json!({"source": "digits", "validation": 0.1, "split_seed": 0, "test": true, "preprocess": "mean-image",
               "scale": 1.0, "augment": {"flip": false, "shift": 0}})
    );
}

#[test]
fn every_key_is_read() {
    let written = json!({"source": "a/flowers/", "validation": 5000, "folds": 5, "split_seed": 3, "limit": 18000,
        "test": false, "preprocess": "whiten", "components": 40, "scale": 255, "size": [64, 48],
        "augment": {"flip": true, "shift": 4}});
    let config: Config = serde_json::from_value(written).unwrap();
    assert_eq!(config.validation, Validation::Count(5000));
    assert_eq!(
        (config.folds, config.limit, config.components),
        (Some(5), Some(18000), Some(40))
    );
    assert_eq!(config.preprocess, PreprocessKind::Whiten);
    assert_eq!(
        config.augment,
        Augment {
            flip: true,
            shift: 4
        }
    );
    assert_eq!(config.set_name(), "flowers@64x48");
    config.check().unwrap();
}

#[test]
fn wrong_values_are_refused() {
    for (written, says) in [
        (json!({"source": "x", "validation": 0}), "validation = 0"),
        (
            json!({"source": "x", "validation": 1.5}),
            "validation = 1.5",
        ),
        (json!({"source": "x", "validation": -3}), "validation = -3"),
        (
            json!({"source": "x", "preprocess": "zscore"}),
            "unknown variant `zscore`",
        ),
        (
            json!({"source": "x", "augment": {"flips": true}}),
            "unknown field `flips`",
        ),
        (json!({"sorce": "x"}), "unknown field `sorce`"),
        (json!({"validation": 10}), "missing field `source`"),
    ] {
        let error = serde_json::from_value::<Config>(written)
            .unwrap_err()
            .to_string();
        assert!(error.contains(says), "{error}");
    }
    for (config, says) in [
        (
            Config {
                folds: Some(1),
                ..Config::new("x")
            },
            "data.folds = 1: at least 2",
        ),
        (
            Config {
                limit: Some(0),
                ..Config::new("x")
            },
            "data.limit = 0: at least 1",
        ),
        (
            Config {
                components: Some(0),
                ..Config::new("x")
            },
            "data.components = 0: at least 1",
        ),
        (
            Config {
                scale: f64::NAN,
                ..Config::new("x")
            },
            "data.scale = NaN: a number from 1e-9 to 1e9",
        ),
        (
            Config {
                size: Some([0, 9]),
                ..Config::new("x")
            },
            "data.size = [0, 9]: [height, width]",
        ),
        (Config::new(" / "), "data.source = \" / \": name a data set"),
    ] {
        let error = config.check().unwrap_err().to_string();
        assert!(error.starts_with(says), "{error}");
    }
}

#[test]
fn images_must_be_large_enough() {
    let shape = Shape::new(8, 6, 1);
    let shift = |shift| Config {
        augment: Augment { flip: false, shift },
        ..Config::new("x")
    };
    shift(5).fits(shape).unwrap();
    let error = shift(6).fits(shape).unwrap_err().to_string();
    assert_eq!(
        error,
        "data.augment.shift = 6: images of 8×6×1 would be moved out of sight: less than 6"
    );
    let pca = Config {
        components: Some(49),
        preprocess: PreprocessKind::Pca,
        ..Config::new("x")
    };
    let error = pca.fits(shape).unwrap_err().to_string();
    assert_eq!(
        error,
        "data.components = 49: images of 8×6×1 have 48 components at most"
    );
    Config {
        preprocess: PreprocessKind::None,
        ..pca
    }
    .fits(shape)
    .unwrap();
}

#[test]
fn the_schema_knows_every_key() {
    let schema = serde_json::to_value(schemars::schema_for!(Config)).unwrap();
    let keys: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "source",
            "validation",
            "folds",
            "split_seed",
            "limit",
            "test",
            "preprocess",
            "components",
            "scale",
            "size",
            "augment"
        ]
    );
    assert!(
        schema["properties"]
            .as_object()
            .unwrap()
            .values()
            .all(|key| key["description"].is_string())
    );
    assert_eq!(schema["additionalProperties"], false);
}
