//! A folder of PNG or JPEG images with a folder per class.

use std::{
    fs,
    path::{Path, PathBuf},
};

use image::{DynamicImage, ImageReader, imageops::FilterType};

use super::{DataError, DataSet, Images, MAX_SIDE, Shape};

const KINDS: [&str; 3] = ["png", "jpg", "jpeg"];
/// What all images together may take in memory.
const MAX_BYTES: usize = 1 << 33;
/// What the decoder may take for one image.
const MAX_DECODED: u64 = 1 << 29;

/// Reads every image below `folder`, or below its `train/` and `test/` if `train/` has folders in it.
///
/// Classes are in the order of their names. All images are grey, or all have three channels: one in colour makes all so.
pub(super) fn open(
    name: &str,
    folder: &Path,
    size: Option<[u32; 2]>,
) -> Result<DataSet, DataError> {
    let train_folder = folder.join("train");
    let parted = train_folder.is_dir() && !folders(&train_folder)?.is_empty();
    let train_folder = if parted {
        train_folder
    } else {
        folder.to_owned()
    };
    let classes = folders(&train_folder)?;
    if classes.len() < 2 {
        let message = format!(
            "{} folders in it: a folder of images needs one for each class, at least 2",
            classes.len()
        );
        return Err(DataError::file(&train_folder, message));
    }
    let mut reading = Reading {
        size,
        first: None,
        bytes: 0,
    };
    let train = reading.part(&train_folder, &classes)?;
    let test_folder = folder.join("test");
    let test = if parted && test_folder.is_dir() {
        check_classes(&test_folder, &classes)?;
        Some(reading.part(&test_folder, &classes)?)
    } else {
        None
    };
    finish(name, &train_folder, classes, train, test)
}

fn finish(
    name: &str,
    folder: &Path,
    classes: Vec<String>,
    train: Vec<Labelled>,
    test: Option<Vec<Labelled>>,
) -> Result<DataSet, DataError> {
    let Some(first) = train.first() else {
        return Err(DataError::file(
            folder,
            "no PNG or JPEG image in the folders of its classes",
        ));
    };
    let (width, height) = (first.image.width() as usize, first.image.height() as usize);
    let colour = train
        .iter()
        .chain(test.iter().flatten())
        .any(|one| one.image.color().has_color());
    let shape = Shape::new(height, width, if colour { 3 } else { 1 });
    let pack = |part: Vec<Labelled>| {
        let mut images = Images::default();
        for Labelled { image, label } in part {
            images.labels.push(label);
            images.pixels.extend(if colour {
                image.into_rgb8().into_raw()
            } else {
                image.into_luma8().into_raw()
            });
        }
        images
    };
    Ok(DataSet::new(
        name,
        shape,
        classes,
        pack(train),
        test.map(pack),
    ))
}

struct Labelled {
    image: DynamicImage,
    label: u32,
}

struct Reading {
    size: Option<[u32; 2]>,
    first: Option<(PathBuf, u32, u32)>,
    bytes: usize,
}

impl Reading {
    fn part(&mut self, folder: &Path, classes: &[String]) -> Result<Vec<Labelled>, DataError> {
        let mut images = Vec::new();
        for (label, class) in classes.iter().enumerate() {
            let class = folder.join(class);
            if !class.is_dir() {
                continue;
            }
            for path in files(&class)? {
                images.push(Labelled {
                    image: self.image(&path)?,
                    label: label as u32,
                });
            }
        }
        Ok(images)
    }

    fn image(&mut self, path: &Path) -> Result<DynamicImage, DataError> {
        let mut image = decode(path)?;
        if let Some([height, width]) = self.size {
            // Triangle is plain arithmetic: no function of the system's mathematics library that could differ.
            image = image.resize_exact(width, height, FilterType::Triangle);
        }
        let (width, height) = (image.width(), image.height());
        match &self.first {
            None => self.first = Some((path.to_owned(), width, height)),
            Some((first, w, h)) if (*w, *h) != (width, height) => {
                let message = format!(
                    "{height}×{width} pixels, but {} has {h}×{w}: all images must have one size; size = [{h}, {w}] \
                     below [data] resizes them",
                    first.display()
                );
                return Err(DataError::file(path, message));
            }
            Some(_) => {}
        }
        self.bytes += image.as_bytes().len();
        if self.bytes > MAX_BYTES {
            return Err(DataError::file(
                path,
                "with this image the set takes more than 8 GiB of memory: resize with `size`",
            ));
        }
        Ok(image)
    }
}

/// Reads one image of any size as bytes `[height, width, channel]` of this shape, resized and made grey or coloured.
pub fn read_image(path: &Path, shape: Shape) -> Result<Vec<u8>, DataError> {
    let side = |side: usize| u32::try_from(side).map_err(|error| DataError::file(path, error));
    let (height, width) = (side(shape.height)?, side(shape.width)?);
    let mut image = decode(path)?;
    if (image.height(), image.width()) != (height, width) {
        image = image.resize_exact(width, height, FilterType::Triangle);
    }
    match shape.channels {
        1 => Ok(image.into_luma8().into_raw()),
        3 => Ok(image.into_rgb8().into_raw()),
        other => Err(DataError::file(
            path,
            format!("the network takes {other} channels; an image gives 1 or 3"),
        )),
    }
}

/// Reads one image: 8 bits a channel, without transparency.
fn decode(path: &Path) -> Result<DynamicImage, DataError> {
    let wrong = |error: image::ImageError| {
        DataError::file(path, format!("no readable PNG or JPEG image: {error}"))
    };
    let mut reader = ImageReader::open(path)
        .and_then(ImageReader::with_guessed_format)
        .map_err(|error| DataError::file(path, error))?;
    let mut limits = image::Limits::default();
    limits.max_alloc = Some(MAX_DECODED);
    (limits.max_image_width, limits.max_image_height) = (Some(4 * MAX_SIDE), Some(4 * MAX_SIDE));
    reader.limits(limits);
    let image = reader.decode().map_err(wrong)?;
    Ok(if image.color().has_color() {
        DynamicImage::ImageRgb8(image.into_rgb8())
    } else {
        DynamicImage::ImageLuma8(image.into_luma8())
    })
}

/// Names of the folders in a folder, sorted; hidden ones do not count.
fn folders(folder: &Path) -> Result<Vec<String>, DataError> {
    let names = entries(folder)?.into_iter().filter(|path| path.is_dir());
    names.map(|path| text_name(&path)).collect()
}

/// The images in a folder, sorted by name; other files are passed over.
fn files(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let is_image = |path: &PathBuf| {
        let extension = path
            .extension()
            .map(|extension| extension.to_string_lossy().to_lowercase());
        extension.is_some_and(|extension| KINDS.contains(&extension.as_str()))
    };
    Ok(entries(folder)?.into_iter().filter(is_image).collect())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let wrong = |error| DataError::file(folder, error);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(wrong)? {
        let entry = entry.map_err(wrong)?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

fn text_name(path: &Path) -> Result<String, DataError> {
    let name = path.file_name().and_then(|name| name.to_str());
    name.map(str::to_owned)
        .ok_or_else(|| DataError::file(path, "the name of a class must be valid UTF-8"))
}

fn check_classes(test: &Path, classes: &[String]) -> Result<(), DataError> {
    match folders(test)?
        .into_iter()
        .find(|name| !classes.contains(name))
    {
        None => Ok(()),
        Some(name) => Err(DataError::file(
            &test.join(name),
            "a class that train/ does not have",
        )),
    }
}

#[cfg(test)]
mod tests;
