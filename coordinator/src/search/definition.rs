//! What a search is asked to do, and what is wrong with it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    objective::Objective,
    space::{Params, Space},
};

/// Everything that the search needs of a sweep file. [`Search::new`](super::Search::new) checks it; how large its numbers may be is
/// bounded where it is read ([`crate::definition`]).
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// Seed of every random draw.
    pub seed: u64,
    /// The hyperparameters.
    pub space: Space,
    /// What points are ranked by.
    pub objective: Objective,
    /// Rounds made by the planner or written by hand.
    pub strategy: Strategy,
    /// What proposes points.
    pub sampler: Sampler,
    /// Cross-validation folds: a point has one trial for each; 1 without.
    pub folds: u32,
    /// The first points of round 1; what a point does not name is drawn.
    pub start: Vec<Params>,
    /// Finished points of an earlier sweep (`from`): round 0, which proposals learn from and the finish may train again.
    pub earlier: Vec<EarlierPoint>,
    /// What `hone extend` added, in order.
    pub extensions: Vec<Extension>,
}

/// A budget that was added to an ended sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension {
    /// The finish included.
    pub epochs: u64,
    /// The number of its first trial: behind all that the sweep had then, retries too.
    pub first_trial: u64,
}

/// A point of an earlier sweep that has been trained to `full_epochs`.
#[derive(Clone, Debug, PartialEq)]
pub struct EarlierPoint {
    /// Its values; ignored unless they lie in this space.
    pub params: Params,
    /// Its objective; `None` when it diverged.
    pub objective: Option<f64>,
}

/// Who makes the rounds.
#[derive(Clone, Debug, PartialEq)]
pub enum Strategy {
    /// The planner, out of a budget.
    Planned(Planned),
    /// `[[search.round]]`.
    Written(Vec<WrittenRound>),
}

/// A budget and how to spend it. The names are the keys of `[search]`, and what may be left out there has its default here.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Planned {
    /// The algorithm.
    #[serde(rename = "strategy", default)]
    pub kind: PlannedKind,
    /// In all, finish included.
    pub budget: Budget,
    /// Epochs of one full training (R).
    pub full_epochs: u32,
    /// Each rung takes one in `eta` points of the rung before.
    #[serde(default = "three")]
    pub eta: u32,
    /// How many trials the plan should be able to keep busy.
    #[serde(default = "usual_parallel")]
    pub parallel: u32,
    /// For slow starters: two fifths of the full trainings are drawn from the whole space.
    #[serde(default)]
    pub hedge: bool,
    /// A range whose end is best grows.
    #[serde(default)]
    pub widen: bool,
    /// Repeats of the best points at the end.
    pub finish: Option<Finish>,
}

/// The algorithms that make rounds out of a budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlannedKind {
    /// A wide round of halving, then full trainings that a model proposes, from a box that narrows.
    #[default]
    Zoom,
    /// Full trainings of as many points as the budget pays.
    Random,
    /// All points a ninth of a training, the best ninth resumed to the end.
    EarlyCut,
}

/// How much may be trained.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub enum Budget {
    /// Epochs in all.
    Epochs(u64),
    /// Full trainings' worth of epochs.
    Trainings(f64),
    /// Minutes of all the slots: to be turned into epochs by a measured rate before a search is made of it.
    Minutes(f64),
}

/// The best `top` points get `repeats` trials each, the one they have included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Finish {
    /// How many points.
    #[serde(default = "three")]
    #[schemars(range(min = 1))]
    pub top: u32,
    /// Trials of each, in all.
    #[serde(default = "three")]
    #[schemars(range(min = 1))]
    pub repeats: u32,
}

fn three() -> u32 {
    3
}

/// A round written by hand.
#[derive(Clone, Debug, PartialEq)]
pub struct WrittenRound {
    /// Which points it trains.
    pub points: RoundPoints,
    /// Epochs of each trial.
    pub epochs: u32,
    /// Trials of each point, with different seeds.
    pub repeats: u32,
    /// What ends bad trials before their last epoch.
    pub pruner: Pruner,
}

/// Where a written round's points come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoundPoints {
    /// So many, drawn from the box. A grid takes its whole product instead.
    Drawn(u64),
    /// The best so many of the round before.
    Top(u32),
}

/// Where points come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Sampler {
    /// Independent draws.
    Random,
    /// Owen-scrambled Sobol points.
    Sobol,
    /// The product of the domains' values.
    Grid,
    /// Tree-structured Parzen estimators, in generations.
    Tpe,
}

/// Stops bad trials of a written round. Those other than `none` depend on the order in which reports arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Pruner {
    /// Every trial is trained to its end.
    #[default]
    None,
    /// Below the median of the others at the same epoch.
    Median,
    /// Asynchronous successive halving: not among the best third of those that reached the rung so far.
    Asha,
}

/// How many trials run at once where nothing says so.
fn usual_parallel() -> u32 {
    4
}

impl Definition {
    /// Whether a range whose end is best grows.
    pub(super) fn widens(&self) -> bool {
        matches!(&self.strategy, Strategy::Planned(planned) if planned.widen)
    }

    /// How many trials the search should be able to keep busy.
    pub(super) fn parallel(&self) -> u32 {
        match &self.strategy {
            Strategy::Planned(planned) => planned.parallel.max(1),
            Strategy::Written(_) => usual_parallel(),
        }
    }

    /// The same without hyperparameters: for playing a plan through.
    pub(super) fn without_space(&self) -> Definition {
        Definition {
            space: Space::default(),
            start: Vec::new(),
            earlier: Vec::new(),
            sampler: Sampler::Random,
            objective: Objective {
                target: None,
                ..self.objective.clone()
            },
            ..self.clone()
        }
    }
}

impl Budget {
    /// In epochs; `None` for minutes, whose rate nobody knows here.
    pub fn epochs(self, full_epochs: u32) -> Option<u64> {
        match self {
            Budget::Epochs(epochs) => Some(epochs),
            Budget::Trainings(trainings) => {
                Some((trainings * f64::from(full_epochs) + 1e-9).floor() as u64)
            }
            Budget::Minutes(_) => None,
        }
    }
}
