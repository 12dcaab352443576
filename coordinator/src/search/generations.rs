//! Points that are proposed after what results have shown: in generations, each of which sees exactly the results before it.

use super::{
    definition::{Definition, Sampler},
    evidence::{self, Lesson},
    gaussian::Shape,
    halving::PointOutcome,
    keyed::{self, Purpose},
    proposals::Model,
    round::RoundState,
    sampler,
    search_box::SearchBox,
    tpe::{self, Fit, Observation},
};

/// Share of the results that TPE calls good.
const GOOD: f64 = 0.1;

/// Coordinates of the points proposed so far, in the round's box.
#[derive(Debug)]
pub(super) struct Generations {
    round: u32,
    size: u64,
    coordinates: Vec<Vec<f64>>,
    /// Points 0 to this one (exclusive) are through.
    through: u64,
    proposer: Proposer,
    /// Shares of the axes of the first points, which are drawn from the file's box.
    drawn: Vec<Vec<f64>>,
}

#[derive(Debug)]
enum Proposer {
    /// TPE, from the round's own results and these: coordinates, and the value turned so that smaller is better (`None`: diverged).
    Tpe(Vec<(Vec<f64>, Option<f64>)>),
    /// The model, once the rounds before are complete.
    Waiting,
    /// The model.
    Model {
        /// What earlier rounds and the first `learned` points of this one have shown; a part of very many.
        lessons: Vec<Lesson>,
        learned: u64,
        within: SearchBox,
        shape: Option<Shape>,
    },
}

impl Generations {
    /// Generations of `size` points that TPE proposes, for the round with this number. `earlier`: results of an earlier sweep.
    pub fn of_tpe(round: u32, size: u64, earlier: Vec<(Vec<f64>, Option<f64>)>) -> Generations {
        Generations {
            round,
            size,
            coordinates: Vec::new(),
            through: 0,
            proposer: Proposer::Tpe(earlier),
            drawn: Vec::new(),
        }
    }

    /// Generations that the model proposes; nothing before [`Generations::learn`].
    pub fn of_model(
        definition: &Definition,
        round: u32,
        size: u64,
        from_whole: u64,
    ) -> Generations {
        let dimensions = definition.space.dimensions();
        let whole = SearchBox::whole(&definition.space);
        let coordinates: Vec<Vec<f64>> = (0..from_whole)
            .map(|index| {
                sampler::coordinates(
                    definition.sampler,
                    definition.seed,
                    round,
                    true,
                    index,
                    dimensions,
                )
            })
            .collect();
        Generations {
            proposer: Proposer::Waiting,
            drawn: coordinates
                .iter()
                .map(|c| whole.shares(&definition.space, c))
                .collect(),
            coordinates,
            ..Generations::of_tpe(round, size, Vec::new())
        }
    }

    /// Takes in what earlier rounds have shown, and the round's box.
    pub fn learn(&mut self, lessons: Vec<Lesson>, within: SearchBox, shape: Option<Shape>) {
        self.proposer = Proposer::Model {
            lessons,
            learned: 0,
            within,
            shape,
        };
    }

    /// Proposes all that the results so far allow.
    pub fn advance(&mut self, definition: &Definition, state: &RoundState) {
        while self.through < state.points() && state.is_through(self.through) {
            self.through += 1;
        }
        while self.proposed() < state.points() {
            let next = self.proposed();
            let is_draw = match &self.proposer {
                Proposer::Tpe(earlier) => next + (earlier.len() as u64) < tpe::START,
                Proposer::Waiting | Proposer::Model { .. } => false,
            };
            if is_draw {
                self.coordinates.push(self.draw(definition, next));
                continue;
            }
            let seen = self.seen_by(next);
            if self.through < seen {
                return;
            }
            let end = (seen + self.size).min(state.points());
            match self.proposer {
                Proposer::Waiting => return,
                // A plan that is only played through has no axes.
                _ if definition.space.dimensions() == 0 => {
                    self.coordinates.extend((next..end).map(|_| Vec::new()));
                }
                Proposer::Tpe(_) => self.propose_by_tpe(definition, state, next..end),
                Proposer::Model { .. } => self.propose_by_model(definition, state, next..end),
            }
        }
    }

    /// How many of the round's points are before the generation of this one.
    fn seen_by(&self, point: u64) -> u64 {
        let drawn = self.drawn.len() as u64;
        drawn + (point - drawn) / self.size * self.size
    }

    fn draw(&self, definition: &Definition, point: u64) -> Vec<f64> {
        let dimensions = definition.space.dimensions();
        sampler::coordinates(
            Sampler::Tpe,
            definition.seed,
            self.round,
            false,
            point,
            dimensions,
        )
    }

    fn propose_by_tpe(
        &mut self,
        definition: &Definition,
        state: &RoundState,
        points: std::ops::Range<u64>,
    ) {
        let Proposer::Tpe(earlier) = &self.proposer else {
            return;
        };
        let earlier = earlier.iter().map(|(coordinates, value)| Observation {
            coordinates,
            value: *value,
        });
        let generation = points.start / self.size;
        let own = (0..generation * self.size).filter_map(|point| {
            let value = match state.standing(point, 0, &definition.objective)? {
                PointOutcome::Value(value) => Some(value),
                PointOutcome::Pruned(_) | PointOutcome::Diverged => None,
                PointOutcome::Failed => return None,
            };
            let coordinates = &self.coordinates[point as usize];
            Some(Observation { coordinates, value })
        });
        let fit = Fit::new(
            definition,
            self.round,
            generation,
            GOOD,
            earlier.chain(own).collect(),
        );
        for index in points {
            self.coordinates
                .push(tpe::propose(definition, self.round, index, &fit));
        }
    }

    fn propose_by_model(
        &mut self,
        definition: &Definition,
        state: &RoundState,
        points: std::ops::Range<u64>,
    ) {
        let seen = self.seen_by(points.start);
        let Proposer::Model {
            lessons,
            learned,
            within,
            shape,
        } = &mut self.proposer
        else {
            return;
        };
        let space = &definition.space;
        lessons.extend((*learned..seen).filter_map(|point| {
            let at = match self.drawn.get(point as usize) {
                Some(at) => at.clone(),
                None => within.shares(space, &self.coordinates[point as usize]),
            };
            Lesson::of(state, point, &definition.objective, at)
        }));
        *learned = seen;
        evidence::thin_out(lessons);
        let mut model = Model::fit(space, lessons, shape.as_ref());
        for index in points {
            let coordinates = match &mut model {
                Some(model) => {
                    let mut rng = keyed::generator(
                        definition.seed,
                        Purpose::Model,
                        &[u64::from(self.round), index],
                    );
                    let coordinates = model.propose(space, within, &mut rng);
                    model.believe(&within.shares(space, &coordinates));
                    coordinates
                }
                None => sampler::coordinates(
                    Sampler::Random,
                    definition.seed,
                    self.round,
                    false,
                    index,
                    space.dimensions(),
                ),
            };
            self.coordinates.push(coordinates);
        }
        if let Some(model) = model {
            *shape = Some(model.shape().clone());
        }
    }

    /// Points whose values are known.
    pub fn proposed(&self) -> u64 {
        self.coordinates.len() as u64
    }

    /// Coordinates of a proposed point.
    pub fn coordinates(&self, point: u64) -> Option<&Vec<f64>> {
        self.coordinates.get(point as usize)
    }
}
