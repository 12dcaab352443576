//! Checkpoints and weights on this worker's disk: files named by the hash of their content.
//!
//! A checkpoint costs time, never truth: whatever is wrong with one, the trial is trained again from an earlier one or
//! from the start, to the same bits.

use std::{
    collections::{HashMap, VecDeque},
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use crate::{
    client::{Blob, BlobKind},
    scratch::hex,
};

/// Largest file that travels or is opened.
pub(crate) const LARGEST: u64 = 1 << 30;

/// Files that nobody asked for in this time are removed, whatever the budget.
const OLDEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// How many of them a worker names when it asks for a trial.
const NAMED: usize = 256;

/// The directory of checkpoints, shared by the workers of a machine.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    directory: PathBuf,
    budget: u64,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Files in use by attempts under way, which the budget does not take.
    held: HashMap<[u8; 32], usize>,
    /// The newest last. Kept here, since a slot that asks for work must not read a directory of thousands of files.
    recent: VecDeque<[u8; 32]>,
    /// Bytes written since the directory was last looked through.
    written: u64,
}

/// Keeps a file from being collected.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    checkpoints: &'a Checkpoints,
    hash: [u8; 32],
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.checkpoints.release(&self.hash);
    }
}

impl Checkpoints {
    pub(crate) fn new(directory: PathBuf, budget: u64) -> Self {
        let checkpoints = Self {
            directory,
            budget,
            known: Mutex::default(),
        };
        let mut files = checkpoints.files();
        files.sort_by_key(|file| file.modified);
        let newest = files.iter().rev().take(NAMED).rev();
        checkpoints
            .lock()
            .recent
            .extend(newest.map(|file| file.hash));
        checkpoints
    }

