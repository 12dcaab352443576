//! The sets that this process can open, each opened once.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError},
    thread,
    time::Duration,
};

use super::{
    Config, Crew, DataError, DataSet, Prepared, Split, cifar, digits, folder, idx, places::bare,
    shared::Shared, xor,
};
use crate::trainer::Stop;

/// What is prepared and no trial uses: so many may stay, for the next trial, and take so many bytes together. A search over
/// `limit` prepares another one for every trial.
const UNUSED: usize = 64;
const UNUSED_BYTES: usize = 2 << 30;

/// The same of sets that are read.
const UNUSED_SETS: usize = 16;
const UNUSED_SET_BYTES: usize = 4 << 30;

/// How often a fit that waits for another one looks whether it is its turn.
const LOOK: Duration = Duration::from_millis(100);

/// Opens data sets by name; shared by all slots of a worker.
#[derive(Debug, Default)]
pub struct Library {
    sources: Arc<Sources>,
    sets: Shared<DataSet>,
    prepared: Shared<Prepared>,
    /// Held by the one that fits: each may take all the memory that fits are allowed.
    fits: Arc<Mutex<()>>,
    threads: usize,
}

/// Where sets lie.
#[derive(Debug, Default)]
struct Sources {
    roots: Vec<PathBuf>,
    folders: BTreeMap<String, PathBuf>,
    /// Hashes of the sets that were read so far, by name.
    read: Mutex<BTreeMap<String, [u8; 32]>>,
}

impl Library {
    /// `roots`: below them the known sets are looked for (`mnist/`, `cifar-10-batches-bin/`, …), the first one that has
    /// it wins. `folders`: folders by the last part of a sweep's `source`, or by the name of a known set.
    pub fn new(roots: Vec<PathBuf>, folders: BTreeMap<String, PathBuf>) -> Library {
        Library {
            sources: Arc::new(Sources {
                roots,
                folders,
                read: Mutex::default(),
            }),
            ..Library::default()
        }
    }

    /// The names that folders were given.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        self.sources.named()
    }

    /// With so many threads to prepare a set for training; 1 otherwise. All slots that wait for it share them.
    pub fn with_threads(self, threads: usize) -> Library {
        Library { threads, ..self }
    }

    /// How many threads prepare a set.
    pub fn threads(&self) -> usize {
        self.threads.max(1)
    }

    /// Those threads, until `stop` asks for the end.
    pub fn crew(&self, stop: &Stop) -> Result<Crew, DataError> {
        Crew::new(self.threads(), stop.clone())
    }

    /// Opens a set by its [`Config::set_name`], or hands out the one that is open. Others wait while one thread reads.
    ///
    /// A set that could not be opened is tried again at the next call: the files may have come since.
    pub fn open(&self, name: &str) -> Result<Arc<DataSet>, DataError> {
        self.open_unless_stopped(name, &Stop::default())
    }

    /// As [`Library::open`], for as long as nobody asks for the end.
    pub fn open_unless_stopped(&self, name: &str, stop: &Stop) -> Result<Arc<DataSet>, DataError> {
        let (sources, wanted) = (Arc::clone(&self.sources), name.to_owned());
        let read = move |_| sources.read_again(&wanted).map(Arc::new);
        let set = self.sets.get(name, stop, read)?;
        self.sets
            .forget_unused(UNUSED_SETS, UNUSED_SET_BYTES, DataSet::bytes);
        Ok(set)
    }

    /// The set of a trial, split, fitted and preprocessed. Trials with equal `[data]` values and folds share one, and whoever
    /// is stopped while it is made leaves the others theirs.
    pub fn prepare(
        &self,
        config: &Config,
        fold: u32,
        stop: &Stop,
    ) -> Result<Arc<Prepared>, DataError> {
        let set = self.open_unless_stopped(&config.set_name(), stop)?;
        // Augmentation is no part of the key, so it is checked here.
        config.fits(set.shape)?;
        let (threads, key) = (self.threads(), key(config, fold));
        let split = Split::new(&set, config, fold)?;
        let copies = split.train.len() + split.validation.len();
        let cost = config.fit_cost(set.shape, split.train.len(), copies)?;
        if let Some(cost) = cost.filter(|_| !self.prepared.has(&key)) {
            let (kind, words) = (config.preprocess.name(), cost.words(threads));
            tracing::info!("{kind} is fitted first: {words}");
        }
        let (config, fits) = (config.clone(), Arc::clone(&self.fits));
        let prepared = self.prepared.get(&key, stop, move |stop| {
            let _turn = cost.map(|_| turn(&fits, &stop)).transpose()?;
            let crew = Crew::new(threads, stop)?;
            Prepared::fitted(set, split, &config, &crew).map(Arc::new)
        })?;
        self.prepared
            .forget_unused(UNUSED, UNUSED_BYTES, Prepared::bytes);
        Ok(prepared)
    }
}

impl Sources {
    /// The names that folders were given.
    fn named(&self) -> impl Iterator<Item = &str> {
        self.folders.keys().map(String::as_str)
    }

    /// Reads a set that may have been read before: what goes by its name in this process stays the same.
    fn read_again(&self, name: &str) -> Result<DataSet, DataError> {
        let set = self.read(name)?;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *read.entry(name.to_owned()).or_insert(set.hash);
        if before != set.hash {
            return Err(DataError::Machine(format!(
                "data set {name}: its files are others than those that this worker has read before; start the worker again"
            )));
        }
        Ok(set)
    }

