//! A folder of PNG or JPEG images with a folder per class.

mod jpeg;
mod layout;
mod listing;
mod picture;
mod tally;

use std::path::{Path, PathBuf};

use image::{DynamicImage, imageops::FilterType};

use super::{
    DataError, DataSet, Images, Inventory, MAX_SIDE, Shape, fit_cost::size as bytes,
    inventory::PartCount, set::Parts,
};
use layout::Layout;
use listing::Passed;
use tally::{Tally, Twins};

/// What all images together may take in memory.
const MAX_BYTES: u64 = 1 << 33;
/// Below so many features two equal images are nothing strange.
const FEW_FEATURES: usize = 16;

/// Reads every image below `folder`, or below its `train/`, `val/` and `test/` if `train/` has folders in it.
///
/// Classes are in the order of their names. All images are grey, or all have three channels: one in colour makes all so.
pub(super) fn open(
    name: &str,
    folder: &Path,
    size: Option<[u32; 2]>,
) -> Result<DataSet, DataError> {
    let wanted = size.map_or(Wanted::OneSize, Wanted::Size);
    let (reading, inventory) = Reading::of(folder, wanted)?;
    let shape = Shape::from(inventory.shape);
    let [train, validation, test] = reading.parts;
    let parts = Parts {
        train,
        validation,
        test: Some(test).filter(|test| !test.is_empty()),
    };
    let mut set = DataSet::in_parts(name, shape, reading.layout.classes, parts);
    set.inventory = inventory;
    Ok(set)
}

/// What a folder holds, whatever the sizes of its images: for who writes a sweep file about it.
pub fn survey(folder: &Path) -> Result<Inventory, DataError> {
    Ok(Reading::of(folder, Wanted::AnySize)?.1)
}

/// What the images of a folder are to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    OneSize,
    /// Resized to `[height, width]`.
    Size([u32; 2]),
    /// Only looked at.
    AnySize,
}

/// A file on its way into memory.
struct Listed {
    path: PathBuf,
    label: u32,
}

struct Reading {
    wanted: Wanted,
    layout: Layout,
    tally: Tally,
    parts: [Images; 3],
    /// Files of each part.
    files: [usize; 3],
    colour: bool,
    /// Height and width of what is in `parts`.
    size: (u32, u32),
}

impl Reading {
    /// Reads everything; a bad file does not end it, so that all of them are told at once.
    fn of(folder: &Path, wanted: Wanted) -> Result<(Reading, Inventory), DataError> {
        let mut reading = Reading {
            wanted,
            layout: Layout::of(folder)?,
            tally: Tally::default(),
            parts: Default::default(),
            files: [0; 3],
            colour: false,
            size: (0, 0),
        };
        for (path, reason) in std::mem::take(&mut reading.layout.bad) {
            reading.tally.bad(&path, reason);
        }
        let mut passed = Passed::default();
        let files = reading.list(folder, &mut passed)?;
        reading.files = files.each_ref().map(Vec::len);
        let mut headers = files.iter().flatten();
        if let Some((path, shape)) = headers.find_map(|file| picture::shape(&file.path)) {
            reading.afford(path, shape)?;
        }
        for (part, files) in files.iter().enumerate() {
            for file in files {
                reading.read(part, file)?;
            }
        }
        let any_size = wanted != Wanted::OneSize;
        if let Some(problem) = reading.tally.problem(folder, any_size) {
            return Err(problem);
        }
        let inventory = reading.inventory(folder, &files, passed);
        Ok((reading, inventory))
    }

    /// The images of every part, class by class.
    fn list(&mut self, root: &Path, passed: &mut Passed) -> Result<[Vec<Listed>; 3], DataError> {
        let mut all: [Vec<Listed>; 3] = Default::default();
        if self.layout.parted {
            passed.beside(root)?;
        }
        for (part, files) in all.iter_mut().enumerate() {
            let Some(folder) = &self.layout.parts[part] else {
                continue;
            };
            passed.beside(folder)?;
            for (label, class) in self.layout.classes.iter().enumerate() {
                let class = folder.join(class);
                if !class.is_dir() {
                    continue;
                }
                match passed.images(&class) {
                    Ok(images) if images.is_empty() && part == 0 => {
                        self.tally
                            .bad(&class, tally::empty_class(&listing::kinds(&class)));
                    }
                    Ok(images) if images.is_empty() => {
                        let empty = listing::below(root, &class);
                        self.layout
                            .warnings
                            .push(format!("{empty}/ has no PNG or JPEG image"));
                    }
                    Ok(images) => files.extend(images.into_iter().map(|path| Listed {
                        path,
                        label: label as u32,
                    })),
                    Err(error) => self.tally.bad(&class, error.to_string()),
                }
            }
        }
        Ok(all)
    }

    fn read(&mut self, part: usize, file: &Listed) -> Result<(), DataError> {
        let path = &file.path;
        let picture = match picture::open(path) {
            Ok(picture) => picture,
            Err(reason) => {
                self.tally.bad(path, reason);
                return Ok(());
            }
        };
        let mut image = picture.image;
        let grey = !image.color().has_color();
        self.tally
            .good(path, image.height(), image.width(), grey, picture.facts);
        match self.wanted {
            Wanted::AnySize => {
                self.parts[part].labels.push(file.label);
                return Ok(());
            }
            // Triangle is plain arithmetic: no function of the system's mathematics library that could differ.
            Wanted::Size([height, width]) => {
                image = image.resize_exact(width, height, FilterType::Triangle);
            }
            Wanted::OneSize => {}
        }
        if !self.tally.is_well(self.wanted != Wanted::OneSize) {
            // What was kept so far is of no use any more, and the rest is only looked at.
            self.parts = Default::default();
            return Ok(());
        }
        self.size = (image.height(), image.width());
        self.keep(part, file, image)
    }

