//! The door for models: whatever can be trained epoch by epoch can be searched.
//!
//! The worker's loop pulls epochs out of a [`Training`], so pruning, pausing, checkpoints and heartbeats stand once,
//! for every trainer: the built-in CNN, an external program, or a library user's own.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

/// What a trainer is told about one trial. All but `to_epoch` is the same for every attempt of it.
#[derive(Clone, Debug)]
pub struct TrialSpec {
    /// `sweep/number`, for messages.
    pub id: String,
    /// The sweep file's `[objective] [data] [model] [train]` (or `[params]`) with values in place of domains.
    pub spec: serde_json::Value,
    /// Seed of everything random in this trial; below 2^32, so that any program can take it.
    pub seed: u64,
    /// Which repetition of the point this is, from 0.
    pub repeat: u32,
    /// Which cross-validation fold is held out, from 0.
    pub fold: u32,
    /// How many folds there are; 1 without cross-validation.
    pub folds: u32,
    /// The horizon of schedules, in epochs: what a full training has, however early this one may be cut.
    pub full_epochs: u32,
    /// This lease ends here: a rung, or `full_epochs`.
    pub to_epoch: u32,
    /// What the search ranks by.
    pub objective: Objective,
}

/// Metric, direction, and which epoch counts.
#[derive(Clone, Debug)]
pub struct Objective {
    /// Name of a reported metric, such as `val_accuracy`.
    pub metric: String,
    /// Whether larger is better.
    pub maximize: bool,
    /// The best epoch so far counts (and its weights are kept); otherwise the last.
    pub best: bool,
}

impl Objective {
    /// Whether `new` beats `old`; NaN never does.
    pub fn improves(&self, new: f64, old: Option<f64>) -> bool {
        match old {
            None => !new.is_nan(),
            Some(old) if self.maximize => new > old,
            Some(old) => new < old,
        }
    }
}

/// An epoch is nearly done when it has no longer than this to go: some commits of the coordinator.
const NEARLY: Duration = Duration::from_millis(100);

/// What a training and its worker say to each other between two steps: the wish that it ends, how many steps are done
/// (for the watchdog), and that the epoch is nearly done. Cheap to clone and to poll.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    wanted: Arc<AtomicBool>,
    after_epoch: Arc<AtomicBool>,
    at_once: Arc<AtomicBool>,
    steps: Arc<AtomicU64>,
    nearly_done: Arc<Mutex<Option<Call>>>,
}

/// Called once.
struct Call(Box<dyn FnOnce() + Send>);

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Call")
    }
}

impl Stop {
    /// Asks for the end.
    pub fn request(&self) {
        self.wanted.store(true, Ordering::Release);
    }

    /// Asks for the end once the epoch under way is done and reported. What is no epoch, such as fitting a preprocessing,
    /// ends at once.
    pub fn request_after_epoch(&self) {
        self.after_epoch.store(true, Ordering::Release);
    }

    /// Whether the end was asked for, be it only after the epoch under way.
    pub fn wanted_after_epoch(&self) -> bool {
        self.after_epoch.load(Ordering::Acquire) || self.wanted()
    }

    /// Asks for the end, and says that nothing of the training is wanted any more: an external program gets no time
    /// to write its state.
    pub fn request_at_once(&self) {
        self.at_once.store(true, Ordering::Release);
        self.request();
    }

    /// Whether the end is to come without saving anything.
    pub fn at_once(&self) -> bool {
        self.at_once.load(Ordering::Acquire)
    }

    /// Whether the end was asked for. To be polled once a step; counts that step.
    pub fn step(&self) -> bool {
        self.steps.fetch_add(1, Ordering::Relaxed);
        self.wanted()
    }

    /// Whether the end was asked for, without counting a step.
    pub fn wanted(&self) -> bool {
        self.wanted.load(Ordering::Acquire)
    }

    /// Steps counted so far.
    pub fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    /// Says how long the epoch under way will still take, evaluation included. A trainer that knows spares its slot the
    /// wait for the next trial; one that does not need not call this.
    pub fn remaining(&self, left: Duration) {
        if left <= NEARLY
            && let Some(call) = self.nearly_done().take()
        {
            (call.0)();
        }
    }

