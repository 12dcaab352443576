//! CIFAR-10 in its binary version (A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009).
//!
//! Records of 3,073 bytes: the label, then 1,024 red, 1,024 green and 1,024 blue bytes.

use std::path::{Path, PathBuf};

use super::{DataError, DataSet, Images, Shape, read::Source};

const NAME: &str = "cifar10";
const FOLDERS: [&str; 2] = ["cifar-10-binary", "cifar-10-batches-bin"];
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

/// Reads every `data_batch_*.bin` that is there, in the order of their names, and `test_batch*.bin` if there is one.
pub(super) fn open(roots: &[PathBuf], folder: Option<&PathBuf>) -> Result<DataSet, DataError> {
    let places: Vec<PathBuf> = match folder {
        Some(folder) => vec![folder.clone()],
        None => roots
            .iter()
            .flat_map(|root| FOLDERS.map(|name| root.join(name)))
            .collect(),
    };
    let found = places
        .iter()
        .map(|place| (place, batches(place, "data_batch_")))
        .find(|(_, files)| !files.is_empty());
    let Some((place, files)) = found else {
        return Err(DataError::Missing(missing(&places)));
    };
    let train = read_all(&files)?;
    let mut tests = batches(place, "test_batch");
    // A whole test batch beside a part of it would bring images twice.
    if let Some(whole) = tests
        .iter()
        .position(|file| stem(file).is_some_and(|stem| stem == "test_batch"))
    {
        tests = vec![tests.swap_remove(whole)];
    }
    let test = if tests.is_empty() {
        None
    } else {
        Some(read_all(&tests)?)
    };

    let remark = format!(
        "{} training files with {} images; {}",
        files.len(),
        train.len(),
        test.as_ref()
            .map_or("no test part".to_owned(), |test| format!(
                "{} test images",
                test.len()
            ))
    );
    let mut set = DataSet::new(
        NAME,
        SHAPE,
        CLASSES.map(str::to_owned).to_vec(),
        train,
        test,
    );
    set.note = remark;
    Ok(set)
}

/// The name without `.bin` and `.gz`; `None` for other files.
fn stem(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?;
    name.strip_suffix(".gz")
        .unwrap_or(name)
        .strip_suffix(".bin")
}

/// The files whose stem begins so, by name; of a file that is there plain and packed, the plain one.
fn batches(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_file() && stem(path).is_some_and(|stem| stem.starts_with(prefix)))
        .collect();
    files.sort();
    files.dedup_by(|packed, plain| stem(packed) == stem(plain));
    files
}

fn read_all(files: &[PathBuf]) -> Result<Images, DataError> {
    let mut all = Images::default();
    for file in files {
        read(Source::open(file)?, &mut all)?;
    }
    Ok(all)
}

fn read(mut file: Source<'_>, to: &mut Images) -> Result<(), DataError> {
    let bytes = file.up_to(MAX_BYTES)?;
    let whole = bytes.len() / RECORD * RECORD;
    if bytes.is_empty() || whole != bytes.len() {
        let message = format!(
            "{} bytes make {} records of {RECORD} and {} bytes more: the file is truncated or no CIFAR-10 batch",
            bytes.len(),
            bytes.len() / RECORD,
            bytes.len() - whole
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
        to.labels.push(u32::from(record[0]));
        let planes = &record[1..];
        to.pixels.extend(
            (0..PLANE).flat_map(|at| [planes[at], planes[PLANE + at], planes[2 * PLANE + at]]),
        );
    }
    file.end("the largest batch that can be read")
}

fn missing(places: &[PathBuf]) -> String {
    let looked: Vec<String> = places
        .iter()
        .map(|place| place.display().to_string())
        .collect();
    let looked = if looked.is_empty() {
        String::new()
    } else {
        format!(" Looked for data_batch_*.bin in {}.", looked.join(", "))
    };
    format!(
        "{NAME}: its files are not here.{looked} Get data_batch_1.bin to data_batch_5.bin and test_batch.bin (plain or \
         .gz) from {ADDRESS}, put them into DIR/{}/ and say --data DIR, or set HONE_DATA=DIR",
        FOLDERS[1]
    )
}

#[cfg(test)]
mod tests;
