//! The search: a fold over results, without clock, storage, network or ambient randomness.
//!
//! `state.apply(result)` and `state.decide(want)`. Replaying the results in any order into a new [`Search`] gives the same decisions, so
//! a restart is a replay. What is decided depends on the results alone: not on the order in which they arrive, the number of
//! workers or `want` (the median and ASHA pruners excepted).

// What is asked, and what is said.
mod decision;
mod definition;
mod definition_error;
// The space.
mod combinations;
mod domain;
mod objective;
mod search_box;
mod space;
// Points.
mod cholesky;
mod direction_numbers;
mod evidence;
mod gaussian;
mod generations;
mod kernel;
mod keyed;
mod likelihood;
mod proposals;
mod sampler;
mod sobol;
mod tpe;
// Rounds and rungs.
mod budgeted;
mod edge;
mod extension;
mod halving;
mod narrow;
mod plan;
mod planner;
mod pruner;
mod round;
mod simulate;
mod written;
// The fold.
mod fold;
mod sets;
mod statistics;
mod winner;
mod worth;

/// Of the decisions: raised whenever the same definition and results would lead to other points, promotions or winners. A sweep is
/// continued and replayed by the version that began it.
///
/// 2: what a sampler gives again is a repeat of the first point with these params; sets of params are ranked by all their trainings.
pub const VERSION: u32 = 2;

pub(crate) use budgeted::rungs;
pub use combinations::combinations;
pub use decision::{Decision, NewTrial, Promotion, TrialEvent, TrialResult};
pub use definition::{
    Budget, Definition, EarlierPoint, Extension, Finish, Planned, PlannedKind, Pruner, RoundPoints,
    Sampler, Strategy, WrittenRound,
};
pub use definition_error::DefinitionError;
pub use domain::{Condition, Domain, Grid, Kind, Range, Scale};
pub(crate) use edge::FAMILY as EDGES;
pub use fold::Search;
pub use objective::Objective;
pub use plan::{Bracket, FinishPlan, Plan, PointSource, RoundPlan, Rung, TrialKey};
pub(crate) use planner::plan;
pub use search_box::{AxisBox, SearchBox};
pub use simulate::shares_used;
pub use space::{Params, Space};
pub(crate) use statistics::mean;
pub use winner::Winner;
pub use worth::{NoWorth, TrialValue, Worth, worth};

#[cfg(test)]
mod tests;
