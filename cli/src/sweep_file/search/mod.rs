//! What `[search]` asks for, checked and with its defaults filled in.

mod budget;
mod check;
mod rounds;
mod start;

use serde_json::{Map, Value, json};

use super::tables::{Finish, Round, Sampler, Strategy};
pub use budget::Budget;
pub use check::resolve;

/// How the space is searched, nothing left to default.
#[derive(Clone, Debug)]
pub struct SearchPlan {
    /// A budget for the planner, or written rounds.
    pub kind: SearchKind,
    /// Where points come from.
    pub sampler: Sampler,
    /// First points of round 1, by full path.
    pub start: Vec<Map<String, Value>>,
    /// An earlier sweep to reuse.
    pub from: Option<String>,
}

/// The two ways to say what is trained.
#[derive(Clone, Debug)]
pub enum SearchKind {
    /// Rounds and rungs are made of a budget.
    Planned {
        /// Zoom or a baseline.
        strategy: Strategy,
        /// In all.
        budget: Budget,
        /// Epochs of a full training.
        full_epochs: u32,
        /// One in so many goes on.
        eta: u32,
        /// Trials to keep busy.
        parallel: u32,
        /// For slow starters.
        hedge: bool,
        /// A range may grow.
        widen: bool,
        /// Repeats of the best at the end.
        finish: Option<Finish>,
    },
    /// As written, never empty.
    Rounds(Vec<Round>),
}

impl SearchPlan {
    /// Keys that differ from their defaults and that the strategy does not look at.
    pub fn unused(&self) -> Vec<String> {
        let SearchKind::Planned {
            strategy: Strategy::Random | Strategy::EarlyCut,
            eta,
            hedge,
            widen,
            ..
        } = self.kind
        else {
            return Vec::new();
        };
        let keys = [("eta", eta != 3), ("hedge", hedge), ("widen", widen)];
        keys.into_iter()
            .filter(|(_, set)| *set)
            .map(|(key, _)| format!("search.{key} is not used: zoom alone looks at it"))
            .collect()
    }

    /// As it stands in the canonical JSON.
    pub fn to_json(&self) -> Value {
        let mut out = match &self.kind {
            SearchKind::Planned {
                strategy,
                budget,
                full_epochs,
                eta,
                parallel,
                hedge,
                widen,
                finish,
            } => json!({
                "strategy": strategy, "budget": budget.to_string(), "full_epochs": full_epochs, "eta": eta,
                "parallel": parallel, "hedge": hedge, "widen": widen, "finish": finish,
            }),
            SearchKind::Rounds(rounds) => json!({ "strategy": Strategy::Rounds, "round": rounds }),
        };
        out["sampler"] = json!(self.sampler);
        out["start"] = json!(self.start);
        out["from"] = json!(self.from);
        out
    }
}
