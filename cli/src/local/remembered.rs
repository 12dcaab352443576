//! Where data sets were on this machine, in a file of this user's: neither the database nor the wire knows a path. So a later
//! command finds a sweep's folder again, and notices when the images in it have changed.

use std::{
    fs::{self, File},
    io::{ErrorKind, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use hone_worker::user_file;
use serde::{Deserialize, Serialize};

use crate::output::{out, style::environment};

/// Lines beyond this are forgotten, the oldest first.
const MOST: usize = 4096;
/// No honest file is longer.
const MOST_BYTES: u64 = 8 << 20;

/// What was found here at earlier launches.
#[derive(Clone, Debug, Default)]
pub struct Remembered {
    /// `None` where the environment names no home: nothing is remembered then.
    file: Option<PathBuf>,
    sightings: Vec<Sighting>,
}

/// One data set in one place, when a sweep file was launched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// Identity of the sweep file.
    pub file: String,
    /// The folder, or the name of a known set.
    pub place: String,
    /// Hash of the set, hex.
    pub hash: String,
}

impl Remembered {
    /// Reads what is there. A line that is none of ours is passed over.
    pub fn read() -> Self {
        Self::read_from(state_folder().map(|folder| folder.join("hone/data.jsonl")))
    }

    fn read_from(file: Option<PathBuf>) -> Self {
        let mut text = Vec::new();
        match file.as_ref().map(|path| (path, user_file::open(path))) {
            // What cannot be read is not remembered: that costs a hint, and no sweep.
            Some((_, Ok(found))) => {
                let _ = found.take(MOST_BYTES).read_to_end(&mut text);
            }
            // A folder, or a pipe, is nothing to write either.
            Some((path, Err(error))) if error.kind() == ErrorKind::InvalidInput => {
                let path = path.display();
                out::note(format!(
                    "{path}: {error}; nothing is remembered of where data sets lie"
                ));
                return Self::default();
            }
            _ => {}
        }
        let lines = String::from_utf8_lossy(&text);
        let sightings = lines
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        Self {
            sightings: sightings.collect(),
            file,
        }
    }

    /// Hashes of what was found in this place when this sweep file was launched before, newest last.
    pub fn hashes(&self, file: &str, place: &str) -> Vec<[u8; 32]> {
        let same = self
            .sightings
            .iter()
            .filter(|s| s.file == file && s.place == place);
        same.filter_map(|s| blake3::Hash::from_hex(&s.hash).ok())
            .map(|hash| *hash.as_bytes())
            .collect()
    }

    /// The newest folder in which a set with this hash was found, if it is still there.
    pub fn folder_of(&self, hash: &str) -> Option<PathBuf> {
        let of_hash = self.sightings.iter().rev().filter(|s| s.hash == hash);
        of_hash
            .map(|s| PathBuf::from(&s.place))
            .find(|path| path.is_absolute() && path.is_dir())
    }

    /// Notes it down for later commands. Failing to costs a hint later, and nothing now.
    pub fn note(&mut self, seen: Sighting) {
        let Some(file) = self.file.clone() else {
            return;
        };
        let newest = |s: &&Sighting| s.file == seen.file && s.place == seen.place;
        if self.sightings.iter().rev().find(newest) == Some(&seen) {
            return;
        }
        self.sightings.push(seen);
        let written = if self.sightings.len() > MOST {
            self.sightings.drain(..MOST / 2);
            rewrite(&file, &self.sightings)
        } else {
            append(&file, &self.sightings[self.sightings.len() - 1..])
        };
        if let Err(error) = written {
            tracing::debug!(file = %file.display(), %error, "data sets not remembered");
        }
    }
}

/// One write, so that two commands at once leave two whole lines. A last line that was torn keeps to itself.
fn append(file: &Path, new: &[Sighting]) -> anyhow::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut to = File::options()
        .create(true)
        .append(true)
        .read(true)
        .open(file)?;
    let mut last = [b'\n'];
    if to.seek(SeekFrom::End(-1)).is_ok() {
        to.read_exact(&mut last)?;
    }
    let torn = if last == *b"\n" { "" } else { "\n" };
    Ok(to.write_all((torn.to_owned() + &lines(new)?).as_bytes())?)
}

