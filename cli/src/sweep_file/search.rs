//! What `[search]` asks for, checked and with its defaults filled in.

use serde_json::{Map, Value, json};

use super::{
    domain::{Domain, Grid, Values},
    names,
    source::Problem,
    tables::{Finish, Pruner, Round, Sampler, Search, Strategy},
    tree::Node,
};

/// How much is trained in all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Budget {
    /// `"180 epochs"`
    Epochs(u64),
    /// `"20 trainings"`
    Trainings(f64),
    /// `"30 min"`
    Minutes(f64),
}

impl Budget {
    /// In epochs, for full trainings of so many; `None` for minutes, which only a measurement can turn into epochs.
    pub fn epochs(self, full_epochs: u32) -> Option<u64> {
        match self {
            Budget::Epochs(n) => Some(n),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "checked when parsed"
            )]
            Budget::Trainings(n) => Some((n * f64::from(full_epochs)).round() as u64),
            Budget::Minutes(_) => None,
        }
    }
}

impl std::str::FromStr for Budget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let right = "write \"180 epochs\", \"20 trainings\" or \"30 min\"";
        let digits = text
            .find(|c: char| c != '.' && !c.is_ascii_digit())
            .unwrap_or(text.len());
        let (number, unit) = (&text[..digits], text[digits..].trim());
        let amount: f64 = number
            .parse()
            .map_err(|_| format!("{text:?} is no budget: {right}"))?;
        if !(amount > 0.0 && amount < 1e12) {
            return Err(format!("a budget of {text:?} trains nothing: {right}"));
        }
        match unit {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "whole, in range"
            )]
            "epochs" | "epoch" if amount.fract() == 0.0 => Ok(Budget::Epochs(amount as u64)),
            "epochs" | "epoch" => Err(format!("{text:?}: epochs are whole numbers")),
            "trainings" | "training" => Ok(Budget::Trainings(amount)),
            "min" | "minutes" | "minute" => Ok(Budget::Minutes(amount)),
            "h" | "hours" | "hour" => Ok(Budget::Minutes(amount * 60.0)),
            _ => Err(format!("{text:?} is no budget: {right}")),
        }
    }
}

impl std::fmt::Display for Budget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Budget::Epochs(n) => write!(f, "{n} epochs"),
            Budget::Trainings(n) => write!(f, "{n} trainings"),
            Budget::Minutes(n) => write!(f, "{n} min"),
        }
    }
}

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

/// Checks `[search]` and fills it in; `root` is the whole file, for places.
pub fn resolve(
    root: &Node,
    search: &Search,
    domains: &[Domain],
    folds: u32,
) -> Result<SearchPlan, Vec<Problem>> {
    let mut check = Check {
        root,
        problems: Vec::new(),
    };
    let kind = if search.round.is_empty() && search.strategy != Some(Strategy::Rounds) {
        check.planned(search, folds)
    } else {
        check.rounds(search)
    };
    let sampler = check.sampler(search);
    if sampler == Sampler::Grid {
        check.grid(search, domains, folds);
    }
    let start = check.start(search, domains);
    match kind {
        Some(kind) if check.problems.is_empty() => Ok(SearchPlan {
            kind,
            sampler,
            start,
            from: search.from.clone(),
        }),
        _ => Err(check.problems),
    }
}

