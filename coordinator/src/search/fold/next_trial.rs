//! Which trial is handed out next, and what its values are.

use super::{Place, Search};
use crate::search::{
    decision::{NewTrial, priority},
    definition::Sampler,
    plan::PointSource,
    sampler,
    search_box::SearchBox,
    space::Params,
};

impl Search {
    /// The next trial to hand out, by priority.
    pub(super) fn next_trial(&mut self) -> Option<NewTrial> {
        if self.finished {
            return None;
        }
        if !self.is_in_rounds() {
            let number = self.finishes[self.segment].hand_out()?;
            return self.finish_trial(number);
        }
        let trials_per_point =
            u64::from(self.plan.rounds[self.current].repeats) * u64::from(self.plan.folds);
        self.propose();
        let round = &mut self.rounds[self.current];
        let index = match &mut self.generations[self.current] {
            None => round.hand_out(u64::MAX),
            Some(generations) => {
                let proposed = round.hand_out(generations.proposed() * trials_per_point);
                if proposed.is_none() && generations.propose_next(&self.definition, round) {
                    round.hand_out(generations.proposed() * trials_per_point)
                } else {
                    proposed
                }
            }
        };
        if let Some(index) = index {
            return Some(self.round_trial(self.current, index, priority::ROUND));
        }
        let next = self.current + 1;
        if next == self.plan.segment_end(self.segment) {
            return None;
        }
        let ahead = &self.plan.rounds[next];
        let (PointSource::Drawn { from_whole } | PointSource::Proposed { from_whole }) =
            ahead.source
        else {
            return None;
        };
        let limit = from_whole * u64::from(ahead.repeats) * u64::from(self.plan.folds);
        let index = self.rounds[next].hand_out(limit)?;
        Some(self.round_trial(next, index, priority::NEXT_ROUND))
    }

    fn round_trial(&mut self, round: usize, index: u64, priority: u8) -> NewTrial {
        self.tell_points();
        let plan = &self.plan.rounds[round];
        let number = plan.first_trial + index;
        let key = self.key_in(round, number);
        let point = self.plan.key_in(round, number).point;
        let epochs = self.rounds[round].rung_epochs(point);
        NewTrial {
            number,
            round: key.round,
            point: key.point,
            repeat: key.repeat,
            fold: key.fold,
            params: self.params((round, point)),
            to_epoch: epochs[0],
            full_epochs: plan.full_epochs,
            waits_at_end: epochs.len() > 1,
            keep_weights: epochs.len() == 1 && plan.keep_weights,
            priority,
        }
    }

    fn finish_trial(&self, number: u64) -> Option<NewTrial> {
        let key = self.trial(number)?;
        Some(NewTrial {
            number,
            round: key.round,
            point: key.point,
            repeat: key.repeat,
            fold: key.fold,
            params: self.params_of(key.round, key.point),
            to_epoch: self.plan.full_epochs,
            full_epochs: self.plan.full_epochs,
            waits_at_end: false,
            keep_weights: true,
            priority: priority::REPEAT,
        })
    }

    /// The values of a point as people name it: round 0 is the sweep named in `from`, whose points count from 1.
    pub(super) fn params_of(&self, round: u32, point: u64) -> Params {
        match round.checked_sub(1) {
            Some(round) => self.params((round as usize, point)),
            None => {
                let earlier = self
                    .definition
                    .earlier
                    .get((point as usize).wrapping_sub(1));
                earlier
                    .map(|point| point.params.clone())
                    .unwrap_or_default()
            }
        }
    }

    /// The values of a point: a pure function of the definition, the boxes and the `top` points before it.
    pub(super) fn params(&self, (round, point): Place) -> Params {
        if let Some(top) = &self.tops[round] {
            return self.params(top[point as usize]);
        }
        let space = &self.definition.space;
        if self.definition.sampler == Sampler::Grid {
            return sampler::grid_params(space, &self.grid, point);
        }
        let from_whole = match self.plan.rounds[round].source {
            PointSource::Drawn { from_whole } | PointSource::Proposed { from_whole } => from_whole,
            PointSource::Top(_) => 0,
        };
        let is_whole = round > 0 && point < from_whole;
        let index = if round > 0 && !is_whole {
            point - from_whole
        } else {
            point
        };
        let proposed = self.generations[round]
            .as_ref()
            .filter(|_| !is_whole)
            .and_then(|generations| generations.coordinates(point));
        let coordinates = match proposed {
            Some(coordinates) => coordinates.clone(),
            None => sampler::coordinates(
                self.definition.sampler,
                self.definition.seed,
                self.plan.rounds[round].number,
                is_whole,
                index,
                space.dimensions(),
            ),
        };
        let within = match &self.boxes[round] {
            Some(within) if !is_whole => within.clone(),
            _ => SearchBox::whole(space),
        };
        match self.definition.start.get(point as usize) {
            Some(given) if round == 0 => {
                space.assemble(|axis, domain| match given.get(&domain.path) {
                    Some(value) => value.clone(),
                    None => within.axes()[axis].value(domain, coordinates[axis]),
                })
            }
            _ => within.params(space, &coordinates),
        }
    }
}
