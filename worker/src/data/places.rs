//! Where a known set's files may lie: below or in the folders that were named, under the names that other programs and
//! archives give them. When they do not lie there, what does.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    slice,
};

use super::DataError;

/// How far below a named folder a set may lie: `cifar-10-python/cifar-10-batches-py`, and one more.
const DEPTH: usize = 3;
/// Names of a folder's content that are told when none of them means anything.
const TOLD: usize = 4;

/// What else these sets are kept in, by a part of the file's name in small letters.
const FORMATS: [(&str, &str); 11] = [
    (
        ".npz",
        "NumPy arrays, as Keras keeps them: not read by hone",
    ),
    (".npy", "a NumPy array: not read by hone"),
    (
        ".parquet",
        "a Parquet table, as Hugging Face keeps it: not read by hone",
    ),
    (
        ".arrow",
        "an Arrow table, as Hugging Face keeps it: not read by hone",
    ),
    (".csv", "a CSV table, as Kaggle has it: not read by hone"),
    (".tfrecord", "TensorFlow records: not read by hone"),
    (".pt", "PyTorch tensors: not read by hone"),
    (".mat", "MATLAB arrays: not read by hone"),
    (".tar", "an archive: unpack it there (tar -xf)"),
    (".tgz", "an archive: unpack it there (tar -xf)"),
    (".zip", "an archive: unpack it there"),
];

/// A folder that may hold a set.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    /// Whether the user or a folder's name says that it is this set's.
    pub(super) named: bool,
}

/// All places of one set, the likely ones first.
pub(super) struct Places<'a> {
    set: &'static str,
    tops: &'a [PathBuf],
    all: Vec<Place>,
}

impl<'a> Places<'a> {
    /// `names`: those of the set's folders, as [`bare`] writes them. `folder`: what the user named for this set alone, in
    /// place of `roots`.
    pub(super) fn new(
        set: &'static str,
        names: &[&str],
        roots: &'a [PathBuf],
        folder: Option<&'a PathBuf>,
    ) -> Places<'a> {
        let tops = folder.map_or(roots, slice::from_ref);
        let mut all = Vec::new();
        for top in tops {
            let named = folder.is_some() || says(top, names);
            let mut places = vec![Place {
                path: top.clone(),
                named,
            }];
            below(top, names, named, DEPTH, &mut places);
            // A root that holds all sorts of things comes after the folders in it that bear the set's name.
            places.sort_by_key(|place| !place.named);
            all.append(&mut places);
        }
        Places { set, tops, all }
    }

    /// All of them.
    pub(super) fn all(&self) -> &[Place] {
        &self.all
    }

    /// The first place where `find` finds the set. That others have it too is said to who looks closely.
    pub(super) fn first<T>(&self, find: impl Fn(&Place) -> Option<T>) -> Option<(&Place, T)> {
        let mut found = self
            .all
            .iter()
            .filter_map(|place| Some((place, find(place)?)));
        let first = found.next()?;
        for (other, _) in found {
            let (here, there) = (first.0.path.display(), other.path.display());
            tracing::debug!(
                "{}: read from {here}; {there} has it too and is passed over",
                self.set
            );
        }
        Some(first)
    }

    /// Why it was not found: `seen` at some places, else what lies there; and how to get `files` from `address`.
    pub(super) fn missing(
        &self,
        files: &str,
        address: &str,
        folder: &str,
        mut seen: Vec<String>,
    ) -> DataError {
        let set = self.set;
        if seen.is_empty() {
            seen = self
                .all
                .iter()
                .flat_map(|place| self.content(place))
                .collect();
        }
        seen.extend(self.tops.iter().filter_map(|top| unreadable(top)));
        if seen.is_empty() {
            let looked: Vec<String> = self
                .all
                .iter()
                .map(|place| place.path.display().to_string())
                .collect();
            seen.push(match &looked[..] {
                [] => "no folder is named by --data or HONE_DATA".to_owned(),
                looked => format!("looked in {}", looked.join(", ")),
            });
        }
        let mut told = BTreeSet::new();
        seen.retain(|text| told.insert(text.clone()));
        DataError::Missing {
            name: set.to_owned(),
            seen: format!("its files are not here ({})", seen.join("; ")),
            remedy: format!(
                "Get {files} from {address}, put them into DIR/{folder}/ and say --data DIR, or --data {set}=DIR for the \
                 folder that they lie in, or set HONE_DATA=DIR"
            ),
        }
    }

    /// What lies at a place, as far as it has to do with the set.
    fn content(&self, place: &Place) -> Vec<String> {
        let entries = sorted_entries(&place.path).unwrap_or_default();
        let inner = entries.iter().filter(|_| place.named);
        let inner = inner.flat_map(|path| sorted_entries(path).unwrap_or_default());
        let told: Vec<String> = entries
            .iter()
            .cloned()
            .chain(inner)
            .filter(|path| place.named || self.is_of(path))
            .filter_map(|path| Some(format!("{} is {}", path.display(), format_of(&path)?)))
            .take(TOLD)
            .collect();
        let deeper = entries
            .iter()
            .any(|path| self.all.iter().any(|other| other.path == *path));
        if !told.is_empty() || !place.named || deeper {
            return told;
        }
        let mut names: Vec<String> = entries
            .iter()
            .take(TOLD)
            .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
            .collect();
        if entries.len() > TOLD {
            names.push(format!("{} more", entries.len() - TOLD));
        }
        let names = if names.is_empty() {
            "nothing".to_owned()
        } else {
            names.join(", ")
        };
        vec![format!("in {} lies {names}", place.path.display())]
    }

    /// Whether a file's name begins with the set's: CIFAR-100 is another set than CIFAR-10.
    fn is_of(&self, path: &Path) -> bool {
        let name = bare_name(path);
        let rest = name.strip_prefix(&bare(self.set));
        rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_digit()))
    }
}

