//! The real sets, when `HONE_DATA` says where they are; facts as published, or counted from the original files.

use std::{collections::BTreeMap, fs, io::Read, path::PathBuf};

use super::crew;
use crate::data::{
    Config, DataError, DataSet, Images, Library, Preprocess, PreprocessKind, Shape, Split,
    cifar::tests::pickled,
};

/// The set, or nothing when it is not on this machine.
fn open(name: &str) -> Option<std::sync::Arc<DataSet>> {
    #[expect(
        clippy::disallowed_methods,
        reason = "only a test may look for data that are too large to be embedded"
    )]
    let root = PathBuf::from(std::env::var("HONE_DATA").ok()?);
    match Library::new(vec![root], BTreeMap::new()).open(name) {
        Ok(set) => Some(set),
        Err(DataError::Missing { .. }) => None,
        Err(error) => panic!("{error}"),
    }
}

/// Mean and standard deviation of pixel / 255 in one channel, to four places.
fn moments(images: &Images, channel: usize, channels: usize) -> (String, String) {
    let values = || {
        images
            .pixels
            .iter()
            .skip(channel)
            .step_by(channels)
            .map(|&pixel| f64::from(pixel) / 255.0)
    };
    let count = (images.pixels.len() / channels) as f64;
    let mean = values().sum::<f64>() / count;
    let variance = values().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    (format!("{mean:.4}"), format!("{:.4}", variance.sqrt()))
}

fn assert_grey(
    images: &Images,
    first: [u32; 10],
    counts: [usize; 10],
    mean: &str,
    deviation: &str,
) {
    assert_eq!(images.labels[..10], first);
    assert_eq!(images.class_counts(10), counts);
    assert_eq!(
        moments(images, 0, 1),
        (mean.to_owned(), deviation.to_owned())
    );
}

#[test]
fn mnist() {
    let Some(set) = open("mnist") else { return };
    assert_eq!(set.shape, Shape::new(28, 28, 1));
    let counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949];
    assert_grey(
        &set.train,
        [5, 0, 4, 1, 9, 2, 1, 3, 1, 4],
        counts,
        "0.1307",
        "0.3081",
    );
    let counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009];
    assert_grey(
        set.test.as_ref().unwrap(),
        [7, 2, 1, 0, 4, 1, 4, 9, 5, 9],
        counts,
        "0.1325",
        "0.3105",
    );
}

#[test]
fn fashion_mnist() {
    let Some(set) = open("fashion-mnist") else {
        return;
    };
    assert_grey(
        &set.train,
        [9, 0, 0, 3, 0, 2, 7, 2, 5, 5],
        [6000; 10],
        "0.2860",
        "0.3530",
    );
    assert_grey(
        set.test.as_ref().unwrap(),
        [9, 2, 1, 1, 6, 1, 4, 6, 5, 7],
        [1000; 10],
        "0.2868",
        "0.3524",
    );
    assert_eq!(set.classes[9], "Ankle boot");
}

#[test]
fn cifar10() {
    let Some(set) = open("cifar10") else { return };
    assert_eq!(set.shape, Shape::new(32, 32, 3));
    assert_eq!(set.train.labels[..10], [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]);
    assert_eq!(
        set.train.labels[10_000..][..10],
        [1, 6, 6, 8, 8, 3, 4, 6, 0, 6],
        "the second batch"
    );
    let first = Images {
        pixels: set.train.pixels[..10_000 * 3072].to_vec(),
        labels: set.train.labels[..10_000].to_vec(),
    };
    assert_eq!(
        first.class_counts(10),
        [1005, 974, 1032, 1016, 999, 937, 1030, 1001, 1025, 981]
    );
    let means = [0, 1, 2].map(|channel| moments(&first, channel, 3).0);
    assert_eq!(means, ["0.4935", "0.4834", "0.4472"]);
    if let Some(test) = &set.test {
        assert_eq!(test.labels[..10], [3, 8, 8, 0, 6, 6, 1, 6, 3, 1]);
    }
}

/// The real files elsewhere, under other names: the same set.
#[test]
fn other_layouts_of_the_real_sets() {
    for (name, below, to) in [
        ("mnist", "MNIST/raw", [".idx", "-idx"]),
        ("fashion-mnist", "FashionMNIST/raw", ["-idx", "-idx"]),
        ("mnist", "", ["-IDX", ".idx"]),
        ("fashion-mnist", "", ["-idx", ".IDX"]),
    ] {
        let Some(set) = open(name) else { continue };
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join(below);
        fs::create_dir_all(&folder).unwrap();
        for path in set.folder.as_ref().unwrap().read_dir().unwrap() {
            let path = path.unwrap().path();
            let file = path.file_name().unwrap().to_str().unwrap();
            // Packed files without `.gz`, linked.
            let file = file
                .trim_end_matches(".gz")
                .replace("-idx3", &format!("{}3", to[0]));
            let file = file.replace("-idx1", &format!("{}1", to[1]));
            std::os::unix::fs::symlink(&path, folder.join(file)).unwrap();
        }
        let other = Library::new(vec![root.path().to_owned()], BTreeMap::new())
            .open(name)
            .unwrap();
        assert_eq!(
            (other.hash, &other.folder),
            (set.hash, &Some(folder)),
            "{name} in {below}"
        );
    }
}

#[test]
fn the_python_version_of_cifar10() {
    let Some(set) = open("cifar10") else { return };
    let from = set.folder.as_ref().unwrap();
    let (binary, python) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (file, batch) in [
        ("data_batch_1", "data_batch_1"),
        ("data_batch_4", "test_batch"),
    ] {
        let packed = fs::File::open(from.join(format!("{file}.bin.gz")));
        let mut bytes = Vec::new();
        match packed {
            Ok(packed) => flate2::read::GzDecoder::new(packed)
                .read_to_end(&mut bytes)
                .unwrap(),
            Err(_) => fs::File::open(from.join(format!("{file}.bin")))
                .unwrap()
                .read_to_end(&mut bytes)
                .unwrap(),
        };
        fs::write(python.path().join(batch), pickled(&bytes)).unwrap();
        fs::write(binary.path().join(format!("{batch}.bin")), bytes).unwrap();
    }
    let [binary, python] = [binary, python].map(|root| {
        Library::new(vec![root.path().to_owned()], BTreeMap::new())
            .open("cifar10")
            .unwrap()
    });
    assert_eq!(binary.hash, python.hash);
    assert_eq!(
        (python.train.len(), python.test.as_ref().unwrap().len()),
        (10_000, 10_000)
    );
}

#[test]
fn a_few_images_of_mnist_are_whitened() {
    // Most pixels are white in all of them, and there are fewer images than pixels.
    let Some(set) = open("mnist") else { return };
    let config = |limit| Config {
        preprocess: PreprocessKind::Whiten,
        limit,
        ..Config::new("mnist")
    };
    // No split is as small as this; a fit to one image is refused all the same.
    let one = Preprocess::fit(&config(None), &set, &[0], &crew());
    let error = one.unwrap_err().to_string();
    assert!(error.contains("do not differ"), "{error}");
    for limit in [64, 150, 300, 400, 800] {
        let config = config(Some(limit));
        let split = Split::new(&set, &config, 0).unwrap();
        let fitted = Preprocess::fit(&config, &set, &split.train, &crew());
        let components = fitted.unwrap().rotate.len() / 784;
        assert!(
            components < limit as usize || components == 784,
            "{limit}: {components}"
        );
    }
}
