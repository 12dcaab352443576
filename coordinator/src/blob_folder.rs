//! Checkpoints and weights as files beside the database, named by their blake3 hash.
//!
//! A blob arrives in pieces into a temporary file, is checked, synced and renamed, and only then committed through the
//! writer; a crash leaves at worst a file that nobody names, which the next start removes. Blocking calls: the caller
//! keeps them off the runtime's threads.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use crate::{
    Error,
    ids::{AttemptNumber, Hash, TrialKey},
};

/// A piece is at most this long, in bytes.
pub const PIECE: usize = 1 << 20;
/// The largest blob: what `docs/worker.md` allows an external program's checkpoint.
pub const LARGEST: u64 = 1 << 30;

/// Where a database keeps its blobs. A folder of its own, by name and incarnation: whoever opens it removes what that database does
/// not name, and another of this name may be moved back here.
pub fn folder_of(database: &Path, incarnation: &[u8; 16]) -> PathBuf {
    let hex: String = incarnation
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    flat_folder_of(database).join(hex)
}

/// Where databases of this name kept their blobs before folders went by incarnation.
pub fn flat_folder_of(database: &Path) -> PathBuf {
    let name = database.file_name().unwrap_or_default();
    database.with_file_name("blobs").join(name)
}

/// Where a backup keeps the blobs that it names.
pub fn backup_folder_of(backup: &Path) -> PathBuf {
    let mut name = backup.file_name().unwrap_or_default().to_owned();
    name.push(".blobs");
    backup.with_file_name(name)
}

/// Where a blob lies that a database names: beside it, where earlier versions kept it, or with a backup.
pub fn find(database: &Path, incarnation: &[u8; 16], hash: Hash) -> PathBuf {
    let own = folder_of(database, incarnation);
    let folders = [
        own.clone(),
        flat_folder_of(database),
        backup_folder_of(database),
    ];
    let mut paths = folders.iter().map(|folder| folder.join(hash.to_string()));
    let found = paths.find(|path| size_of(path).is_some());
    found.unwrap_or_else(|| own.join(hash.to_string()))
}

/// While somebody holds this, a coordinator removes no file of the folder.
#[derive(Debug)]
pub struct Kept {
    _lock: Option<File>,
}

impl Kept {
    /// Waits for a removal under way. Without the folder, or what a coordinator makes in it, there is nothing to keep.
    pub fn take(folder: &Path) -> Self {
        let readable = |_| File::open(folder.join(KEEP));
        let lock = keep_file(folder).or_else(readable).ok();
        Self {
            _lock: lock.filter(|lock| lock.lock_shared().is_ok()),
        }
    }

