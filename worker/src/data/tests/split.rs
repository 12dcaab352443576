use proptest::prelude::*;

use super::labelled;
use crate::data::{Config, DataSet, Split, Validation};

fn counts(set: &DataSet, part: &[u32]) -> Vec<usize> {
    let mut counts = vec![0; set.classes.len()];
    part.iter()
        .for_each(|&image| counts[set.train.labels[image as usize] as usize] += 1);
    counts
}

fn held(count: u32) -> Config {
    Config {
        validation: Validation::Count(count),
        ..Config::new("test")
    }
}

proptest! {
    #[test]
    fn parts_are_disjoint_whole_and_stratified(
        labels in prop::collection::vec(0u32..5, 2..300), seed: u32, share in 0.0f64..1.0,
    ) {
        let set = labelled(&labels);
        let everywhere = counts(&set, &(0..labels.len() as u32).collect::<Vec<_>>());
        let classes = everywhere.iter().filter(|&&of| of > 0).count() as u32;
        prop_assume!(classes < labels.len() as u32);
        let count = ((share * labels.len() as f64) as u32).clamp(classes, labels.len() as u32 - 1);
        let split = Split::new(&set, &Config { split_seed: seed, ..held(count) }, 0).unwrap();
        let mut all = [&split.train[..], &split.validation[..]].concat();
        all.sort_unstable();
        prop_assert_eq!(all, (0..labels.len() as u32).collect::<Vec<_>>());
        for (held, of) in counts(&set, &split.validation).into_iter().zip(everywhere) {
            let exact = of as f64 * f64::from(count) / labels.len() as f64;
            // A class of two or more has images on both sides, even where its share is less.
            let exact = if of > 1 { exact.clamp(1.0, of as f64 - 1.0) } else { exact };
            prop_assert!((held as f64 - exact).abs() < 1.0, "{held} of {of}, should be {exact}");
            prop_assert!(of < 2 || (1..of).contains(&held), "{held} of {of}");
        }
    }

    #[test]
    fn folds_hold_out_every_image_once(labels in prop::collection::vec(0u32..4, 10..200), folds in 2u32..8) {
        let set = labelled(&labels);
        let config = Config { folds: Some(folds), ..Config::new("test") };
        let splits: Vec<Split> = (0..folds).map(|fold| Split::new(&set, &config, fold).unwrap()).collect();
        let mut held: Vec<u32> = splits.iter().flat_map(|split| split.validation.clone()).collect();
        held.sort_unstable();
        prop_assert_eq!(held, (0..labels.len() as u32).collect::<Vec<_>>());
        for class in 0..set.classes.len() {
            let of_class: Vec<usize> = splits.iter().map(|split| counts(&set, &split.validation)[class]).collect();
            prop_assert!(of_class.iter().max().unwrap() - of_class.iter().min().unwrap() <= 1, "{of_class:?}");
        }
    }
}

#[test]
fn the_limit_leaves_the_validation_part_alone() {
    let set = labelled(&(0..200).map(|index| index % 4).collect::<Vec<_>>());
    let whole = Split::new(&set, &held(40), 0).unwrap();
    let limited = Split::new(
        &set,
        &Config {
            limit: Some(60),
            ..held(40)
        },
        0,
    )
    .unwrap();
    assert_eq!(limited.validation, whole.validation);
    assert_eq!(counts(&set, &limited.train), [15; 4]);
    assert!(
        limited
            .train
            .iter()
            .all(|image| whole.train.contains(image))
    );
    let generous = Split::new(
        &set,
        &Config {
            limit: Some(1000),
            ..held(40)
        },
        0,
    )
    .unwrap();
    assert_eq!(generous, whole);
}

#[test]
fn the_split_seed_draws_another_split() {
    let set = labelled(&[0, 1].repeat(50));
    let other = Split::new(
        &set,
        &Config {
            split_seed: 1,
            ..held(20)
        },
        0,
    )
    .unwrap();
    assert_ne!(Split::new(&set, &held(20), 0).unwrap(), other);
}

#[test]
fn the_split_of_a_set_never_changes() {
    // Sweeps of different versions compare only if they hold out the same images: this hash may never change.
    let set = labelled(&(0..90).map(|index| index % 3).collect::<Vec<_>>());
    let config = Config {
        limit: Some(50),
        ..held(30)
    };
    let hash = blake3::Hash::from_bytes(Split::new(&set, &config, 0).unwrap().hash());
    assert_eq!(hash.to_hex()[..16], *"e269a504e7083e3c");
    let config = Config {
        folds: Some(4),
        ..Config::new("test")
    };
    let hash = blake3::Hash::from_bytes(Split::new(&set, &config, 3).unwrap().hash());
    assert_eq!(hash.to_hex()[..16], *"0212d628d39a22a4");
}

#[test]
fn impossible_splits_are_refused() {
    let set = labelled(&[0, 1].repeat(5));
    for (config, fold, says) in [
        (
            held(10),
            0,
            "data.validation = 10: test has 10 training images",
        ),
        (
            held(1),
            0,
            "data.validation = 1: test has 2 classes, and one image of each is held out: at least 2, or a share",
        ),
        (
            Config {
                validation: Validation::Share(0.99),
                ..held(1)
            },
            0,
            "data.validation = 0.99: test has 10",
        ),
        (
            Config {
                limit: Some(1),
                ..held(2)
            },
            0,
            "data.limit = 1: test has 2 classes, and each needs an image: at least 2",
        ),
        (
            Config {
                folds: Some(11),
                ..held(1)
            },
            0,
            "data.folds = 11: test has 10 training images: from 2 to 10",
        ),
        (
            Config {
                folds: Some(3),
                ..held(1)
            },
            3,
            "data.folds = 3: there is no part 3",
        ),
    ] {
        let error = Split::new(&set, &config, fold).unwrap_err().to_string();
        assert!(error.starts_with(says), "{error}");
    }
}

#[test]
fn small_classes_are_on_both_sides() {
    // A class of 40, and four of 1 to 4 images, by the default share of a tenth.
    let sizes = [40, 1, 2, 3, 4];
    let labels: Vec<u32> = (0u32..5)
        .flat_map(|class| std::iter::repeat_n(class, sizes[class as usize]))
        .collect();
    let set = labelled(&labels);
    let config = Config::new("test");
    let split = Split::new(&set, &config, 0).unwrap();
    assert_eq!(counts(&set, &split.validation)[2..], [1, 1, 1]);
    assert_eq!(counts(&set, &split.train)[2..], [1, 2, 3]);
    let notes = split.inventory(&set, &config).notes.join("\n");
    assert!(notes.contains("validation = 0.1 is 5 of them"), "{notes}");
    // And by a share that would leave nothing of them.
    let most = Config {
        validation: Validation::Share(0.9),
        ..config.clone()
    };
    let split = Split::new(&set, &most, 0).unwrap();
    assert!(counts(&set, &split.train)[2..].iter().all(|&left| left > 0));
    // And by a limit below the number of images that all shares together need.
    let few = Config {
        limit: Some(6),
        ..config
    };
    let split = Split::new(&set, &few, 0).unwrap();
    assert!(counts(&set, &split.train)[2..].iter().all(|&left| left > 0));
    assert!(
        split
            .inventory(&set, &few)
            .notes
            .join("\n")
            .contains("limit = 6, and some more")
    );
}

#[test]
fn the_smallest_folder_can_be_split() {
    let set = labelled(&[0, 0, 1, 1]);
    let split = Split::new(&set, &Config::new("test"), 0).unwrap();
    assert_eq!(counts(&set, &split.validation), [1, 1]);
}
