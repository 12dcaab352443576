//! A folder of PNG or JPEG images with a folder per class.

mod jpeg;
mod layout;
mod listing;
mod picture;
mod tally;

use std::path::{Path, PathBuf};

use image::{DynamicImage, imageops::FilterType};

use super::{
    DataError, DataSet, Images, Inventory, MAX_SIDE, Shape, inventory::PartCount, set::Parts,
};
use layout::Layout;
use listing::Passed;
use tally::{Tally, Twins};

/// What all images together may take in memory.
const MAX_BYTES: usize = 1 << 33;
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
            colour: false,
            size: (0, 0),
        };
        let mut passed = Passed::default();
        let files = reading.list(folder, &mut passed)?;
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

    fn keep(&mut self, part: usize, file: &Listed, image: DynamicImage) -> Result<(), DataError> {
        if image.color().has_color() && !self.colour {
            self.colour = true;
            for images in &mut self.parts {
                images.pixels = images.pixels.iter().flat_map(|&grey| [grey; 3]).collect();
            }
        }
        let images = &mut self.parts[part];
        images.labels.push(file.label);
        images.pixels.extend(if self.colour {
            image.into_rgb8().into_raw()
        } else {
            image.into_luma8().into_raw()
        });
        let bytes: usize = self.parts.iter().map(|images| images.pixels.len()).sum();
        if bytes > MAX_BYTES {
            let message =
                "with this image the set takes more than 8 GiB of memory: resize with `size`";
            return Err(DataError::file(&file.path, message));
        }
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
        let features = Shape::from(inventory.shape).features();
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

/// Reads one image of any size as bytes `[height, width, channel]` of this shape, resized and made grey or coloured.
pub fn read_image(path: &Path, shape: Shape) -> Result<Vec<u8>, DataError> {
    let side = |side: usize| u32::try_from(side).map_err(|error| DataError::file(path, error));
    let (height, width) = (side(shape.height)?, side(shape.width)?);
    let picture = picture::open(path).map_err(|reason| DataError::file(path, reason))?;
    let mut image = picture.image;
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

#[cfg(test)]
mod tests;