    /// `None` while somebody else holds it.
    pub fn alone(folder: &Path) -> io::Result<Option<Self>> {
        let lock = keep_file(folder)?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self { _lock: Some(lock) })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// Who copies a folder, or removes from it, locks this file in it.
const KEEP: &str = "keep";

fn keep_file(folder: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(folder.join(KEEP))
}

/// Whether a blob, or a part of one, lies there.
pub fn has_blobs(folder: &Path) -> bool {
    let mut entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.any(|entry| entry.file_name().to_str().is_some_and(is_ours))
}

/// Removes blobs that are not named, of those that this module makes.
pub fn remove_others(folder: &Path, named: &[Hash]) -> io::Result<()> {
    let named: HashSet<String> = named.iter().map(ToString::to_string).collect();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name
            .to_str()
            .is_some_and(|name| is_ours(name) && !named.contains(name))
        {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Removes all that this module makes, and the folder if nothing else is in it; what cannot be removed stays.
pub fn remove(folder: &Path) {
    let _ = remove_others(folder, &[]);
    let _ = fs::remove_file(folder.join(KEEP));
    let _ = fs::remove_dir(folder);
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

impl Upload {
    fn append(&mut self, data: &[u8]) -> Result<(), Error> {
        let written = self
            .file
            .seek(SeekFrom::Start(self.received))
            .and_then(|_| self.file.write_all(data));
        written.map_err(disk_error(&self.path))?;
        self.hasher.update(data);
        self.received += data.len() as u64;
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // After the rename there is nothing here any more; a file left behind is swept at the next start.
        let _ = fs::remove_file(&self.path);
    }
}

/// An upload, and the bytes that it will have: room is kept for them.
#[derive(Debug)]
struct UnderWay {
    size: u64,
    to: Arc<Mutex<Upload>>,
}

/// The folder of blobs.
#[derive(Debug)]
pub struct Blobs {
    folder: PathBuf,
    budget: u64,
    used: AtomicU64,
    names: AtomicU64,
    /// The last upload that asked for room got none.
    is_full: AtomicBool,
    to_remove: Mutex<Vec<Hash>>,
    uploads: Mutex<HashMap<UploadKey, UnderWay>>,
}

impl Blobs {
    /// Opens or makes the folder, removing unfinished uploads and every blob that `keep` does not name. What it names and has not here
    /// is taken over from `before`.
    pub fn open(
        folder: &Path,
        before: &Path,
        budget: u64,
        keep: &HashSet<Hash>,
    ) -> Result<Self, Error> {
        let at = disk_error(folder);
        fs::create_dir_all(folder).map_err(&at)?;
        let keep: HashSet<String> = keep.iter().map(ToString::to_string).collect();
        for name in &keep {
            let (old, new) = (before.join(name), folder.join(name));
            if size_of(&old).is_some() && !new.exists() {
                fs::rename(old, new).map_err(&at)?;
            }
        }
        // While somebody copies the folder nothing in it is removed.
        let lock = keep_file(folder);
        let removes = lock.as_ref().is_ok_and(|lock| lock.try_lock().is_ok());
        let mut used = 0;
        for entry in fs::read_dir(folder).map_err(&at)? {
            let entry = entry.map_err(&at)?;
            let name = entry.file_name();
            let size = size_of(&entry.path());
            if name.to_str().is_some_and(|name| keep.contains(name)) {
                match size {
                    Some(size) => used += size,
                    None => tracing::warn!(
                        path = %entry.path().display(),
                        "a checkpoint or weights that are a link, or no file, are not used"
                    ),
                }
            } else if removes && name.to_str().is_some_and(is_ours) {
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(Self {
            folder: folder.to_path_buf(),
            budget,
            used: AtomicU64::new(used),
            names: AtomicU64::new(0),
            is_full: AtomicBool::new(false),
            to_remove: Mutex::default(),
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
    ) -> Result<Received, Error> {
        if size > LARGEST {
            let words = format!("a blob of {size} bytes is larger than the {LARGEST} allowed");
            return Err(Error::input("blob.size", words));
        }
        let length = data.len();
        let end = offset.saturating_add(length as u64);
        if length > PIECE || end > size || (length == 0 && size > 0) {
            let words = format!(
                "a piece of {length} bytes at {offset} does not fit a blob of {size} bytes in pieces of {PIECE}"
            );
            return Err(Error::input("data", words));
        }
        let received = |bytes| Received {
            bytes,
            complete: bytes == size,
        };
        if self.stored_size(key.hash) == Some(size) {
            return Ok(received(size));
        }
        let upload = self.upload(key, size)?;
        let mut upload = upload.lock().unwrap_or_else(PoisonError::into_inner);
        if offset == upload.received {
            upload.append(data)?;
        }
        let bytes = upload.received;
        if bytes == size {
            let kept = self.complete(key, &mut upload);
            drop(upload);
            self.uploads().remove(key);
            kept?;
        }
        Ok(received(bytes))
    }

    fn complete(&self, key: &UploadKey, upload: &mut Upload) -> Result<(), Error> {
        let (announced, found) = (key.hash, Hash(*upload.hasher.finalize().as_bytes()));
        if found != announced {
            let words = format!("the content has the hash {found}, announced was {announced}");
            return Err(Error::input("blob.hash", words));
        }
        let path = self.path(key.hash);
        let is_new = self.stored_size(key.hash).is_none();
        let kept = upload
            .file
            .sync_all()
            .and_then(|()| fs::rename(&upload.path, &path))
            .and_then(|()| File::open(&self.folder)?.sync_all());
        kept.map_err(disk_error(&path))?;
        if is_new {
            self.used.fetch_add(upload.received, Ordering::Relaxed);
        }
        Ok(())
    }

    fn upload(&self, key: &UploadKey, size: u64) -> Result<Arc<Mutex<Upload>>, Error> {
        let mut uploads = self.uploads();
        if let Some(upload) = uploads.get(key) {
            return Ok(Arc::clone(&upload.to));
        }
        // One upload an attempt at a time: what it began before and left is of no use any more.
        uploads.retain(|other, _| other.trial != key.trial);
        let under_way = uploads.values().map(|upload| upload.size);
        let used = under_way.fold(self.used.load(Ordering::Relaxed), |sum, size| {
            sum.saturating_add(size)
        });
        let is_full = used.saturating_add(size) > self.budget;
        self.is_full.store(is_full, Ordering::Relaxed);
        if is_full {
            return Err(Error::Refused(format!(
                "no room for {size} bytes: checkpoints and weights take {used} of the {} that the coordinator gives them (`hone coordinator --disk`)",
                self.budget
            )));
        }
        let number = self.names.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.join(format!("upload-{number}.part"));
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .map_err(disk_error(&path))?;
        let upload = Arc::new(Mutex::new(Upload {
            file,
            path,
            hasher: blake3::Hasher::new(),
            received: 0,
        }));
        let to = Arc::clone(&upload);
        uploads.insert(key.clone(), UnderWay { size, to });
        Ok(upload)
    }

    fn uploads(&self) -> MutexGuard<'_, HashMap<UploadKey, UnderWay>> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The attempt is over: an unfinished upload of it goes.
    pub fn forget_attempt(&self, trial: &TrialKey, attempt: AttemptNumber) {
        self.uploads()
            .retain(|key, _| key.trial != *trial || key.attempt > attempt);
    }

    /// One piece, at most [`PIECE`] long, and the size of the whole.
    pub fn get(&self, hash: Hash, offset: u64) -> Result<(u64, Vec<u8>), Error> {
        let path = self.path(hash);
        let read = || -> io::Result<(u64, Vec<u8>)> {
            let (size, mut file) = open(&path)?;
            let mut data = Vec::new();
            file.seek(SeekFrom::Start(offset.min(size)))?;
            file.take(PIECE as u64).read_to_end(&mut data)?;
            Ok((size, data))
        };
        read().map_err(|source| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::InvalidInput => {
                Error::NotFound(format!("no blob {hash}"))
            }
            _ => disk_error(&path)(source),
        })
    }

    /// What is to be removed, beside these: blobs that could not be while somebody copied the folder. Whether they are named again is
    /// asked anew.
    pub fn to_remove(&self, mut unused: Vec<Hash>) -> Vec<Hash> {
        let mut waiting = self
            .to_remove
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        unused.append(&mut waiting);
        unused
    }

    /// Removes blobs that no row names any more; while somebody copies the folder, later.
    pub fn remove(&self, unused: Vec<Hash>) {
        let mut waiting = self
            .to_remove
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        waiting.extend(unused);
        let lock = keep_file(&self.folder);
        if lock.as_ref().is_ok_and(|lock| lock.try_lock().is_ok()) {
            waiting.drain(..).for_each(|hash| self.remove_one(hash));
        }
    }

    fn remove_one(&self, hash: Hash) {
        if let Some(size) = self.stored_size(hash)
            && fs::remove_file(self.path(hash)).is_ok()
        {
            self.used.fetch_sub(size, Ordering::Relaxed);
            self.is_full.store(false, Ordering::Relaxed);
        }
    }

    fn stored_size(&self, hash: Hash) -> Option<u64> {
        size_of(&self.path(hash))
    }

    /// What is said while there is no room for more.
    pub fn shortage(&self) -> Option<String> {
        if !self.is_full.load(Ordering::Relaxed) {
            return None;
        }
        Some(format!(
            "the disk budget of {} MB is full: checkpoints and weights are left out, so trials that are interrupted begin further \
             back and a winner may lack its test; give more with `hone coordinator --disk`",
            self.budget / 1_000_000
        ))
    }

    /// Whether anything lies here.
    pub fn is_empty(&self) -> bool {
        self.used.load(Ordering::Relaxed) == 0
    }
}

/// Bytes of a regular file; `None` for anything else, links among it.
fn size_of(path: &Path) -> Option<u64> {
    let found = fs::symlink_metadata(path).ok()?;
    found.is_file().then_some(found.len())
}

/// A blob's file and its size. A link that somebody has put there is not followed, and nobody waits for a pipe.
pub fn open(path: &Path) -> io::Result<(u64, File)> {
    let found = fs::symlink_metadata(path)?;
    let problem = match found.file_type() {
        kind if kind.is_file() => return Ok((found.len(), File::open(path)?)),
        kind if kind.is_symlink() => "it is a link, and links are not followed here",
        _ => "it is no file",
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, problem))
}

/// Reads a blob to its end: its size, and the hash of its content.
pub fn read(path: &Path) -> io::Result<(u64, Hash)> {
    let (size, file) = open(path)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file)?;
    Ok((size, Hash(*hasher.finalize().as_bytes())))
}

/// Names that this module makes: nothing else in the folder is ever removed.
pub(crate) fn is_ours(name: &str) -> bool {
    let stem = name.strip_suffix(".part").unwrap_or(name);
    let is_hash = stem.len() == 64 && stem.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash || (stem.starts_with("upload-") && stem != name)
}

/// The disk says no.
fn disk_error(path: &Path) -> impl Fn(io::Error) -> Error {
    move |source| Error::Unavailable(format!("blob {}: {source}", path.display()))
}
