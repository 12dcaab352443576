//! Everything that changes the store: one [`Command`] per kind of change, and what it answers. Plain data, so that two
//! appliers (SQLite, memory) can be held to the same answers.

use super::values::{
    BlobRef, DataSet, NewRound, NewSweep, NewTrial, Objective, OfferedData, Outcome, WinnerRef,
};
use crate::{
    ids::{AttemptNumber, AttemptRef, Hash, RequestId, SessionId, SweepId, Token, TrialNumber},
    sweep::SweepState,
    trial::{StopRequest, TrialKind, TrialState},
};

/// Unix milliseconds, by the coordinator's clock.
pub type Millis = i64;

/// Who did it, as shown by `hone why`: `coordinator`, `user`, `worker NAME`.
pub type Actor = String;

/// A command with its answer's type.
pub trait Operation: Into<Command> {
    /// What [`apply`](super::Store::apply) gives back.
    type Answer: Send + 'static;

    /// Takes the answer out of the reply to this command; `None` for the reply to another.
    fn answer(reply: Reply) -> Option<Self::Answer>;
}

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident -> $answer:ty;)*) => {
        /// One change of the store.
        #[derive(Clone, Debug)]
        pub enum Command {
            $($(#[$doc])* $name(Box<$name>),)*
        }

        /// The answer to the command of the same name.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Reply {
            $($(#[$doc])* $name($answer),)*
        }

        $(
            impl From<$name> for Command {
                fn from(operation: $name) -> Self {
                    Self::$name(Box::new(operation))
                }
            }

            impl Operation for $name {
                type Answer = $answer;

                fn answer(reply: Reply) -> Option<$answer> {
                    match reply {
                        Reply::$name(answer) => Some(answer),
                        _ => None,
                    }
                }
            }
        )*
    };
}

operations! {
    /// Stores a sweep and starts it, or goes on with the same one.
    LaunchSweep -> Launched;
    /// Pause, resume, stop, fail.
    ChangeSweep -> SweepState;
    /// What the search decided.
    Decide -> Decided;
    /// A worker asks for a trial.
    Grant -> Option<Box<Granted>>;
    /// Metrics of one epoch.
    Report -> Reported;
    /// How an attempt ended.
    Finish -> Ended;
    /// An attempt given back with its checkpoint.
    Release -> Ended;
    /// A lease expired.
    ExpireAttempt -> Ended;
    /// A late worker that nobody replaced goes on.
    TakeBack -> Option<StopRequest>;
    /// A worker process left or died.
    ReturnSession -> Vec<Returned>;
    /// A person cancels a trial.
    CancelTrial -> TrialState;
    /// A person wants a trial again.
    RetryTrial -> TrialNumber;
    /// A checkpoint or weights lie where the blob's hash says.
    CommitBlob -> ();
    /// Lines of a worker about an attempt.
    Log -> ();
    /// Removes an ended sweep.
    RemoveSweep -> Vec<Hash>;
    /// Forgets blobs that nothing needs any more.
    CollectBlobs -> Vec<Hash>;
    /// Something about a worker that people should find in the history.
    RecordWorker -> ();
}

/// Stores a sweep and starts it, or goes on with the one of the same identity.
#[derive(Clone, Debug)]
pub struct LaunchSweep {
    /// What was launched.
    pub sweep: NewSweep,
    /// Start anew even if the same sweep exists.
    pub again: bool,
    /// A repeated call has one effect.
    pub request: RequestId,
    /// When.
    pub at: Millis,
}

/// What a launch did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launched {
    /// The sweep, its name made unique.
    pub sweep: SweepId,
    /// What it did.
    pub outcome: LaunchOutcome,
    /// The name differs from the file's, because other content has that one.
    pub renamed: bool,
}

/// What a launch did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaunchOutcome {
    /// A new sweep.
    Started,
    /// The same file, running or paused: it goes on.
    Continued,
    /// The same file, completed or stopped: nothing to do but read.
    Ended,
}

/// What a person (or the driver) wants of a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SweepChange {
    /// Nothing more is granted; running trials give themselves back.
    Pause,
    /// Goes on.
    Resume,
    /// Ends it: queued and waiting trials are cancelled, running ones asked to end. The state stays until the last one
    /// has ended; then the sweep is stopped, in the same transaction.
    Stop,
    /// It cannot go on.
    Fail,
    /// An ended sweep goes on (a decision with more trials follows).
    Extend,
}

/// Pause, resume, stop, fail, extend. Repeating it changes nothing.
#[derive(Clone, Debug)]
pub struct ChangeSweep {
    /// Which.
    pub sweep: SweepId,
    /// What.
    pub change: SweepChange,
    /// Who.
    pub actor: Actor,
    /// Why; shown by `hone show`. May be empty.
    pub reason: String,
    /// When.
    pub at: Millis,
}

/// What the search decided: applied once, all of it or nothing.
#[derive(Clone, Debug)]
pub struct Decide {
    /// The sweep.
    pub sweep: SweepId,
    /// Counts from 1; the stored number + 1 is applied, a smaller one was applied before.
    pub number: u64,
    /// In this order.
    pub actions: Vec<Action>,
    /// When.
    pub at: Millis,
}

