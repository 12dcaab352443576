//! What `[search]` asks for, checked and with its defaults filled in.

mod budget;
mod check;
mod rounds;
mod start;

use hone_coordinator::search::{
    Planned, PlannedKind, RoundPoints, Sampler, Strategy as Searched, WrittenRound,
};
use serde_json::{Map, Value, json};

use super::tables::{Round, Search, Strategy};
pub use budget::{budget_words, parse_budget};
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
    Planned(Planned),
    /// As written, never empty.
    Rounds(Vec<Round>),
}

/// Keys that say something of written rounds, too; all others are the planner's.
const OF_BOTH: [&str; 5] = ["strategy", "sampler", "start", "from", "round"];
/// Keys of the planner that every strategy looks at; the others are zoom's.
const OF_ALL_STRATEGIES: [&str; 5] = ["strategy", "budget", "full_epochs", "parallel", "finish"];

/// The keys that are written.
fn written(search: &Search) -> Map<String, Value> {
    let mut keys = match json!(search) {
        Value::Object(keys) => keys,
        _ => Map::new(),
    };
    keys.retain(|_, value| !value.is_null());
    keys
}

impl SearchPlan {
    /// Keys that differ from their defaults and that the strategy does not look at.
    pub fn unused(&self) -> Vec<String> {
        let SearchKind::Planned(planned) = &self.kind else {
            return Vec::new();
        };
        let least = json!({ "budget": planned.budget, "full_epochs": planned.full_epochs });
        let plain = serde_json::from_value::<Planned>(least);
        let (own, plain) = (
            json!(planned),
            plain.map_or(Value::Null, |plain| json!(plain)),
        );
        let keys = own.as_object().into_iter().flatten();
        keys.filter(|_| planned.kind != PlannedKind::Zoom)
            .filter(|(key, _)| !OF_ALL_STRATEGIES.contains(&key.as_str()))
            .filter(|(key, value)| plain[key.as_str()] != **value)
            .map(|(key, _)| format!("search.{key} is not used: zoom alone looks at it"))
            .collect()
    }

    /// As it stands in the canonical JSON.
    pub fn to_json(&self) -> Value {
        let mut out = match &self.kind {
            SearchKind::Planned(planned) => {
                let mut keys = json!(planned);
                keys["budget"] = json!(budget_words(planned.budget));
                keys
            }
            SearchKind::Rounds(rounds) => json!({ "strategy": Strategy::Rounds, "round": rounds }),
        };
        out["sampler"] = json!(self.sampler);
        out["start"] = json!(self.start);
        out["from"] = json!(self.from);
        out
    }

    /// As the search takes it.
    pub fn strategy(&self) -> Searched {
        match &self.kind {
            SearchKind::Planned(planned) => Searched::Planned(planned.clone()),
            SearchKind::Rounds(rounds) => Searched::Written(rounds.iter().map(round).collect()),
        }
    }
}

fn round(round: &Round) -> WrittenRound {
    WrittenRound {
        points: match round.top {
            Some(top) => RoundPoints::Top(top),
            // Of a grid there are as many as its product has.
            None => RoundPoints::Drawn(round.points.unwrap_or(0)),
        },
        epochs: round.epochs,
        repeats: round.repeats,
        pruner: round.pruner,
    }
}
