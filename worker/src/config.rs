//! What a worker is told when it starts.

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{data::Library, trainer::Trainer};

/// Everything that [`run`](crate::run) needs.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the coordinator listens: `http://127.0.0.1:7700`.
    pub coordinator: String,
    /// For people: in listings and messages.
    pub name: String,
    /// Names this process to the coordinator. `hone run` gives it, so that it can say which worker died; otherwise
    /// [`Config::new`] draws it.
    pub session: [u8; 16],
    /// Trials trained at the same time, each on a thread of its own.
    pub slots: usize,
    /// Checkpoints and spooled reports lie here. Workers of one machine may share it, one after the other or at once.
    pub scratch: PathBuf,
    /// Bytes that local checkpoints may take; the oldest go first.
    pub disk_budget: u64,
    /// How checkpoints are spaced.
    pub checkpoints: Spacing,
    /// What this worker can train, by the sweep file's `trainer`.
    pub trainers: BTreeMap<String, Arc<dyn Trainer>>,
    /// The data sets that it can open.
    pub data: Arc<dyn DataSets>,
    /// How long a coordinator that does not answer at the start is waited for; `None`: for ever.
    pub connect_timeout: Option<Duration>,
    /// Drain at a word on standard input, and end at once when it closes: how the workers of `hone run` hear of it, and notice
    /// that it is gone.
    pub obey_stdin: bool,
}

impl Config {
    /// A worker of one slot without trainers, with a session of its own.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn new(
        coordinator: impl Into<String>,
        scratch: impl Into<PathBuf>,
    ) -> Result<Self, getrandom::Error> {
        let mut session = [0; 16];
        getrandom::fill(&mut session)?;
        Ok(Self {
            coordinator: coordinator.into(),
            name: format!("worker-{}", std::process::id()),
            session,
            slots: 1,
            scratch: scratch.into(),
            disk_budget: 10 << 30,
            checkpoints: Spacing::default(),
            trainers: BTreeMap::new(),
            data: Arc::new(NoData),
            connect_timeout: None,
            obey_stdin: false,
        })
    }
}

/// Least time between two checkpoints of an attempt; they are written at epoch ends.
#[derive(Clone, Copy, Debug)]
pub struct Spacing {
    /// To this worker's disk.
    pub local: Duration,
    /// To the coordinator.
    pub remote: Duration,
}

impl Default for Spacing {
    fn default() -> Self {
        Self {
            local: Duration::from_secs(30),
            remote: Duration::from_secs(300),
        }
    }
}

/// Data sets by name. Opening one may take long and is done away from the slots.
pub trait DataSets: Send + Sync + fmt::Debug {
    /// Opens a set; a second call is cheap.
    ///
    /// # Errors
    /// A sentence for people: which files are missing, and where they were looked for.
    fn open(&self, name: &str) -> Result<DataSet, String>;
}

/// What the coordinator has to know about an open data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataSet {
    /// blake3 of its content.
    pub hash: Vec<u8>,
    /// Height, width, channels of one image.
    pub shape: [u32; 3],
    /// Number of classes.
    pub classes: u32,
}

impl DataSets for Library {
    fn open(&self, name: &str) -> Result<DataSet, String> {
        let set = Self::open(self, name).map_err(|error| error.to_string())?;
        let side = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        Ok(DataSet {
            hash: set.hash.to_vec(),
            shape: [set.shape.height, set.shape.width, set.shape.channels].map(side),
            classes: side(set.classes.len()),
        })
    }
}

/// The catalogue of a worker whose trainers need none.
#[derive(Clone, Copy, Debug)]
pub struct NoData;

impl DataSets for NoData {
    fn open(&self, name: &str) -> Result<DataSet, String> {
        Err(format!("no data set {name}: this worker was given none"))
    }
}

/// Ends a worker, in two steps. Cheap to clone; clones act on the same worker.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    drain: CancellationToken,
    now: CancellationToken,
}

impl Shutdown {
    /// Trainings stop between two steps and are given back with a checkpoint; then the worker leaves.
    pub fn drain(&self) {
        self.drain.cancel();
    }

    /// The worker ends at once; what it holds expires, or is given back by whoever started it.
    pub fn now(&self) {
        self.drain.cancel();
        self.now.cancel();
    }

    /// Whether [`drain`](Self::drain) or [`now`](Self::now) was called.
    pub fn is_draining(&self) -> bool {
        self.drain.is_cancelled()
    }

    /// Whether [`now`](Self::now) was called.
    pub fn is_now(&self) -> bool {
        self.now.is_cancelled()
    }

    pub(crate) fn drain_token(&self) -> &CancellationToken {
        &self.drain
    }

    pub(crate) fn now_token(&self) -> &CancellationToken {
        &self.now
    }
}