/// One thing that the search wants. Each is a no-op where it has been done already, so that a driver which
/// decided again after a restart does no harm.
#[derive(Clone, Debug)]
pub enum Action {
    /// A round was planned: its box, rungs and numbers. The same round again replaces what is shown of it.
    Round(NewRound),
    /// Gives out trial numbers up to this one: retries come after it.
    Reserve(TrialNumber),
    /// New trials, with numbers from the plan.
    Enqueue(Vec<NewTrial>),
    /// A waiting trial goes on to `to_epoch`.
    Promote {
        /// Which.
        trial: TrialNumber,
        /// The next rung.
        to_epoch: u32,
        /// Smaller goes first.
        queue_order: u64,
        /// Whether it waits again there.
        waits_at_end: bool,
        /// Whether its best-epoch weights are wanted.
        keep_weights: bool,
    },
    /// The search has no use for it: ended when queued or waiting, asked to end when running.
    Prune {
        /// Which.
        trial: TrialNumber,
        /// Why, in words.
        reason: String,
    },
    /// A finding for people, once per key.
    Warn {
        /// What makes it the same finding.
        key: String,
        /// In words.
        text: String,
    },
    /// The best point so far, by the search's rule.
    Best(WinnerRef),
    /// What the plan amounts to, as far as known.
    Plan {
        /// Trials of kind search.
        trials: u64,
        /// Epochs, each (trial, epoch) once.
        epochs: u64,
    },
    /// The check passed: trials of kind search may run.
    CheckPassed,
    /// The mean over the winner's trials on the test part.
    TestAccuracy(f64),
    /// The search is done (after the test trials).
    Complete {
        /// The recommended point; `None` when no point finished.
        winner: Option<WinnerRef>,
        /// May be empty.
        reason: String,
    },
    /// It cannot go on.
    Fail {
        /// In words.
        reason: String,
    },
}

/// What became of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decided {
    /// False: it had been applied before.
    pub applied: bool,
    /// The number of the newest applied decision.
    pub last: u64,
    /// The sweep's state now.
    pub state: SweepState,
}

/// A worker asks for a trial.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Who asks.
    pub session: SessionId,
    /// Its name, for people.
    pub worker: String,
    /// The same request gets the same lease again, as long as that attempt runs.
    pub request: RequestId,
    /// Fresh random bytes: the secret of a new lease.
    pub token: Token,
    /// What the worker can train.
    pub trainers: Vec<String>,
    /// The sets it has opened.
    pub data: Vec<OfferedData>,
    /// Checkpoints on its disk: their trials are preferred.
    pub local_checkpoints: Vec<Hash>,
    /// Grant trials of this sweep alone.
    pub only_sweep: Option<SweepId>,
    /// When.
    pub at: Millis,
}

/// A lease without its time, which lives in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Granted {
    /// The right to speak for it.
    pub attempt: AttemptRef,
    /// What it is for.
    pub kind: TrialKind,
    /// What trains it.
    pub trainer: String,
    /// The spec with this point's values in it.
    pub spec_json: String,
    /// Seed of everything random in it.
    pub seed: u64,
    /// Which round, from 1.
    pub round: u32,
    /// Which point of the round, from 0.
    pub point: u64,
    /// Which repetition of the point, from 0.
    pub repeat: u32,
    /// Which fold, from 0.
    pub fold: u32,
    /// How many folds.
    pub folds: u32,
    /// Train up to this epoch.
    pub to_epoch: u32,
    /// Epochs of one full training.
    pub full_epochs: u32,
    /// What the search ranks by.
    pub objective: Objective,
    /// Newest committed checkpoint of this trial, if any.
    pub resume: Option<BlobRef>,
    /// Send the best-epoch weights before the finish.
    pub keep_weights: bool,
    /// For a test trial: the weights to evaluate.
    pub weights: Option<BlobRef>,
    /// Name of the data set; `None` for a trainer without one.
    pub data_source: Option<String>,
    /// The set the sweep is pinned to.
    pub data: Option<DataSet>,
    /// The trial waits at `to_epoch`: its checkpoint is wanted.
    pub waits_at_end: bool,
    /// The same request had been granted before.
    pub repeated: bool,
    /// The sweep's first grant of all: its data set was pinned by it.
    pub pinned_data: bool,
}

/// Metrics of one epoch.
#[derive(Clone, Debug)]
pub struct Report {
    /// The right to say so.
    pub attempt: AttemptRef,
    /// From 1, growing within an attempt.
    pub epoch: u32,
    /// By name, in the worker's order; the objective is taken from them.
    pub metrics: Vec<(String, f64)>,
    /// Per-layer statistics, opaque. May be empty.
    pub layers: Vec<u8>,
    /// Hash of the training's whole state; `None` for trainers that are not exact.
    pub weights_hash: Option<Hash>,
    /// Wall time of the epoch.
    pub seconds: f64,
    /// Training images seen in it.
    pub images: u64,
    /// When it came.
    pub at: Millis,
}

