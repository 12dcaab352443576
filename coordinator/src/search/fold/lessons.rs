//! What the rounds so far, and an earlier sweep, teach a round of proposals.

use super::{Place, Search};
use crate::search::{
    definition::EarlierPoint,
    evidence::{self, Lesson},
    proposals::Model,
    space::Params,
};

impl Search {
    /// The points of the first `rounds` rounds that have a result, and those of the sweep named in `from`; a part of very many.
    pub(super) fn lessons(&self, rounds: usize) -> Vec<Lesson> {
        let mut lessons = self.of_earlier_sweep();
        for (i, round) in self.rounds.iter().enumerate().take(rounds) {
            for point in 0..round.points() {
                let at = self.shares_of((i, point));
                lessons.extend(Lesson::of(round, point, &self.definition.objective, at));
            }
        }
        evidence::thin_out(&mut lessons);
        lessons
    }

    /// What the lessons say about the whole space.
    pub(super) fn model(&self, lessons: &[Lesson]) -> Option<Model> {
        Model::fit(&self.definition.space, lessons, None)
    }

    /// Shares of the axes of a point; NaN for the hyperparameters that it does not have.
    pub(super) fn shares_of(&self, place: Place) -> Vec<f64> {
        self.shares(&self.params(place))
    }

    fn shares(&self, params: &Params) -> Vec<f64> {
        let shares = self.definition.space.shares(params);
        shares.into_iter().map(|s| s.unwrap_or(f64::NAN)).collect()
    }

    /// The points of the sweep named in `from` that lie in this space.
    fn of_earlier_sweep(&self) -> Vec<Lesson> {
        let turn = |value: f64| self.definition.objective.turned(value);
        self.fitting_earlier()
            .map(|point| Lesson {
                at: self.shares(&point.params),
                values: vec![point.objective.map(turn)],
                diverged: point.objective.is_none(),
            })
            .collect()
    }

    pub(super) fn fitting_earlier(&self) -> impl Iterator<Item = &EarlierPoint> {
        let space = &self.definition.space;
        let earlier = self.definition.earlier.iter();
        earlier.filter(|point| space.contains(&point.params))
    }
}
