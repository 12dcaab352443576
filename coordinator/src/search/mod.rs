//! The search: a fold over results, without clock, storage, network or ambient randomness.
//!
//! `state.apply(result)` and `state.decide(want)`. Replaying the results in any order into a new [`Search`] gives the same decisions, so
//! a restart is a replay. What is decided depends on the results alone: not on the order in which they arrive, the number of
//! workers or `want` (the median and ASHA pruners excepted).

mod decision;
mod definition;
mod domain;
mod objective;
mod plan;
mod search_box;
mod space;
mod winner;

pub use decision::{Decision, NewTrial, Promotion, TrialEvent, TrialResult, Warning, priority};
pub use definition::{
    Budget, Definition, DefinitionError, EarlierPoint, Finish, Planned, PlannedKind, Pruner,
    RoundPoints, Sampler, Strategy, WrittenRound,
};
pub use domain::{Condition, Domain, Grid, Kind, Range, Scale};
pub use objective::Objective;
pub use plan::{Bracket, FinishPlan, Plan, PointSource, RoundPlan, Rung, TrialKey};
pub use search_box::{AxisBox, SearchBox};
pub use space::{Params, Space};
pub use winner::Winner;

/// The state of one sweep's search.
#[derive(Debug)]
pub struct Search {
    definition: Definition,
    plan: Plan,
    warnings: Vec<Warning>,
}

/// A round as people see it.
#[derive(Clone, Debug, PartialEq)]
pub struct RoundView {
    /// From 1.
    pub number: u32,
    /// Points that enter it.
    pub points: u64,
    /// Points that are through with it: at its top rung, out, diverged, failed or cancelled.
    pub points_finished: u64,
    /// Its box; `None` until the rounds before have earned it, and for `top` rounds.
    pub within: Option<SearchBox>,
    /// The best mean of a point so far, at the highest rung that any point of the round has reached.
    pub best: Option<f64>,
}

impl Search {
    /// Makes the plan.
    ///
    /// # Errors
    ///
    /// What cannot be searched, with the path in the sweep file and what would be right.
    pub fn new(definition: Definition) -> Result<Search, DefinitionError> {
        let plan = Plan {
            rounds: Vec::new(),
            finish: None,
            folds: definition.folds,
            full_epochs: 1,
            epochs: 0,
            notes: Vec::new(),
        };
        Ok(Search {
            definition,
            plan,
            warnings: Vec::new(),
        })
    }

    /// What the search was asked to do.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// Rounds, rungs and trial numbers.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Takes in what happened to one trial. Unknown numbers (retries, tests) are ignored.
    pub fn apply(&mut self, result: &TrialResult) {
        let _ = result;
    }

    /// What is due: at most `want` new trials, and all promotions, prunes, boxes, warnings and the end. Each is said once.
    ///
    /// Empty when it must wait for results.
    pub fn decide(&mut self, want: usize) -> Vec<Decision> {
        let _ = want;
        Vec::new()
    }

    /// The epochs at which a trial of this number is compared, ascending: what the driver must tell `AtRung` for after a restart.
    pub fn rungs_of(&self, trial: u64) -> Vec<u32> {
        let _ = trial;
        Vec::new()
    }

    /// Which trial has this number; `None` for numbers outside the plan, and for finish repeats whose point is not known yet.
    pub fn trial(&self, number: u64) -> Option<TrialKey> {
        let _ = number;
        None
    }

    /// The rounds as people see them.
    pub fn rounds(&self) -> Vec<RoundView> {
        Vec::new()
    }

    /// The round under way, from 1.
    pub fn round(&self) -> u32 {
        1
    }

    /// Warnings so far, in order.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The best point so far by the rule that the end will use; `None` before any value.
    pub fn best(&self) -> Option<Winner> {
        None
    }

    /// Whether `decide` has said [`Decision::Finish`].
    pub fn is_finished(&self) -> bool {
        false
    }
}
