//! What the search decided.

use crate::{
    ids::{SweepKey, TrialNumber},
    store::values::{Millis, NewRound, NewTrial, WinnerRef, Wish},
    sweep::SweepState,
};

/// What the search decided: applied once, all of it or nothing.
#[derive(Clone, Debug)]
pub struct Decide {
    /// The sweep: by key, since another one may have its name by now.
    pub sweep: SweepKey,
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
        /// How it is trained up to there.
        wish: Wish,
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
    /// Findings for people, in place of all those whose keys begin with `family`.
    WarnInstead {
        /// What the keys have in common.
        family: &'static str,
        /// Key and words of each.
        warnings: Vec<(String, String)>,
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
    /// The definition with what has been settled since the launch: a budget in minutes, turned into epochs.
    Settle {
        /// Encoded.
        definition: Vec<u8>,
    },
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
