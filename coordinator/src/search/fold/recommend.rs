//! Who is the best so far, and in the end.

use super::Search;
use crate::search::{
    narrow,
    round::RoundState,
    winner::{self, Candidate, Winner},
};

impl Search {
    /// The best point so far by the rule that the end uses: among the finalists; before that at the highest rung reached
    /// (written rounds: in the last round with a finished point). `None` before any value.
    pub fn best(&self) -> Option<Winner> {
        let candidates = match self.finalists() {
            Some(finalists) => self.finalist_candidates(finalists),
            None => self.early_candidates(),
        };
        winner::choose(
            &candidates,
            &self.definition.objective,
            self.plan.folds,
            |round, point| self.params_of(round, point),
        )
    }

    fn early_candidates(&self) -> Vec<Candidate> {
        let levels = self
            .rounds
            .iter()
            .map(RoundState::levels)
            .max()
            .unwrap_or(1);
        if self.plan.is_written {
            let last = self
                .rounds
                .iter()
                .rposition(|round| round.best_from_top(0).is_some());
            return last.map_or_else(Vec::new, |round| self.round_candidates(round));
        }
        for down in 0..levels {
            let best: Vec<Candidate> = self
                .rounds
                .iter()
                .enumerate()
                .filter_map(|(i, round)| {
                    let best = round.best_from_top(down)?;
                    let level = round.rung_epochs(best.point).len() - 1 - down;
                    Some(self.candidate(i, best.point, level))
                })
                .collect();
            if !best.is_empty() {
                return best;
            }
        }
        Vec::new()
    }

    /// The points of a written round: all of them where repeats can make a tie, else the best alone.
    fn round_candidates(&self, round: usize) -> Vec<Candidate> {
        let plan = &self.plan.rounds[round];
        let trials_per_point = u64::from(plan.repeats) * u64::from(self.plan.folds);
        if trials_per_point > 1 && plan.points() <= narrow::MOST_ELITES as u64 {
            return self.rounds[round]
                .ranked_from_top(0)
                .into_iter()
                .filter(|standing| !standing.outcome.is_over())
                .map(|standing| self.candidate(round, standing.point, 0))
                .collect();
        }
        self.rounds[round]
            .best_from_top(0)
            .map(|best| self.candidate(round, best.point, 0))
            .into_iter()
            .collect()
    }

    pub(super) fn candidate(&self, round: usize, point: u64, level: usize) -> Candidate {
        let plan = &self.plan.rounds[round];
        let state = &self.rounds[round];
        let trials_per_point = u64::from(plan.repeats) * u64::from(self.plan.folds);
        let first = plan.first_trial + point * trials_per_point;
        Candidate {
            round: plan.number,
            point,
            trials: (first..)
                .zip(state.values_at(point, level))
                .filter_map(|(number, value)| Some((number, value?)))
                .collect(),
            epochs: state.rung_epochs(point)[level],
        }
    }
}
