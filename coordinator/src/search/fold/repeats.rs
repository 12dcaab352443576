//! Points that a sampler gives again: each is another training of the first point with its params.

use std::collections::{BTreeMap, BTreeSet};

use super::{Place, Search};
use crate::search::{
    decision::Decision,
    plan::{PointSource, TrialKey},
    sets::Sets,
    space::Params,
};

impl Search {
    /// Keeps in mind which points have the same params, where any can.
    pub(super) fn watch_for_repeats(&mut self) {
        let space = &self.definition.space;
        let given = 0..self.definition.start.len() as u64;
        let different: BTreeSet<Vec<u64>> = given
            .map(|point| space.key(&self.params((0, point))))
            .collect();
        if space.recurs() || different.len() < self.definition.start.len() {
            self.sets = Sets::of_rounds(self.rounds.len());
            self.group_rungs();
        }
    }

    /// Tells rounds with rungs which of their points are one set: these are ranked together.
    fn group_rungs(&mut self) {
        for round in 0..self.rounds.len() {
            let drawn = matches!(self.plan.rounds[round].source, PointSource::Drawn { .. });
            let brackets = self.plan.rounds[round].brackets.len();
            for bracket in (0..brackets).filter(|_| drawn && self.generations[round].is_none()) {
                let planned = &self.plan.rounds[round].brackets[bracket];
                if planned.rungs.len() == 1 {
                    continue;
                }
                let points = planned.first_point..planned.first_point + planned.points();
                let mut known = BTreeMap::new();
                let mut first_of =
                    |point| match self.recurring((round, point), &self.params((round, point))) {
                        Some(key) => *known.entry(key).or_insert(point),
                        None => point,
                    };
                let firsts: Vec<u64> = points.clone().map(&mut first_of).collect();
                if points.zip(&firsts).any(|(point, first)| point != *first) {
                    self.rounds[round].group(bracket, firsts);
                }
            }
        }
    }

    /// What tells a point from all others that have other params; `None` where no other can have the same.
    fn recurring(&self, (round, point): Place, params: &Params) -> Option<Vec<u64>> {
        let space = &self.definition.space;
        let is_given = round == 0 && point < self.definition.start.len() as u64;
        is_given
            .then(|| space.key(params))
            .or_else(|| space.recurring(params))
    }

    /// Takes in which points are known by now: those that were handed out, in the order of the plan.
    pub(super) fn tell_points(&mut self) {
        if !self.sets.recur() {
            return;
        }
        let end = self.plan.segment_end(self.segment);
        for round in self.segment_start()..end.min(self.current + 2) {
            let due = if round < self.current {
                u64::MAX
            } else {
                self.rounds[round].untouched_from()
            };
            self.tell_round(round, due);
            let is_drawn = !matches!(self.plan.rounds[round].source, PointSource::Top(_));
            if is_drawn && self.sets.told_of(round) < self.rounds[round].points() {
                return;
            }
        }
    }

    /// The same at the end of a segment's rounds: of all that no result can change any more.
    pub(super) fn tell_all_points(&mut self) {
        for round in self.segment_start()..self.plan.segment_end(self.segment) {
            self.tell_round(round, u64::MAX);
        }
    }

    fn segment_start(&self) -> usize {
        let before = self.segment.checked_sub(1);
        before.map_or(0, |before| self.plan.segment_end(before))
    }

    /// Takes in the first `due` points of a round, as far as they are known; those of the rounds before it were taken in.
    pub(super) fn tell_round(&mut self, round: usize, due: u64) {
        if !self.sets.recur() {
            return;
        }
        let due = due.min(self.known_points(round));
        let plan = &self.plan.rounds[round];
        let (repeats, full_epochs) = (plan.repeats, plan.full_epochs);
        let mut repeated = false;
        while self.sets.told_of(round) < due {
            let place = (round, self.sets.told_of(round));
            let key = self.recurring(place, &self.params(place));
            let key = key.map(|key| (full_epochs, key));
            repeated |= self.sets.tell(round, key, repeats);
        }
        if repeated && self.boxes[round].is_some() {
            self.say_round(round);
        }
    }

    /// How many of a round's points are known: no result changes them any more.
    fn known_points(&self, round: usize) -> u64 {
        let from_whole = match self.plan.rounds[round].source {
            PointSource::Top(_) => return 0,
            PointSource::Drawn { from_whole } | PointSource::Proposed { from_whole } => from_whole,
        };
        let points = match &self.generations[round] {
            Some(generations) => generations.proposed(),
            None if self.boxes[round].is_some() => u64::MAX,
            None => from_whole,
        };
        points.min(self.rounds[round].points())
    }

    /// Says a round's box, and how many of its points are not those of an earlier one.
    pub(super) fn say_round(&mut self, round: usize) {
        if let Some(within) = self.boxes[round].clone() {
            self.outbox.push_back(Decision::NarrowTo {
                round: self.plan.rounds[round].number,
                within,
                points: self.own_points(round),
            });
        }
    }

    /// Points of a round that are not those of an earlier one, as far as known.
    pub(super) fn own_points(&self, round: usize) -> u64 {
        self.rounds[round].points() - self.sets.repeats_of(round)
    }

    /// How many trials the winner can have at the most: of a set that comes again there is no telling how often it is drawn.
    pub fn most_trials_of_winner(&self) -> u64 {
        if self.sets.recur() {
            return self.plan.trials();
        }
        let rounds = self.plan.rounds.iter().map(|round| round.repeats);
        let finishes = self.plan.finishes().flatten();
        let extra = finishes.map(|finish| finish.extra).max().unwrap_or(0);
        u64::from(rounds.max().unwrap_or(1) + extra) * u64::from(self.plan.folds)
    }

    /// Whether the space has no other sets than those that points have.
    pub(super) fn has_tried_all(&self) -> bool {
        self.sets.recur()
            && self
                .definition
                .space
                .combinations()
                .is_some_and(|all| all <= self.sets.count())
    }

    /// What the trial of this number is; it must belong to the round at position `round`.
    pub(super) fn key_in(&self, round: usize, number: u64) -> TrialKey {
        let key = self.plan.key_in(round, number);
        let ((first_round, point), before) = self.sets.first((round, key.point));
        TrialKey {
            round: self.plan.rounds[first_round].number,
            point,
            repeat: before + key.repeat,
            ..key
        }
    }
}
