//! What the rounds so far, and an earlier sweep, teach a round of proposals.

use super::{Place, Search};
use crate::search::{
    definition::EarlierPoint,
    evidence::{self, Lesson},
    generations::Generations,
    likelihood::Shape,
    proposals::Model,
    round::RoundState,
    space::Params,
};

impl Search {
    /// The points of the first `rounds` rounds that have a result, and those of the sweep named in `from`; a part of very many.
    pub(super) fn lessons(&self, rounds: usize) -> Vec<Lesson> {
        let objective = &self.definition.objective;
        let earlier = self.of_earlier_sweep().map(|lesson| (None, lesson));
        let of_round = |(i, round): (usize, &RoundState)| {
            let points = 0..round.points();
            let told = points.filter_map(move |point| {
                Some((Some((i, point)), Lesson::of(round, point, objective)?))
            });
            told.collect::<Vec<_>>()
        };
        let rounds = self.rounds.iter().enumerate().take(rounds);
        let mut told: Vec<(Option<Place>, Lesson)> =
            earlier.chain(rounds.flat_map(of_round)).collect();
        evidence::thin_out(&mut told, |(_, lesson)| lesson);
        // Where a point lies is dear to say, and needed for those only that are left.
        let placed = told.into_iter().map(|(place, lesson)| match place {
            Some(place) => lesson.placed(self.shares_of(place)),
            None => lesson,
        });
        placed.collect()
    }

    /// What the lessons say about the whole space; `shape`: where the fit starts.
    pub(super) fn model(&self, lessons: &[Lesson], shape: Option<&Shape>) -> Option<Model> {
        Model::fit(&self.definition.space, lessons, shape)
    }

    /// The newest shape of a model that an earlier round has ended with.
    pub(super) fn last_shape(&self) -> Option<&Shape> {
        let mut generations = self.generations.iter().rev().flatten();
        generations.find_map(Generations::shape)
    }

    /// Shares of the axes of a point; NaN for the hyperparameters that it does not have.
    pub(super) fn shares_of(&self, place: Place) -> Vec<f64> {
        self.shares(&self.params(place))
    }

    pub(super) fn shares(&self, params: &Params) -> Vec<f64> {
        let shares = self.definition.space.shares(params);
        shares.into_iter().map(|s| s.unwrap_or(f64::NAN)).collect()
    }

    /// The points of the sweep named in `from` that lie in this space.
    fn of_earlier_sweep(&self) -> impl Iterator<Item = Lesson> {
        let turn = |value: f64| self.definition.objective.turned(value);
        self.fitting_earlier().map(move |point| Lesson {
            at: self.shares(&point.params),
            values: vec![point.objective.map(turn)],
            diverged: point.objective.is_none(),
        })
    }

    pub(super) fn fitting_earlier(&self) -> impl Iterator<Item = &EarlierPoint> {
        let space = &self.definition.space;
        let earlier = self.definition.earlier.iter();
        earlier.filter(|point| space.contains(&point.params))
    }
}
