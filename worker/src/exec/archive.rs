//! A program's checkpoint directory as one file: a tar of plain files and directories, opened by nobody but us.
//!
//! The first entry says which epoch the worker had heard of; the program's own files lie below `files/`. The same files
//! give the same bytes: times and owners are left out.

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read, Write},
    path::{Component, Path, PathBuf},
};

use tar::{Archive, Builder, EntryType, Header};

use crate::{checkpoint::LARGEST, user_file};

/// Most files and directories in an archive.
const ENTRIES: usize = 100_000;

const EPOCH: &str = "hone.json";
const FILES: &str = "files";

/// Writes `directory` to `to`.
///
/// # Errors
/// In words: the disk, more than 1 GiB, something that is neither a file nor a directory.
pub(super) fn pack(directory: &Path, epoch: u32, to: &Path) -> Result<(), String> {
    let entries = list(directory)?;
    let fail = |error: io::Error| format!("{}: {error}", to.display());
    let mut tar = Builder::new(BufWriter::new(File::create(to).map_err(fail)?));
    let said = format!("{{\"epoch\":{epoch}}}");
    let mut header = header(EntryType::Regular, said.len() as u64);
    tar.append_data(&mut header, EPOCH, said.as_bytes())
        .map_err(fail)?;
    for (relative, size) in entries {
        let path = directory.join(&relative);
        let name = Path::new(FILES).join(&relative);
        let fail = |error: io::Error| format!("{}: {error}", path.display());
        match size {
            None => {
                let mut header = self::header(EntryType::Directory, 0);
                tar.append_data(&mut header, &name, io::empty())
                    .map_err(fail)?;
            }
            Some(size) => {
                let mut header = self::header(EntryType::Regular, size);
                // A file that grows or shrinks meanwhile must not shift what follows it.
                let content = user_file::open(&path)
                    .map_err(fail)?
                    .chain(io::repeat(0))
                    .take(size);
                tar.append_data(&mut header, &name, content).map_err(fail)?;
            }
        }
    }
    tar.into_inner()
        .and_then(|mut file| file.flush())
        .map_err(fail)
}

/// Unpacks what [`pack`] wrote into `directory` and returns the epoch.
///
/// # Errors
/// In words: no such archive, more than 1 GiB unpacked, a path that leads out of the directory, a link.
pub(super) fn unpack(from: &Path, directory: &Path) -> Result<u32, String> {
    let file = File::open(from).map_err(|error| error.to_string())?;
    let mut archive = Archive::new(BufReader::new(file));
    let mut epoch = None;
    let mut unpacked = 0;
    let entries = archive.entries().map_err(|error| error.to_string())?;
    for (number, entry) in entries.enumerate() {
        let mut entry = entry.map_err(|error| error.to_string())?;
        let path = entry
            .path()
            .map_err(|error| error.to_string())?
            .into_owned();
        unpacked += entry.size();
        if unpacked > LARGEST || number > ENTRIES {
            return Err(format!("more than {LARGEST} bytes or {ENTRIES} entries"));
        }
        if number == 0 && path == Path::new(EPOCH) {
            let said: serde_json::Value =
                serde_json::from_reader(entry).map_err(|error| error.to_string())?;
            epoch = said["epoch"].as_u64().and_then(|e| u32::try_from(e).ok());
            continue;
        }
        let to = directory.join(below(&path)?);
        let fail = |error: io::Error| format!("{}: {error}", to.display());
        match entry.header().entry_type() {
            EntryType::Directory => fs::create_dir_all(&to).map_err(fail)?,
            EntryType::Regular => {
                if let Some(parent) = to.parent() {
                    fs::create_dir_all(parent).map_err(fail)?;
                }
                let mut file = File::create(&to).map_err(fail)?;
                io::copy(&mut entry, &mut file).map_err(fail)?;
            }
            other => return Err(format!("{} is a {other:?}", path.display())),
        }
    }
    epoch.ok_or_else(|| "it does not say its epoch".to_owned())
}

