use std::{fs, io::Write, path::Path};

use proptest::prelude::*;

use super::*;

fn images(magic: u32, count: u32, rows: u32, columns: u32, pixels: &[u8]) -> Vec<u8> {
    let mut bytes: Vec<u8> = [magic, count, rows, columns]
        .iter()
        .flat_map(|n| n.to_be_bytes())
        .collect();
    bytes.extend_from_slice(pixels);
    bytes
}

fn labels(magic: u32, count: u32, labels: &[u8]) -> Vec<u8> {
    let mut bytes: Vec<u8> = [magic, count]
        .iter()
        .flat_map(|n| n.to_be_bytes())
        .collect();
    bytes.extend_from_slice(labels);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// Two training images of 1×2 and one test image; `change` may spoil a file.
fn mnist_folder(change: impl Fn(&str, Vec<u8>) -> Vec<u8>) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("mnist");
    fs::create_dir(&folder).unwrap();
    for (name, bytes) in [
        (
            "train-images-idx3-ubyte",
            images(2051, 2, 1, 2, &[1, 2, 3, 4]),
        ),
        (
            "train-labels-idx1-ubyte.gz",
            gzip(&labels(2049, 2, &[7, 0])),
        ),
        (
            "t10k-images-idx3-ubyte.gz",
            gzip(&images(2051, 1, 1, 2, &[5, 6])),
        ),
        ("t10k-labels-idx1-ubyte", labels(2049, 1, &[9])),
    ] {
        fs::write(folder.join(name), change(name, bytes)).unwrap();
    }
    root
}

/// Four files with ten training labels, under names that may differ.
fn write_set(folder: &Path, names: [&str; 4], train_labels: &[u8; 10]) {
    fs::create_dir_all(folder).unwrap();
    let pixels: Vec<u8> = (0..20).collect();
    let contents = [
        images(2051, 10, 1, 2, &pixels),
        labels(2049, 10, train_labels),
        images(2051, 1, 1, 2, &[5, 6]),
        labels(2049, 1, &[9]),
    ];
    for (name, bytes) in names.iter().zip(contents) {
        fs::write(folder.join(name), bytes).unwrap();
    }
}

fn open_in(known: &Known, root: &Path) -> Result<DataSet, String> {
    open(known, &[root.to_owned()], None).map_err(|error| error.to_string())
}

#[test]
fn layouts_of_other_programs_give_the_same_set() {
    let dotted = NAMES.map(|name| name.replace("-idx", ".idx"));
    let capitals = NAMES.map(str::to_uppercase);
    let dotted = dotted.each_ref().map(String::as_str);
    let capitals = capitals.each_ref().map(String::as_str);
    for known in [&MNIST, &FASHION_MNIST] {
        let plain = tempfile::tempdir().unwrap();
        write_set(&plain.path().join(known.name), NAMES, &known.begins);
        let hash = open_in(known, plain.path()).unwrap().hash;
        let torchvision = ["MNIST/raw", "FashionMNIST/raw"];
        for (below, names) in [
            (known.name, dotted),
            (known.name, capitals),
            (torchvision[usize::from(known.name != "mnist")], NAMES),
            // In the folder itself: what the name does not say, the first labels do.
            ("", NAMES),
        ] {
            let root = tempfile::tempdir().unwrap();
            let folder = root.path().join(below);
            write_set(&folder, names, &known.begins);
            for top in [root.path(), &folder] {
                let set = open_in(known, top).unwrap();
                assert_eq!(
                    (set.hash, set.folder),
                    (hash, Some(folder.clone())),
                    "{below}"
                );
            }
            let direct = open(known, &[], Some(&root.path().to_owned())).unwrap();
            assert_eq!(direct.hash, hash, "{below}");
        }
    }
}

#[test]
fn gzip_is_known_by_its_bytes_and_not_by_its_name() {
    let root = mnist_folder(|name, bytes| match name.ends_with(".gz") {
        true => {
            let mut plain = Vec::new();
            std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&bytes[..]), &mut plain)
                .unwrap();
            plain
        }
        false => gzip(&bytes),
    });
    let usual = mnist_folder(|_, bytes| bytes);
    assert_eq!(
        open_in(&MNIST, root.path()).unwrap().hash,
        open_in(&MNIST, usual.path()).unwrap().hash
    );
}

