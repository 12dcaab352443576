//! The points that the next box is made of.

use super::{Place, Search};
use crate::search::{
    definition::EarlierPoint, halving::Standing, narrow, plan::PointSource, round::RoundState,
    space::Params,
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
        let ranked = self.rounds[last_drawn].ranked_from_top(0);
        let earlier: Vec<&EarlierPoint> = match last_drawn {
            0 => self.fitting_earlier().collect(),
            _ => Vec::new(),
        };
        let every = ranked.len().div_ceil(MOST_TRIED).max(1);
        let tried = ranked.iter().step_by(every);
        let tried = tried
            .map(|standing| self.params((last_drawn, standing.point)))
            .chain(earlier.iter().map(|point| point.params.clone()))
            .collect();
        let finished = ranked
            .iter()
            .filter(|standing| !standing.outcome.is_over())
            .count()
            + earlier.iter().filter(|p| p.objective.is_some()).count();
        let count = finished.div_ceil(4).clamp(4, narrow::MOST_ELITES);
        // Pruned points fill up the four where too few were trained to the end.
        let mut best: Vec<(bool, f64, Params)> = ranked
            .into_iter()
            .filter(|standing| standing.outcome.has_value())
            .take(count)
            .map(|standing| {
                let outcome = standing.outcome;
                let params = self.params((last_drawn, standing.point));
                (outcome.is_over(), outcome.number(), params)
            })
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

    /// Points with a value at the `down`-th rung from the top, of several rounds, best first.
    pub(super) fn ranked(
        &self,
        rounds: std::ops::Range<usize>,
        down: usize,
    ) -> Vec<(Standing, usize)> {
        let mut ranked: Vec<(Standing, usize)> = rounds
            .flat_map(|i| {
                let standings = self.rounds[i].ranked_from_top(down);
                standings.into_iter().map(move |standing| (standing, i))
            })
            .filter(|(standing, _)| !standing.outcome.is_over())
            .collect();
        ranked.sort_unstable_by(|(a, i), (b, j)| {
            let order = a.outcome.number().total_cmp(&b.outcome.number());
            order.then((i, a.point).cmp(&(j, b.point)))
        });
        ranked
    }

    fn ranked_places(&self, rounds: std::ops::Range<usize>, down: usize) -> Vec<Place> {
        let ranked = self.ranked(rounds, down).into_iter();
        ranked.map(|(standing, i)| (i, standing.point)).collect()
    }
}
