//! The tables of a sweep file that are hone's own: `[objective]`, `[search]` and what stands above them.
//!
//! `[data]`, `[model]` and `[train]` belong to the trainer (`hone_worker::cnn::Config`).

use hone_coordinator::search::{Finish, Pruner, Sampler};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A sweep file as the JSON Schema shows it: one search, from its space to how its budget is spent.
#[derive(JsonSchema)]
#[schemars(title = "hone sweep file", deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "only its schema is used: the parts are read one by one, each with its own places"
)]
pub struct SweepFile {
    /// Name of the sweep: letters, digits, `-`, `_`.
    pub name: String,
    /// Seed of everything random in the sweep.
    #[serde(default)]
    pub seed: u64,
    /// Which workers can take it: `cnn`, or a name that a worker was given with `--exec NAME=COMMAND`.
    #[serde(default = "cnn")]
    pub trainer: String,
    /// What a point is ranked by.
    #[serde(default)]
    pub objective: Objective,
    /// The images, their split and preprocessing.
    pub data: Option<hone_worker::data::Config>,
    /// The net. Any scalar may be a domain.
    pub model: Option<hone_worker::cnn::config::Model>,
    /// How it is trained. Any scalar may be a domain.
    pub train: Option<hone_worker::cnn::config::Train>,
    /// The space for another trainer, in place of `[model]` and `[train]`.
    pub params: Option<Map<String, Value>>,
    /// How the space is searched.
    pub search: Search,
}

fn cnn() -> String {
    "cnn".into()
}

/// What a point is ranked by.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// Any reported metric: `train_loss`, `train_accuracy`, `val_loss`, `val_accuracy`, or one that another trainer reports.
    #[serde(default = "val_accuracy")]
    pub metric: String,
    /// Required for a metric that hone does not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// Which epoch counts: the best so far (its weights are kept), or the last.
    #[serde(default)]
    pub at: At,
    /// The search ends at the first finished rung or round whose best point reaches it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<f64>,
}

impl Objective {
    /// Which way is better; known of every objective that was read.
    pub fn direction(&self) -> Direction {
        self.direction.unwrap_or(Direction::Maximize)
    }
}

fn val_accuracy() -> String {
    "val_accuracy".into()
}

impl Default for Objective {
    fn default() -> Self {
        Objective {
            metric: val_accuracy(),
            direction: None,
            at: At::Best,
            target: None,
        }
    }
}

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Larger is better.
    Maximize,
    /// Smaller is better.
    Minimize,
}

/// Which epoch counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum At {
    /// The best epoch so far.
    #[default]
    Best,
    /// The last epoch.
    Last,
}

/// How the space is searched: a budget from which rounds and rungs are planned, or rounds written by hand. What the planner's keys are
/// when they are left out stands with [`hone_coordinator::search::Planned`].
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// `zoom`, or `rounds` when a round is written; also two baselines.
    pub strategy: Option<Strategy>,
    /// In all, finish included: `"180 epochs"`, `"20 trainings"` or `"30 min"`.
    pub budget: Option<String>,
    /// Epochs of one full training.
    #[schemars(range(min = 1))]
    pub full_epochs: Option<u32>,
    /// Where points come from.
    pub sampler: Option<Sampler>,
    /// One in so many goes on at a rung.
    #[schemars(range(min = 2))]
    pub eta: Option<u32>,
    /// How many trials the plan should be able to keep busy; never the number of workers at hand.
    #[schemars(range(min = 1))]
    pub parallel: Option<u32>,
    /// For tasks whose good points start slowly: two fifths of the full trainings are drawn from the whole space. In a single
    /// round of halving, a fifth of its budget starts a rung later.
    pub hedge: Option<bool>,
    /// A range whose end is best grows.
    pub widen: Option<bool>,
    /// The best few are trained again, with other seeds.
    pub finish: Option<Finish>,
    /// The first points of round 1; what is not named is drawn.
    #[serde(default)]
    pub start: Vec<Map<String, Value>>,
    /// An earlier sweep whose fitting trials become round 0.
    pub from: Option<String>,
    /// Rounds written by hand, in place of the planner.
    #[serde(default)]
    pub round: Vec<Round>,
}

/// What makes rounds out of the budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// A wide round of halving, then full trainings that a model proposes, from a box that narrows.
    Zoom,
    /// The rounds that are written.
    Rounds,
    /// Full trainings of as many points as the budget pays.
    Random,
    /// All points a ninth of a training, the best ninth to the end.
    EarlyCut,
}

/// A round written by hand: `points` drawn anew, or the `top` of the round before.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Round {
    /// Points drawn anew.
    #[schemars(range(min = 1))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points: Option<u64>,
    /// So many of the best of the round before, trained afresh.
    #[schemars(range(min = 1))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top: Option<u32>,
    /// Each is trained so long.
    #[schemars(range(min = 1))]
    pub epochs: u32,
    /// Trials of each point, with different seeds.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub repeats: u32,
    /// Stops trials of this round early.
    #[serde(default)]
    pub pruner: Pruner,
}

fn one() -> u32 {
    1
}
