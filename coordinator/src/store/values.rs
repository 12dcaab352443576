//! What commands and reads are made of.

use super::{
    cells::{cell_types, known},
    table::columns,
};
pub use crate::{definition::NewSweep, search::Objective};
use crate::{
    ids::{Hash, TrialNumber},
    trial::TrialKind,
};

/// Unix milliseconds, by the coordinator's clock.
pub type Millis = i64;

columns! {
    /// A planned round, for people and for `hone plan`'s words about it.
    #[derive(Clone, Debug, PartialEq)]
    pub struct NewRound {
        /// From 1.
        pub round: u32,
        /// Points planned.
        pub points: u64,
        /// Epochs and points of each rung, ascending; one without halving.
        pub rungs: Vec<(u32, u64)> = "rungs_json",
        /// Trainings of each point.
        pub repeats: u32,
        /// So many of the best of the round before, instead of new points.
        pub top: Option<u32>,
        /// The box as JSON, as the edge shows it.
        pub box_json: String,
    }
}

/// A trial to be queued. The first trial of a point stores the point.
#[derive(Clone, Debug, PartialEq)]
pub struct NewTrial {
    /// From the plan.
    pub number: TrialNumber,
    /// What it is for.
    pub kind: TrialKind,
    /// From 1 (0 for check and test).
    pub round: u32,
    /// From 0.
    pub point: u64,
    /// From 0.
    pub repeat: u32,
    /// From 0.
    pub fold: u32,
    /// JSON object of full path to value.
    pub params_json: String,
    /// The spec with these values in it.
    pub spec_json: String,
    /// Seed of everything random in it ([`Seed::of_trial`](crate::ids::Seed::of_trial)).
    pub seed: u64,
    /// Train up to this epoch.
    pub to_epoch: u32,
    /// Epochs of one full training: the horizon of schedules.
    pub full_epochs: u32,
    /// Smaller goes first; ties by number.
    pub queue_order: u64,
    /// It waits at `to_epoch` for a promotion.
    pub waits_at_end: bool,
    /// Its best-epoch weights are wanted.
    pub keep_weights: bool,
    /// For a test trial: the trial whose weights are evaluated.
    pub weights_of: Option<TrialNumber>,
}

impl NewTrial {
    /// Its point.
    pub(super) fn place(&self) -> WinnerRef {
        WinnerRef {
            round: self.round,
            point: self.point,
        }
    }
}

columns! {
    /// How the search wants a trial trained, up to its next rung.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Wish {
        /// Smaller goes first; ties by number.
        pub queue_order: u64,
        /// It waits there for a promotion.
        pub waits_at_end: bool,
        /// Its best-epoch weights are wanted.
        pub keep_weights: bool,
    }
}

columns! {
    /// A point by its place.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
    pub struct WinnerRef {
        /// From 1.
        pub round: u32,
        /// From 0.
        pub point: u64,
    }
}

/// What the keys of findings begin with that name the points which cannot be told from the best one.
pub const TIES: &str = "tied ";

impl WinnerRef {
    /// The key of the finding that this point cannot be told from the best one.
    pub fn tie_key(self) -> String {
        format!("{TIES}{} {}", self.round, self.point)
    }

    /// The point of such a key.
    pub fn of_tie_key(key: &str) -> Option<Self> {
        let (round, point) = key.strip_prefix(TIES)?.split_once(' ')?;
        Some(Self {
            round: round.parse().ok()?,
            point: point.parse().ok()?,
        })
    }
}

/// What a blob holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BlobKind {
    /// The whole state of a training.
    Checkpoint,
    /// Best-epoch weights.
    Weights,
}

impl BlobKind {
    /// As stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Checkpoint => "checkpoint",
            Self::Weights => "weights",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Checkpoint, Self::Weights]
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }
}

cell_types! {
    BlobKind: Text(word) => known(&word, Self::parse), of => of.as_str().to_owned();
}

columns! {
    /// A blob by its content.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct BlobRef {
        /// blake3 of its bytes.
        pub hash: Hash,
        /// In bytes.
        pub size: u64,
        /// Checkpoint or weights.
        pub kind: BlobKind,
        /// The epoch whose state it holds.
        pub epoch: u32,
        /// Whether the coordinator has it in `blobs/`; otherwise it lies on its worker's disk alone.
        pub stored: bool,
    }
}

/// A data set that a worker has opened.
#[derive(Clone, Debug, PartialEq)]
pub struct OfferedData {
    /// The name it goes by.
    pub name: String,
    /// Its content.
    pub set: DataSet,
}

/// A data set by its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataSet {
    /// Over all its files.
    pub hash: Hash,
    /// Height, width, channels of one image.
    pub shape: Vec<u32>,
    /// Number of classes.
    pub classes: u32,
}

/// How an attempt ended, as its worker says.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// At `to_epoch`.
    Completed,
    /// At `to_epoch`, to wait for a promotion; with its checkpoint, if it has one.
    ReachedRung {
        /// Committed before.
        checkpoint: Option<BlobRef>,
    },
    /// Its own patience ended it.
    EndedEarly,
    /// The loss left the range of sense.
    Diverged {
        /// The epoch under way.
        epoch: u32,
        /// With the numbers.
        reason: String,
    },
    /// Ended on request (stop or prune).
    Ended,
    /// The trial's own error.
    Failed {
        /// In words.
        message: String,
    },
    /// The worker's fault (no memory, no disk): another one may do better.
    Crashed {
        /// In words.
        message: String,
        /// Other healthy workers are connected.
        others_connected: bool,
    },
}
