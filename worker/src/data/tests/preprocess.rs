use std::sync::Arc;

use super::{crew, pictured};
use crate::data::{
    Config, DataSet, Part, Prepared, Preprocess, PreprocessKind, Shape, Split,
    statistics::Statistics,
};

/// The lecture's three apples: size and weight.
const APPLES: [[u16; 2]; 3] = [[4, 540], [8, 700], [2, 480]];

fn apples() -> Statistics {
    Statistics::of(2, APPLES.iter().map(|apple| &apple[..]))
}

fn applied(fitted: &(Vec<f32>, Vec<f32>)) -> Vec<[f32; 2]> {
    let feature = |apple: [u16; 2], at: usize| (f32::from(apple[at]) - fitted.0[at]) * fitted.1[at];
    APPLES
        .map(|apple| [feature(apple, 0), feature(apple, 1)])
        .to_vec()
}

fn assert_close(found: &[f32], wanted: &[f32]) {
    assert_eq!(found.len(), wanted.len());
    for (found_one, wanted_one) in found.iter().zip(wanted) {
        assert!(
            (found_one - wanted_one).abs() < 1e-5,
            "{found:?} is not {wanted:?}"
        );
    }
}

#[test]
fn apples_by_z_score() {
    // By hand: means 14/3 and 1720/3; deviations √(56/9) = 2.494438 and √(77600/9) = 92.855921.
    let scores = applied(&apples().standardize(1.0));
    assert_close(
        &scores.concat(),
        &[
            -0.267261, -0.358980, 1.336306, 1.364122, -1.069045, -1.005142,
        ],
    );
}

#[test]
fn apples_by_min_max() {
    let scores = applied(&apples().min_max(1.0));
    assert_close(
        &scores.concat(),
        &[1.0 / 3.0, 60.0 / 220.0, 1.0, 1.0, 0.0, 0.0],
    );
}

fn fit(kind: PreprocessKind, scale: f64, set: &DataSet, train: &[u32]) -> Preprocess {
    Preprocess::fit(
        &Config {
            preprocess: kind,
            scale,
            ..Config::new("test")
        },
        set,
        train,
        &crew(),
    )
    .unwrap()
}

fn filled(set: &DataSet, train: &[u32], preprocess: Preprocess) -> Vec<f32> {
    let all: Vec<u32> = (0..set.train.len() as u32).collect();
    let validation = all
        .iter()
        .copied()
        .filter(|image| !train.contains(image))
        .collect();
    let split = Split {
        train: train.to_vec(),
        validation,
    };
    let prepared = Prepared::with(Arc::new(set.clone()), split, preprocess, &crew()).unwrap();
    let (mut values, mut labels) = (
        vec![f32::NAN; all.len() * set.shape.len()],
        vec![9; all.len()],
    );
    prepared.fill(Part::Train, &all, &mut values, &mut labels);
    assert_eq!(labels, set.train.labels);
    values
}

/// Two pixels of two channels; the third image is held out, and would change every fitted value.
fn set() -> DataSet {
    pictured(
        Shape::new(1, 2, 2),
        &[&[0, 10, 20, 30], &[100, 10, 40, 50], &[255, 255, 255, 255]],
    )
}

#[test]
fn nothing_is_only_scaled() {
    let set = set();
    let values = filled(&set, &[0, 1], fit(PreprocessKind::None, 1.0, &set, &[0, 1]));
    assert_close(&values[8..], &[1.0; 4]);
    let values = filled(
        &set,
        &[0, 1],
        fit(PreprocessKind::None, 255.0, &set, &[0, 1]),
    );
    assert_close(&values[..4], &[0.0, 10.0, 20.0, 30.0]);
}

#[test]
fn means_come_from_the_training_part_alone() {
    let set = set();
    let values = filled(
        &set,
        &[0, 1],
        fit(PreprocessKind::MeanImage, 255.0, &set, &[0, 1]),
    );
    assert_close(
        &values,
        &[
            -50., 0., -10., -10., 50., 0., 10., 10., 205., 245., 225., 215.,
        ],
    );
    // Channel 0: 0, 20, 100, 40; channel 1: 10, 30, 10, 50.
    let values = filled(
        &set,
        &[0, 1],
        fit(PreprocessKind::MeanChannel, 255.0, &set, &[0, 1]),
    );
    assert_close(&values[..8], &[-40., -15., -20., 5., 60., -15., 0., 25.]);
}

