//! The sets that this process can open, each opened once.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use super::{Config, DataError, DataSet, Prepared};

type Opened = Arc<std::sync::OnceLock<Result<Arc<DataSet>, DataError>>>;

/// Opens data sets by name; shared by all slots of a worker.
#[derive(Debug, Default)]
pub struct Library {
    roots: Vec<PathBuf>,
    folders: BTreeMap<String, PathBuf>,
    opened: Mutex<BTreeMap<String, Opened>>,
}

impl Library {
    /// `roots`: below them the known sets are looked for (`mnist/`, `cifar-10-batches-bin/`, …), the first one that has
    /// it wins. `folders`: folders of images by name.
    pub fn new(roots: Vec<PathBuf>, folders: BTreeMap<String, PathBuf>) -> Library {
        Library {
            roots,
            folders,
            opened: Mutex::default(),
        }
    }

    /// Opens a set by its [`Config::set_name`], or hands out the one that is open. Others wait while one thread reads.
    pub fn open(&self, name: &str) -> Result<Arc<DataSet>, DataError> {
        let _ = (&self.roots, &self.folders, &self.opened);
        Err(DataError::Missing(format!("{name}: not yet")))
    }

    /// The set of a trial, split, fitted and preprocessed. Trials with equal `[data]` values and folds share one.
    pub fn prepare(&self, config: &Config, fold: u32) -> Result<Arc<Prepared>, DataError> {
        Prepared::new(self.open(&config.set_name())?, config, fold).map(Arc::new)
    }
}
