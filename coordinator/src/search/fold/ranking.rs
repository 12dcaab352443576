//! Who is ahead: sets of params, each by the mean over all its trainings.

use std::{collections::BTreeMap, ops::Range};

use super::{Place, Search};
use crate::search::{
    halving::PointOutcome,
    winner::{Candidate, CandidateTrial},
    worth::TrialValue,
};

impl Search {
    /// The sets that have come to the `down`-th rung from the top in these rounds, best first, each under its first point. What they have
    /// come to in earlier rounds counts, too; trainings of another length do not.
    pub(super) fn ranked(&self, rounds: Range<usize>, down: usize) -> Vec<(PointOutcome, Place)> {
        let come = rounds.clone().flat_map(|round| {
            let standings = self.rounds[round].ranked_from_top(down).into_iter();
            standings.map(move |standing| (standing.outcome, (round, standing.point)))
        });
        let mut ranked: Vec<(PointOutcome, Place)> = if self.sets.have_repeats() {
            let mut sets: Vec<Place> = come.map(|(_, place)| self.sets.first(place).0).collect();
            sets.sort_unstable();
            sets.dedup();
            let sets = sets.into_iter();
            sets.map(|set| (self.pooled(set, rounds.end, down), set))
                .collect()
        } else {
            come.collect()
        };
        ranked.sort_unstable_by(|(a, place), (b, other)| a.compare(b).then(place.cmp(other)));
        ranked
    }

    /// The best of them with a value.
    pub(super) fn best_of(&self, round: usize, down: usize) -> Option<(PointOutcome, Place)> {
        if !self.sets.have_repeats() {
            let best = self.rounds[round].best_from_top(down)?;
            return Some((best.outcome, (round, best.point)));
        }
        let ranked = self.ranked(round..round + 1, down).into_iter();
        ranked
            .into_iter()
            .next()
            .filter(|(outcome, _)| !outcome.is_over())
    }

    /// The best of a round at its rung `level`, which all have come to that come to it.
    pub(super) fn best_at_level(&self, round: usize, level: usize) -> Option<PointOutcome> {
        let state = &self.rounds[round];
        if !self.sets.have_repeats() {
            return Some(state.best_at_level(level)?.outcome);
        }
        let mut sets: BTreeMap<Place, Vec<TrialValue>> = BTreeMap::new();
        for point in 0..state.points() {
            if state.rung_epochs(point).len() > level {
                let set = sets.entry(self.sets.first((round, point)).0).or_default();
                set.extend(state.trial_values(point, level).into_iter().flatten());
            }
        }
        let objective = &self.definition.objective;
        let outcomes = sets
            .into_values()
            .map(|values| PointOutcome::of(values, objective));
        outcomes
            .filter(|outcome| !outcome.is_over())
            .min_by(PointOutcome::compare)
    }

    /// What the trainings of a set in the first `end` rounds have come to at the `down`-th rung from the top.
    fn pooled(&self, set: Place, end: usize, down: usize) -> PointOutcome {
        let places = self.sets.places(set).into_iter();
        let values = places
            .filter(|(round, _)| *round < end)
            .filter_map(|(round, point)| {
                let state = &self.rounds[round];
                let level = state.rung_epochs(point).len().checked_sub(down + 1)?;
                state.trial_values(point, level)
            });
        PointOutcome::of(values.flatten(), &self.definition.objective)
    }

    /// A set as it may be recommended, by the `down`-th rung from the top.
    pub(super) fn candidate(&self, set: Place, down: usize) -> Candidate {
        let mut trials = Vec::new();
        for (round, point) in self.sets.places(set) {
            let (state, plan) = (&self.rounds[round], &self.plan.rounds[round]);
            let Some(level) = state.rung_epochs(point).len().checked_sub(down + 1) else {
                continue;
            };
            let per_point = u64::from(plan.repeats) * u64::from(self.plan.folds);
            let first = plan.first_trial + point * per_point;
            trials.extend(self.numbered(first, state.values_so_far(point, level)));
        }
        let (round, point) = set;
        let epochs = self.rounds[round].rung_epochs(point).iter().rev().nth(down);
        Candidate {
            round: self.plan.rounds[round].number,
            point,
            trials,
            epochs: epochs.copied().unwrap_or(self.plan.full_epochs),
        }
    }

    /// Trials from number `first` on, fold by fold.
    pub(super) fn numbered(
        &self,
        first: u64,
        values: impl Iterator<Item = TrialValue>,
    ) -> impl Iterator<Item = CandidateTrial> {
        let folds = u64::from(self.plan.folds);
        (0..).zip(values).map(move |(index, value)| CandidateTrial {
            number: first + index,
            training: first + index / folds * folds,
            value,
        })
    }
}