#[test]
fn a_file_in_a_folder_of_its_own_name_is_found() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("mnist");
    for (index, name) in NAMES.iter().enumerate() {
        let inner = folder.join(name.replace("-idx", ".idx"));
        fs::create_dir_all(&inner).unwrap();
        let bytes = match index % 2 {
            0 => images(2051, 1, 1, 1, &[7]),
            _ => labels(2049, 1, &[3]),
        };
        fs::write(inner.join(name), bytes).unwrap();
    }
    assert_eq!(open_in(&MNIST, root.path()).unwrap().train.labels, [3]);
}

#[test]
fn the_set_of_the_other_name_is_never_taken() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("mnist");
    write_set(&folder, NAMES, &FASHION_MNIST.begins);
    let refused = "the labels begin as those of fashion-mnist do: they are not mnist's; its folder is named with \
                   --data fashion-mnist=DIR";
    let error = open_in(&MNIST, root.path()).unwrap_err();
    assert!(
        error.ends_with(refused) && error.contains("train-labels"),
        "{error}"
    );
    let error = open(&MNIST, &[], Some(&folder)).unwrap_err().to_string();
    assert!(error.ends_with(refused), "{error}");

    let root = tempfile::tempdir().unwrap();
    write_set(root.path(), NAMES, &FASHION_MNIST.begins);
    let error = open_in(&MNIST, root.path()).unwrap_err();
    let here = root.path().display();
    assert!(
        error.contains(&format!(
            "the four files in {here} are those of fashion-mnist"
        )),
        "{error}"
    );
    assert!(open_in(&FASHION_MNIST, root.path()).is_ok());
}

#[test]
fn files_that_could_be_any_sets_are_not_guessed() {
    let root = tempfile::tempdir().unwrap();
    write_set(root.path(), NAMES, &[1; 10]);
    let here = root.path().display();
    for known in [&MNIST, &FASHION_MNIST] {
        let error = open_in(known, root.path()).unwrap_err();
        assert!(
            error.contains(&format!("say --data {}={here}", known.name)),
            "{error}"
        );
        let named = open(known, &[], Some(&root.path().to_owned()));
        assert_eq!(named.unwrap().train.labels, [1; 10]);
    }
}

#[test]
fn what_a_file_is_instead_is_said() {
    for (bytes, what) in [
        (
            &b"PK\x03\x04 and so on"[..],
            "this is a zip archive: unpack it",
        ),
        (b"<!DOCTYPE html>", "this is a web page"),
        (
            b"version https://git-lfs.github.com/spec/v1",
            "git lfs pull",
        ),
    ] {
        let error = open_changed("train-images-idx3-ubyte", bytes.to_vec());
        assert!(
            error.contains("begins with 2051; ") && error.contains(what),
            "{error}"
        );
    }
}

fn open_changed(file: &'static str, bytes: Vec<u8>) -> String {
    let root = mnist_folder(|name, old| if name == file { bytes.clone() } else { old });
    let error = open(&MNIST, &[root.path().to_owned()], None)
        .unwrap_err()
        .to_string();
    error.replace(&format!("{}/mnist/", root.path().display()), "")
}

#[test]
fn plain_and_packed_files_are_read() {
    let root = mnist_folder(|_, bytes| bytes);
    let set = open(&MNIST, &[root.path().to_owned()], None).unwrap();
    assert_eq!(set.shape, Shape::new(1, 2, 1));
    assert_eq!(
        set.train,
        Images {
            pixels: vec![1, 2, 3, 4],
            labels: vec![7, 0]
        }
    );
    assert_eq!(
        set.test,
        Some(Images {
            pixels: vec![5, 6],
            labels: vec![9]
        })
    );
    let direct = open(&MNIST, &[], Some(&root.path().join("mnist"))).unwrap();
    assert_eq!(direct.hash, set.hash);
}

