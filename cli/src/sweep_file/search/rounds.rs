//! Rounds written by hand.

use hone_coordinator::search::Pruner;
use serde_json::json;

use super::{
    super::tables::{Round, Search, Strategy},
    OF_BOTH, SearchKind,
    check::Check,
};

impl Check<'_> {
    /// Checks all of them; `grid`: the points of a grid, which the first round takes whole.
    pub(super) fn rounds(&mut self, search: &Search, grid: Option<u64>) -> Option<SearchKind> {
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
        for key in super::written(search).keys() {
            if !OF_BOTH.contains(&key.as_str()) {
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
            before = self.round(&key, round, before, grid);
        }
        Some(SearchKind::Rounds(search.round.clone()))
    }

    /// Checks one written round; how many points it has, if that can be said.
    fn round(
        &mut self,
        key: &str,
        round: &Round,
        before: Option<u64>,
        grid: Option<u64>,
    ) -> Option<u64> {
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
            (None, None) if grid.is_none() || !first => {
                let help = if grid.is_some() {
                    "a grid is trained whole in the first round; top = 3 takes the best of it"
                } else {
                    "points = 48 draws so many; top = 3 takes the best of the round before"
                };
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
            (Some(_), None) if grid.is_some() && first => {
                let help = "leave `points` out: a grid is the whole product of its values";
                self.wrong(
                    &format!("{key}.points"),
                    "a grid has no number of points",
                    help,
                );
            }
            (Some(_), None) if grid.is_some() => {
                let help = "give it `top`: the best few of the grid, trained longer";
                self.wrong(
                    &format!("{key}.points"),
                    "the first round has trained the whole grid",
                    help,
                );
            }
            _ => {}
        }
        if round.pruner != Pruner::None && round.top.is_some() {
            let help = "finalists are trained to their end; leave `pruner` out";
            self.wrong(&format!("{key}.pruner"), "a pruner in a `top` round", help);
        }
        let own = round.points.or(round.top.map(u64::from));
        own.or(grid.filter(|_| first))
    }
}
