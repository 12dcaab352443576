//! Which trial numbers of a sweep are whose.

use std::ops::Range;

use super::SweepDefinition;
use crate::{
    ids::TrialNumber,
    search::{Plan, Search},
};

impl SweepDefinition {
    /// How many numbers are given out before the plan.
    fn before(&self) -> u64 {
        if self.measures { self.checks_before } else { 0 }
    }

    /// The trial's number in the search's own counting, which begins with 1.
    pub fn search_number(&self, number: u64) -> u64 {
        number.saturating_sub(self.before())
    }

    /// The trial's number as it is stored and shown.
    pub fn number(&self, search_number: u64) -> TrialNumber {
        TrialNumber(search_number + self.before())
    }

    /// Numbers, as they are stored, of the trials whose points are chosen by what this trial of the plan gives.
    pub fn hinge_on(&self, search: &Search, trial: TrialNumber) -> Vec<Range<u64>> {
        let hinged = search.hinge_on(self.search_number(trial.0)).into_iter();
        let shift = self.before();
        hinged
            .map(|range| range.start + shift..range.end.saturating_add(shift))
            .collect()
    }

    /// The check's number: behind the plan; 1 where the plan waits for it.
    pub fn check_number(&self, plan: &Plan) -> TrialNumber {
        if self.measures {
            TrialNumber(1)
        } else {
            TrialNumber(plan.last_trial_at_launch() + 1)
        }
    }

    /// The number of the first test trial: behind the plan, with all that was added to it, and the check.
    pub fn first_test(&self, plan: &Plan) -> TrialNumber {
        let last = self.number(plan.last_trial());
        TrialNumber(last.max(self.check_number(plan)).0 + 1)
    }

    /// The last number that this sweep may give out by itself: retries come after it.
    pub fn last_reserved(&self, search: &Search) -> TrialNumber {
        TrialNumber(self.first_test(search.plan()).0 - 1 + search.most_trials_of_winner())
    }
}
