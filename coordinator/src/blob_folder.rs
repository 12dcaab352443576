//! Checkpoints and weights as files beside the database, named by their blake3 hash.
//!
//! A blob arrives in pieces into a temporary file, is checked, synced and renamed, and only then committed through the
//! writer; a crash leaves at worst a file that nobody names, which the next start removes. Blocking calls: the caller
//! keeps them off the runtime's threads.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::ids::{AttemptNumber, Hash, TrialKey};

/// A piece is at most this long, in bytes.
pub const PIECE: usize = 1 << 20;
/// The largest blob: what `docs/worker.md` allows an external program's checkpoint.
pub const LARGEST: u64 = 1 << 30;

/// Where a database keeps its blobs. A folder of its own: whoever opens it removes what that database does not name.
pub fn blob_folder_of(database: &Path) -> PathBuf {
    let name = database.file_name().unwrap_or_default();
    database.with_file_name("blobs").join(name)
}

/// Where a backup keeps the blobs that it names.
pub fn backup_folder_of(backup: &Path) -> PathBuf {
    let mut name = backup.file_name().unwrap_or_default().to_owned();
    name.push(".blobs");
    backup.with_file_name(name)
}

/// Why a piece was not taken or given.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// More than [`LARGEST`].
    #[error("a blob of {size} bytes is larger than the {LARGEST} allowed")]
    TooLarge { size: u64 },
    /// A piece that is too long, or reaches past the announced size.
    #[error(
        "a piece of {length} bytes at {offset} does not fit a blob of {size} bytes in pieces of {PIECE}"
    )]
    BadPiece {
        offset: u64,
        length: usize,
        size: u64,
    },
    /// All pieces are here, and they are something else.
    #[error("the content has the hash {found}, announced was {announced}")]
    WrongHash { announced: Hash, found: Hash },
    /// The disk budget is used up.
    #[error("blobs use {used} of {budget} bytes: no room for {size} more")]
    Full {
        /// Stored and under way.
        used: u64,
        budget: u64,
        size: u64,
    },
    /// No such blob, or none of the size its row says.
    #[error("no blob {0}")]
    Missing(Hash),
    /// The disk says no.
    #[error("blob {path}: {source}", path = path.display())]
    Disk { path: PathBuf, source: io::Error },
}

/// One upload: a blob of one attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UploadKey {
    pub trial: TrialKey,
    pub attempt: AttemptNumber,
    /// What it will be.
    pub hash: Hash,
}

/// Where an upload stands after a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Bytes here so far: where to go on.
    pub bytes: u64,
    /// The whole blob is here, checked and synced.
    pub complete: bool,
}

#[derive(Debug)]
struct Upload {
    file: File,
    path: PathBuf,
    hasher: blake3::Hasher,
    received: u64,
}

impl Drop for Upload {
    fn drop(&mut self) {
        // After the rename there is nothing here any more; a file left behind is swept at the next start.
        let _ = fs::remove_file(&self.path);
    }
}

/// The folder of blobs.
#[derive(Debug)]
pub struct Blobs {
    folder: PathBuf,
    budget: u64,
    used: AtomicU64,
    names: AtomicU64,
    uploads: Mutex<HashMap<UploadKey, Arc<Mutex<Upload>>>>,
}

