//! The points that the next box is made of.

use super::{Place, Search};
use crate::search::{
    definition::EarlierPoint, narrow, plan::PointSource, round::RoundState, space::Params,
};

/// Of very many points an even choice of about so many says which values of a choice were tried.
const MOST_TRIED: usize = 1000;

impl Search {
    /// The points that the next box is made of, best first, and the points that they are the best of.
    pub(super) fn elites(&self, closed: usize) -> (Vec<Params>, Vec<Params>) {
        if self.plan.is_written {
            return self.elites_of_written(closed);
        }
        let elites = self.elites_of_planned(closed);
        let elites = elites.into_iter().map(|place| self.params(place));
        (elites.collect(), Vec::new())
    }

    /// The best quarter of the last round that drew points, at least four; at the first narrowing the points of the sweep named in
    /// `from` are among them.
    fn elites_of_written(&self, closed: usize) -> (Vec<Params>, Vec<Params>) {
        let last_drawn = (0..=closed)
            .rev()
            .find(|&i| matches!(self.plan.rounds[i].source, PointSource::Drawn { .. }))
            .unwrap_or(0);
        let ranked = self.ranked(last_drawn..last_drawn + 1, 0);
        let earlier: Vec<&EarlierPoint> = match last_drawn {
            0 => self.fitting_earlier().collect(),
            _ => Vec::new(),
        };
        let every = ranked.len().div_ceil(MOST_TRIED).max(1);
        let tried = ranked.iter().step_by(every);
        let tried = tried
            .map(|(_, place)| self.params(*place))
            .chain(earlier.iter().map(|point| point.params.clone()))
            .collect();
        let finished = ranked
            .iter()
            .filter(|(outcome, _)| !outcome.is_over())
            .count()
            + earlier.iter().filter(|p| p.objective.is_some()).count();
        let count = finished.div_ceil(4).clamp(4, narrow::MOST_ELITES);
        // Pruned points fill up the four where too few were trained to the end.
        let mut best: Vec<(bool, f64, Params)> = ranked
            .into_iter()
            .filter(|(outcome, _)| outcome.has_value())
            .take(count)
            .map(|(outcome, place)| (outcome.is_over(), outcome.number(), self.params(place)))
            .collect();
        best.extend(earlier.iter().filter_map(|point| {
            let value = self.definition.objective.turned(point.objective?);
            Some((false, value, point.params.clone()))
        }));
        best.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        best.truncate(count);
        (best.into_iter().map(|(.., params)| params).collect(), tried)
    }

    /// Of all points of any round that reached the top rung the best half after round 1, the best quarter later; topped up to four from
    /// the next lower rungs.
    fn elites_of_planned(&self, closed: usize) -> Vec<Place> {
        let top = self.ranked_places(0..closed + 1, 0);
        let share = if closed == 0 { 2 } else { 4 };
        let count = top.len().div_ceil(share).min(narrow::MOST_ELITES);
        let mut elites: Vec<Place> = top.into_iter().take(count).collect();
        let levels = self
            .rounds
            .iter()
            .map(RoundState::levels)
            .max()
            .unwrap_or(1);
        for down in 0..levels {
            for place in self.ranked_places(0..closed + 1, down) {
                if elites.len() >= 4 {
                    return elites;
                }
                if !elites.contains(&place) {
                    elites.push(place);
                }
            }
        }
        elites
    }

    fn ranked_places(&self, rounds: std::ops::Range<usize>, down: usize) -> Vec<Place> {
        let ranked = self.ranked(rounds, down).into_iter();
        let with_value = ranked.filter(|(outcome, _)| !outcome.is_over());
        with_value.map(|(_, place)| place).collect()
    }
}
