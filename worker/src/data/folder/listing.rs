//! Which files are images, and what is passed over.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::data::{DataError, inventory::PassedOver, places::sorted_entries};

const KINDS: [&str; 3] = ["png", "jpg", "jpeg"];
/// Folders below a class are looked into so deep.
const DEPTH: usize = 8;
/// So many kinds of files are listed.
const LISTED: usize = 20;

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

    /// The commonest kind first, paths as seen from `root`. Names are the user's, so there may be any number of kinds.
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
        if all.len() > LISTED {
            let rest = all.split_off(LISTED);
            all.push(PassedOver {
                what: "of other kinds".into(),
                files: rest.iter().map(|kind| kind.files).sum(),
                example: rest[0].example.clone(),
            });
        }
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

/// A path as seen from a folder above it, on one line.
pub(super) fn below(root: &Path, path: &Path) -> String {
    let path = path.strip_prefix(root).unwrap_or(path);
    path.display()
        .to_string()
        .replace(char::is_control, "\u{fffd}")
}

/// The ending of a name, in small letters.
pub(super) fn extension(path: &Path) -> String {
    path.extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase()
}

pub(super) fn is_image(path: &Path) -> bool {
    KINDS.contains(&extension(path).as_str())
}

fn kind(path: &Path) -> String {
    match extension(path).as_str() {
        "" => "without an ending".into(),
        other => format!(".{other}"),
    }
}

/// Names of the folders in a folder, sorted; hidden ones do not count, nor [`unusable`] ones.
pub(super) fn folders(folder: &Path) -> Result<Vec<String>, DataError> {
    let names = entries(folder)?.into_iter().filter(|path| path.is_dir());
    Ok(names.filter_map(|path| text_name(&path)).collect())
}

/// What may have been meant as a folder of a class or a part, and why it is none.
pub(super) fn unusable(folder: &Path) -> Result<Vec<(PathBuf, String)>, DataError> {
    let reason = |path: &PathBuf| match fs::metadata(path) {
        Err(error) if path.is_symlink() => Some(format!("a link to what is not there: {error}")),
        Ok(about) if about.is_dir() && text_name(path).is_none() => {
            Some("the name of a class must be valid UTF-8".to_owned())
        }
        _ => None,
    };
    let paths = entries(folder)?.into_iter();
    Ok(paths
        .filter_map(|path| reason(&path).map(|why| (path, why)))
        .collect())
}

/// What is in a folder, as [`sorted_entries`] has it.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    sorted_entries(folder).map_err(|error| DataError::file(folder, error))
}

fn text_name(path: &Path) -> Option<String> {
    path.file_name()?.to_str().map(str::to_owned)
}