#[test]
fn a_constant_feature_is_centred_and_never_divided_by_zero() {
    let set = set();
    for kind in [PreprocessKind::Standardize, PreprocessKind::MinMax] {
        let values = filled(&set, &[0, 1], fit(kind, 1.0, &set, &[0, 1]));
        assert!(values.iter().all(|value| value.is_finite()));
        assert_close(&[values[1], values[5]], &[0.0, 0.0]);
    }
    let values = filled(
        &set,
        &[0, 1],
        fit(PreprocessKind::Standardize, 1.0, &set, &[0, 1]),
    );
    assert_close(&[values[0], values[4]], &[-1.0, 1.0]);
    let values = filled(
        &set,
        &[0, 1],
        fit(PreprocessKind::MinMax, 1.0, &set, &[0, 1]),
    );
    assert_close(&[values[0], values[4], values[8]], &[0.0, 1.0, 2.55]);
}

#[test]
fn stored_values_come_back_to_the_bit_and_are_checked() {
    let set = set();
    let fitted = fit(PreprocessKind::Standardize, 1.0, &set, &[0, 1]);
    let stored = serde_json::to_string(&fitted).unwrap();
    let back: Preprocess = serde_json::from_str(&stored).unwrap();
    assert_eq!(back, fitted);
    back.check(4).unwrap();
    let error = back.check(5).unwrap_err().to_string();
    assert_eq!(
        error,
        "stored preprocessing: subtract has 4 numbers, images of 5 features need 5"
    );
    let hollow = Preprocess {
        subtract: Vec::new(),
        ..back
    };
    let error = hollow.check(4).unwrap_err().to_string();
    assert_eq!(
        error,
        "stored preprocessing: nothing to subtract, but something to multiply by"
    );
}

#[test]
fn what_is_fitted_is_numbers_whatever_the_scale_and_the_images() {
    let rows: [&[u8]; 4] = [
        &[9, 0, 255, 7],
        &[9, 255, 0, 7],
        &[9, 0, 254, 8],
        &[9, 0, 255, 7],
    ];
    let set = pictured(Shape::new(2, 2, 1), &rows);
    for kind in [
        PreprocessKind::MeanImage,
        PreprocessKind::MeanChannel,
        PreprocessKind::Standardize,
        PreprocessKind::MinMax,
        PreprocessKind::Pca,
        PreprocessKind::Whiten,
    ] {
        for scale in [1e-9, 1.0, 255.0, 1e9] {
            for train in [&[0][..], &[0, 3], &[0, 1], &[0, 1, 2, 3]] {
                let config = Config {
                    preprocess: kind,
                    scale,
                    ..Config::new("test")
                };
                config.check().unwrap();
                match Preprocess::fit(&config, &set, train, &crew()) {
                    Ok(fitted) => {
                        fitted.check(4).unwrap();
                        let values = filled(&set, train, fitted);
                        assert!(
                            values.iter().all(|value| value.is_finite()),
                            "{kind:?} {scale}"
                        );
                    }
                    Err(error) => {
                        // Images 0 and 3 are equal: no direction in which they differ.
                        assert!(kind.rotates() && train.iter().all(|image| [0, 3].contains(image)));
                        assert!(error.to_string().contains("do not differ"), "{error}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_stored_matrix_is_whole_or_a_factor() {
    let with = |numbers: usize| Preprocess {
        kind: PreprocessKind::Pca,
        pixel_scale: 1.0,
        subtract: vec![0.0; 4],
        multiply: Vec::new(),
        rotate: vec![0.0; numbers],
    };
    for whole_rows in [16, 4, 8] {
        with(whole_rows).check(4).unwrap();
    }
    for numbers in [0, 3, 15, 20] {
        let error = with(numbers).check(4).unwrap_err().to_string();
        assert!(error.contains(&format!("{numbers} numbers")), "{error}");
    }
}
