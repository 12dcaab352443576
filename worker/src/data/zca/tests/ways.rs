//! The ways to the components beside each other: what one finds the others find.

use std::sync::Arc;

use hone_kernels::Isa;
use rand_core::Rng;

use super::{super::*, whiten};
use crate::{
    data::{Images, Part, Prepared, Preprocess, Shape, Split, random::generator, tests::crew},
    trainer::Stop,
};

/// Smooth grey images of noise: a few strong components, and ever weaker ones.
fn smooth(count: usize, side: usize) -> DataSet {
    let mut random = generator("hone test images", &[count as u64, side as u64]);
    let mut pixels = Vec::new();
    for _ in 0..count {
        let mut image: Vec<f64> = (0..side * side)
            .map(|_| f64::from(random.next_u32() % 256))
            .collect();
        for round in 1..4 {
            let step = if round % 2 == 0 { side } else { 1 };
            for at in step..image.len() {
                image[at] = 0.7 * image[at - step] + 0.3 * image[at];
            }
        }
        pixels.extend(image.iter().map(|value| *value as u8));
    }
    set(Shape::new(side, side, 1), pixels)
}

fn set(shape: Shape, pixels: Vec<u8>) -> DataSet {
    let labels = vec![0; pixels.len() / shape.len()];
    DataSet::new(
        "test",
        shape,
        vec!["a".into()],
        Images { pixels, labels },
        None,
    )
}

/// Values and `[component, feature]` vectors.
fn found(set: &DataSet, train: &[u32], way: Way, crew: &Crew) -> Eigen {
    let features = set.shape.len();
    let images = train
        .iter()
        .map(|&image| &set.train.pixels[image as usize * features..][..features]);
    let statistics = Statistics::of(features, images);
    let images = Centred::new(set, train, &statistics, crew);
    let mut found = components(&whiten(PreprocessKind::Pca, None), &images, way)
        .unwrap()
        .unwrap();
    if way == Way::Images {
        let usable = found
            .values
            .iter()
            .filter(|&&value| value > NEGLIGIBLE * found.values[0])
            .count();
        found.values.truncate(usable);
        found.vectors = features_of(&images, &found, usable).unwrap();
    }
    found
}

fn all(set: &DataSet) -> Vec<u32> {
    (0..set.train.len() as u32).collect()
}

/// How much of the first `count` vectors of one lies in those of the other: `count` when they span the same.
fn shared(one: &Eigen, other: &Eigen, count: usize, features: usize) -> f64 {
    let vectors = |found: &Eigen| -> Vec<Vec<f64>> {
        found
            .vectors
            .chunks(features)
            .take(count)
            .map(<[f64]>::to_vec)
            .collect()
    };
    let (one, other) = (vectors(one), vectors(other));
    let products = one.iter().flat_map(|a| {
        other
            .iter()
            .map(move |b| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>())
    });
    products.map(|product| product * product).sum()
}

#[test]
fn products_of_images_give_what_the_covariance_gives() {
    let set = smooth(40, 12);
    let train = all(&set);
    let whole = found(&set, &train, Way::Features, &crew());
    let few = found(&set, &train, Way::Images, &crew());
    assert_eq!(few.values.len(), 39);
    for (a, b) in few.values.iter().zip(&whole.values) {
        assert!((a - b).abs() < 1e-12 * whole.values[0], "{a} is not {b}");
    }
    let same = shared(&few, &whole, 39, 144);
    assert!((same - 39.0).abs() < 1e-9, "{same}");
}

#[test]
fn the_strongest_components_are_found_without_the_covariance() {
    let set = smooth(300, 18);
    let train = all(&set);
    for wanted in [1, 5, 14] {
        let whole = found(&set, &train, Way::Features, &crew());
        let few = found(&set, &train, Way::Krylov { wanted }, &crew());
        assert_eq!(few.values.len(), wanted);
        for (a, b) in few.values.iter().zip(&whole.values) {
            assert!((a - b).abs() < 1e-9 * b, "{a} is not {b}");
        }
        let same = shared(&few, &whole, wanted, 324);
        assert!((same - wanted as f64).abs() < 1e-7, "{wanted}: {same}");
    }
}

#[test]
fn images_of_a_few_sorts_have_a_few_components() {
    // 300 copies of four images: three directions, and rounding behind them.
    let four = smooth(4, 16);
    let pixels = (0..300).flat_map(|copy| four.train.pixels[copy % 4 * 256..][..256].to_vec());
    let set = set(four.shape, pixels.collect());
    let train = all(&set);
    for way in [Way::Features, Way::Images, Way::Krylov { wanted: 8 }] {
        let found = found(&set, &train, way, &crew());
        let floor = NEGLIGIBLE * found.values[0];
        assert_eq!(
            found.values.iter().filter(|&&value| value > floor).count(),
            3,
            "{way:?}"
        );
        assert!(found.values.iter().all(|value| value.is_finite()));
    }
}