impl Blobs {
    /// Opens or makes the folder, removing unfinished uploads and every blob that `keep` does not name.
    pub fn open(folder: &Path, budget: u64, keep: &HashSet<Hash>) -> Result<Self, BlobError> {
        let at = |source| BlobError::Disk {
            path: folder.to_path_buf(),
            source,
        };
        fs::create_dir_all(folder).map_err(at)?;
        let keep: HashSet<String> = keep.iter().map(ToString::to_string).collect();
        let mut used = 0;
        for entry in fs::read_dir(folder).map_err(at)? {
            let entry = entry.map_err(at)?;
            let name = entry.file_name();
            if name.to_str().is_some_and(|name| keep.contains(name)) {
                used += entry.metadata().map_err(at)?.len();
            } else if name.to_str().is_some_and(is_ours) {
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(Self {
            folder: folder.to_path_buf(),
            budget,
            used: AtomicU64::new(used),
            names: AtomicU64::new(0),
            uploads: Mutex::default(),
        })
    }

    /// Where a blob lies once it is complete.
    pub fn path(&self, hash: Hash) -> PathBuf {
        self.folder.join(hash.to_string())
    }

    /// Takes one piece. A piece that does not start where the upload stands changes nothing; the answer says where to
    /// go on. A blob that is here already is complete at once.
    pub fn put(
        &self,
        key: &UploadKey,
        size: u64,
        offset: u64,
        data: &[u8],
    ) -> Result<Received, BlobError> {
        if size > LARGEST {
            return Err(BlobError::TooLarge { size });
        }
        let end = offset.saturating_add(data.len() as u64);
        if data.len() > PIECE || end > size || (data.is_empty() && size > 0) {
            return Err(BlobError::BadPiece {
                offset,
                length: data.len(),
                size,
            });
        }
        if self.stored_size(key.hash) == Some(size) {
            return Ok(Received {
                bytes: size,
                complete: true,
            });
        }
        let upload = self.upload(key, size)?;
        let mut upload = upload.lock().unwrap_or_else(PoisonError::into_inner);
        if offset == upload.received {
            self.append(&mut upload, data)?;
        }
        let bytes = upload.received;
        if bytes < size {
            return Ok(Received {
                bytes,
                complete: false,
            });
        }
        let done = self.complete(key, &mut upload);
        drop(upload);
        self.forget_upload(key);
        done.map(|()| Received {
            bytes,
            complete: true,
        })
    }

    fn append(&self, upload: &mut Upload, data: &[u8]) -> Result<(), BlobError> {
        let written = upload
            .file
            .seek(SeekFrom::Start(upload.received))
            .and_then(|_| upload.file.write_all(data));
        written.map_err(|source| BlobError::Disk {
            path: upload.path.clone(),
            source,
        })?;
        upload.hasher.update(data);
        upload.received += data.len() as u64;
        Ok(())
    }

    fn complete(&self, key: &UploadKey, upload: &mut Upload) -> Result<(), BlobError> {
        let found = Hash(*upload.hasher.finalize().as_bytes());
        if found != key.hash {
            return Err(BlobError::WrongHash {
                announced: key.hash,
                found,
            });
        }
        let path = self.path(key.hash);
        let kept = upload
            .file
            .sync_all()
            .and_then(|()| fs::rename(&upload.path, &path))
            .and_then(|()| File::open(&self.folder)?.sync_all());
        kept.map_err(|source| BlobError::Disk { path, source })?;
        self.used.fetch_add(upload.received, Ordering::Relaxed);
        Ok(())
    }

    fn upload(&self, key: &UploadKey, size: u64) -> Result<Arc<Mutex<Upload>>, BlobError> {
        let mut uploads = self.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(upload) = uploads.get(key) {
            return Ok(Arc::clone(upload));
        }
        let used = self.used.load(Ordering::Relaxed);
        if used.saturating_add(size) > self.budget {
            return Err(BlobError::Full {
                used,
                budget: self.budget,
                size,
            });
        }
        // One upload an attempt at a time: what it began before and left is of no use any more.
        uploads.retain(|other, _| other.trial != key.trial);
        let number = self.names.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.join(format!("upload-{number}.part"));
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .map_err(|source| BlobError::Disk {
                path: path.clone(),
                source,
            })?;
        let upload = Arc::new(Mutex::new(Upload {
            file,
            path,
            hasher: blake3::Hasher::new(),
            received: 0,
        }));
        uploads.insert(key.clone(), Arc::clone(&upload));
        Ok(upload)
    }

    fn forget_upload(&self, key: &UploadKey) {
        let mut uploads = self.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        uploads.remove(key);
    }

    /// The attempt is over: an unfinished upload of it goes.
    pub fn forget_attempt(&self, trial: &TrialKey, attempt: AttemptNumber) {
        let mut uploads = self.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        uploads.retain(|key, _| key.trial != *trial || key.attempt > attempt);
    }

    /// One piece, at most [`PIECE`] long, and the size of the whole.
    pub fn get(&self, hash: Hash, offset: u64) -> Result<(u64, Vec<u8>), BlobError> {
        let path = self.path(hash);
        let read = || -> io::Result<(u64, Vec<u8>)> {
            let mut file = File::open(&path)?;
            let size = file.metadata()?.len();
            let mut data = Vec::new();
            file.seek(SeekFrom::Start(offset.min(size)))?;
            file.take(PIECE as u64).read_to_end(&mut data)?;
            Ok((size, data))
        };
        read().map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => BlobError::Missing(hash),
            _ => BlobError::Disk { path, source },
        })
    }

    /// Removes a blob that no row names any more.
    pub fn remove(&self, hash: Hash) {
        if let Some(size) = self.stored_size(hash)
            && fs::remove_file(self.path(hash)).is_ok()
        {
            self.used.fetch_sub(size, Ordering::Relaxed);
        }
    }

    fn stored_size(&self, hash: Hash) -> Option<u64> {
        fs::metadata(self.path(hash)).ok().map(|file| file.len())
    }
}

/// Names that this module makes: nothing else in the folder is ever removed.
pub(crate) fn is_ours(name: &str) -> bool {
    let hash = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    hash || (name.starts_with("upload-")
        && Path::new(name).extension().is_some_and(|e| e == "part"))
}

impl From<BlobError> for crate::Error {
    fn from(error: BlobError) -> Self {
        let words = error.to_string();
        match error {
            BlobError::TooLarge { .. } => Self::input("blob.size", words),
            BlobError::BadPiece { .. } => Self::input("data", words),
            BlobError::WrongHash { .. } => Self::input("blob.hash", words),
            BlobError::Missing(_) => Self::NotFound(words),
            // No room is no matter of a moment: what comes later must not wait for it.
            BlobError::Full { .. } => Self::Refused(words),
            BlobError::Disk { .. } => Self::Unavailable(words),
        }
    }
}
