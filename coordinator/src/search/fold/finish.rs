//! The finish: the best points are trained again, with other seeds. An extended sweep has one for each extension.

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
    /// Those among them that this finish trains, by rank: the others have their repeats.
    trained: Vec<Finalist>,
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
    fn trained(&self, rank: usize) -> Option<Finalist> {
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
        let (round, point) = self.named(finish.trained(rank)?);
        Some(TrialKey {
            round,
            point,
            repeat,
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
        let finishing = &mut self.finishes[self.segment];
        if let Some(state) = &mut finishing.state {
            state.limit_points(best.len() as u64);
            for &index in &finishing.given_up {
                state.apply(index, TrialEvent::Cancelled, &self.definition.objective);
            }
        }
        finishing.trained = best;
        finishing.finalists = Some(finalists);
    }

    /// What the finish that is due chooses from, best first. Points of an earlier sweep are among them if it trains every point it chooses:
    /// they have no trial here yet.
    fn expected_best(&self, finish: FinishPlan) -> Vec<Finalist> {
        let rounds = self.plan.segment_end(self.segment);
        let own = self.ranked(0..rounds, 0).into_iter();
        let mut best: Vec<(f64, Finalist)> = own
            .map(|(standing, round)| {
                let value = standing.outcome.number();
                (value, Finalist::Own((round, standing.point)))
            })
            .collect();
        if finish.extra > 0 {
            best.extend(self.earlier_values());
            best.sort_by(|a, b| a.0.total_cmp(&b.0));
        }
        let proposes = |round: &RoundPlan| matches!(round.source, PointSource::Proposed { .. });
        if self.plan.rounds[..rounds].iter().any(proposes)
            && let Some(model) = self.model(&self.lessons(rounds), self.last_shape())
        {
            // What is expected of a point is surer than its one noisy result, as far as the model can be trusted: where it cannot, the
            // best result is among the finalists, and its repeats tell whether it was luck.
            let observed = best.first().map(|(_, finalist)| *finalist);
            best.truncate(narrow::MOST_ELITES);
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

    /// The finalists that have not diverged, with the trials that finishes added.
    pub(super) fn finalist_candidates(&self, finalists: &[Finalist]) -> Vec<Candidate> {
        finalists
            .iter()
            .filter_map(|&finalist| self.finalist_candidate(finalist))
            .collect()
    }

    fn finalist_candidate(&self, finalist: Finalist) -> Option<Candidate> {
        let mut candidate = match finalist {
            Finalist::Own((round, point)) => {
                let level = self.rounds[round].rung_epochs(point).len() - 1;
                self.candidate(round, point, level)
            }
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
            let rank = finish
                .trained
                .iter()
                .position(|trained| *trained == finalist);
            let (Some(plan), Some(state), Some(rank)) = (finish.plan, &finish.state, rank) else {
                continue;
            };
            let rank = rank as u64;
            if state.has_diverged(rank) {
                return None;
            }
            let extra = u64::from(plan.extra) * u64::from(self.plan.folds);
            let added = (plan.first_trial + rank * extra..).zip(state.values_at(rank, 0));
            candidate
                .trials
                .extend(added.filter_map(|(number, value)| Some((number, value?))));
        }
        Some(candidate)
    }
}
