//! MNIST and Fashion-MNIST: the IDX format (Y. LeCun, C. Cortes, C. Burges).
//!
//! Images: big-endian u32s 2051, count, rows, columns, then count × rows × columns bytes. Labels: 2049, count, then count
//! bytes.

use std::path::{Path, PathBuf};

use super::{
    DataError, DataSet, Images, MAX_SIDE, Shape,
    read::{Source, find},
};

/// What is known about a set in this format.
pub(super) struct Known {
    name: &'static str,
    classes: [&'static str; 10],
    address: &'static str,
}

pub(super) const MNIST: Known = Known {
    name: "mnist",
    classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    address: "https://storage.googleapis.com/cvdf-datasets/mnist/",
};

pub(super) const FASHION_MNIST: Known = Known {
    name: "fashion-mnist",
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
    address: "https://github.com/zalandoresearch/fashion-mnist/tree/master/data/fashion",
};

/// Largest number of pixels in one file: a header cannot ask for more than this.
const MAX_PIXELS: u64 = 1 << 32;
const IMAGE_MAGIC: u32 = 2051;
const LABEL_MAGIC: u32 = 2049;

/// Reads the four files from `folder`, or from the set's folder below the first root that has all of them.
pub(super) fn open(
    known: &Known,
    roots: &[PathBuf],
    folder: Option<&PathBuf>,
) -> Result<DataSet, DataError> {
    let places: Vec<PathBuf> = match folder {
        Some(folder) => vec![folder.clone()],
        None => roots.iter().map(|root| root.join(known.name)).collect(),
    };
    let names = [
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    ];
    let found = places.iter().find_map(|place| {
        Some(names.map(|name| find(place, name))).filter(|all| all.iter().all(Option::is_some))
    });
    let Some(
        [
            Some(train_images),
            Some(train_labels),
            Some(test_images),
            Some(test_labels),
        ],
    ) = found
    else {
        return Err(DataError::Missing(missing(known, &places, &names)));
    };
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
    Ok(DataSet::new(known.name, shape, classes, train, Some(test)))
}

fn read_pair(images: &Path, labels: &Path, classes: usize) -> Result<(Shape, Images), DataError> {
    let (shape, pixels) = read_images(Source::open(images)?)?;
    let labels_read = read_labels(Source::open(labels)?, classes)?;
    let count = pixels.len() / shape.features();
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
    Err(file.wrong(
        0,
        format!("magic number {found}, but an IDX file of {what} begins with {wanted}"),
    ))
}

fn missing(known: &Known, places: &[PathBuf], names: &[&str]) -> String {
    let name = known.name;
    let mut message = format!("{name}: its files are not here.");
    for place in places {
        let absent: Vec<&str> = names
            .iter()
            .copied()
            .filter(|file| find(place, file).is_none())
            .collect();
        message += &format!(" {} lacks {}.", place.display(), absent.join(", "));
    }
    message
        + &format!(
            " Get {} (plain or .gz) from {}, put them into DIR/{name}/ and say --data DIR, or set HONE_DATA=DIR",
            names.join(", "),
            known.address
        )
}

#[cfg(test)]
mod tests;
