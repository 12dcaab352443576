mod ways;

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::data::{Images, Library, Part, Prepared, Preprocess, Shape, Split, tests::crew};

fn whiten(kind: PreprocessKind, components: Option<u32>) -> Config {
    Config {
        preprocess: kind,
        components,
        ..Config::new("digits")
    }
}

/// Covariance `[feature, feature]` of the preprocessed training part.
fn covariance_of(prepared: &Prepared) -> Vec<f64> {
    let (features, images) = (prepared.shape().len(), &prepared.split.train);
    let (mut values, mut labels) = (vec![0.0; images.len() * features], vec![0; images.len()]);
    prepared.fill(Part::Train, images, &mut values, &mut labels);
    let mut covariance = vec![0.0; features * features];
    for image in values.chunks(features) {
        for (row, &left) in image.iter().enumerate() {
            for (column, &right) in image.iter().enumerate() {
                covariance[row * features + column] +=
                    f64::from(left) * f64::from(right) / images.len() as f64;
            }
        }
    }
    covariance
}

/// 2×2 images of which no pixel is constant, and none a sum of the others.
fn correlated() -> Arc<DataSet> {
    let pixels = (0..60u32).flat_map(|i| {
        let (a, b, c, d) = (i * 37 % 101, i * 53 % 97, i * 29 % 89, i * 71 % 83);
        [a, a / 2 + b, b / 3 + c, d].map(|value| value as u8)
    });
    let train = Images {
        pixels: pixels.collect(),
        labels: (0..60).map(|i| i % 2).collect(),
    };
    Arc::new(DataSet::new(
        "c",
        Shape::new(2, 2, 1),
        vec!["a".into(), "b".into()],
        train,
        None,
    ))
}

#[test]
fn whitened_images_have_the_identity_as_covariance() {
    let set = correlated();
    let prepared = Prepared::new(
        Arc::clone(&set),
        &whiten(PreprocessKind::Whiten, None),
        0,
        &crew(),
    )
    .unwrap();
    for (index, value) in covariance_of(&prepared).into_iter().enumerate() {
        let wanted = if index % 5 == 0 { 1.0 } else { 0.0 };
        assert!((value - wanted).abs() < 1e-4, "entry {index} is {value}");
    }
}

#[test]
fn whitening_digits_leaves_only_ones_and_zeros_as_eigenvalues() {
    // Some border pixels are white in every digit: those directions stay empty instead of blowing up.
    let set = Library::default().open("digits").unwrap();
    let prepared =
        Prepared::new(set, &whiten(PreprocessKind::Whiten, Some(30)), 0, &crew()).unwrap();
    let values = eigen::decompose(covariance_of(&prepared), 64, &crew())
        .unwrap()
        .unwrap()
        .values;
    assert!(
        values[..30].iter().all(|value| (value - 1.0).abs() < 1e-3),
        "{values:?}"
    );
    assert!(
        values[30..].iter().all(|value| value.abs() < 1e-3),
        "{values:?}"
    );
}

#[test]
fn principal_components_keep_their_variance_and_lose_the_rest() {
    let set = Library::default().open("digits").unwrap();
    let all = Prepared::new(
        Arc::clone(&set),
        &whiten(PreprocessKind::MeanImage, None),
        0,
        &crew(),
    )
    .unwrap();
    let some = Prepared::new(set, &whiten(PreprocessKind::Pca, Some(10)), 0, &crew()).unwrap();
    let before = eigen::decompose(covariance_of(&all), 64, &crew())
        .unwrap()
        .unwrap()
        .values;
    let after = eigen::decompose(covariance_of(&some), 64, &crew())
        .unwrap()
        .unwrap()
        .values;
    for (index, (before, after)) in before.into_iter().zip(after).enumerate() {
        let wanted = if index < 10 { before } else { 0.0 };
        assert!(
            (after - wanted).abs() < 1e-5,
            "component {index}: {after}, should be {wanted}"
        );
    }
}

