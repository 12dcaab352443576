//! Which trials are listed, in which order, and from where on.

use super::values::Millis;
use crate::{ids::TrialNumber, trial::TrialState};

/// How trials are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TrialSort {
    /// By number.
    #[default]
    Number,
    /// Best first; without a value last.
    Objective,
    /// Newest change first.
    Recent,
}

/// Which trials are listed.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct TrialFilter {
    /// In which order.
    pub sort: TrialSort,
    /// At most so many.
    pub limit: Option<u64>,
    /// Empty: any.
    pub states: Vec<TrialState>,
    /// `None`: any.
    pub round: Option<u32>,
    /// Check and test trials too.
    pub all_kinds: bool,
    /// Only greater numbers.
    pub after: u64,
    /// Only what is listed behind this trial: how a listing goes on in any order. A trial that changes its place meanwhile is
    /// listed where it was, where it is, or at both places or none.
    pub past: Option<TrialPlace>,
}

impl TrialFilter {
    /// Whether only trials that are under way are wanted: there are few.
    pub(super) fn is_live(&self) -> bool {
        let live = |state: &TrialState| !state.is_terminal();
        !self.states.is_empty() && self.states.iter().all(live)
    }
}

/// Where a trial stands in a listing, whatever its order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrialPlace {
    /// Its number.
    pub number: TrialNumber,
    /// What it is ranked by.
    pub objective: Option<f64>,
    /// Its newest change.
    pub changed: Millis,
}
