//! Which folders are parts, and which are classes.

use std::path::{Path, PathBuf};

use super::listing::{entries, folders, is_image, unusable};
use crate::data::DataError;

/// Names of the parts, capitals apart: training, validation, test.
const PARTS: [&[&str]; 3] = [
    &["train", "training"],
    &["val", "valid", "validation"],
    &["test", "testing"],
];

/// Where the images of each class are.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// Names of the classes, sorted.
    pub(super) classes: Vec<String>,
    /// Folders of the training, validation and test part; classes are in them.
    pub(super) parts: [Option<PathBuf>; 3],
    /// Whether there are folders of parts at all.
    pub(super) parted: bool,
    pub(super) notes: Vec<String>,
    pub(super) warnings: Vec<String>,
    /// What may have been meant as a class or a part, and why it cannot be one.
    pub(super) bad: Vec<(PathBuf, String)>,
}

impl Layout {
    /// Looks at the folders, not yet at the files.
    pub(super) fn of(folder: &Path) -> Result<Layout, DataError> {
        let names = folders(folder)?;
        let mut layout = Layout::default();
        let mut flat = Vec::new();
        for (part, known) in PARTS.iter().enumerate() {
            let mut with_classes = Vec::new();
            for name in names
                .iter()
                .filter(|name| known.contains(&name.to_lowercase().as_str()))
            {
                if folders(&folder.join(name))?.is_empty() {
                    flat.push(name);
                } else {
                    with_classes.push(name.as_str());
                }
            }
            if let [one, other, ..] = with_classes[..] {
                let message =
                    format!("{one}/ and {other}/ are the same part twice: keep one of them");
                return Err(DataError::file(folder, message));
            }
            layout.parts[part] = with_classes.first().map(|name| folder.join(name));
        }
        layout.parted = layout.parts[0].is_some();
        if layout.parted {
            layout.beside(folder, &names);
        } else {
            layout.unparted(folder, &flat)?;
        }
        let parts = layout.parts.iter().flatten().map(PathBuf::as_path);
        for place in parts.chain([folder].into_iter().filter(|_| layout.parted)) {
            layout.bad.extend(unusable(place)?);
        }
        layout.classes(folder)?;
        Ok(layout)
    }

    /// Folders that are no part although there are parts.
    fn beside(&mut self, folder: &Path, names: &[String]) {
        let parts = &self.parts;
        let others = names.iter().filter(|name| {
            let path = folder.join(name);
            !parts.iter().flatten().any(|part| *part == path)
        });
        let others: Vec<String> = others.map(|name| format!("{name}/")).collect();
        if !others.is_empty() {
            let names: Vec<&str> = others.iter().map(String::as_str).collect();
            self.warnings.push(format!(
                "not read, since it is no part with a folder for each class: {}",
                few(&names)
            ));
        }
    }

    /// A folder of classes: those that are called like parts are worth a word.
    fn unparted(&mut self, folder: &Path, flat: &[&String]) -> Result<(), DataError> {
        for part in self.parts.iter_mut().skip(1) {
            let Some(path) = part.take() else { continue };
            let has_images = entries(&path)?.iter().any(|path| is_image(path));
            if !has_images {
                let message = format!(
                    "{} has folders in it, but there is no train/ with folders beside it",
                    shown(&path)
                );
                return Err(DataError::file(folder, message));
            }
        }
        self.parts[0] = Some(folder.to_owned());
        if !flat.is_empty() {
            let names: Vec<&str> = flat.iter().map(|name| name.as_str()).collect();
            self.notes.push(format!(
                "{} counts as a class: a part has a folder for each class in it",
                names.join(", ")
            ));
        }
        Ok(())
    }

    /// Classes are those of the training part.
    fn classes(&mut self, folder: &Path) -> Result<(), DataError> {
        let train = self.parts[0].as_deref().unwrap_or(folder);
        self.classes = folders(train)?;
        if self.classes.len() < 2 {
            if let Some((path, reason)) = self.bad.first() {
                return Err(DataError::file(path, reason));
            }
            let there = match self.classes.len() {
                0 => "no folder in it",
                _ => "1 folder in it",
            };
            let nested = nested(train, &self.classes);
            let message =
                format!("{there}: a folder of images needs one for each class, at least 2{nested}");
            return Err(DataError::file(train, message));
        }
        for part in self.parts.iter().skip(1).flatten() {
            let there = folders(part)?;
            let unknown: Vec<&String> = there
                .iter()
                .filter(|name| !self.classes.contains(name))
                .collect();
            if let Some(first) = unknown.first() {
                let message = format!(
                    "a class that {} does not have{}",
                    shown(train),
                    spelt(first, &self.classes, unknown.len())
                );
                return Err(DataError::file(&part.join(first), message));
            }
            let missing: Vec<&str> = self
                .classes
                .iter()
                .filter(|name| !there.contains(name))
                .map(String::as_str)
                .collect();
            if !missing.is_empty() {
                self.warnings.push(format!(
                    "{} has no folder of class {}",
                    shown(part),
                    few(&missing)
                ));
            }
        }
        Ok(())
    }
}

/// `: did you unpack it twice?` for a folder that is all there is.
fn nested(folder: &Path, names: &[String]) -> String {
    let [only] = names else { return String::new() };
    match folders(&folder.join(only)) {
        Ok(below) if below.len() > 1 => {
            format!("; {only}/ has {} folders: is that the one?", below.len())
        }
        _ => String::new(),
    }
}

fn spelt(name: &str, classes: &[String], unknown: usize) -> String {
    let same = classes
        .iter()
        .find(|class| class.to_lowercase() == name.to_lowercase());
    match same {
        Some(class) => format!(", which has {class}"),
        None if unknown > 1 => format!(", nor {} more", unknown - 1),
        None => String::new(),
    }
}

/// The first few names, and how many more there are.
pub(super) fn few(names: &[&str]) -> String {
    const FEW: usize = 10;
    match names.len().checked_sub(FEW) {
        Some(more @ 1..) => format!("{} and {more} more", names[..FEW].join(", ")),
        _ => names.join(", "),
    }
}

/// The last part of a folder's name, with a slash.
pub(super) fn shown(folder: &Path) -> String {
    format!(
        "{}/",
        folder.file_name().unwrap_or_default().to_string_lossy()
    )
}