    /// Refuses what one image, read or only looked at, says of the memory that all of them would take.
    fn afford(&self, path: &Path, [height, width, channels]: [u32; 3]) -> Result<(), DataError> {
        let [height, width] = match self.wanted {
            Wanted::AnySize => return Ok(()),
            Wanted::Size(size) => size,
            Wanted::OneSize => [height, width],
        };
        if height.max(width) > MAX_SIDE {
            let message = format!(
                "{height}×{width} pixels, and a net takes at most {MAX_SIDE} a side: size = [height, width] below [data] resizes them"
            );
            return Err(DataError::file(path, message));
        }
        let one = u64::from(height) * u64::from(width) * u64::from(channels);
        let files = self.files.iter().sum::<usize>() as u64;
        let all = one.saturating_mul(files);
        if all <= MAX_BYTES {
            return Ok(());
        }
        let message = format!(
            "{height}×{width}×{channels} bytes of each image × {files} images = {} in memory, and at most {} are taken: a smaller \
             size = [height, width] below [data] resizes them",
            bytes(all),
            bytes(MAX_BYTES)
        );
        Err(DataError::file(path, message))
    }

    fn keep(&mut self, part: usize, file: &Listed, image: DynamicImage) -> Result<(), DataError> {
        let (height, width) = self.size;
        let colour = image.color().has_color();
        if colour && !self.colour {
            self.afford(&file.path, [height, width, 3])?;
            self.colour = true;
            for images in &mut self.parts {
                let mut pixels = Vec::with_capacity(3 * images.pixels.capacity());
                pixels.extend(images.pixels.iter().flat_map(|&grey| [grey; 3]));
                images.pixels = pixels;
            }
        }
        let images = &mut self.parts[part];
        if images.labels.is_empty() {
            // At once: a vector that grows takes up to three times as much on the way.
            let one = height as usize * width as usize * if self.colour { 3 } else { 1 };
            images.pixels.reserve_exact(one * self.files[part]);
        }
        images.labels.push(file.label);
        images.pixels.extend(if self.colour {
            image.into_rgb8().into_raw()
        } else {
            image.into_luma8().into_raw()
        });
        Ok(())
    }

    fn inventory(&mut self, root: &Path, files: &[Vec<Listed>; 3], passed: Passed) -> Inventory {
        let (height, width) = match self.wanted {
            Wanted::AnySize => self.tally.only_size().unwrap_or((0, 0)),
            _ => self.size,
        };
        let colour = self.colour || self.tally.grey < self.tally.images;
        let classes = self.layout.classes.len();
        let mut inventory = Inventory {
            shape: [height as usize, width as usize, if colour { 3 } else { 1 }],
            classes,
            parts: PartCount::all(self.parts.each_ref(), classes),
            passed_over: passed.list(root),
            notes: std::mem::take(&mut self.layout.notes),
            warnings: std::mem::take(&mut self.layout.warnings),
            ..Inventory::default()
        };
        self.tally.tell(root, colour, &mut inventory);
        let features = Shape::from(inventory.shape).len();
        if features >= FEW_FEATURES {
            let mut twins = Twins::new();
            for (part, files) in files.iter().enumerate() {
                let pixels = self.parts[part].pixels.chunks_exact(features);
                for (file, pixels) in files.iter().zip(pixels) {
                    twins.add(root, part, file.label, &file.path, pixels);
                }
            }
            twins.tell(&mut inventory);
        }
        // Names of classes may hold line breaks, and these are lines.
        for text in inventory.notes.iter_mut().chain(&mut inventory.warnings) {
            *text = text.replace(char::is_control, "\u{fffd}");
        }
        inventory
    }
}

/// Reads one image of any size as bytes `[height, width, channel]` of this shape, resized and made grey or coloured; and what of
/// that was done.
pub fn read_image(path: &Path, shape: Shape) -> Result<(Vec<u8>, Vec<String>), DataError> {
    let side = |side: usize| u32::try_from(side).map_err(|error| DataError::file(path, error));
    let (height, width) = (side(shape.height)?, side(shape.width)?);
    let picture = picture::open(path).map_err(|reason| DataError::file(path, reason))?;
    let mut image = picture.image;
    let mut changed = Vec::new();
    if (image.height(), image.width()) != (height, width) {
        let (h, w) = (image.height(), image.width());
        changed.push(format!("resized from {h}×{w} to {height}×{width}"));
        image = image.resize_exact(width, height, FilterType::Triangle);
    }
    match (shape.channels, image.color().has_color()) {
        (1, true) => changed.push("made grey, as the network takes it".into()),
        (3, false) => changed.push("grey, given as three equal channels".into()),
        _ => {}
    }
    changed.extend(picture.facts.lost().map(|lost| lost.of_one().to_owned()));
    match shape.channels {
        1 => Ok((image.into_luma8().into_raw(), changed)),
        3 => Ok((image.into_rgb8().into_raw(), changed)),
        other => Err(DataError::file(
            path,
            format!("the network takes {other} channels; an image gives 1 or 3"),
        )),
    }
}

#[cfg(test)]
mod tests;