struct Check<'a> {
    root: &'a Node,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn wrong(&mut self, key: &str, message: impl Into<String>, help: impl Into<String>) {
        let problem = Problem::at(&self.root.place(key), key, message).help(help);
        self.problems.push(problem);
    }

    fn planned(&mut self, search: &Search, folds: u32) -> Option<SearchKind> {
        let strategy = search.strategy.unwrap_or(Strategy::Zoom);
        let both = "write budget = \"180 epochs\" and full_epochs = 9 for the planner, or [[search.round]] tables";
        for (key, missing) in [
            ("search.budget", search.budget.is_none()),
            ("search.full_epochs", search.full_epochs.is_none()),
        ] {
            if missing {
                self.wrong(key, "this key is required", both);
            }
        }
        let (budget, full_epochs) = (search.budget.as_ref()?, search.full_epochs?);
        let budget: Budget = match budget.parse() {
            Ok(budget) => budget,
            Err(message) => {
                self.wrong(
                    "search.budget",
                    message,
                    "all rounds and the finish are paid from it",
                );
                return None;
            }
        };
        let smallest = u64::from(full_epochs) * u64::from(folds);
        if budget
            .epochs(full_epochs)
            .is_some_and(|epochs| epochs < smallest)
        {
            let per_fold = if folds > 1 {
                format!(" × {folds} folds")
            } else {
                String::new()
            };
            let message = format!(
                "a budget of {budget} does not pay one full training: {full_epochs} epochs{per_fold}"
            );
            self.wrong(
                "search.budget",
                message,
                format!("the smallest that works is \"{smallest} epochs\""),
            );
        }
        let finish = match (strategy, search.finish) {
            (_, Some(finish)) => Some(finish),
            (Strategy::Zoom, None) => Some(Finish { top: 3, repeats: 3 }),
            _ => None,
        };
        Some(SearchKind::Planned {
            strategy,
            budget,
            full_epochs,
            eta: search.eta.unwrap_or(3),
            parallel: search.parallel.unwrap_or(4),
            hedge: search.hedge.unwrap_or(false),
            widen: search.widen.unwrap_or(false),
            finish,
        })
    }

    fn rounds(&mut self, search: &Search) -> Option<SearchKind> {
        if search.round.is_empty() {
            let help = "write at least one [[search.round]] with points and epochs";
            self.wrong(
                "search.strategy",
                "strategy \"rounds\" without a round",
                help,
            );
            return None;
        }
        if let Some(strategy) = search.strategy.filter(|s| *s != Strategy::Rounds) {
            let message = format!("strategy {} beside rounds written by hand", json!(strategy));
            self.wrong(
                "search.strategy",
                message,
                "leave out either the strategy or the [[search.round]] tables",
            );
        }
        for (key, present) in [
            ("budget", search.budget.is_some()),
            ("full_epochs", search.full_epochs.is_some()),
            ("eta", search.eta.is_some()),
            ("parallel", search.parallel.is_some()),
            ("hedge", search.hedge.is_some()),
            ("widen", search.widen.is_some()),
            ("finish", search.finish.is_some()),
        ] {
            if present {
                let message =
                    "this key is the planner's; it has no place beside rounds written by hand";
                self.wrong(
                    &format!("search.{key}"),
                    message,
                    "leave out either it or the [[search.round]] tables",
                );
            }
        }
        let mut before: Option<u64> = None;
        for (i, round) in search.round.iter().enumerate() {
            let key = format!("search.round.{i}");
            before = self.round(&key, round, before, search.sampler == Some(Sampler::Grid));
        }
        Some(SearchKind::Rounds(search.round.clone()))
    }

    /// Checks one written round; how many points it has, if that can be said.
    fn round(&mut self, key: &str, round: &Round, before: Option<u64>, grid: bool) -> Option<u64> {
        let first = key.ends_with(".0");
        match (round.points, round.top) {
            (Some(_), Some(_)) => {
                let help = "a round draws `points` anew, or takes the `top` of the round before";
                self.wrong(
                    &format!("{key}.top"),
                    "`points` and `top` in one round",
                    help,
                );
            }
            (None, None) if !grid => {
                let help = "points = 48 draws so many; top = 3 takes the best of the round before";
                self.wrong(key, "a round needs `points` or `top`", help);
            }
            (None, Some(_)) if first => {
                let help = "the first round draws `points`";
                self.wrong(
                    &format!("{key}.top"),
                    "`top` in the first round: there is no round before it",
                    help,
                );
            }
            (None, Some(top)) if before.is_some_and(|n| u64::from(top) > n) => {
                let n = before.unwrap_or(0);
                let message = format!("the best {top} of a round that has {n} points");
                self.wrong(&format!("{key}.top"), message, format!("at most top = {n}"));
            }
            (Some(_), None) if grid && first => {
                let help = "leave `points` out: a grid is the whole product of its values";
                self.wrong(
                    &format!("{key}.points"),
                    "a grid has no number of points",
                    help,
                );
            }
            _ => {}
        }
        if round.pruner != Pruner::None && round.top.is_some() {
            let help = "finalists are trained to their end; leave `pruner` out";
            self.wrong(&format!("{key}.pruner"), "a pruner in a `top` round", help);
        }
        round.points.or(round.top.map(u64::from))
    }

    fn sampler(&mut self, search: &Search) -> Sampler {
        let planned = search.round.is_empty();
        let strategy = search.strategy.unwrap_or(Strategy::Zoom);
        let default = if planned && strategy == Strategy::Random {
            Sampler::Random
        } else {
            Sampler::Sobol
        };
        let sampler = search.sampler.unwrap_or(default);
        if planned && strategy == Strategy::Zoom && matches!(sampler, Sampler::Grid | Sampler::Tpe)
        {
            let message = format!(
                "zoom narrows boxes, which {} does not draw from",
                json!(sampler)
            );
            self.wrong(
                "search.sampler",
                message,
                "use \"sobol\" or \"random\", or another strategy",
            );
        }
        sampler
    }

    fn grid(&mut self, search: &Search, domains: &[Domain], folds: u32) {
        let mut product: u64 = 1;
        for domain in domains {
            let n = match (&domain.grid, &domain.values) {
                (Some(Grid::Values(values)), _) => values.len() as u64,
                (Some(Grid::Points(n)), _) => u64::from(*n),
                (None, Values::Choice(values)) => values.len() as u64,
                (None, Values::Range { .. }) => {
                    let message = "the grid sampler needs values for this domain";
                    let help = "write grid = [v, …] or points = n beside it";
                    self.problems
                        .push(Problem::at(&domain.span, domain.path.clone(), message).help(help));
                    1
                }
            };
            product = product.saturating_mul(n);
        }
        let full = search.full_epochs.unwrap_or(0);
        let budget = search
            .budget
            .as_deref()
            .and_then(|b| b.parse::<Budget>().ok());
        if let Some(epochs) = budget.and_then(|b| b.epochs(full)) {
            let cost = product
                .saturating_mul(u64::from(full))
                .saturating_mul(u64::from(folds));
            if cost > epochs {
                let message = format!(
                    "the grid has {product} points and costs {cost} epochs, the budget is {epochs}"
                );
                self.wrong(
                    "search.budget",
                    message,
                    format!("give \"{cost} epochs\", or fewer values"),
                );
            }
        } else if product > 1_000_000 {
            self.wrong(
                "search.sampler",
                format!("the grid has {product} points"),
                "at most 1000000",
            );
        }
    }

    fn start(&mut self, search: &Search, domains: &[Domain]) -> Vec<Map<String, Value>> {
        let mut start = Vec::new();
        for (i, point) in search.start.iter().enumerate() {
            let mut flat = Vec::new();
            flatten("", point, domains, &mut flat);
            let mut full = Map::new();
            for (name, value) in flat {
                let key = format!("search.start.{i}");
                match names::resolve(&name, domains.iter().map(|d| d.path.as_str())) {
                    Err(message) => self.wrong(
                        &key,
                        message,
                        "start names hyperparameters: what has a domain",
                    ),
                    Ok(path) => {
                        let domain = domains.iter().find(|d| d.path == path);
                        if let Some(domain) = domain.filter(|d| !d.contains(&value)) {
                            let message = format!("{path} = {value} lies outside of its domain");
                            self.wrong(&key, message, format!("it is {}", domain.describe()));
                        }
                        full.insert(path.to_owned(), value);
                    }
                }
            }
            start.push(full);
        }
        start
    }
}

/// `{ train = { learning_rate = 0.1 } }` and `{ "train.learning_rate" = 0.1 }` mean the same point.
fn flatten(
    above: &str,
    point: &Map<String, Value>,
    domains: &[Domain],
    out: &mut Vec<(String, Value)>,
) {
    for (key, value) in point {
        let path = super::walk::join(above, key);
        match value {
            Value::Object(inner) if !domains.iter().any(|d| d.path == path) => {
                flatten(&path, inner, domains, out);
            }
            _ => out.push((path, value.clone())),
        }
    }
}
