//! `train/`, `val/` and `test/`.

use super::*;
use crate::data::{Config, Split, Validation};

fn write(root: &Path, paths: &[&str]) {
    for (index, path) in paths.iter().enumerate() {
        grey(&root.join(path), 2, 2, index as u8);
    }
}

fn read(paths: &[&str]) -> Result<DataSet, String> {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), paths);
    open("set", root.path(), None).map_err(|error| error.to_string())
}

const TRAIN: [&str; 4] = [
    "train/a/1.png",
    "train/a/2.png",
    "train/b/1.png",
    "train/b/2.png",
];

fn with(more: &[&'static str]) -> Vec<&'static str> {
    [&TRAIN[..], more].concat()
}

#[test]
fn parts_have_their_usual_names() {
    let reference = read(&with(&["val/a/1.png", "val/b/1.png", "test/b/1.png"])).unwrap();
    assert_eq!(reference.given_validation(), Some(4..6));
    assert_eq!(reference.test.as_ref().unwrap().labels, [1]);
    for [train, validation, test] in [
        ["train", "valid", "test"],
        ["Train", "VAL", "Testing"],
        ["training", "validation", "testing"],
        ["TRAINING", "Valid", "TEST"],
    ] {
        let named: Vec<String> = ["a/1.png", "a/2.png", "b/1.png", "b/2.png"]
            .iter()
            .map(|path| format!("{train}/{path}"))
            .chain(["a", "b"].map(|class| format!("{validation}/{class}/1.png")))
            .chain([format!("{test}/b/1.png")])
            .collect();
        let named: Vec<&str> = named.iter().map(String::as_str).collect();
        assert_eq!(
            read(&named).unwrap().hash,
            reference.hash,
            "{train} {validation} {test}"
        );
    }
}

#[test]
fn the_hash_of_two_parts_is_that_of_the_versions_before() {
    // Sweeps are pinned to these: they may never change.
    let hash = |paths: &[&str]| {
        let set = read(paths).unwrap();
        blake3::Hash::from_bytes(set.hash).to_hex()[..16].to_owned()
    };
    assert_eq!(hash(&TRAIN), "234ca327a75c458d");
    assert_eq!(hash(&with(&["test/b/1.png"])), "8fa5e22a60066cc0");
    let three = hash(&with(&["test/b/1.png", "val/a/9.png"]));
    assert_ne!(three, hash(&with(&["test/b/1.png"])));
    assert_ne!(three, hash(&with(&["test/b/1.png", "train/a/9.png"])));
}

#[test]
fn a_given_validation_part_is_taken_whole() {
    let set = read(&with(&["val/a/1.png", "val/b/1.png", "val/b/2.png"])).unwrap();
    let config = Config::new("set");
    let split = Split::new(&set, &config, 0).unwrap();
    assert_eq!(
        (split.train, split.validation),
        (vec![0, 1, 2, 3], vec![4, 5, 6])
    );
    // `limit` keeps training images, and `split_seed` says which; both leave the validation part alone.
    let limited = Config {
        limit: Some(2),
        split_seed: 7,
        ..config.clone()
    };
    let split = Split::new(&set, &limited, 0).unwrap();
    assert_eq!((split.train.len(), split.validation), (2, vec![4, 5, 6]));
    assert_eq!(Split::all(&set).train.len(), 7);
    for config in [
        Config {
            folds: Some(2),
            ..config.clone()
        },
        Config {
            validation: Validation::Share(0.3),
            ..config.clone()
        },
        Config {
            validation: Validation::Count(2),
            ..config
        },
    ] {
        let error = Split::new(&set, &config, 0).unwrap_err().to_string();
        assert!(
            error.contains("set brings a validation part of 3 images"),
            "{error}"
        );
    }
}

#[test]
fn a_part_that_is_there_twice_is_refused() {
    for (more, says) in [
        (
            "training/a/1.png",
            "train/ and training/ are the same part twice",
        ),
        ("Train/a/1.png", "Train/ and train/ are the same part twice"),
    ] {
        let error = read(&with(&[more])).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
    let error = read(&with(&["val/a/1.png", "valid/a/1.png"])).unwrap_err();
    assert!(
        error.contains("val/ and valid/ are the same part twice"),
        "{error}"
    );
}

#[test]
fn parts_without_a_training_part_are_refused() {
    let error = read(&["val/a/1.png", "val/b/1.png", "test/a/1.png"]).unwrap_err();
    assert!(error.contains("but there is no train/"), "{error}");
}

#[test]
fn what_a_layout_lacks_is_said() {
    let warnings = |paths: &[&str]| read(paths).unwrap().inventory.warnings.join("\n");
    assert_eq!(warnings(&with(&["val/a/1.png", "val/b/1.png"])), "");
    let lacks = warnings(&with(&["val/a/1.png", "test/b/1.png"]));
    assert!(lacks.contains("val/ has no folder of class b"), "{lacks}");
    assert!(lacks.contains("test/ has no folder of class a"), "{lacks}");
    // As competitions give it: a test part without labels.
    let flat = warnings(&with(&["test/1.png", "extra/a/1.png"]));
    assert!(
        flat.contains("no part with a folder for each class: extra/, test/"),
        "{flat}"
    );
}

#[test]
fn a_class_that_only_a_part_has_is_refused_with_its_spelling() {
    let error = read(&with(&["val/c/1.png"])).unwrap_err();
    assert!(
        error.ends_with("val/c: a class that train/ does not have"),
        "{error}"
    );
    let error = read(&with(&["test/A/1.png"])).unwrap_err();
    assert!(
        error.ends_with("test/A: a class that train/ does not have, which has a"),
        "{error}"
    );
}

#[test]
fn a_folder_in_a_folder_is_asked_about() {
    let error = read(&["flowers/rose/1.png", "flowers/tulip/1.png"]).unwrap_err();
    assert!(
        error.contains("1 folder in it")
            && error.contains("flowers/ has 2 folders: is that the one?"),
        "{error}"
    );
}

#[test]
fn classes_that_are_called_like_parts_are_said() {
    let set = read(&["train/1.png", "plane/1.png"]).unwrap();
    assert_eq!(
        set.inventory.notes,
        ["train counts as a class: a part has a folder for each class in it"]
    );
}
