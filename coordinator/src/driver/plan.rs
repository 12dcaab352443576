//! PURE: what the driver needs of a sweep's definition, and which trial numbers are whose.

use std::ops::Range;

use serde_json::Value;

use super::spec::{NoSuchPlace, substitute};
use crate::{
    ids::{Hash, TrialNumber},
    search::{self, Budget, DefinitionError, Plan, Search, Strategy},
};

/// What the driver needs of a sweep's definition.
#[derive(Clone, Debug)]
pub struct SweepPlan {
    /// For the search.
    pub search: search::Definition,
    /// What a trainer gets, each domain's place holding anything.
    pub spec: Value,
    /// Evaluate the winner on the test part.
    pub test: bool,
    /// Run the check first.
    pub check: bool,
    /// The budget was given in minutes: the check comes before the plan, and is trial 1.
    pub measures: bool,
    /// How many checks it has then before the plan.
    pub checks_before: u64,
    /// The sweep whose trials are reused.
    pub from: Option<String>,
    /// Hash of the data set that those were trained on.
    pub earlier_data: Option<Hash>,
}

/// Full trainings that stand for a budget in minutes until it is known.
const STAND_IN: f64 = 20.0;

impl SweepPlan {
    /// Whether every domain has a place in the spec.
    pub fn check_places(&self) -> Result<(), NoSuchPlace> {
        let domains = self.search.space.domains();
        let low = domains
            .iter()
            .map(|domain| (domain.path.clone(), domain.value(0.0)))
            .collect();
        substitute(&self.spec, domains, &low).map(|_| ())
    }

    /// Whether there is no plan before the check has measured the rate.
    pub fn awaits_rate(&self) -> bool {
        matches!(&self.search.strategy, Strategy::Planned(planned)
            if matches!(planned.budget, Budget::Minutes(_)))
    }

    /// The search before any result. Minutes that are not epochs yet are taken for twenty trainings: what else is wrong shows all the same.
    pub fn make_search(&self) -> Result<Search, DefinitionError> {
        let mut definition = self.search.clone();
        if let Strategy::Planned(planned) = &mut definition.strategy
            && matches!(planned.budget, Budget::Minutes(_))
        {
            if definition.sampler == search::Sampler::Grid {
                return Err(DefinitionError {
                    path: "search.budget".to_owned(),
                    message: "a grid costs what it costs: give its budget in epochs or trainings"
                        .to_owned(),
                });
            }
            planned.budget = Budget::Trainings(STAND_IN * f64::from(definition.folds));
        }
        Search::new(definition)
    }

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