    /// Calls `then` when [`Stop::remaining`] says that the epoch is nearly done.
    pub(crate) fn nearly_done_calls(&self, then: impl FnOnce() + Send + 'static) {
        *self.nearly_done() = Some(Call(Box::new(then)));
    }

    fn nearly_done(&self) -> std::sync::MutexGuard<'_, Option<Call>> {
        self.nearly_done
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one epoch gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Epochs count from 1.
    pub epoch: u32,
    /// Finite numbers by name: `train_loss`, `val_accuracy`, …
    pub metrics: BTreeMap<String, f64>,
    /// Per-layer statistics as JSON, for the diagnosis and for `hone show`; empty for none.
    pub layers: Vec<u8>,
    /// blake3 of weights, statistics and optimizer state: equal for equal trainings, to the bit. Empty for none.
    pub weights_hash: Vec<u8>,
    /// Wall time of the epoch, evaluation included.
    pub seconds: f64,
    /// Training images (or examples) seen.
    pub images: u64,
}

/// How a call of [`Training::epoch`] ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Epoch {
    /// One more epoch is done.
    Done(Report),
    /// One more epoch is done, and the training's own patience says that it was the last.
    Last(Report),
    /// The training ended between two epochs by its own will, as an external program may.
    Ended,
    /// The stop was asked for; the epoch under way is dropped and will be trained again.
    Stopped,
    /// The loss left the range of sense.
    Diverged {
        /// The epoch under way.
        epoch: u32,
        /// With the numbers: `loss is NaN at step 17`.
        reason: String,
    },
}

/// Why a trial cannot be trained.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The trial itself is at fault: it would fail on every worker.
    #[error("{0}")]
    Trial(String),
    /// This worker is at fault (memory, disk, a program killed by a signal): another attempt may do better.
    #[error("{0}")]
    Worker(String),
    /// The stop was asked for before there was anything to keep.
    #[error("stopped before the first epoch")]
    Stopped,
    /// The checkpoint cannot be used; the training may begin anew.
    #[error("checkpoint {path}: {reason}", path = path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// Starts trainings. One per worker process and name; shared by its slots.
pub trait Trainer: Send + Sync + fmt::Debug {
    /// Begins a trial, or goes on with it from a file that [`Training::save`] wrote in an earlier attempt.
    ///
    /// The same spec gives the same reports to the bit, resumed or not, on any machine, if the trainer is exact. What takes
    /// longer than a second polls `stop` and ends with [`TrainError::Stopped`].
    fn start(
        &self,
        trial: &TrialSpec,
        resume: Option<&Path>,
        scratch: &Path,
        stop: &Stop,
    ) -> Result<Box<dyn Training>, TrainError>;

    /// Evaluates weights that [`Training::save_best`] wrote on the test part of the data.
    ///
    /// `None` when there is no test part, or nothing to evaluate.
    fn test(
        &self,
        trial: &TrialSpec,
        weights: &Path,
        stop: &Stop,
    ) -> Result<Option<BTreeMap<String, f64>>, TrainError>;

    /// Version of its arithmetic, where a trial's bits are the same on every worker of that version. `None`: nothing is promised.
    fn arithmetic(&self) -> Option<u32> {
        None
    }

    /// Looks for what is wrong before a sweep spends its budget; JSON with `passed` and `findings`.
    fn check(&self, trial: &TrialSpec, stop: &Stop) -> Result<serde_json::Value, TrainError> {
        let _ = (trial, stop);
        Ok(serde_json::json!({"passed": true, "findings": []}))
    }
}

/// A training under way.
pub trait Training: Send {
    /// Epochs done so far, those before a resume included.
    fn epochs_done(&self) -> u32;

    /// Trains one epoch up to `to_epoch`'s horizon; polls `stop` between steps.
    fn epoch(&mut self, stop: &Stop) -> Result<Epoch, TrainError>;

    /// Writes everything an exact resume needs, as of the end of the last epoch that is done: also after
    /// [`Epoch::Stopped`], when half of another one has passed. The caller handles temporary names, fsync and rename.
    fn save(&self, to: &Path) -> Result<(), TrainError>;

    /// Writes the weights that count: the best epoch's, or the last one's. `false`: this trainer has none.
    fn save_best(&self, to: &Path) -> Result<bool, TrainError>;

    /// What the curves so far say, as JSON; `None` when there is nothing to say.
    fn diagnosis(&self) -> Option<serde_json::Value> {
        None
    }
}