#[test]
fn equal_variances_are_all_found() {
    // One white pixel an image: 255 equal variances, more than the method looks at in one stride.
    let mut pixels = vec![0; 256 * 256];
    (0..256).for_each(|image| pixels[image * 257] = 255);
    let set = set(Shape::new(16, 16, 1), pixels);
    let found = found(&set, &all(&set), Way::Krylov { wanted: 20 }, &crew());
    for (index, value) in found.values.iter().enumerate() {
        assert!((value * 256.0 - 1.0).abs() < 1e-9, "{index}: {value}");
    }
    let same = shared(&found, &found, 20, 256);
    assert!((same - 20.0).abs() < 1e-9, "orthonormal: {same}");
}

#[test]
fn a_corner_of_next_to_nothing_is_no_obstacle() {
    // The square of 1e-170 is 0 in f64: a reflection divided by it.
    let n = 6;
    let entry = |row: usize, column: usize| match row.max(column) {
        5 => 1.0 / (1.0 + (row as f64 - column as f64).abs()),
        _ => 1e-170 * (1.0 + row as f64 * column as f64),
    };
    let matrix: Vec<f64> = (0..n * n).map(|at| entry(at / n, at % n)).collect();
    let found = eigen::decompose(matrix, n, &crew()).unwrap().unwrap();
    assert!(
        found
            .values
            .iter()
            .chain(&found.vectors)
            .all(|value| value.is_finite())
    );
    let trace: f64 = found.values.iter().sum();
    assert!((trace - 1.0).abs() < 1e-12, "{:?}", found.values);
    for bad in [f64::NAN, f64::INFINITY] {
        let matrix = vec![1.0, 0.0, bad, 1.0];
        assert!(eigen::decompose(matrix, 2, &crew()).unwrap().is_none());
    }
}

#[test]
fn the_bits_depend_neither_on_threads_nor_on_the_path() {
    let set = smooth(230, 15);
    let train = all(&set);
    let bits = |way, crew: &Crew| -> Vec<u64> {
        let found = found(&set, &train, way, crew);
        found
            .values
            .iter()
            .chain(&found.vectors)
            .map(|value| value.to_bits())
            .collect()
    };
    for way in [Way::Features, Way::Images, Way::Krylov { wanted: 3 }] {
        let first = bits(way, &crew());
        for isa in Isa::all() {
            for threads in [1, 3] {
                let crew = Crew::on(isa, threads, Stop::default()).unwrap();
                assert!(
                    bits(way, &crew) == first,
                    "{way:?}, {}, {threads}",
                    isa.name()
                );
            }
        }
    }
}

#[test]
fn a_factor_does_what_its_matrix_does() {
    let set = Arc::new(smooth(120, 10));
    let filled = |components: u32| {
        let config = whiten(PreprocessKind::Whiten, Some(components));
        let split = Split {
            train: all(&set),
            validation: Vec::new(),
        };
        let prepared = Prepared::fitted(Arc::clone(&set), split, &config, &crew()).unwrap();
        let (mut values, mut labels) = (vec![0.0; 120 * 100], vec![0; 120]);
        prepared.fill(Part::Train, &all(&set), &mut values, &mut labels);
        (prepared.preprocess.rotate.clone(), values)
    };
    let (factor, values) = filled(49);
    assert_eq!(factor.len(), 49 * 100);
    // Wᵀ W by hand, and the images through it.
    let mut matrix = vec![0.0; 100 * 100];
    for row in factor.chunks(100) {
        for (at, entry) in matrix.iter_mut().enumerate() {
            *entry += row[at / 100] * row[at % 100];
        }
    }
    let config = whiten(PreprocessKind::MeanImage, None);
    let centre = Preprocess::fit(&config, &set, &all(&set), &crew()).unwrap();
    let mut centred = vec![0.0; 100];
    for (image, values) in values.chunks(100).enumerate() {
        centre.scale(&set.train.pixels[image * 100..][..100], &mut centred);
        for (row, value) in matrix.chunks(100).zip(values) {
            let wanted: f32 = row.iter().zip(&centred).map(|(a, b)| a * b).sum();
            assert!((wanted - value).abs() < 2e-3, "{value} is not {wanted}");
        }
    }
    assert_eq!(
        filled(50).0.len(),
        100 * 100,
        "half of the features: the matrix"
    );
}

#[test]
fn a_stop_is_heard_in_every_way_and_steps_are_counted() {
    let set = smooth(230, 15);
    let train = all(&set);
    for components in [None, Some(3)] {
        let stop = Stop::default();
        let crew = Crew::new(1, stop.clone()).unwrap();
        let config = whiten(PreprocessKind::Whiten, components);
        Preprocess::fit(&config, &set, &train, &crew).unwrap();
        assert!(stop.steps() > 20, "{}", stop.steps());
        stop.request_after_epoch();
        let ended = Preprocess::fit(&config, &set, &train, &crew);
        assert!(matches!(ended, Err(DataError::Stopped)));
    }
}
