//! What hinges on one trial.

use std::ops::Range;

use super::Search;
use crate::search::plan::PointSource;

impl Search {
    /// Numbers of the trials whose points are chosen by what trial `number` gives. Once one of them is there, that trial's part in the
    /// search is over. What is only promoted or pruned by it is not among them, nor what nothing decides: the next round's draws from
    /// the whole space.
    pub fn hinge_on(&self, number: u64) -> Vec<Range<u64>> {
        let folds = self.plan.folds;
        let Some(position) = self.plan.round_of(number) else {
            let finish = self.plan.finish_of(number);
            let finish =
                finish.and_then(|(segment, _)| self.plan.finishes().nth(segment).flatten());
            let behind = finish.map(|finish| finish.first_trial + finish.trials(folds)..u64::MAX);
            return behind.into_iter().collect();
        };
        let round = &self.plan.rounds[position];
        let end = round.first_trial + round.trials(folds);
        let mut hinged = Vec::new();
        if let Some(generations) = &self.generations[position] {
            let point = self.plan.key_in(position, number).point;
            let trials =
                generations.first_after(point) * u64::from(round.repeats) * u64::from(folds);
            hinged.push((round.first_trial + trials).min(end)..end);
        }
        let ends_segment = (0..=self.plan.extensions.len())
            .any(|segment| self.plan.segment_end(segment) == position + 1);
        let next = self.plan.rounds.get(position + 1);
        let behind = match next.filter(|_| !ends_segment) {
            Some(next) => {
                next.first_trial
                    + match next.source {
                        PointSource::Drawn { from_whole }
                        | PointSource::Proposed { from_whole } => {
                            from_whole * u64::from(next.repeats) * u64::from(folds)
                        }
                        PointSource::Top(_) => 0,
                    }
            }
            None => end,
        };
        hinged.push(behind..u64::MAX);
        hinged
    }
}