/// A file by its name: with other signs between the words, other capitals or `.gz`, the name as published first.
pub(super) fn file(folder: &Path, name: &str) -> Option<PathBuf> {
    let wanted = bare(name);
    let same = |path: &PathBuf| bare_name(path) == wanted;
    let entries: Vec<PathBuf> = sorted_entries(folder)
        .ok()?
        .into_iter()
        .filter(same)
        .collect();
    let other = |path: &PathBuf| path.file_name().is_none_or(|found| found != name);
    let files = entries.iter().filter(|path| path.is_file()).cloned();
    // Some archives unpack every file into a folder of its own name.
    let inner = || {
        let folders = entries.iter().filter(|path| path.is_dir());
        let files = folders.flat_map(|folder| sorted_entries(folder).unwrap_or_default());
        files.filter(same).find(|path| path.is_file())
    };
    // What bears the name and is no file is refused by whoever opens it, and not passed over.
    let no_file = || entries.iter().find(|path| !path.is_dir()).cloned();
    files.min_by_key(other).or_else(inner).or_else(no_file)
}

/// What systems leave in folders.
const LITTER: [&str; 3] = ["__macosx", "thumbs.db", "desktop.ini"];

/// What is in a folder, sorted by name, but for what is hidden and what systems leave.
pub(super) fn sorted_entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_lowercase();
        if !name.starts_with('.') && !LITTER.contains(&name.as_str()) {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

fn unreadable(folder: &Path) -> Option<String> {
    let error = fs::read_dir(folder).err()?;
    let path = folder.display();
    Some(match error.kind() {
        io::ErrorKind::NotFound => format!("there is no folder {path}"),
        _ => format!("{path} cannot be read: {error}"),
    })
}

/// The folders below that bear one of the names, nearest first.
fn below(folder: &Path, names: &[&str], named: bool, depth: usize, to: &mut Vec<Place>) {
    if depth == 0 {
        return;
    }
    let folders = sorted_entries(folder).unwrap_or_default();
    for name in names.iter().chain([&RAW]) {
        for path in folders
            .iter()
            .filter(|path| bare_name(path) == *name && path.is_dir())
        {
            let named = named || *name != RAW;
            to.push(Place {
                path: path.clone(),
                named,
            });
            below(path, names, named, depth - 1, to);
        }
    }
}

/// Where torchvision keeps what it downloads, below a folder of the set's name.
const RAW: &str = "raw";

/// Whether a folder's name, or that of the one around a `raw`, is one of these.
fn says(folder: &Path, names: &[&str]) -> bool {
    // The name of `.` is in the whole path.
    let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let mut names_above = whole
        .ancestors()
        .map(bare_name)
        .skip_while(|name| name == RAW);
    names_above
        .next()
        .is_some_and(|name| names.contains(&&*name))
}

/// The letters and digits of a name without `.gz`, in small letters: `train-images.idx3-ubyte.gz` is `trainimagesidx3ubyte`.
pub(super) fn bare(name: &str) -> String {
    let name = name.to_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    name.chars().filter(char::is_ascii_alphanumeric).collect()
}

fn bare_name(path: &Path) -> String {
    bare(&path.file_name().unwrap_or_default().to_string_lossy())
}

fn format_of(path: &Path) -> Option<&'static str> {
    let name = path.file_name()?.to_string_lossy().to_lowercase();
    let known = FORMATS.iter().find(|(part, _)| name.contains(part));
    known.map(|(_, what)| *what)
}

#[cfg(test)]
mod tests;
