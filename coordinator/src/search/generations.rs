//! Points that are proposed after what results have shown: in generations, each of which sees exactly the results before it.
//!
//! The results are learned from once a generation, and its points are proposed one by one as they are asked for: no single call computes
//! them all.

use super::{
    definition::{Definition, Sampler},
    evidence::{self, Lesson},
    halving::PointOutcome,
    keyed::{self, Purpose},
    likelihood::Shape,
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
    /// Points 0 to this one (exclusive) were learned from.
    learned: u64,
    /// How many points the fit has seen.
    fitted: Option<u64>,
    proposer: Proposer,
    /// Shares of the axes of the first points, which are drawn from the file's box.
    drawn: Vec<Vec<f64>>,
}

#[derive(Debug)]
enum Proposer {
    /// TPE.
    Tpe {
        /// The points of the sweep named in `from`.
        earlier: u64,
        /// They, and the first `learned` points of this round; a part of very many.
        observations: Vec<Observation>,
        fit: Option<Fit>,
    },
    /// The model, once the rounds before are complete.
    Waiting,
    /// The model.
    Model {
        /// What earlier rounds and the first `learned` points of this one have shown; a part of very many.
        lessons: Vec<Lesson>,
        within: SearchBox,
        shape: Option<Shape>,
        model: Option<Model>,
    },
}

impl Generations {
    /// Generations of `size` points that TPE proposes, for the round with this number. `earlier`: results of an earlier sweep.
    pub fn of_tpe(round: u32, size: u64, earlier: Vec<Observation>) -> Generations {
        Generations {
            round,
            size,
            coordinates: Vec::new(),
            through: 0,
            learned: 0,
            fitted: None,
            proposer: Proposer::Tpe {
                earlier: earlier.len() as u64,
                observations: earlier,
                fit: None,
            },
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

    /// Takes in what earlier rounds have shown, the model of it, and the round's box.
    pub fn learn(&mut self, lessons: Vec<Lesson>, within: SearchBox, model: Option<Model>) {
        self.proposer = Proposer::Model {
            lessons,
            within,
            shape: model.as_ref().map(|model| model.shape().clone()),
            model,
        };
        if self.drawn.is_empty() {
            self.fitted = Some(0);
        }
    }

    /// The shape of the last model.
    pub fn shape(&self) -> Option<&Shape> {
        match &self.proposer {
            Proposer::Model { shape, .. } => shape.as_ref(),
            Proposer::Tpe { .. } | Proposer::Waiting => None,
        }
    }

    /// Takes in which points are through, and proposes again what was handed out before a restart.
    pub fn advance(&mut self, definition: &Definition, state: &RoundState) {
        while self.through < state.points() && state.is_through(self.through) {
            self.through += 1;
        }
        // What nobody has asked for yet waits: the call that takes in a result is not to pay for it.
        while self.proposed() < state.untouched_from() && self.is_ready(definition, state) {
            self.propose(definition);
        }
    }

    /// Proposes one more point; whether it may.
    pub fn propose_next(&mut self, definition: &Definition, state: &RoundState) -> bool {
        let ready = self.is_ready(definition, state);
        if ready {
            self.propose(definition);
        }
        ready
    }

    /// Whether the next point may be proposed: the generations before it have ended. Then they have been learned from.
    fn is_ready(&mut self, definition: &Definition, state: &RoundState) -> bool {
        let next = self.proposed();
        if next >= state.points() {
            return false;
        }
        if self.is_draw(next) {
            return true;
        }
        let seen = self.seen_by(next);
        if matches!(self.proposer, Proposer::Waiting) || self.through < seen {
            return false;
        }
        // A plan that is only played through has no axes.
        if self.fitted != Some(seen) && definition.space.dimensions() > 0 {
            self.fit(definition, state, seen);
            self.fitted = Some(seen);
        }
        true
    }

    /// TPE begins with plain draws.
    fn is_draw(&self, point: u64) -> bool {
        match &self.proposer {
            Proposer::Tpe { earlier, .. } => point + earlier < tpe::START,
            Proposer::Waiting | Proposer::Model { .. } => false,
        }
    }

    /// How many of the round's points are before the generation of this one.
    fn seen_by(&self, point: u64) -> u64 {
        let drawn = self.drawn.len() as u64;
        drawn + (point - drawn) / self.size * self.size
    }

    fn fit(&mut self, definition: &Definition, state: &RoundState, seen: u64) {
        let space = &definition.space;
        let new = self.learned..seen;
        self.learned = seen;
        match &mut self.proposer {
            Proposer::Tpe {
                observations, fit, ..
            } => {
                observations.extend(new.filter_map(|point| {
                    let value = match state.outcome(point, 0, &definition.objective)? {
                        PointOutcome::Value(value) => Some(value),
                        PointOutcome::Pruned(_) | PointOutcome::Diverged => None,
                        PointOutcome::Failed => return None,
                    };
                    Some(Observation {
                        coordinates: self.coordinates[point as usize].clone(),
                        value,
                        lot: tpe::lot(definition, self.round, point),
                    })
                }));
                tpe::thin_out(observations);
                *fit = Some(Fit::new(space, GOOD, observations));
            }
            Proposer::Waiting => {}
            Proposer::Model {
                lessons,
                within,
                shape,
                model,
            } => {
                lessons.extend(new.filter_map(|point| {
                    let lesson = Lesson::of(state, point, &definition.objective)?;
                    Some(lesson.placed(match self.drawn.get(point as usize) {
                        Some(at) => at.clone(),
                        None => within.shares(space, &self.coordinates[point as usize]),
                    }))
                }));
                evidence::thin_out(lessons, |lesson| lesson);
                *model = Model::fit(space, lessons, shape.as_ref());
                if let Some(model) = model {
                    *shape = Some(model.shape().clone());
                }
            }
        }
    }

    /// The first point that is proposed after what `point` has shown.
    pub fn first_after(&self, point: u64) -> u64 {
        let drawn = self.drawn.len() as u64;
        let next = match point.checked_sub(drawn) {
            Some(nth) => drawn + (nth / self.size + 1) * self.size,
            None => drawn,
        };
        match &self.proposer {
            Proposer::Tpe { earlier, .. } => next.max(tpe::START.saturating_sub(*earlier)),
            Proposer::Waiting | Proposer::Model { .. } => next,
        }
    }

    /// Proposes the next point.
    fn propose(&mut self, definition: &Definition) {
        let (space, index) = (&definition.space, self.proposed());
        let coordinates = match &mut self.proposer {
            _ if space.dimensions() == 0 => Vec::new(),
            Proposer::Tpe { fit: Some(fit), .. } => {
                tpe::propose(definition, self.round, index, fit)
            }
            Proposer::Model {
                within,
                model: Some(model),
                ..
            } => {
                let ids = [u64::from(self.round), index];
                let mut rng = keyed::generator(definition.seed, Purpose::Model, &ids);
                let coordinates = model.propose(space, within, &mut rng);
                model.believe(&within.shares(space, &coordinates));
                coordinates
            }
            Proposer::Tpe { .. } | Proposer::Waiting | Proposer::Model { .. } => {
                sampler::coordinates(
                    Sampler::Random,
                    definition.seed,
                    self.round,
                    false,
                    index,
                    space.dimensions(),
                )
            }
        };
        self.coordinates.push(coordinates);
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