    fn read(&self, name: &str) -> Result<DataSet, DataError> {
        let (plain, size) = split_name(name);
        let folder = self.folders.get(plain);
        let set = match plain {
            "digits" => digits::open(),
            "xor" => Ok(xor::open()),
            "mnist" => idx::open(&idx::MNIST, &self.roots, folder),
            "fashion-mnist" => idx::open(&idx::FASHION_MNIST, &self.roots, folder),
            "cifar10" => cifar::open(&self.roots, folder),
            _ => match folder {
                Some(path) => {
                    let mut set = folder::open(name, path, size)?;
                    set.folder = Some(path.clone());
                    return Ok(set);
                }
                None => Err(unknown(plain, &self.folders)),
            },
        };
        let set = set.map_err(|error| self.misspelt(plain, error))?;
        match size {
            None => Ok(set),
            Some(size) => {
                let message = format!(
                    "only the images of a folder are resized; {plain} has {}",
                    set.shape
                );
                Err(DataError::config("size", format!("{size:?}"), message))
            }
        }
    }

    /// Adds to what is missing that its name was nearly given.
    fn misspelt(&self, plain: &str, mut error: DataError) -> DataError {
        let same = |other: &&str| *other != plain && bare(other) == bare(plain);
        if let DataError::Missing { remedy, .. } = &mut error
            && let Some(other) = self.named().find(same)
        {
            *remedy +=
                &format!(". --data {other}=… names a folder of images; the set's name is {plain}");
        }
        error
    }
}

/// The right to fit, once nobody else does. To wait for it is no standstill, so it counts as steps.
fn turn<'a>(fits: &'a Mutex<()>, stop: &Stop) -> Result<MutexGuard<'a, ()>, DataError> {
    loop {
        match fits.try_lock() {
            Ok(turn) => return Ok(turn),
            // A fit that panicked leaves nothing behind.
            Err(TryLockError::Poisoned(turn)) => return Ok(turn.into_inner()),
            Err(TryLockError::WouldBlock) if stop.step() => return Err(DataError::Stopped),
            Err(TryLockError::WouldBlock) => thread::sleep(LOOK),
        }
    }
}

/// What decides how a set is split and fitted; `test` and `augment` do not.
fn key(config: &Config, fold: u32) -> String {
    let fitted = Config {
        test: true,
        augment: Default::default(),
        ..config.clone()
    };
    format!("{fold} {fitted:?}")
}

/// `flowers@64x64` is `flowers` with images resized to 64×64.
fn split_name(name: &str) -> (&str, Option<[u32; 2]>) {
    let parse = || {
        let (plain, size) = name.rsplit_once('@')?;
        let (height, width) = size.split_once('x')?;
        Some((plain, [height.parse().ok()?, width.parse().ok()?]))
    };
    match parse() {
        Some((plain, size)) => (plain, Some(size)),
        None => (name, None),
    }
}

fn unknown(name: &str, folders: &BTreeMap<String, PathBuf>) -> DataError {
    let names = folders.keys().cloned().collect::<Vec<_>>().join(", ");
    DataError::Missing {
        name: name.to_owned(),
        seen: match &names[..] {
            "" => "no such data set".to_owned(),
            names => format!("no such data set (folders named here: {names})"),
        },
        remedy: format!(
            "Known are digits, xor, mnist, fashion-mnist and cifar10; a folder of images is named with --data \
             {name}=DIR, with a folder per class in DIR"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::PreprocessKind;

    #[test]
    fn a_search_over_the_number_of_images_does_not_fill_the_memory() {
        let library = Library::default();
        let limited = |limit| {
            let config = Config {
                limit: Some(limit),
                ..Config::new("digits")
            };
            library.prepare(&config, 0, &Stop::default()).unwrap()
        };
        let used = limited(100);
        for limit in 101..=100 + 2 * UNUSED as u32 {
            limited(limit);
        }
        assert!(library.prepared.len() <= UNUSED + 2);
        assert!(Arc::ptr_eq(&used, &limited(100)), "it is in use");
    }

    #[test]
    fn a_set_that_is_read_again_is_the_same_or_none() {
        let root = tempfile::tempdir().unwrap();
        let image = |name: &str, grey| {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            image::GrayImage::from_pixel(2, 2, image::Luma([grey]))
                .save(path)
                .unwrap();
        };
        image("rose/1.png", 9);
        image("tulip/1.png", 7);
        let folders = BTreeMap::from([("flowers".to_owned(), root.path().to_owned())]);
        let library = Library::new(Vec::new(), folders);
        library.open("flowers").unwrap();
        library.sets.forget_unused(0, 0, DataSet::bytes);
        library.open("flowers").unwrap();
        library.sets.forget_unused(0, 0, DataSet::bytes);
        image("rose/1.png", 200);
        let error = library.open("flowers").unwrap_err().to_string();
        assert!(error.contains("start the worker again"), "{error}");
    }

    #[test]
    fn one_fit_waits_for_the_other_and_hears_a_stop_meanwhile() {
        let library = Library::default();
        let whiten = Config {
            preprocess: PreprocessKind::Whiten,
            ..Config::new("digits")
        };
        let stop = Stop::default();
        let turn = library.fits.lock().unwrap();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| library.prepare(&whiten, 0, &stop));
            while stop.steps() == 0 {
                thread::yield_now();
            }
            assert!(!waiting.is_finished());
            let unfitted = library.prepare(&Config::new("digits"), 0, &Stop::default());
            unfitted.expect("it has nothing to wait for");
            stop.request();
            let stopped = waiting.join().unwrap();
            assert!(matches!(stopped, Err(DataError::Stopped)));
        });
        drop(turn);
        library.prepare(&whiten, 0, &Stop::default()).unwrap();
    }
}