    /// Makes `temporary` durable under its hash and takes it into use: it stays until [`release`](Self::release) and
    /// after that until the budget needs its place.
    ///
    /// # Errors
    /// Those of the disk; a file above [`LARGEST`].
    pub(crate) fn keep(&self, temporary: &Path, kind: BlobKind, epoch: u32) -> io::Result<Blob> {
        let file = File::open(temporary)?;
        file.sync_all()?;
        let (hash, size) = hash(file)?;
        if size > LARGEST {
            let _ = fs::remove_file(temporary);
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("{size} bytes, at most {LARGEST} can be kept"),
            ));
        }
        self.hold(hash);
        fs::rename(temporary, self.path(&hash))?;
        File::open(&self.directory)?.sync_all()?;
        if self.has_come(hash, size) {
            self.collect();
        }
        Ok(Blob {
            hash,
            size,
            kind,
            epoch,
        })
    }

    /// The file of `blob`, if it is here and its content has that hash.
    pub(crate) fn find(&self, blob: &Blob) -> Option<PathBuf> {
        let path = self.path(&blob.hash);
        let file = File::open(&path).ok()?;
        if file.metadata().ok()?.len() != blob.size {
            return None;
        }
        let (found, _) = hash(file).ok()?;
        if found == blob.hash {
            return Some(path);
        }
        tracing::warn!(path = %path.display(), "a checkpoint's content has changed on disk; it is not used");
        let _ = fs::remove_file(&path);
        None
    }

    /// Hashes of the newest files, as far as this process knows.
    pub(crate) fn newest(&self) -> Vec<[u8; 32]> {
        self.lock().recent.iter().rev().copied().collect()
    }

    /// Where the file with this hash lies, or would.
    pub(crate) fn path(&self, hash: &[u8; 32]) -> PathBuf {
        self.directory.join(hex(hash))
    }

    /// Keeps a file from being collected as long as the answer lives.
    pub(crate) fn using(&self, hash: [u8; 32]) -> Held<'_> {
        self.hold(hash);
        Held {
            checkpoints: self,
            hash,
        }
    }

    /// Ends one use of a file.
    pub(crate) fn release(&self, hash: &[u8; 32]) {
        let held = &mut self.lock().held;
        if let Some(uses) = held.get_mut(hash) {
            *uses -= 1;
            if *uses == 0 {
                held.remove(hash);
            }
        }
    }

    /// Removes a file that nobody will ask for again, unless it is in use elsewhere.
    pub(crate) fn remove(&self, hash: &[u8; 32]) {
        let mut known = self.lock();
        if !known.held.contains_key(hash) {
            known.recent.retain(|recent| recent != hash);
            let _ = fs::remove_file(self.path(hash));
        }
    }

    /// Removes the oldest files until the others fit the budget, and those too old to be wanted.
    #[expect(
        clippy::disallowed_methods,
        reason = "compared with the times of files, nothing else"
    )]
    pub(crate) fn collect(&self) {
        let mut files = self.files();
        files.sort_by_key(|file| std::cmp::Reverse(file.modified));
        let oldest = SystemTime::now() - OLDEST;
        let mut known = self.lock();
        known.written = 0;
        let mut used = 0;
        for file in files {
            used += file.size;
            let unwanted = used > self.budget || file.modified < oldest;
            if unwanted && !known.held.contains_key(&file.hash) {
                used -= file.size;
                known.recent.retain(|recent| *recent != file.hash);
                let _ = fs::remove_file(self.path(&file.hash));
            }
        }
    }

    fn hold(&self, hash: [u8; 32]) {
        *self.lock().held.entry(hash).or_default() += 1;
    }

    /// Remembers a new file; returns whether it is time to look through the directory.
    fn has_come(&self, hash: [u8; 32], size: u64) -> bool {
        let mut known = self.lock();
        known.recent.retain(|recent| *recent != hash);
        known.recent.push_back(hash);
        if known.recent.len() > NAMED {
            known.recent.pop_front();
        }
        known.written += size;
        known.written > self.budget / 16
    }

    fn files(&self) -> Vec<Kept> {
        let Ok(entries) = fs::read_dir(&self.directory) else {
            return Vec::new();
        };
        entries
            .flatten()
            .filter_map(|entry| {
                let hash = unhex(entry.file_name().to_str()?)?;
                let metadata = entry.metadata().ok()?;
                Some(Kept {
                    hash,
                    size: metadata.len(),
                    modified: metadata.modified().ok()?,
                })
            })
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Kept {
    hash: [u8; 32],
    size: u64,
    modified: SystemTime,
}

/// blake3 and length of what can still be read.
fn hash(mut from: impl Read) -> io::Result<([u8; 32], u64)> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match from.read(&mut buffer)? {
            0 => break,
            read => hasher.update(&buffer[..read]),
        };
    }
    Ok((*hasher.finalize().as_bytes(), hasher.count()))
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut hash = [0; 32];
    for (byte, at) in hash.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(checkpoints: &Checkpoints, directory: &Path, content: &[u8]) -> Blob {
        let temporary = directory.join("temporary");
        fs::write(&temporary, content).unwrap();
        checkpoints
            .keep(&temporary, BlobKind::Checkpoint, 3)
            .unwrap()
    }

    #[test]
    fn a_file_is_found_by_its_hash_and_only_with_its_content() {
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path().join("checkpoints");
        fs::create_dir(&store).unwrap();
        let checkpoints = Checkpoints::new(store, 1 << 20);
        let blob = kept(&checkpoints, directory.path(), b"weights");
        assert_eq!(blob.size, 7);
        assert_eq!(checkpoints.newest(), vec![blob.hash]);
        let path = checkpoints.find(&blob).unwrap();
        fs::write(&path, b"weightz").unwrap();
        assert_eq!(checkpoints.find(&blob), None);
        assert!(!path.exists());
    }

    #[test]
    fn the_budget_takes_files_that_nobody_uses() {
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path().join("checkpoints");
        fs::create_dir(&store).unwrap();
        let checkpoints = Checkpoints::new(store, 10);
        let first = kept(&checkpoints, directory.path(), b"12345678");
        let second = kept(&checkpoints, directory.path(), b"abcdefgh");
        assert!(checkpoints.find(&first).is_some(), "both are in use");
        checkpoints.release(&first.hash);
        checkpoints.release(&second.hash);
        checkpoints.collect();
        assert_eq!(checkpoints.newest().len(), 1);
    }
}
