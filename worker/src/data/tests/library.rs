use std::{collections::BTreeMap, fs, sync::Arc};

use crate::{
    data::{Config, Library, Shape},
    trainer::Stop,
};

#[test]
fn embedded_digits() {
    let set = Library::default().open("digits").unwrap();
    assert_eq!((set.shape, set.train.len()), (Shape::new(8, 8, 1), 1500));
    let test = set.test.as_ref().unwrap();
    assert_eq!(test.len(), 297);
    // scikit-learn's `load_digits`: images of each class.
    let counts = set
        .train
        .class_counts(10)
        .into_iter()
        .zip(test.class_counts(10))
        .map(|(train, test)| train + test);
    assert_eq!(
        counts.collect::<Vec<_>>(),
        [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    );
    assert!(
        test.class_counts(10)
            .iter()
            .all(|count| (28..=31).contains(count))
    );
    // Mean of all pixels by scikit-learn: 4.884164579855314 of 16.
    let sum: u64 = set
        .train
        .pixels
        .iter()
        .chain(&test.pixels)
        .map(|&pixel| u64::from(pixel))
        .sum();
    let mean = sum as f64 / (1797.0 * 64.0) / 255.0 * 16.0;
    assert!((mean - 4.884164579855314).abs() < 0.01, "{mean}");
    assert_eq!(
        blake3::Hash::from_bytes(set.hash).to_hex()[..16],
        *"569843ea5e63fd90"
    );
}

#[test]
fn embedded_xor_is_balanced_and_no_line_separates_it() {
    let set = Library::default().open("xor").unwrap();
    assert_eq!((set.shape, set.classes.len()), (Shape::new(1, 1, 2), 2));
    assert_eq!(set.train.class_counts(2), [500, 500]);
    for (point, &label) in set.train.pixels.chunks(2).zip(&set.train.labels) {
        assert_eq!(
            (point[0] > 128) != (point[1] > 128),
            label == 1,
            "{point:?}"
        );
    }
}

#[test]
fn threads_share_one_set() {
    let library = Library::default();
    let opened: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| library.open("digits").unwrap()))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(opened.iter().all(|set| Arc::ptr_eq(set, &opened[0])));
    let config = Config::new("digits");
    let one = library.prepare(&config, 0, &Stop::default()).unwrap();
    assert!(Arc::ptr_eq(
        &one,
        &library
            .prepare(
                &Config {
                    test: false,
                    ..config.clone()
                },
                0,
                &Stop::default(),
            )
            .unwrap()
    ));
    assert!(!Arc::ptr_eq(
        &one,
        &library
            .prepare(
                &Config {
                    split_seed: 1,
                    ..config
                },
                0,
                &Stop::default(),
            )
            .unwrap()
    ));
}

#[test]
fn a_set_that_was_missing_is_found_once_its_files_have_come() {
    let root = tempfile::tempdir().unwrap();
    let folders = BTreeMap::from([("flowers".to_owned(), root.path().join("flowers"))]);
    let library = Library::new(Vec::new(), folders);
    assert!(library.open("flowers").is_err());
    for class in ["rose", "tulip"] {
        fs::create_dir_all(root.path().join("flowers").join(class)).unwrap();
        let image = image::GrayImage::from_pixel(2, 2, image::Luma([9]));
        image
            .save(root.path().join("flowers").join(class).join("1.png"))
            .unwrap();
    }
    assert_eq!(library.open("flowers").unwrap().shape, Shape::new(2, 2, 1));
    assert_eq!(
        library.open("flowers@5x4").unwrap().shape,
        Shape::new(5, 4, 1)
    );
}

#[test]
fn what_is_not_there_says_what_to_type() {
    let library = Library::default();
    let error = library.open("flowers").unwrap_err().to_string();
    assert!(
        error.contains("digits, xor, mnist, fashion-mnist and cifar10"),
        "{error}"
    );
    assert!(error.contains("--data flowers=DIR"), "{error}");
    let error = library.open("digits@4x4").unwrap_err().to_string();
    assert!(
        error.contains("only the images of a folder are resized; digits has 8×8×1"),
        "{error}"
    );
    for name in ["mnist", "fashion-mnist", "cifar10"] {
        let error = library.open(name).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("{name}: its files are not here")),
            "{error}"
        );
        assert!(
            error.contains("https://") && error.contains("HONE_DATA"),
            "{error}"
        );
    }
}

#[test]
fn a_name_that_is_nearly_that_of_a_known_set_is_pointed_out() {
    let root = tempfile::tempdir().unwrap();
    let folders = BTreeMap::from([("Fashion_MNIST".to_owned(), root.path().to_owned())]);
    let library = Library::new(Vec::new(), folders);
    let error = library.open("fashion-mnist").unwrap_err().to_string();
    let pointed =
        "--data Fashion_MNIST=… names a folder of images; the set's name is fashion-mnist";
    assert!(error.ends_with(pointed), "{error}");
    let error = library.open("mnist").unwrap_err().to_string();
    assert!(!error.contains("Fashion_MNIST"), "{error}");
}
