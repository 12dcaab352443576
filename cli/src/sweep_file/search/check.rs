//! Checks `[search]` and fills it in.

use serde_json::json;

use super::{
    super::{
        domain::{Domain, Grid, Values},
        source::Problem,
        tables::{Finish, Sampler, Search, Strategy},
        tree::Node,
    },
    Budget, SearchKind, SearchPlan,
};

/// The most points that a grid may have.
const MOST_POINTS: u64 = 1_000_000;

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
    let sampler = check.sampler(search);
    let grid = (sampler == Sampler::Grid).then(|| check.grid_points(domains));
    let kind = if search.round.is_empty() && search.strategy != Some(Strategy::Rounds) {
        check.planned(search, folds, grid)
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

    /// A budget; `grid`: the points of a grid.
    fn planned(&mut self, search: &Search, folds: u32, grid: Option<u64>) -> Option<SearchKind> {
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
        if let (Some(points), Some(epochs)) = (grid, budget.epochs(full_epochs)) {
            let cost = points.saturating_mul(smallest);
            if cost > epochs {
                let message = format!(
                    "the grid has {points} points and costs {cost} epochs, the budget is {epochs}"
                );
                let help = format!("give \"{cost} epochs\", or fewer values");
                self.wrong("search.budget", message, help);
            }
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

    fn sampler(&mut self, search: &Search) -> Sampler {
        let planned = search.round.is_empty();
        let strategy = search.strategy.unwrap_or(Strategy::Zoom);
        let default = if planned && strategy == Strategy::Random {
            Sampler::Random
        } else {
            Sampler::Sobol
        };
        let sampler = search.sampler.unwrap_or(default);
        let halving = matches!(strategy, Strategy::Zoom | Strategy::EarlyCut);
        if planned && halving && matches!(sampler, Sampler::Grid | Sampler::Tpe) {
            let message = format!(
                "the strategy {} does not take the sampler {}",
                json!(strategy),
                json!(sampler)
            );
            let help = "it takes \"sobol\" or \"random\"; grid and tpe go with strategy = \"random\" and with written rounds";
            self.wrong("search.sampler", message, help);
        }
        sampler
    }

    /// How many points the whole product has.
    fn grid_points(&mut self, domains: &[Domain]) -> u64 {
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
        if product > MOST_POINTS {
            let message = format!("the grid has {product} points");
            self.wrong("search.sampler", message, format!("at most {MOST_POINTS}"));
        }
        product
    }
}
