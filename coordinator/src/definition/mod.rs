//! PURE: what is stored of a sweep, and the plan that follows from it. The edge, the driver and `verify` read it here.
//!
//! In reading order: [`codec`] takes the stored message apart and [`search_table`] its `[search]`, within the bounds of [`sizes`];
//! [`boxes`] are the rounds'; [`settled`] is what the coordinator adds to it later; [`numbers`] says which trial numbers are whose; [`spec`] is what a worker
//! gets of a point, [`fitting`] what an earlier sweep has trained just so, [`rate`] a budget in minutes as epochs.

mod boxes;
mod codec;
pub(crate) mod field;
mod fitting;
mod numbers;
mod rate;
mod search_table;
mod settled;
mod sizes;
mod spec;

use std::borrow::Cow;

use hone_proto::v1;
use serde_json::Value;

use crate::{
    ids::Hash,
    search::{self, Budget, Plan, Search, Strategy},
};

pub(crate) use boxes::{box_json, box_message};
pub use codec::NewSweep;
pub(crate) use codec::{columns, parse, parse_stored, stored, versions};
pub(crate) use fitting::fitting;
pub(crate) use rate::epochs_of_minutes;
pub use search::DefinitionError;
pub(crate) use search_table::budget;
pub use search_table::{budget_message, objective_message, search_message};
pub(crate) use settled::{launched, with_budget, with_earlier, with_extension};
pub use sizes::{MOST_BYTES, check_budget, check_space};
pub(crate) use spec::substitute;

/// A sweep as it was defined, and what was settled since.
#[derive(Clone, Debug)]
pub struct SweepDefinition {
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

impl SweepDefinition {
    /// Whether there is no plan before the check has measured the rate.
    pub fn awaits_rate(&self) -> bool {
        minutes(&self.search).is_some()
    }

    /// Rounds, rungs and trial numbers: the costly part of a definition's check. Minutes that are not epochs yet are taken for twenty
    /// trainings: what else is wrong shows all the same.
    pub fn plan(&self) -> Result<Plan, DefinitionError> {
        search::plan(&*self.plannable()?)
    }

    /// The search before any result, along a plan that was made of this definition.
    pub fn search_along(&self, plan: Plan) -> Result<Search, DefinitionError> {
        Search::along(self.plannable()?.into_owned(), plan)
    }

    /// The search before any result.
    pub fn search(&self) -> Result<Search, DefinitionError> {
        self.search_along(self.plan()?)
    }

    fn plannable(&self) -> Result<Cow<'_, search::Definition>, DefinitionError> {
        let mut definition = Cow::Borrowed(&self.search);
        if self.awaits_rate()
            && let Strategy::Planned(planned) = &mut definition.to_mut().strategy
        {
            if self.search.sampler == search::Sampler::Grid {
                return Err(DefinitionError::at(
                    "search.budget",
                    "a grid costs what it costs: give its budget in epochs or trainings",
                ));
            }
            planned.budget = Budget::Trainings(STAND_IN * f64::from(self.search.folds));
        }
        Ok(definition)
    }
}

/// Of a budget in minutes that nothing has measured yet, and how many slots it may use.
pub(crate) fn minutes(definition: &search::Definition) -> Option<(f64, u32)> {
    match &definition.strategy {
        Strategy::Planned(planned) => match planned.budget {
            Budget::Minutes(minutes) => Some((minutes, planned.parallel)),
            Budget::Epochs(_) | Budget::Trainings(_) => None,
        },
        Strategy::Written(_) => None,
    }
}

/// The search of a sweep before any result, without storing anything: its plan is what `hone plan` prints.
pub fn search(definition: &v1::SweepDefinition) -> Result<Search, DefinitionError> {
    parse(definition)?.search()
}

impl From<DefinitionError> for crate::Error {
    fn from(error: DefinitionError) -> Self {
        Self::input(error.path, error.message)
    }
}
