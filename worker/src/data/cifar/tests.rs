use std::fs;

use proptest::prelude::*;

use super::*;

/// A record whose pixels say which plane and place they come from.
fn record(label: u8) -> Vec<u8> {
    let pixels = (0..3 * PLANE).map(|at| (at / PLANE * 80 + at % PLANE % 80) as u8);
    std::iter::once(label).chain(pixels).collect()
}

fn folder(files: &[(&str, Vec<u8>)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("cifar-10-batches-bin");
    fs::create_dir(&folder).unwrap();
    for (name, bytes) in files {
        fs::write(folder.join(name), bytes).unwrap();
    }
    root
}

fn open_root(root: &tempfile::TempDir) -> Result<DataSet, DataError> {
    open(&[root.path().to_owned()], None)
}

#[test]
fn planes_become_pixels() {
    let root = folder(&[("data_batch_1.bin", record(3))]);
    let set = open_root(&root).unwrap();
    assert_eq!(set.train.labels, [3]);
    assert_eq!(set.train.pixels[..6], [0, 80, 160, 1, 81, 161]);
    assert_eq!(
        set.train.pixels[3 * 33..][..3],
        [33, 113, 193],
        "second row, second column"
    );
    assert_eq!(
        (set.test.is_none(), set.note.as_str()),
        (true, "1 training files with 1 images; no test part")
    );
}

#[test]
fn every_batch_counts_once_in_the_order_of_names() {
    let root = folder(&[
        ("data_batch_2.bin", record(2)),
        ("data_batch_1.bin", [record(0), record(1)].concat()),
        (
            "data_batch_1.bin.gz",
            b"never read: the plain file is there".to_vec(),
        ),
        ("test_batch.first.bin", record(9)),
        ("test_batch.bin", [record(9), record(8)].concat()),
        ("readme.html", b"no batch".to_vec()),
    ]);
    let set = open_root(&root).unwrap();
    assert_eq!(set.train.labels, [0, 1, 2]);
    assert_eq!(
        set.test.unwrap().labels,
        [9, 8],
        "the whole test batch, and not a part of it again"
    );
}

#[test]
fn what_is_wrong_is_said_with_file_and_byte() {
    let mut cut = [record(0), record(1)].concat();
    cut.pop();
    let error = open_root(&folder(&[("data_batch_1.bin", cut)]))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("data_batch_1.bin, byte 3073: 6145 bytes make 1 records of 3073 and 3072"),
        "{error}"
    );

    let error = open_root(&folder(&[(
        "data_batch_1.bin",
        [record(0), record(10)].concat(),
    )]))
    .unwrap_err()
    .to_string();
    assert!(
        error.contains("byte 3073: label 10 of image 1: there are 10 classes"),
        "{error}"
    );

    let error = open_root(&folder(&[("data_batch_1.bin", Vec::new())]))
        .unwrap_err()
        .to_string();
    assert!(error.contains("byte 0: 0 bytes make 0 records"), "{error}");

    let error = open_root(&folder(&[])).unwrap_err().to_string();
    assert!(
        error.contains("cifar-10-batches-bin")
            && error.contains("https://")
            && error.contains("--data DIR"),
        "{error}"
    );
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), records in 0usize..3) {
        let bytes = [record(1).repeat(records), bytes].concat();
        let mut images = Images::default();
        let read = read(Source::new(Path::new("any"), &bytes), &mut images);
        prop_assert_eq!(read.is_ok(), records > 0 && bytes.len() == records * RECORD);
    }
}

#[test]
fn fuzz_cifar() {
    let target = hone_fuzz::Target {
        name: "cifar",
        seeds: vec![record(3), [record(9), record(0)].concat()],
        words: &[&[10], &[0; 64]],
    };
    hone_fuzz::fuzz(&target, |bytes| {
        let mut images = Images::default();
        match read(Source::new(Path::new("fuzzed"), bytes), &mut images) {
            Ok(()) => {
                assert_eq!(images.pixels.len(), images.labels.len() * 3 * PLANE);
                format!("images{}", "s".repeat(images.labels.len()))
            }
            Err(error) => error.to_string(),
        }
    });
}
