//! CIFAR-10 (A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009), in its binary version and in
//! the one for Python; both hold the same images in the same order.
//!
//! Binary: records of 3,073 bytes: the label, then 1,024 red, 1,024 green and 1,024 blue bytes. Python: see [`pickle`].

use std::path::{Path, PathBuf};

use super::{
    DataError, DataSet, Images, Shape, pickle,
    places::{Places, sorted_entries},
    read::Source,
};

const NAME: &str = "cifar10";
/// As the archives unpack, and as PyTorch and Keras leave them.
const FOLDERS: [&str; 6] = [
    "cifar10binary",
    "cifar10batchesbin",
    "cifar10batchespy",
    "cifar10python",
    "cifar10batchespytarget",
    "cifar10",
];
const ADDRESS: &str = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz";
const CLASSES: [&str; 10] = [
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
];
const SHAPE: Shape = Shape::new(32, 32, 3);
const PLANE: usize = 32 * 32;
const RECORD: usize = 1 + 3 * PLANE;
/// The official files have 10,000 records; ten times that is the most that one may unpack to.
const MAX_BYTES: u64 = 100_000 * RECORD as u64;

/// Reads every `data_batch_*` that is there, in the order of their names, and `test_batch*` if there is one.
pub(super) fn open(roots: &[PathBuf], folder: Option<&PathBuf>) -> Result<DataSet, DataError> {
    let places = Places::new(NAME, &FOLDERS, roots, folder);
    let found = places.first(|place| {
        let files = batches(&place.path, "data_batch");
        (!files.is_empty()).then_some(files)
    });
    let Some((place, files)) = found else {
        return Err(places.missing(
            "data_batch_1.bin to data_batch_5.bin and test_batch.bin (plain or .gz)",
            ADDRESS,
            "cifar-10-batches-bin",
            Vec::new(),
        ));
    };
    let train = read_all(&files)?;
    let mut tests = batches(&place.path, "test_batch");
    // A whole test batch beside a part of it would bring images twice.
    if let Some(whole) = tests
        .iter()
        .position(|file| batch(file).is_some_and(|(stem, _)| stem == "test_batch"))
    {
        tests = vec![tests.swap_remove(whole)];
    }
    let test = match &tests[..] {
        [] => None,
        tests => Some(read_all(tests)?),
    };
    let tested = test.as_ref().map_or("no test part".to_owned(), |test| {
        format!("{} test images", test.len())
    });
    let note = format!(
        "{} training files with {} images; {tested}",
        files.len(),
        train.len()
    );
    let classes = CLASSES.map(str::to_owned).to_vec();
    let mut set = DataSet::new(NAME, SHAPE, classes, train, test);
    (set.note, set.folder) = (note, Some(place.path.clone()));
    Ok(set)
}

/// The name of a batch without `.bin` and `.gz`, in small letters, and whether it is of the Python version, whose names have no
/// ending; `None` for other files.
fn batch(path: &Path) -> Option<(String, bool)> {
    let name = path.file_name()?.to_str()?.to_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    match name.strip_suffix(".bin") {
        Some(stem) => Some((stem.to_owned(), false)),
        None => (!name.contains('.')).then(|| (name.to_owned(), true)),
    }
}

/// The files whose stem begins so, by stem; of a batch that is there twice, the binary one, and the plain one.
fn batches(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = sorted_entries(folder).unwrap_or_default().into_iter();
    let mut files: Vec<(String, bool, PathBuf)> = entries
        .filter(|path| !path.is_dir())
        .filter_map(|path| {
            let (stem, python) = batch(&path).filter(|(stem, _)| stem.starts_with(prefix))?;
            Some((stem, python, path))
        })
        .collect();
    files.sort();
    files.dedup_by(|again, first| again.0 == first.0);
    files.into_iter().map(|(_, _, path)| path).collect()
}

fn read_all(files: &[PathBuf]) -> Result<Images, DataError> {
    let mut all = Images::default();
    for file in files {
        read(Source::open(file)?, &mut all)?;
    }
    Ok(all)
}

fn read(file: Source<'_>, to: &mut Images) -> Result<(), DataError> {
    match file.head() {
        [pickle::BEGIN, ..] => read_pickle(file, to),
        _ => read_records(file, to),
    }
}

fn read_records(mut file: Source<'_>, to: &mut Images) -> Result<(), DataError> {
    let bytes = file.up_to(MAX_BYTES)?;
    let whole = bytes.len() / RECORD * RECORD;
    if bytes.is_empty() || whole != bytes.len() {
        let message = format!(
            "{} bytes make {} records of {RECORD} and {} bytes more: the file is truncated or no CIFAR-10 batch{}",
            bytes.len(),
            bytes.len() / RECORD,
            bytes.len() - whole,
            file.other()
        );
        return Err(file.wrong(whole as u64, message));
    }
    for (index, record) in bytes.chunks_exact(RECORD).enumerate() {
        if usize::from(record[0]) >= CLASSES.len() {
            let message = format!(
                "label {} of image {index}: there are 10 classes, 0 to 9",
                record[0]
            );
            return Err(file.wrong((index * RECORD) as u64, message));
        }
        push(record[0], &record[1..], to);
    }
    file.end("the largest batch that can be read")
}

fn read_pickle(mut file: Source<'_>, to: &mut Images) -> Result<(), DataError> {
    let image = RECORD - 1;
    let batch = pickle::read(&mut file, image as u64, MAX_BYTES)?;
    let (labels, bytes) = (batch.labels.len(), batch.planes.len());
    if labels == 0 || labels * image != bytes {
        let message =
            format!("{labels} labels and {bytes} bytes of images: {image} bytes a label are right");
        return Err(file.wrong(0, message));
    }
    for (label, planes) in batch.labels.iter().zip(batch.planes.chunks_exact(image)) {
        push(*label, planes, to);
    }
    file.end("the pickled dictionary")
}

/// Adds an image: planes become pixels.
fn push(label: u8, planes: &[u8], to: &mut Images) {
    to.labels.push(u32::from(label));
    to.pixels
        .extend((0..PLANE).flat_map(|at| [planes[at], planes[PLANE + at], planes[2 * PLANE + at]]));
}

#[cfg(test)]
pub(in crate::data) mod tests;
