//! Who is the best so far, and in the end.

use std::ops::Range;

use super::{Place, Search, finish::Finalist};
use crate::search::{
    narrow,
    round::RoundState,
    winner::{self, Candidate, Winner},
};

impl Search {
    /// The best point so far by the rule that the end uses: among the finalists; before there are any, or when every one of them
    /// diverges, at the highest rung reached (written rounds: in the last round with a finished point). `None` before any value.
    pub fn best(&self) -> Option<Winner> {
        let of_finalists = |finalists| self.chosen(&self.finalist_candidates(finalists));
        self.finalists()
            .and_then(|finalists| of_finalists(finalists))
            .or_else(|| self.chosen(&self.early_candidates()))
    }

    fn chosen(&self, candidates: &[Candidate]) -> Option<Winner> {
        winner::choose(candidates, &self.definition.objective, |round, point| {
            self.params_of(round, point)
        })
    }

    fn early_candidates(&self) -> Vec<Candidate> {
        let rounds = self.rounds.len();
        if self.plan.is_written {
            let last = (0..rounds).rfind(|&round| self.best_of(round, 0).is_some());
            return last.map_or_else(Vec::new, |round| self.round_candidates(round));
        }
        let levels = self
            .rounds
            .iter()
            .map(RoundState::levels)
            .max()
            .unwrap_or(1);
        for down in 0..levels {
            let best: Vec<Place> = if self.sets.have_repeats() || self.finalists().is_some() {
                self.with_values(0..rounds, down)
            } else {
                let of_rounds = (0..rounds).filter_map(|round| self.best_of(round, down));
                of_rounds.map(|(_, place)| place).collect()
            };
            if !best.is_empty() {
                let candidates = best.into_iter().map(|place| self.candidate(place, down));
                return candidates.collect();
            }
        }
        Vec::new()
    }

    /// The points of a written round: all of them where repeats can make a tie, else the best alone.
    fn round_candidates(&self, round: usize) -> Vec<Candidate> {
        let plan = &self.plan.rounds[round];
        let trials_per_point = u64::from(plan.repeats) * u64::from(self.plan.folds);
        let has_few = plan.points() <= narrow::MOST_ELITES as u64;
        let best = if self.sets.have_repeats() || (trials_per_point > 1 && has_few) {
            self.with_values(round..round + 1, 0)
        } else {
            let best = self.best_of(round, 0).into_iter();
            best.map(|(_, place)| place).collect()
        };
        best.into_iter()
            .map(|place| self.candidate(place, 0))
            .collect()
    }

    /// The best sets with a value, not too many to compare them all; no finalists: these are asked for only once every one of them
    /// has diverged.
    fn with_values(&self, rounds: Range<usize>, down: usize) -> Vec<Place> {
        let finalists = self.finalists().map_or(&[][..], Vec::as_slice);
        let ranked = self.ranked(rounds, down).into_iter();
        ranked
            .filter(|(outcome, place)| {
                !outcome.is_over() && !finalists.contains(&Finalist::Own(*place))
            })
            .take(narrow::MOST_ELITES)
            .map(|(_, place)| place)
            .collect()
    }
}