#[test]
fn all_principal_components_give_the_centred_image_back() {
    let set = correlated();
    let fill = |kind| {
        let prepared = Prepared::new(Arc::clone(&set), &whiten(kind, None), 0, &crew()).unwrap();
        let (mut values, mut labels) = ([0.0; 8], [0; 2]);
        prepared.fill(Part::Train, &[4, 9], &mut values, &mut labels);
        values
    };
    for (rotated, centred) in fill(PreprocessKind::Pca)
        .iter()
        .zip(fill(PreprocessKind::MeanImage))
    {
        assert!(
            (rotated - centred).abs() < 1e-5,
            "{rotated} is not {centred}"
        );
    }
}

#[test]
fn the_test_part_is_rotated_by_what_the_training_part_gave() {
    let set = Library::default().open("digits").unwrap();
    let config = whiten(PreprocessKind::Whiten, Some(20));
    let prepared = Prepared::new(Arc::clone(&set), &config, 0, &crew()).unwrap();
    let prepared = prepared.with_test(&crew()).unwrap();
    let (mut values, mut labels) = (vec![0.0; 128], [0; 2]);
    prepared.fill(Part::Test, &[0, 296], &mut values, &mut labels);
    let mut centred = vec![0.0; 64];
    prepared
        .preprocess
        .scale(&set.test.as_ref().unwrap().pixels[296 * 64..], &mut centred);
    // Twenty components of 64: a factor, multiplied by both ways.
    let parts = prepared.preprocess.rotate.chunks(64).map(|row| {
        let part: f32 = row.iter().zip(&centred).map(|(a, b)| a * b).sum();
        part * row[27]
    });
    let first: f32 = parts.sum();
    assert!(
        (values[64 + 27] - first).abs() < 1e-4,
        "{} is not {first}",
        values[64 + 27]
    );
}

#[test]
fn the_fit_has_the_same_bits_everywhere() {
    // Plain arithmetic in a fixed order: a machine that finds another hash would train another net.
    let set = Library::default().open("digits").unwrap();
    let train = Split::new(&set, &Config::new("digits"), 0).unwrap().train;
    let fitted =
        Preprocess::fit(&whiten(PreprocessKind::Whiten, None), &set, &train, &crew()).unwrap();
    let bytes: Vec<u8> = fitted
        .rotate
        .iter()
        .flat_map(|value| value.to_bits().to_le_bytes())
        .collect();
    assert_eq!(blake3::hash(&bytes).to_hex()[..16], *"3a2edc38327bcd11");
}

#[test]
fn more_components_than_features_are_refused() {
    let error = Prepared::new(
        correlated(),
        &whiten(PreprocessKind::Pca, Some(5)),
        0,
        &crew(),
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "data.components = 5: images of 2×2×1 have 4 components at most"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn eigenvectors_are_orthonormal_and_rebuild_the_matrix(
        n in 1usize..40, seed in prop::collection::vec(-100i32..100, 40 * 40), rank in 1usize..40,
    ) {
        // A product of integer matrices of low rank has repeated and zero eigenvalues.
        let factor = |row: usize, k: usize| f64::from(seed[row * 40 + k]);
        let entry = |row, column| (0..rank).map(|k| factor(row, k) * factor(column, k)).sum::<f64>();
        let matrix: Vec<f64> = (0..n * n).map(|index| entry(index / n, index % n)).collect();
        let found = eigen::decompose(matrix.clone(), n, &crew()).unwrap().unwrap();
        prop_assert!(found.values.is_sorted_by(|a, b| a >= b));
        let size = found.values[0].abs().max(1.0);
        let vector = |i: usize| &found.vectors[i * n..][..n];
        for i in 0..n {
            for j in 0..n {
                let product: f64 = vector(i).iter().zip(vector(j)).map(|(a, b)| a * b).sum();
                prop_assert!((product - f64::from(i == j)).abs() < 1e-10, "{i} · {j} = {product}");
                let rebuilt: f64 = (0..n).map(|k| found.values[k] * vector(k)[i] * vector(k)[j]).sum();
                prop_assert!((rebuilt - matrix[i * n + j]).abs() < 1e-10 * size);
            }
        }
    }
}
