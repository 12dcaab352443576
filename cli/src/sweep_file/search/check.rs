//! Checks `[search]` and fills it in.

use hone_coordinator::search::Sampler;
use serde_json::{Value, json};

use super::{
    super::{
        domain::{Domain, Grid},
        source::Problem,
        tables::{Search, Strategy},
        tree::Node,
    },
    SearchKind, SearchPlan, parse_budget,
};

/// Checks `[search]` and fills it in; `root` is the whole file, for places.
pub fn resolve(
    root: &Node,
    search: &Search,
    domains: &[Domain],
) -> Result<SearchPlan, Vec<Problem>> {
    let mut check = Check {
        root,
        problems: Vec::new(),
    };
    let sampler = search.sampler.unwrap_or_else(|| usual_sampler(search));
    let grid = (sampler == Sampler::Grid).then(|| check.grid_points(domains));
    let kind = if search.round.is_empty() && search.strategy != Some(Strategy::Rounds) {
        check.planned(search)
    } else {
        check.rounds(search, grid)
    };
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

pub(super) struct Check<'a> {
    root: &'a Node,
    pub(super) problems: Vec<Problem>,
}

impl Check<'_> {
    pub(super) fn wrong(&mut self, key: &str, message: impl Into<String>, help: impl Into<String>) {
        let problem = Problem::at(&self.root.place(key), key, message).help(help);
        self.problems.push(problem);
    }

    fn planned(&mut self, search: &Search) -> Option<SearchKind> {
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
        let budget = match parse_budget(search.budget.as_ref()?) {
            Ok(budget) => budget,
            Err(message) => {
                let help = "all rounds and the finish are paid from it";
                self.wrong("search.budget", message, help);
                return None;
            }
        };
        search.full_epochs?;
        let mut keys = super::written(search);
        keys.insert("budget".into(), json!(budget));
        if strategy == Strategy::Zoom {
            keys.entry("finish").or_insert_with(|| json!({}));
        }
        match serde_json::from_value(Value::Object(keys)) {
            Ok(planned) => Some(SearchKind::Planned(planned)),
            Err(error) => {
                self.wrong("search", error.to_string(), both);
                None
            }
        }
    }

    /// How many points the whole product has.
    fn grid_points(&mut self, domains: &[Domain]) -> u64 {
        let mut product: u64 = 1;
        for domain in domains {
            let n = match (&domain.grid, &domain.values) {
                (Some(Grid::Values(values)), _) => values.len() as u64,
                (Some(Grid::Points(n)), _) => u64::from(*n),
                (None, values) => match values.count() {
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "whole and positive; what is out of range is too many as the largest number, too"
                    )]
                    Some(count) => count as u64,
                    None => {
                        let message = "the grid sampler needs values for this domain";
                        let help = "write grid = [v, …], points = n or step = s beside it";
                        let problem = Problem::at(&domain.span, domain.path.clone(), message);
                        self.problems.push(problem.help(help));
                        1
                    }
                },
            };
            product = product.saturating_mul(n);
        }
        product
    }
}

fn usual_sampler(search: &Search) -> Sampler {
    match search.strategy {
        Some(Strategy::Random) if search.round.is_empty() => Sampler::Random,
        _ => Sampler::Sobol,
    }
}
