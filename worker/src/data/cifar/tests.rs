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

/// A batch as Python 2 pickled it: protocol 2, remembered strings, labels in lists of up to 1,000.
pub(in crate::data) fn pickled(records: &[u8]) -> Vec<u8> {
    let records: Vec<&[u8]> = records.chunks_exact(RECORD).collect();
    let text = |bytes: &[u8]| [&[b'U', bytes.len() as u8], bytes, b"q\x01"].concat();
    let long = |bytes: &[u8]| [&b"T"[..], &(bytes.len() as u32).to_le_bytes(), bytes].concat();
    let mut all = [
        b"\x80\x02}q\x01(".to_vec(),
        text(b"batch_label"),
        text(b"training batch 1 of 5"),
    ]
    .concat();
    all.extend(text(b"labels"));
    all.extend(b"]q\x05");
    for some in records.chunks(1000) {
        all.push(b'(');
        all.extend(some.iter().flat_map(|record| [b'K', record[0]]));
        all.push(b'e');
    }
    all.extend(text(b"data"));
    all.extend(b"cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85U\x01b\x87Rq\x09(K\x01");
    all.extend(
        [
            &b"M"[..],
            &(records.len() as u16).to_le_bytes(),
            b"M\x00\x0c\x86",
        ]
        .concat(),
    );
    all.extend(b"cnumpy\ndtype\nq\x0aU\x02u1K\x00K\x01\x87Rq\x0b(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89");
    let planes: Vec<u8> = records
        .iter()
        .flat_map(|record| &record[1..])
        .copied()
        .collect();
    all.extend(long(&planes));
    all.extend(b"tb");
    all.extend(text(b"filenames"));
    all.extend(b"]q\x0c(");
    all.extend(
        records
            .iter()
            .flat_map(|_| text(b"domestic_cat_s_000907.png")),
    );
    all.extend(b"eu.");
    all
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::read::GzEncoder::new(bytes, flate2::Compression::fast());
    let mut all = Vec::new();
    std::io::Read::read_to_end(&mut packed, &mut all).unwrap();
    all
}

fn write(folder: &Path, files: &[(&str, Vec<u8>)]) {
    fs::create_dir_all(folder).unwrap();
    for (name, bytes) in files {
        fs::write(folder.join(name), bytes).unwrap();
    }
}

#[test]
fn every_version_and_layout_gives_the_same_set() {
    let (train, test) = (record(3).repeat(1200), [record(9), record(0)].concat());
    let binary = [
        ("data_batch_1.bin", train.clone()),
        ("test_batch.bin", test.clone()),
    ];
    let python = [
        ("data_batch_1", pickled(&train)),
        ("test_batch", pickled(&test)),
    ];
    let packed = [
        ("data_batch_1.bin", gzip(&train)),
        ("DATA_BATCH_2.BIN.GZ", train.clone()),
        ("test_batch", gzip(&pickled(&test))),
    ];
    let hash = open_root(&folder(&binary)).unwrap().hash;
    for below in [
        "cifar-10-batches-py",
        "cifar-10-python/cifar-10-batches-py",
        "CIFAR10",
        "CIFAR-10-batches-bin",
        "",
    ] {
        for files in [&binary, &python] {
            let root = tempfile::tempdir().unwrap();
            let place = root.path().join(below);
            write(&place, files);
            let set = open_root(&root).unwrap();
            assert_eq!(
                (set.hash, set.folder),
                (hash, Some(place.clone())),
                "{below}"
            );
            assert_eq!(open(&[], Some(&place)).unwrap().hash, hash, "{below}");
        }
    }
    assert_eq!(open_root(&folder(&packed)).unwrap().train.len(), 2400);
}

#[test]
fn the_binary_version_goes_before_the_python_one() {
    let root = folder(&[("data_batch_1.bin", record(1))]);
    write(
        &root.path().join("cifar-10-batches-py"),
        &[("data_batch_1", pickled(&record(2)))],
    );
    let both = root.path().join("cifar-10-batches-bin");
    write(
        &both,
        &[
            ("data_batch_1", pickled(&record(2))),
            ("data_batch_1.png", record(5)),
            ("batches.meta", record(6)),
        ],
    );
    assert_eq!(open_root(&root).unwrap().train.labels, [1]);
}

#[test]
fn the_name_of_a_folder_says_nothing_of_the_version() {
    let root = tempfile::tempdir().unwrap();
    let place = root.path().join("my.binaries/cifar10");
    write(
        &place,
        &[
            ("data_batch_1", pickled(&record(2))),
            ("data_batch_1.bin", record(1)),
        ],
    );
    let set = open(&[root.path().join("my.binaries")], None).unwrap();
    assert_eq!(set.train.labels, [1]);
}

#[test]
fn a_pickle_that_is_no_batch_is_refused_with_its_byte() {
    let good = pickled(&[record(4), record(5)].concat());
    let refused = |bytes: Vec<u8>| {
        let mut to = Images::default();
        read(Source::new(Path::new("data_batch_1"), &bytes), &mut to)
            .unwrap_err()
            .to_string()
    };
    let replaced = |from: &[u8], to: &[u8]| {
        let at = good
            .windows(from.len())
            .position(|part| part == from)
            .unwrap();
        [&good[..at], to, &good[at + from.len()..]].concat()
    };
    for (bytes, message) in [
        (
            good[..good.len() - 1].to_vec(),
            "the file ends here, but the pickled dictionary should go on",
        ),
        (
            [&good[..], b"more"].concat(),
            "the pickled dictionary should end here, but the file goes on",
        ),
        (
            replaced(b"K\x05", b"K\x0a"),
            "byte 62: label 10 of image 1: there are 10 classes, 0 to 9",
        ),
        (
            replaced(b"K\x04K\x05", b"K\x04"),
            "1 labels and 6144 bytes of images: 3072 bytes a label are right",
        ),
        (
            replaced(b"U\x02u1", b"U\x02f8"),
            "`data` is not one array of bytes",
        ),
        (
            replaced(b"tb\x89", b"tb\x88"),
            "`data` lies column by column",
        ),
        (
            replaced(b"cnumpy", b"inumpy"),
            "instruction 0x69, which the pickles of CIFAR-10 do not have",
        ),
        (
            b"\x80\x02T\xff\xff\xff\xff".to_vec(),
            "byte 2: a text of 4294967295 bytes",
        ),
        (b"\x80\x04\x95".to_vec(), "instruction 0x95"),
        (
            [b"\x80\x02c", &[b'x'; 300][..]].concat(),
            "a name of more than 256 bytes",
        ),
        (b"\x80\x02.".to_vec(), "0 labels and 0 bytes"),
    ] {
        let error = refused(bytes);
        assert!(error.contains(message), "{error}\n{message}");
    }
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
        seeds: vec![
            record(3),
            [record(9), record(0)].concat(),
            pickled(&record(3)),
            b"\x80\x02}(U\x06labels](K\x01K\x02eU\x04dataK\x00\x85Rtbu.".to_vec(),
        ],
        words: &[
            &[10],
            &[0; 64],
            b"U\x06labels",
            b"U\x04data",
            b"T\x00\x0c\x00\x00",
            b"\x80\x02",
        ],
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
