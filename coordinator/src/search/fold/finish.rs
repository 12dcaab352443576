//! The finish: the best points are trained again, with other seeds. An extended sweep has one for each extension.

use std::collections::BTreeMap;

use super::{Place, Search};
use crate::search::{
    decision::TrialEvent,
    narrow,
    plan::{FinishPlan, Plan, PointSource, RoundPlan, TrialKey},
    round::RoundState,
    winner::Candidate,
};

/// A point that a finish may train.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finalist {
    /// One of this sweep, whose first training counts.
    Own(Place),
    /// Of the sweep named in `from`, by its position there: only what this sweep trains of it counts.
    Earlier(usize),
}

/// One finish, of the plan as launched or of an extension.
#[derive(Debug)]
pub(super) struct Finishing {
    /// `None`: this segment of the plan has none.
    plan: Option<FinishPlan>,
    /// `None`: it trains nothing.
    state: Option<RoundState>,
    /// The points it chooses from, once they are known: those of the finish before, and the best by now.
    finalists: Option<Vec<Finalist>>,
    /// Those among them that this finish trains, by rank, and how often each was trained before: the others have their repeats.
    trained: Vec<(Finalist, u32)>,
    /// Its trials that the sweep's end left out.
    given_up: Vec<u64>,
}

impl Finishing {
    /// All finishes of a plan.
    pub fn of_plan(plan: &Plan) -> Vec<Finishing> {
        let finishes = plan.finishes().map(|finish| Finishing {
            plan: finish,
            state: finish
                .and_then(|finish| plan.finish_round(finish))
                .map(|round| RoundState::new(&round, plan.folds, round.points())),
            finalists: None,
            trained: Vec::new(),
            given_up: Vec::new(),
        });
        finishes.collect()
    }

    /// Whether all that it trains is through.
    pub fn is_complete(&self) -> bool {
        self.state.as_ref().is_none_or(RoundState::is_complete)
    }

    /// The number of the next trial to hand out; hands it out.
    pub fn hand_out(&mut self) -> Option<u64> {
        let index = self.state.as_mut()?.hand_out(u64::MAX)?;
        Some(self.plan?.first_trial + index)
    }

    /// The point of rank `rank` among those that it trains.
    fn trained(&self, rank: usize) -> Option<(Finalist, u32)> {
        self.trained.get(rank).copied()
    }
}

impl Search {
    /// A trial that the sweep's end left out: its number belongs to what was planned before the sweep was extended, and it was never
    /// handed out.
    pub fn give_up(&mut self, number: u64) {
        if let Some(round) = self.plan.round_of(number) {
            let index = number - self.plan.rounds[round].first_trial;
            self.rounds[round].apply(index, TrialEvent::Cancelled, &self.definition.objective);
        } else if let Some((segment, index)) = self.plan.finish_of(number) {
            // Which of them there are is known when the finish begins.
            self.finishes[segment].given_up.push(index);
        }
    }

    /// Takes in what happened to a trial of a finish.
    pub(super) fn apply_to_finish(&mut self, number: u64, event: TrialEvent) {
        if let Some((segment, index)) = self.plan.finish_of(number)
            && let Some(state) = &mut self.finishes[segment].state
        {
            state.apply(index, event, &self.definition.objective);
            self.advance();
        }
    }

    /// Which trial of a finish has this number, once its point is known.
    pub(super) fn finish_trial_key(&self, number: u64) -> Option<TrialKey> {
        let (segment, index) = self.plan.finish_of(number)?;
        let finish = &self.finishes[segment];
        let (rank, repeat, fold) = finish.plan?.place(index, self.plan.folds);
        let (finalist, before) = finish.trained(rank)?;
        let (round, point) = self.named(finalist);
        Some(TrialKey {
            round,
            point,
            repeat: before + repeat,
            fold,
        })
    }

    /// Chooses the points of the finish that is due; does nothing the second time.
    pub(super) fn enter_finish(&mut self) {
        let Some(finish) = self.finishes[self.segment].plan else {
            return;
        };
        if self.finishes[self.segment].finalists.is_some() {
            return;
        }
        let mut finalists = self.finalists().cloned().unwrap_or_default();
        let mut best = self.expected_best(finish);
        best.truncate(finish.top as usize);
        best.retain(|place| !finalists.contains(place));
        finalists.extend(&best);
        let trained = best
            .into_iter()
            .map(|finalist| (finalist, self.trained_before(finalist, finish.extra)));
        let trained: Vec<(Finalist, u32)> = trained.collect();
        let finishing = &mut self.finishes[self.segment];
        if let Some(state) = &mut finishing.state {
            state.limit_points(trained.len() as u64);
            for &index in &finishing.given_up {
                state.apply(index, TrialEvent::Cancelled, &self.definition.objective);
            }
        }
        finishing.trained = trained;
        finishing.finalists = Some(finalists);
    }

    /// How often a finalist was trained before it is `extra` times more. Of a point of an earlier sweep that one's training counts.
    fn trained_before(&mut self, finalist: Finalist, extra: u32) -> u32 {
        match finalist {
            Finalist::Own(place) => {
                let own = self.plan.rounds[place.0].repeats;
                self.sets.train(place, own, extra)
            }
            Finalist::Earlier(_) => 1,
        }
    }