fn rewrite(file: &Path, all: &[Sighting]) -> anyhow::Result<()> {
    let beside = file.with_extension(format!("{}.tmp", std::process::id()));
    fs::write(&beside, lines(all)?)?;
    Ok(fs::rename(&beside, file)?)
}

fn lines(all: &[Sighting]) -> serde_json::Result<String> {
    all.iter()
        .map(|seen| Ok(serde_json::to_string(seen)? + "\n"))
        .collect()
}

/// `$XDG_STATE_HOME`, or its place below the home folder.
fn state_folder() -> Option<PathBuf> {
    let named = environment("XDG_STATE_HOME").map(PathBuf::from);
    let usual = || environment("HOME").map(|home| Path::new(&home).join(".local/state"));
    named.filter(|path| path.is_absolute()).or_else(usual)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(file: &str, place: &Path, byte: u8) -> Sighting {
        Sighting {
            file: file.to_owned(),
            place: place.display().to_string(),
            hash: blake3::Hash::from_bytes([byte; 32]).to_hex().to_string(),
        }
    }

    #[test]
    fn what_was_seen_is_there_for_the_next_command() {
        let home = tempfile::tempdir().expect("a folder");
        let (file, place) = (
            home.path().join("new/data.jsonl"),
            home.path().join("flowers"),
        );
        fs::create_dir(&place).expect("a folder");
        let mut first = Remembered::read_from(Some(file.clone()));
        assert_eq!(first.folder_of(&seen("a", &place, 1).hash), None);
        first.note(seen("a", &place, 1));
        first.note(seen("a", &place, 1));
        first.note(seen("a", &place, 2));
        fs::OpenOptions::new()
            .append(true)
            .open(&file)
            .and_then(|mut f| f.write_all(b"no line of ours\n\xff\n"))
            .expect("written");
        let next = Remembered::read_from(Some(file));
        let at = place.display().to_string();
        assert_eq!(next.hashes("a", &at), [[1; 32], [2; 32]]);
        assert_eq!(next.hashes("b", &at), [[0; 32]; 0]);
        assert_eq!(
            next.folder_of(&seen("a", &place, 1).hash),
            Some(place.clone())
        );
        fs::remove_dir(&place).expect("removed");
        assert_eq!(next.folder_of(&seen("a", &place, 1).hash), None);
    }

    #[test]
    fn a_torn_line_takes_no_other_with_it() {
        let home = tempfile::tempdir().expect("a folder");
        let (file, place) = (home.path().join("data.jsonl"), home.path());
        let at = place.display().to_string();
        for torn in ["", "{\"file\":\"a\",\"pla", "no line of ours\n"] {
            fs::write(&file, torn).expect("written");
            Remembered::read_from(Some(file.clone())).note(seen("a", place, 1));
            Remembered::read_from(Some(file.clone())).note(seen("a", place, 2));
            let next = Remembered::read_from(Some(file.clone()));
            assert_eq!(next.hashes("a", &at), [[1; 32], [2; 32]], "{torn:?}");
        }
        // A folder, or a pipe, is nothing to read or write.
        let mut none = Remembered::read_from(Some(place.to_owned()));
        none.note(seen("a", place, 1));
        assert_eq!(none.sightings, []);
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let home = tempfile::tempdir().expect("a folder");
        let file = home.path().join("data.jsonl");
        let mut remembered = Remembered::read_from(Some(file.clone()));
        for n in 0..=MOST {
            remembered.note(seen(&n.to_string(), home.path(), 1));
        }
        let next = Remembered::read_from(Some(file));
        assert_eq!(next.sightings.len(), MOST + 1 - MOST / 2);
        assert_eq!(next.sightings.last().expect("some").file, MOST.to_string());
    }
}
