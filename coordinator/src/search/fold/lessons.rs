//! What the rounds so far, and an earlier sweep, teach a round of proposals.

use std::collections::HashSet;

use super::{Place, Search};
use crate::search::{generations::Lesson, halving::PointOutcome, search_box::SearchBox};

/// With fewer results on the top rung, proposals learn from the lower rungs too.
const LEAST_SURVIVORS: usize = 5;

impl Search {
    /// What the rounds so far teach a round of proposals: coordinates in its box, and values (`None`: diverged).
    ///
    /// The top rung's results; where those are few, the lower rungs' too, each rung behind the one above. `true`: the top rung's alone.
    pub(super) fn lessons(&self, within: &SearchBox) -> (Vec<Lesson>, bool) {
        let rounds = 0..self.current;
        let survivors = self.ranked(rounds.clone(), 0).len() >= LEAST_SURVIVORS;
        let levels = if survivors {
            1
        } else {
            rounds
                .clone()
                .map(|i| self.rounds[i].levels())
                .max()
                .unwrap_or(1)
        };
        let mut seen: HashSet<Place> = HashSet::new();
        let mut lessons: Vec<Lesson> = self.of_earlier_sweep(within);
        for down in 0..levels {
            let rung = rounds.clone().flat_map(|i| {
                let standings = self.rounds[i].ranked_from_top(down);
                standings.into_iter().map(move |standing| (i, standing))
            });
            for (i, standing) in rung {
                if standing.outcome == PointOutcome::Failed || !seen.insert((i, standing.point)) {
                    continue;
                }
                let params = self.params((i, standing.point));
                let coordinates = within.coordinates(&self.definition.space, &params);
                // Values of one sweep are far nearer to each other than a rung is to the next one here.
                let value = (!standing.outcome.is_over())
                    .then(|| standing.outcome.number() + 1e9 * down as f64);
                lessons.push((coordinates, value));
            }
        }
        (lessons, survivors)
    }

    /// The points of the sweep named in `from` that lie in this space.
    fn of_earlier_sweep(&self, within: &SearchBox) -> Vec<Lesson> {
        let space = &self.definition.space;
        let turn = |value: f64| {
            if self.definition.objective.maximize {
                -value
            } else {
                value
            }
        };
        let fitting = self
            .definition
            .earlier
            .iter()
            .filter(|point| space.contains(&point.params));
        fitting
            .map(|point| {
                (
                    within.coordinates(space, &point.params),
                    point.objective.map(turn),
                )
            })
            .collect()
    }
}