    /// What the finish that is due chooses from, best first. Points of an earlier sweep are among them if it trains every point it chooses:
    /// they have no trial here yet.
    fn expected_best(&self, finish: FinishPlan) -> Vec<Finalist> {
        let rounds = self.plan.segment_end(self.segment);
        let own = self.ranked(0..rounds, 0).into_iter();
        let mut best: Vec<(f64, Finalist)> = own
            .filter(|(outcome, _)| !outcome.is_over())
            .map(|(outcome, place)| (outcome.number(), Finalist::Own(place)))
            .collect();
        if finish.extra > 0 {
            best.extend(self.earlier_values());
            best.sort_by(|a, b| a.0.total_cmp(&b.0));
        }
        let mut best = self.different(best, narrow::MOST_ELITES.max(finish.top as usize));
        let proposes = |round: &RoundPlan| matches!(round.source, PointSource::Proposed { .. });
        if self.plan.rounds[..rounds].iter().any(proposes)
            && let Some(model) = self.model(&self.lessons(rounds), self.last_shape())
        {
            // What is expected of a point is surer than its one noisy result, as far as the model can be trusted: where it cannot, the
            // best result is among the finalists, and its repeats tell whether it was luck.
            let observed = best.first().map(|(_, finalist)| *finalist);
            for (value, finalist) in &mut best {
                let (round, point) = self.named(*finalist);
                *value = model.mean(&self.shares(&self.params_of(round, point)));
            }
            best.sort_by(|a, b| a.0.total_cmp(&b.0));
            if let Some(at) = best.iter().position(|(_, one)| Some(*one) == observed)
                && at >= finish.top as usize
            {
                let last = finish.top as usize - 1;
                best[last..=at].rotate_right(1);
            }
        }
        best.into_iter().map(|(_, finalist)| finalist).collect()
    }

    /// The first `most` of these with different params: of two with the same one that is a finalist already, or else one of this sweep.
    fn different(&self, ranked: Vec<(f64, Finalist)>, most: usize) -> Vec<(f64, Finalist)> {
        // A plan that is only played through has no params.
        if self.definition.space.dimensions() == 0 && !self.sets.recur() {
            return ranked.into_iter().take(most).collect();
        }
        let key = |finalist: Finalist| {
            let (round, point) = self.named(finalist);
            self.definition.space.key(&self.params_of(round, point))
        };
        let known = self.finalists().into_iter().flatten();
        let known: BTreeMap<Vec<u64>, Finalist> = known.map(|one| (key(*one), *one)).collect();
        let mut places = BTreeMap::new();
        let mut different: Vec<(f64, Finalist)> = Vec::new();
        for (value, finalist) in ranked {
            let key = key(finalist);
            let finalist = known.get(&key).copied().unwrap_or(finalist);
            let count = different.len();
            match different.get_mut(*places.entry(key).or_insert(count)) {
                Some((_, taken)) if matches!(taken, Finalist::Earlier(_)) => *taken = finalist,
                Some(_) => {}
                None if count == most => break,
                None => different.push((value, finalist)),
            }
        }
        different
    }

    /// The points of an earlier sweep that lie in this space and have not diverged, with their values: smaller is better.
    fn earlier_values(&self) -> impl Iterator<Item = (f64, Finalist)> {
        let (space, objective) = (&self.definition.space, &self.definition.objective);
        let earlier = self.definition.earlier.iter().enumerate();
        earlier.filter_map(|(i, point)| {
            let value = objective.turned(point.objective?);
            space
                .contains(&point.params)
                .then_some((value, Finalist::Earlier(i)))
        })
    }

    /// Round and point as people name them: points of an earlier sweep are round 0, from 1 on.
    fn named(&self, finalist: Finalist) -> (u32, u64) {
        match finalist {
            Finalist::Own((round, point)) => (self.plan.rounds[round].number, point),
            Finalist::Earlier(i) => (0, i as u64 + 1),
        }
    }

    /// The finalists of the newest finish that has begun.
    pub(super) fn finalists(&self) -> Option<&Vec<Finalist>> {
        self.finishes
            .iter()
            .rev()
            .find_map(|finish| finish.finalists.as_ref())
    }

    /// The finalists, with the trials that finishes added.
    pub(super) fn finalist_candidates(&self, finalists: &[Finalist]) -> Vec<Candidate> {
        let finalists = finalists.iter();
        finalists
            .map(|&finalist| self.finalist_candidate(finalist))
            .collect()
    }

    fn finalist_candidate(&self, finalist: Finalist) -> Candidate {
        let mut candidate = match finalist {
            Finalist::Own(place) => self.candidate(place, 0),
            Finalist::Earlier(_) => {
                let (round, point) = self.named(finalist);
                Candidate {
                    round,
                    point,
                    trials: Vec::new(),
                    epochs: self.plan.full_epochs,
                }
            }
        };
        for finish in &self.finishes {
            let mut trained = finish.trained.iter();
            let rank = trained.position(|(trained, _)| *trained == finalist);
            let (Some(plan), Some(state), Some(rank)) = (finish.plan, &finish.state, rank) else {
                continue;
            };
            let rank = rank as u64;
            let first =
                plan.first_trial + rank * u64::from(plan.extra) * u64::from(self.plan.folds);
            let added = self.numbered(first, state.values_so_far(rank, 0));
            candidate.trials.extend(added);
        }
        candidate
    }
}
