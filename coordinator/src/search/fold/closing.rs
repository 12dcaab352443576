//! What follows when a round is complete: warnings, the next round's box or points, the end.

use super::{Place, Search};
use crate::search::{
    decision::{Decision, Warning},
    edge,
    keyed::{self, Purpose},
    narrow,
    plan::PointSource,
    round::RoundState,
    search_box::SearchBox,
    space::Params,
    winner::Winner,
};

impl Search {
    /// Closes what is complete: rounds, then the finish.
    pub(super) fn advance(&mut self) {
        if self.finished {
            return;
        }
        loop {
            self.propose();
            self.look_for_target();
            let end = self.plan.segment_end(self.segment);
            while self.is_in_rounds() && self.rounds[self.current].is_complete() {
                self.close_round();
                if self.has_nothing() && self.segment == self.plan.extensions.len() {
                    // Whatever came next would be drawn blindly; and what was made of nothing could not be made anew, were
                    // these trials tried again. What a stop has cut short says nothing of what was added after it.
                    return self.end(None);
                }
                if self.current < end {
                    self.open_round();
                }
                self.propose();
            }
            if self.is_in_rounds() {
                return;
            }
            self.tell_all_points();
            self.enter_finish();
            if !self.finishes[self.segment].is_complete() {
                return;
            }
            if self.segment == self.plan.extensions.len() {
                return self.end(self.best());
            }
            self.segment += 1;
            self.current = end;
            self.target_reached = false;
            self.open_round();
        }
    }

    /// Whether no point of the rounds so far has a value, nor one of an earlier sweep.
    fn has_nothing(&self) -> bool {
        let closed = &self.rounds[..self.current];
        !closed.iter().any(RoundState::has_value)
            && self
                .fitting_earlier()
                .all(|point| point.objective.is_none())
    }

    /// Whether a round is under way, not a finish.
    pub(super) fn is_in_rounds(&self) -> bool {
        !self.target_reached && self.current < self.plan.segment_end(self.segment)
    }

    /// Tells the proposals how far the round under way has come.
    pub(super) fn propose(&mut self) {
        if self.is_in_rounds()
            && let Some(Some(generations)) = self.generations.get_mut(self.current)
        {
            generations.advance(&self.definition, &self.rounds[self.current]);
        }
        self.tell_points();
    }

    fn look_for_target(&mut self) {
        if self.definition.objective.target.is_none() || !self.is_in_rounds() {
            return;
        }
        let round = &self.rounds[self.current];
        let objective = &self.definition.objective;
        let reached = (0..round.levels()).any(|level| {
            round.level_is_full(level)
                && self
                    .best_at_level(self.current, level)
                    .is_some_and(|best| objective.reached(best.value(objective)))
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

    /// Says what the round under way has shown, and goes past it.
    fn close_round(&mut self) {
        let closed = self.current;
        self.current += 1;
        self.warn_of_divergence(closed);
        let (elites, _) = self.elites(closed);
        if let Some((_, best)) = self.best_of(closed, 0) {
            let best = self.params(best);
            self.warn_of_edges(closed + 1, &best, &elites);
        }
    }

    /// Makes the box or the points of the round that is due, of what the rounds before have shown.
    fn open_round(&mut self) {
        let closed = self.current - 1;
        let (elites, tried) = self.elites(closed);
        let next = &self.plan.rounds[self.current];
        let (number, source) = (next.number, next.source);
        match source {
            PointSource::Drawn { .. } => {
                let within = if self.plan.is_written {
                    narrow::next_box(&self.definition.space, &self.last_box(), &elites, &tried)
                } else {
                    SearchBox::whole(&self.definition.space)
                };
                self.boxes[self.current] = Some(within);
                self.say_round(self.current);
            }
            PointSource::Proposed { from_whole } => {
                // How many of these were handed out by now is a matter of who was idle, and must decide nothing.
                self.tell_round(self.current, from_whole);
                let widened = match self.best_of(closed, 0) {
                    Some((_, best)) if self.definition.widens() => {
                        let best = self.params(best);
                        let edges = edge::edges(&self.definition.space, &best, &elites);
                        narrow::widened(&self.definition.space, &edges)
                    }
                    _ => SearchBox::whole(&self.definition.space),
                };
                let lessons = self.lessons(self.current);
                let model = self.model(&lessons, self.last_shape());
                let within = match &model {
                    // Once every set was tried, which of them is trained again is a matter of what is known of it alone.
                    Some(model) if !self.has_tried_all() => {
                        let (seed, ids) = (self.definition.seed, [u64::from(number)]);
                        let mut rng = keyed::generator(seed, Purpose::Box, &ids);
                        model.narrowed(&self.definition.space, &widened, &mut rng)
                    }
                    _ => widened,
                };
                if let Some(generations) = &mut self.generations[self.current] {
                    generations.learn(lessons, within.clone(), model);
                }
                self.boxes[self.current] = Some(within);
                self.say_round(self.current);
            }
            PointSource::Top(top) => {
                let best: Vec<Place> = self
                    .ranked(closed..closed + 1, 0)
                    .into_iter()
                    .filter(|(outcome, _)| outcome.has_value())
                    .take(top as usize)
                    .map(|(_, place)| place)
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

    fn warn_of_edges(&mut self, after: usize, best: &Params, elites: &[Params]) {
        let edges = edge::edges(&self.definition.space, best, elites);
        let warnings: Vec<Warning> = edges.into_iter().map(|edge| edge.warning).collect();
        self.warnings.retain(|warning| !edge::is_edge(warning));
        self.warnings.extend(warnings.iter().cloned());
        self.outbox.push_back(Decision::Edges {
            after: after as u32,
            warnings,
        });
    }

    fn end(&mut self, winner: Option<Winner>) {
        self.finished = true;
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
            self.warn_of_edges(self.rounds.len() + 1, &winner.params, &[]);
        }
        self.outbox.push_back(Decision::Finish { winner, reason });
    }
}
