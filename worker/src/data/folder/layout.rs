//! Which folders are parts and classes, and which files in them are images.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::data::{DataError, inventory::PassedOver};

const KINDS: [&str; 3] = ["png", "jpg", "jpeg"];
/// Names of the parts, capitals apart: training, validation, test.
const PARTS: [&[&str]; 3] = [
    &["train", "training"],
    &["val", "valid", "validation"],
    &["test", "testing"],
];
/// What systems leave in folders.
const LITTER: [&str; 3] = ["__macosx", "thumbs.db", "desktop.ini"];
/// Folders below a class are looked into so deep.
const DEPTH: usize = 8;

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
            self.warnings.push(format!(
                "not read, since it is no part with a folder for each class: {}",
                others.join(", ")
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
            let message = format!(
                "{} folders in it: a folder of images needs one for each class, at least 2{}",
                self.classes.len(),
                nested(train, &self.classes)
            );
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

/// Files that are not read, by kind.
#[derive(Debug, Default)]
pub(super) struct Passed(BTreeMap<String, (usize, PathBuf)>);

impl Passed {
    /// Counts the files beside the classes' folders.
    pub(super) fn beside(&mut self, folder: &Path) -> Result<(), DataError> {
        for path in entries(folder)?.into_iter().filter(|path| !path.is_dir()) {
            let what = if is_image(&path) {
                "beside the folders of the classes".into()
            } else {
                kind(&path)
            };
            self.add(what, path);
        }
        Ok(())
    }

    /// The images of a class, sorted by name; what else is there is counted.
    pub(super) fn images(&mut self, class: &Path) -> Result<Vec<PathBuf>, DataError> {
        let mut images = Vec::new();
        for path in entries(class)? {
            if path.is_dir() {
                self.below(&path, DEPTH);
            } else if is_image(&path) {
                images.push(path);
            } else {
                self.add(kind(&path), path);
            }
        }
        Ok(images)
    }

    /// Counts the images in a folder below a class. Links are not followed: they may lead in a circle.
    fn below(&mut self, folder: &Path, depth: usize) {
        // A folder that cannot be read has nothing to be counted.
        for path in entries(folder).unwrap_or_default() {
            if path.is_dir() && !path.is_symlink() && depth > 0 {
                self.below(&path, depth - 1);
            } else if is_image(&path) {
                self.add("in folders below a class".into(), path);
            }
        }
    }

    fn add(&mut self, what: String, path: PathBuf) {
        self.0.entry(what).or_insert((0, path)).0 += 1;
    }

    /// The commonest kind first, paths as seen from `root`.
    pub(super) fn list(self, root: &Path) -> Vec<PassedOver> {
        let kinds = self
            .0
            .into_iter()
            .map(|(what, (files, example))| PassedOver {
                what,
                files,
                example: below(root, &example),
            });
        let mut all: Vec<PassedOver> = kinds.collect();
        all.sort_by_key(|kind| std::cmp::Reverse(kind.files));
        all
    }
}

/// Kinds of the files in a folder.
pub(super) fn kinds(folder: &Path) -> Vec<String> {
    let files = entries(folder).unwrap_or_default().into_iter();
    let mut kinds: Vec<String> = files
        .map(|path| match path.is_dir() {
            true => "folders".into(),
            false => kind(&path),
        })
        .collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

/// A path as seen from a folder above it.
pub(super) fn below(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .display()
        .to_string()
}

fn extension(path: &Path) -> String {
    path.extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase()
}

fn is_image(path: &Path) -> bool {
    KINDS.contains(&extension(path).as_str())
}

fn kind(path: &Path) -> String {
    match extension(path).as_str() {
        "" => "without an ending".into(),
        other => format!(".{other}"),
    }
}

/// Names of the folders in a folder, sorted; hidden ones do not count.
fn folders(folder: &Path) -> Result<Vec<String>, DataError> {
    let names = entries(folder)?.into_iter().filter(|path| path.is_dir());
    names.map(|path| text_name(&path)).collect()
}

/// What is in a folder, sorted by name, but for what is hidden and what systems leave.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let wrong = |error| DataError::file(folder, error);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(wrong)? {
        let entry = entry.map_err(wrong)?;
        let name = entry.file_name().to_string_lossy().to_lowercase();
        if !name.starts_with('.') && !LITTER.contains(&name.as_str()) {
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
