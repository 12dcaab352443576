//! What follows when a round is complete: warnings, the next round's box or points, the finish, the end.

use super::{Place, Search};
use crate::search::{
    decision::{Decision, Warning},
    edge,
    keyed::{self, Purpose},
    narrow,
    plan::{PointSource, RoundPlan},
    round::RoundState,
    search_box::SearchBox,
};

impl Search {
    /// Closes what is complete: rounds, then the finish.
    pub(super) fn advance(&mut self) {
        if self.finished {
            return;
        }
        self.propose();
        self.look_for_target();
        while !self.target_reached
            && self.current < self.rounds.len()
            && self.rounds[self.current].is_complete()
        {
            self.close_round();
            self.propose();
        }
        if !self.target_reached && self.current < self.rounds.len() {
            return;
        }
        if self.finalists.is_none() {
            self.enter_finish();
        }
        if self.finish.as_ref().is_none_or(RoundState::is_complete) {
            self.end();
        }
    }

    /// Lets TPE propose all that the results of the round under way allow.
    pub(super) fn propose(&mut self) {
        if let Some(Some(generations)) = self.generations.get_mut(self.current) {
            generations.advance(&self.definition, &self.rounds[self.current]);
        }
    }

    fn look_for_target(&mut self) {
        if self.target_reached
            || self.definition.objective.target.is_none()
            || self.current >= self.rounds.len()
        {
            return;
        }
        let round = &self.rounds[self.current];
        let reached = (0..round.levels()).any(|level| {
            round.level_is_full(level)
                && round
                    .best_at_level(level)
                    .is_some_and(|best| self.definition.objective.reached(self.value_of(best)))
        });
        if !reached {
            return;
        }
        self.target_reached = true;
        let round_plan = &self.plan.rounds[self.current];
        for trial in self.rounds[self.current].open_trials() {
            self.outbox.push_back(Decision::Prune {
                trial: round_plan.first_trial + trial,
            });
        }
    }

    /// Says what the round has shown and makes the next one's box or points.
    fn close_round(&mut self) {
        let closed = self.current;
        self.current += 1;
        self.warn_of_divergence(closed);
        let (elites, tried) = self.elites(closed);
        if let Some(best) = self.rounds[closed].best_from_top(0) {
            let best = self.params((closed, best.point));
            for edge in edge::edges(&self.definition.space, &best, &elites) {
                self.warn(edge.warning);
            }
        }
        let Some(next) = self.plan.rounds.get(self.current) else {
            return;
        };
        match next.source {
            PointSource::Drawn { .. } => {
                let previous = self.last_box();
                let within = narrow::next_box(&self.definition.space, &previous, &elites, &tried);
                self.outbox.push_back(Decision::NarrowTo {
                    round: next.number,
                    within: within.clone(),
                });
                self.boxes[self.current] = Some(within);
            }
            PointSource::Proposed { .. } => {
                let widened = match self.rounds[closed].best_from_top(0) {
                    Some(best) if self.definition.widens() => {
                        let best = self.params((closed, best.point));
                        let edges = edge::edges(&self.definition.space, &best, &elites);
                        narrow::widened(&self.definition.space, &edges)
                    }
                    _ => SearchBox::whole(&self.definition.space),
                };
                let (number, lessons) = (next.number, self.lessons(self.current));
                let (within, shape) = match self.model(&lessons) {
                    Some(model) => {
                        let (seed, ids) = (self.definition.seed, [u64::from(number)]);
                        let mut rng = keyed::generator(seed, Purpose::Box, &ids);
                        let within = model.narrowed(&self.definition.space, &widened, &mut rng);
                        (within, Some(model.shape().clone()))
                    }
                    None => (widened, None),
                };
                self.outbox.push_back(Decision::NarrowTo {
                    round: number,
                    within: within.clone(),
                });
                if let Some(generations) = &mut self.generations[self.current] {
                    generations.learn(lessons, within.clone(), shape);
                }
                self.boxes[self.current] = Some(within);
            }
            PointSource::Top(top) => {
                let best: Vec<Place> = self.rounds[closed]
                    .ranked_from_top(0)
                    .into_iter()
                    .filter(|standing| standing.outcome.has_value())
                    .take(top as usize)
                    .map(|standing| (closed, standing.point))
                    .collect();
                self.rounds[self.current].limit_points(best.len() as u64);
                self.tops[self.current] = Some(best);
            }
        }
    }

    fn last_box(&self) -> SearchBox {
        self.boxes
            .iter()
            .rev()
            .find_map(Clone::clone)
            .unwrap_or_else(|| SearchBox::whole(&self.definition.space))
    }

    fn warn_of_divergence(&mut self, round: usize) {
        let (diverged, points) = (
            self.rounds[round].diverged_points(),
            self.rounds[round].points(),
        );
        if diverged * 2 > points {
            let number = self.plan.rounds[round].number;
            self.warn(Warning {
                key: format!("diverged {number}"),
                text: format!(
                    "{diverged} of the {points} points of round {number} diverged: the learning rates may reach too high"
                ),
            });
        }
    }

    fn warn(&mut self, warning: Warning) {
        if self.warnings.iter().all(|known| known.key != warning.key) {
            self.warnings.push(warning.clone());
            self.outbox.push_back(Decision::Warn(warning));
        }
    }

    fn enter_finish(&mut self) {
        let Some(finish) = self.plan.finish else {
            return;
        };
        let mut finalists = self.ranked(0..self.rounds.len(), 0);
        let proposes = |round: &RoundPlan| matches!(round.source, PointSource::Proposed { .. });
        if self.plan.rounds.iter().any(proposes)
            && let Some(model) = self.model(&self.lessons(self.rounds.len()))
        {
            // What is expected of a point is surer than its one noisy result.
            finalists.truncate(narrow::MOST_ELITES);
            let mut expected: Vec<(f64, Place)> = finalists
                .into_iter()
                .map(|place| (model.mean(&self.shares_of(place)), place))
                .collect();
            expected.sort_by(|a, b| a.0.total_cmp(&b.0));
            finalists = expected.into_iter().map(|(_, place)| place).collect();
        }
        finalists.truncate(finish.top as usize);
        if let Some(state) = &mut self.finish {
            state.limit_points(finalists.len() as u64);
        }
        self.finalists = Some(finalists);
    }

    fn end(&mut self) {
        self.finished = true;
        let winner = self.best();
        let reason = match (
            &winner,
            self.target_reached,
            self.definition.objective.target,
        ) {
            (None, ..) => "no trial has a value".to_owned(),
            (Some(_), true, Some(target)) => {
                format!("the target {} is reached", edge::short(target))
            }
            _ => "the plan is done".to_owned(),
        };
        if let Some(winner) = &winner {
            for edge in edge::edges(&self.definition.space, &winner.params, &[]) {
                self.warn(edge.warning);
            }
        }
        self.outbox.push_back(Decision::Finish { winner, reason });
    }
}