/// What became of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reported {
    /// It was recorded before: no second effect.
    pub repeated: bool,
    /// The attempt had been given up for lost and was taken back.
    pub taken_back: bool,
    /// What is asked of the attempt.
    pub asked: Option<StopRequest>,
    /// The sweep is paused: give the trial back.
    pub paused: bool,
}

/// How an attempt ended.
#[derive(Clone, Debug)]
pub struct Finish {
    /// The right to say so.
    pub attempt: AttemptRef,
    /// How.
    pub outcome: Outcome,
    /// Best-epoch weights, committed before.
    pub weights: Option<BlobRef>,
    /// What the curves say is wrong, as JSON; may be empty.
    pub diagnosis_json: String,
    /// Result of a check or of a test trial, as JSON; may be empty.
    pub result_json: String,
    /// When.
    pub at: Millis,
}

/// Where the end of an attempt left its trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The trial's state now.
    pub state: TrialState,
    /// It had been done before: no second effect.
    pub repeated: bool,
    /// The sweep's state now.
    pub sweep: SweepState,
    /// Whose attempt it was.
    pub session: SessionId,
}

/// An attempt given back with its checkpoint: drained, pre-empted, paused. No crash.
#[derive(Clone, Debug)]
pub struct Release {
    /// The right to do so.
    pub attempt: AttemptRef,
    /// Committed before.
    pub checkpoint: Option<BlobRef>,
    /// Why, for people.
    pub reason: String,
    /// When.
    pub at: Millis,
}

/// A lease expired, by the coordinator's clock. Fenced when the attempt does not run any more.
#[derive(Clone, Debug)]
pub struct ExpireAttempt {
    /// The sweep.
    pub sweep: SweepId,
    /// The trial.
    pub trial: TrialNumber,
    /// The attempt.
    pub attempt: AttemptNumber,
    /// Other healthy workers are connected: crashes on one worker count at most twice.
    pub others_connected: bool,
    /// When.
    pub at: Millis,
}

/// A late worker goes on, if nobody replaced it. Fenced if somebody did, or the trial is over.
#[derive(Clone, Debug)]
pub struct TakeBack {
    /// The right to do so.
    pub attempt: AttemptRef,
    /// When.
    pub at: Millis,
}

/// A worker process left or died: everything it holds goes back.
#[derive(Clone, Debug)]
pub struct ReturnSession {
    /// Which.
    pub session: SessionId,
    /// It died: what it held counts as crashed, else as released.
    pub crashed: bool,
    /// It died with its coordinator: excused from the crash limit.
    pub excused: bool,
    /// Other healthy workers are connected.
    pub others_connected: bool,
    /// Why, for people.
    pub reason: String,
    /// When.
    pub at: Millis,
}

/// One trial that a session gave back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Returned {
    /// The sweep.
    pub sweep: SweepId,
    /// The trial.
    pub trial: TrialNumber,
    /// The attempt that ended.
    pub attempt: AttemptNumber,
    /// The trial's state now.
    pub state: TrialState,
}

/// A person cancels a trial: at once when queued or waiting, a request when running.
#[derive(Clone, Debug)]
pub struct CancelTrial {
    /// The sweep.
    pub sweep: SweepId,
    /// The trial.
    pub trial: TrialNumber,
    /// Who.
    pub actor: Actor,
    /// When.
    pub at: Millis,
}

/// A person wants an ended trial again: a new trial of the same point with `retry_of`. The same again, while that one
/// has not ended, answers with its number.
#[derive(Clone, Debug)]
pub struct RetryTrial {
    /// The sweep.
    pub sweep: SweepId,
    /// The trial that has ended.
    pub trial: TrialNumber,
    /// Who.
    pub actor: Actor,
    /// When.
    pub at: Millis,
}

/// A blob of an attempt is committed: a grant may name a checkpoint from now on.
#[derive(Clone, Debug)]
pub struct CommitBlob {
    /// The right to do so.
    pub attempt: AttemptRef,
    /// What it is.
    pub blob: BlobRef,
    /// When.
    pub at: Millis,
}

/// Lines of a worker about an attempt; the last 200 are kept.
#[derive(Clone, Debug)]
pub struct Log {
    /// The right to do so.
    pub attempt: AttemptRef,
    /// Without line ends.
    pub lines: Vec<String>,
}

/// Removes an ended sweep and all that belongs to it; answers with the blobs to delete.
#[derive(Clone, Debug)]
pub struct RemoveSweep {
    /// Which.
    pub sweep: SweepId,
}

/// Forgets blobs that no live attempt and no finalist needs; answers with those that no sweep refers to any more.
#[derive(Clone, Debug)]
pub struct CollectBlobs {
    /// In this sweep.
    pub sweep: SweepId,
}

/// An event of a worker: registered, quarantined, drained.
#[derive(Clone, Debug)]
pub struct RecordWorker {
    /// Its name.
    pub worker: String,
    /// A word: `quarantined`.
    pub event: String,
    /// Why, for people.
    pub reason: String,
    /// When.
    pub at: Millis,
}
