//! What the search says and what it is told.

use super::{search_box::SearchBox, space::Params, winner::Winner};

/// Something that happened to one trial. Results may be told in any order, and more than once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrialResult {
    /// The trial's number; a retry has that of its trial, whose end is not told then.
    pub trial: u64,
    /// What happened.
    pub event: TrialEvent,
}

/// What happened. `objective` is always the trial's value *as of that epoch* (see [`Objective::fold`](super::Objective::fold)).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TrialEvent {
    /// The store has the trial already (queued or running): do not hand it out again. Told after a restart, before `decide`.
    Known,
    /// One more epoch. Only rounds with the median or ASHA pruner read it; others ignore it.
    Report {
        /// From 1.
        epoch: u32,
        /// As of that epoch.
        objective: f64,
    },
    /// It stands at a rung. After a restart: one for each rung that it has passed.
    AtRung {
        /// The rung's epochs.
        epoch: u32,
        /// As of that epoch.
        objective: f64,
    },
    /// Trained to the round's last rung.
    Completed {
        /// The last epoch.
        epoch: u32,
        /// As of that epoch.
        objective: f64,
    },
    /// Its own patience ended it: it keeps this value at all higher rungs.
    EndedEarly {
        /// The last epoch.
        epoch: u32,
        /// As of that epoch.
        objective: f64,
    },
    /// A typed outcome, never a number: ranks behind every value.
    Diverged {
        /// The epoch under way.
        epoch: u32,
    },
    /// Ended by a decision of this search.
    Pruned,
    /// Ended by a person: ranks last. The same for `failed`.
    Cancelled,
    /// The trainer's own error, or the crash limit.
    Failed,
}

/// What is to be done. Each may be carried out twice with one effect: see [`Decision::id`].
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// A new trial.
    Enqueue(NewTrial),
    /// The trial waits at a rung and goes on from its checkpoint.
    Promote(Promotion),
    /// The trial waits at a rung, or runs (median, ASHA), and is out.
    Prune {
        /// Its number.
        trial: u64,
    },
    /// A round's box is known, or that some of its points are repeats of earlier ones.
    NarrowTo {
        /// The round that draws from it.
        round: u32,
        /// Its box.
        within: SearchBox,
        /// Points of its own, as far as known.
        points: u64,
    },
    /// A warning for people.
    Warn(Warning),
    /// What there is to say about ends of ranges, instead of all that was said about them before.
    Edges {
        /// So many rounds are over; one more than there are: of the winner.
        after: u32,
        /// One for each end.
        warnings: Vec<Warning>,
    },
    /// Nothing more will be decided.
    Finish {
        /// `None` when no trial has a value.
        winner: Option<Winner>,
        /// Why, in words: `the plan is done`, `the target 0.99 is reached`.
        reason: String,
    },
}

/// A trial to be stored as queued.
#[derive(Clone, Debug, PartialEq)]
pub struct NewTrial {
    /// Its number within the sweep.
    pub number: u64,
    /// From 1.
    pub round: u32,
    /// From 0, within the round.
    pub point: u64,
    /// From 0.
    pub repeat: u32,
    /// From 0.
    pub fold: u32,
    /// By full path; inactive hyperparameters are absent.
    pub params: Params,
    /// Train to this epoch: the first rung.
    pub to_epoch: u32,
    /// The horizon of schedules.
    pub full_epochs: u32,
    /// It waits at `to_epoch` for a promotion.
    pub waits_at_end: bool,
    /// Its best weights are wanted at the end of `to_epoch`.
    pub keep_weights: bool,
    /// Which queued trial goes first: smaller first, then the smaller number.
    pub priority: u8,
}

/// A trial goes on to its next rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promotion {
    /// Its number.
    pub trial: u64,
    /// Train to this epoch.
    pub to_epoch: u32,
    /// It waits there for a further promotion.
    pub waits_at_end: bool,
    /// Its best weights are wanted at the end of `to_epoch`.
    pub keep_weights: bool,
    /// As in [`NewTrial::priority`]: promotions go first.
    pub priority: u8,
}

/// Priorities of queued trials, smaller first.
pub mod priority {
    /// A promoted trial.
    pub const PROMOTED: u8 = 0;
    /// The round's points that have not started.
    pub const ROUND: u8 = 1;
    /// The next round's points that no result changes.
    pub const NEXT_ROUND: u8 = 2;
    /// Repeats of the finish.
    pub const REPEAT: u8 = 3;
}

/// A warning, once per `key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What makes it the same warning: `edge train.learning_rate low`.
    pub key: String,
    /// In words, with the numbers.
    pub text: String,
}