#[test]
fn what_is_wrong_is_said_with_file_and_byte() {
    let file = "train-images-idx3-ubyte";
    assert_eq!(
        open_changed(file, images(2049, 2, 1, 2, &[1, 2, 3, 4])),
        "train-images-idx3-ubyte, byte 0: magic number 2049, but an IDX file of images begins with 2051"
    );
    assert_eq!(
        open_changed(file, images(2051, 2, 1, 2, &[1, 2, 3])),
        "train-images-idx3-ubyte, byte 19: the file ends here, but the pixels should go on for 1 more bytes (4 from byte 16)"
    );
    assert_eq!(
        open_changed(file, images(2051, 2, 1, 2, &[1, 2, 3, 4, 5])),
        "train-images-idx3-ubyte, byte 20: the pixels should end here, but the file goes on"
    );
    assert_eq!(
        open_changed(file, images(2051, 2, 0, 2, &[])),
        "train-images-idx3-ubyte, byte 8: images of 0×2: each side must be from 1 to 4096 pixels"
    );
    assert_eq!(
        open_changed("t10k-labels-idx1-ubyte", labels(2049, 1, &[10])),
        "t10k-labels-idx1-ubyte, byte 8: label 10 of image 0: there are 10 classes, 0 to 9"
    );
    let counts = open_changed("t10k-labels-idx1-ubyte", labels(2049, 2, &[1, 2]));
    assert_eq!(
        counts,
        "t10k-labels-idx1-ubyte, byte 4: 2 labels, but t10k-images-idx3-ubyte.gz has 1 images"
    );
    let shapes = open_changed(
        "t10k-images-idx3-ubyte.gz",
        gzip(&images(2051, 1, 2, 2, &[1, 2, 3, 4])),
    );
    assert!(
        shapes.contains("byte 8: images of 2×2×1, but train-images-idx3-ubyte has images of 1×2×1"),
        "{shapes}"
    );
    let mut cut = gzip(&labels(2049, 2, &[7, 0]));
    cut.truncate(cut.len() - 9);
    let cut = open_changed("train-labels-idx1-ubyte.gz", cut);
    assert!(
        cut.contains("train-labels-idx1-ubyte.gz, byte") && cut.contains("truncated"),
        "{cut}"
    );
}

#[test]
fn a_claim_of_many_images_costs_no_memory() {
    let error = open_changed(
        "train-images-idx3-ubyte",
        images(2051, 4_000_000, 28, 28, &[0; 50]),
    );
    assert!(
        error.starts_with("train-images-idx3-ubyte, byte 66: the file ends here"),
        "{error}"
    );
    let error = open_changed(
        "train-images-idx3-ubyte",
        images(2051, u32::MAX, 4096, 4096, &[]),
    );
    assert!(error.contains("byte 4: 4294967295 images"), "{error}");
}

#[test]
fn missing_files_are_named_with_the_place_to_get_them() {
    let root = mnist_folder(|_, bytes| bytes);
    fs::remove_file(root.path().join("mnist/t10k-labels-idx1-ubyte")).unwrap();
    let error = open(&MNIST, &[root.path().to_owned()], None)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("mnist lacks t10k-labels-idx1-ubyte). Get"),
        "{error}"
    );
    assert!(
        error.contains("https://") && error.contains("--data DIR") && error.contains("HONE_DATA"),
        "{error}"
    );
}

proptest! {
    #[test]
    fn no_bytes_make_the_readers_panic(
        head in prop::sample::select(vec![&[][..], &[0, 0, 8, 3], &[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1], &[0, 0, 8, 1]]),
        tail in prop::collection::vec(0u8..4, 0..64),
    ) {
        let bytes = [head, &tail].concat();
        let path = Path::new("any");
        let _ = read_labels(Source::new(path, &bytes), 10);
        if let Ok((shape, pixels)) = read_images(Source::new(path, &bytes)) {
            prop_assert_eq!(pixels.len() % shape.len(), 0);
        }
    }
}

#[test]
fn fuzz_idx() {
    let target = hone_fuzz::Target {
        name: "idx",
        seeds: vec![
            images(2051, 2, 1, 2, &[1, 2, 3, 4]),
            labels(2049, 3, &[0, 9, 4]),
            images(2051, 1, 3, 3, &[7; 9]),
        ],
        words: &[&[0, 0, 8, 3], &[0, 0, 8, 1]],
    };
    hone_fuzz::fuzz(&target, |bytes| {
        let path = Path::new("fuzzed");
        let pixels = match read_images(Source::new(path, bytes)) {
            Ok((shape, pixels)) => {
                assert_eq!(pixels.len() % shape.len(), 0);
                "images".to_owned()
            }
            Err(error) => error.to_string(),
        };
        match read_labels(Source::new(path, bytes), 10) {
            Ok(labels) => assert!(labels.iter().all(|label| *label < 10)),
            Err(error) => return format!("{pixels}; {error}"),
        }
        pixels
    });
}
