//! MNIST and Fashion-MNIST: the IDX format (Y. LeCun, C. Cortes, C. Burges).
//!
//! Images: big-endian u32s 2051, count, rows, columns, then count × rows × columns bytes. Labels: 2049, count, then count
//! bytes.

use std::path::{Path, PathBuf};

use super::{
    DataError, DataSet, Images, MAX_SIDE, Shape,
    places::{Place, Places, file},
    read::Source,
};

/// What is known about a set in this format.
pub(super) struct Known {
    name: &'static str,
    /// Its folder's name, letters alone.
    folders: &'static [&'static str],
    classes: [&'static str; 10],
    /// The first training labels, which tell sets apart whose files have equal names.
    begins: [u8; 10],
    address: &'static str,
}

pub(super) const MNIST: Known = Known {
    name: "mnist",
    folders: &["mnist"],
    classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    begins: [5, 0, 4, 1, 9, 2, 1, 3, 1, 4],
    address: "https://storage.googleapis.com/cvdf-datasets/mnist/",
};

pub(super) const FASHION_MNIST: Known = Known {
    name: "fashion-mnist",
    folders: &["fashionmnist"],
    classes: [
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ],
    begins: [9, 0, 0, 3, 0, 2, 7, 2, 5, 5],
    address: "https://github.com/zalandoresearch/fashion-mnist/tree/master/data/fashion",
};

const NAMES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// Largest number of pixels in one file: a header cannot ask for more than this.
const MAX_PIXELS: u64 = 1 << 32;
const IMAGE_MAGIC: u32 = 2051;
const LABEL_MAGIC: u32 = 2049;

/// Reads the four files from the first place that has all of them.
pub(super) fn open(
    known: &Known,
    roots: &[PathBuf],
    folder: Option<&PathBuf>,
) -> Result<DataSet, DataError> {
    let places = Places::new(known.name, known.folders, roots, folder);
    // Where no name says which set it is, its first labels do.
    let found = places.first(|place| {
        files(place).filter(|[_, labels, ..]| place.named || begun_by(labels) == Some(known.name))
    });
    let Some((place, [train_images, train_labels, test_images, test_labels])) = found else {
        let seen = places.all().iter().filter_map(|place| almost(known, place));
        return Err(places.missing(
            &format!("{} (plain or .gz)", NAMES.join(", ")),
            known.address,
            known.name,
            seen.collect(),
        ));
    };
    if let Some(other) = begun_by(&train_labels).filter(|other| *other != known.name) {
        let message = format!(
            "the labels begin as those of {other} do: they are not {}'s; its folder is named with --data {other}=DIR",
            known.name
        );
        return Err(DataError::file(&train_labels, message));
    }
    let (shape, train) = read_pair(&train_images, &train_labels, known.classes.len())?;
    let (test_shape, test) = read_pair(&test_images, &test_labels, known.classes.len())?;
    if test_shape != shape {
        let message = format!(
            "images of {test_shape}, but {} has images of {shape}",
            train_images.display()
        );
        return Err(DataError::format(&test_images, 8, message));
    }
    let classes = known.classes.map(str::to_owned).to_vec();
    let mut set = DataSet::new(known.name, shape, classes, train, Some(test));
    set.folder = Some(place.path.clone());
    Ok(set)
}

fn files(place: &Place) -> Option<[PathBuf; 4]> {
    let found: Vec<PathBuf> = NAMES
        .iter()
        .filter_map(|name| file(&place.path, name))
        .collect();
    found.try_into().ok()
}

/// The set whose training labels begin as these do.
fn begun_by(labels: &Path) -> Option<&'static str> {
    let begin = Source::open(labels).ok()?.up_to(18).ok()?;
    let known = [&MNIST, &FASHION_MNIST].into_iter();
    known
        .clone()
        .find(|known| begin.get(8..) == Some(&known.begins[..]))
        .map(|known| known.name)
}

/// What a place lacks that has some of the four files, or why it was not taken for this set's.
fn almost(known: &Known, place: &Place) -> Option<String> {
    let here = place.path.display();
    let lacking: Vec<&str> = NAMES
        .into_iter()
        .filter(|name| file(&place.path, name).is_none())
        .collect();
    match (lacking.len(), files(place)) {
        (4, _) => None,
        (_, Some([_, labels, ..])) => Some(match begun_by(&labels) {
            Some(other) => format!("the four files in {here} are those of {other}"),
            None => format!(
                "{here} has four files of these names, which other sets use too: if they are its own, say --data {}={here}",
                known.name
            ),
        }),
        _ => Some(format!("{here} lacks {}", lacking.join(", "))),
    }
}

fn read_pair(images: &Path, labels: &Path, classes: usize) -> Result<(Shape, Images), DataError> {
    let (shape, pixels) = read_images(Source::open(images)?)?;
    let labels_read = read_labels(Source::open(labels)?, classes)?;
    let count = pixels.len() / shape.len();
    if labels_read.len() != count {
        let message = format!(
            "{} labels, but {} has {count} images",
            labels_read.len(),
            images.display()
        );
        return Err(DataError::format(labels, 4, message));
    }
    Ok((
        shape,
        Images {
            pixels,
            labels: labels_read,
        },
    ))
}

fn read_images(mut file: Source<'_>) -> Result<(Shape, Vec<u8>), DataError> {
    magic(&mut file, IMAGE_MAGIC, "images")?;
    let count = file.number("the number of images")?;
    let (rows, columns) = (
        file.number("the number of rows")?,
        file.number("the number of columns")?,
    );
    for (offset, side) in [(8, rows), (12, columns)] {
        if side == 0 || side > MAX_SIDE {
            return Err(file.wrong(
                offset,
                format!(
                    "images of {rows}×{columns}: each side must be from 1 to {MAX_SIDE} pixels"
                ),
            ));
        }
    }
    let size = u64::from(count) * u64::from(rows) * u64::from(columns);
    if count == 0 || size > MAX_PIXELS {
        return Err(file.wrong(4, format!("{count} images of {rows}×{columns}: from 1 image to {MAX_PIXELS} pixels can be read")));
    }
    let pixels = file.exactly(size, "the pixels")?;
    file.end("the pixels")?;
    Ok((Shape::new(rows as usize, columns as usize, 1), pixels))
}

fn read_labels(mut file: Source<'_>, classes: usize) -> Result<Vec<u32>, DataError> {
    magic(&mut file, LABEL_MAGIC, "labels")?;
    let count = file.number("the number of labels")?;
    let bytes = file.exactly(u64::from(count), "the labels")?;
    if let Some(at) = bytes
        .iter()
        .position(|&label| usize::from(label) >= classes)
    {
        let message = format!(
            "label {} of image {at}: there are {classes} classes, 0 to {}",
            bytes[at],
            classes - 1
        );
        return Err(file.wrong(8 + at as u64, message));
    }
    file.end("the labels")?;
    Ok(bytes.into_iter().map(u32::from).collect())
}

fn magic(file: &mut Source<'_>, wanted: u32, what: &str) -> Result<(), DataError> {
    let found = file.number("the magic number")?;
    if found == wanted {
        return Ok(());
    }
    let other = file.other();
    let message =
        format!("magic number {found}, but an IDX file of {what} begins with {wanted}{other}");
    Err(file.wrong(0, message))
}

#[cfg(test)]
mod tests;