/// The path below `files/`, if it is nothing but names.
fn below(path: &Path) -> Result<PathBuf, String> {
    let inner = path
        .strip_prefix(FILES)
        .map_err(|_| format!("{} is not below {FILES}/", path.display()))?;
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    if inner.components().all(plain) {
        Ok(inner.to_owned())
    } else {
        Err(format!("{} leads out of the directory", path.display()))
    }
}

fn header(kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(if kind == EntryType::Directory {
        0o755
    } else {
        0o644
    });
    header
}

/// Every directory (no size) and file below `root`, in the order of their names.
fn list(root: &Path) -> Result<Vec<(PathBuf, Option<u64>)>, String> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::new()];
    let mut total = 0;
    while let Some(relative) = open.pop() {
        let directory = root.join(&relative);
        let fail = |error: io::Error| format!("{}: {error}", directory.display());
        for entry in fs::read_dir(&directory).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let metadata = entry.metadata().map_err(fail)?;
            let path = relative.join(entry.file_name());
            if metadata.is_dir() {
                open.push(path.clone());
                found.push((path, None));
            } else if metadata.is_file() {
                total += metadata.len();
                found.push((path, Some(metadata.len())));
            } else {
                let path = entry.path();
                return Err(format!("{} is no plain file", path.display()));
            }
            if total > LARGEST || found.len() > ENTRIES {
                return Err(format!(
                    "{} holds more than {LARGEST} bytes or {ENTRIES} files",
                    root.display()
                ));
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_comes_back_and_the_bytes_depend_on_nothing_else() {
        let scratch = tempfile::tempdir().unwrap();
        let from = scratch.path().join("from");
        fs::create_dir_all(from.join("deep/er")).unwrap();
        fs::write(from.join("deep/er/weights"), [7; 3000]).unwrap();
        fs::write(from.join("a"), "").unwrap();
        let packed = scratch.path().join("packed");
        pack(&from, 4, &packed).unwrap();
        let to = scratch.path().join("to");
        assert_eq!(unpack(&packed, &to), Ok(4));
        assert_eq!(fs::read(to.join("deep/er/weights")).unwrap(), [7; 3000]);
        let again = scratch.path().join("again");
        pack(&to, 4, &again).unwrap();
        assert_eq!(fs::read(&packed).unwrap(), fs::read(&again).unwrap());
    }

    #[test]
    fn an_archive_cannot_write_elsewhere_nor_hold_links() {
        let scratch = tempfile::tempdir().unwrap();
        let to = scratch.path().join("to");
        for (name, kind) in [
            ("files/../../out", EntryType::Regular),
            ("elsewhere", EntryType::Regular),
            ("files/link", EntryType::Symlink),
        ] {
            let path = scratch.path().join("evil");
            let mut tar = Builder::new(File::create(&path).unwrap());
            let mut header = header(kind, 2);
            // The library refuses such names; whoever attacks does not use it.
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            tar.append(&header, &b"hi"[..]).unwrap();
            tar.into_inner().unwrap();
            assert!(unpack(&path, &to).is_err(), "{name}");
        }
        assert!(!scratch.path().join("out").exists());
    }

    #[test]
    fn damaged_archives_are_errors() {
        let scratch = tempfile::tempdir().unwrap();
        let from = scratch.path().join("from");
        fs::create_dir_all(&from).unwrap();
        fs::write(from.join("a"), [1; 600]).unwrap();
        let packed = scratch.path().join("packed");
        pack(&from, 4, &packed).unwrap();
        let whole = fs::read(&packed).unwrap();
        for length in [0, 1, 511, 700, 1100, 1700] {
            fs::write(&packed, &whole[..length]).unwrap();
            let to = scratch.path().join(format!("to-{length}"));
            let unpacked = unpack(&packed, &to);
            assert!(unpacked.is_err(), "{length}: {unpacked:?}");
        }
    }
}
