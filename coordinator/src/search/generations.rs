//! The points that TPE proposes: in generations, each of which sees exactly the results before it.

use super::{
    definition::{Definition, Sampler},
    halving::PointOutcome,
    round::RoundState,
    sampler,
    tpe::{self, Fit, Observation},
};

/// Share of the results that a plain TPE round calls good.
const GOOD: f64 = 0.1;
/// Share after halving, which has thrown out the bad ones already.
const GOOD_OF_SURVIVORS: f64 = 0.25;

/// A result of an earlier round: coordinates, and the value turned so that smaller is better (`None`: diverged).
pub(super) type Lesson = (Vec<f64>, Option<f64>);

/// Coordinates of the points proposed so far, in the round's box.
#[derive(Debug)]
pub(super) struct Generations {
    round: u32,
    size: u64,
    coordinates: Vec<Vec<f64>>,
    /// Points 0 to this one (exclusive) are through.
    through: u64,
    /// Results of earlier rounds in the coordinates of this round's box; values turned so that smaller is better.
    earlier: Vec<Lesson>,
    good_share: f64,
    /// The results of earlier rounds are not known yet.
    waits: bool,
}

impl Generations {
    /// Generations of `size` points, for the round with this number. `learns`: nothing is proposed before [`Generations::learn`].
    pub fn new(round: u32, size: u64, learns: bool) -> Generations {
        Generations {
            round,
            size,
            coordinates: Vec::new(),
            through: 0,
            earlier: Vec::new(),
            good_share: GOOD,
            waits: learns,
        }
    }

    /// Takes in what earlier rounds have shown. `survivors`: all of it comes from the top rung.
    pub fn learn(&mut self, earlier: Vec<Lesson>, survivors: bool) {
        self.good_share = if survivors { GOOD_OF_SURVIVORS } else { GOOD };
        self.earlier = earlier;
        self.waits = false;
    }

    /// Proposes all that the results so far allow.
    pub fn advance(&mut self, definition: &Definition, state: &RoundState) {
        while self.through < state.points() && state.is_through(self.through) {
            self.through += 1;
        }
        while !self.waits && self.proposed() < state.points() {
            let next = self.proposed();
            if next + (self.earlier.len() as u64) < tpe::START {
                let dimensions = definition.space.dimensions();
                let drawn = sampler::coordinates(
                    Sampler::Tpe,
                    definition.seed,
                    self.round,
                    false,
                    next,
                    dimensions,
                );
                self.coordinates.push(drawn);
                continue;
            }
            let generation = next / self.size;
            let seen = generation * self.size;
            if self.through < seen {
                return;
            }
            let fit = self.fit(definition, state, generation, seen);
            let end = ((generation + 1) * self.size).min(state.points());
            for index in next..end {
                self.coordinates
                    .push(tpe::propose(definition, self.round, index, &fit));
            }
        }
    }

    fn fit(&self, definition: &Definition, state: &RoundState, generation: u64, seen: u64) -> Fit {
        let earlier = self.earlier.iter().map(|(coordinates, value)| Observation {
            coordinates,
            value: *value,
        });
        let own = (0..seen).filter_map(|point| {
            let value = match state.standing(point, &definition.objective)? {
                PointOutcome::Value(value) => Some(value),
                PointOutcome::Pruned(_) | PointOutcome::Diverged => None,
                PointOutcome::Failed => return None,
            };
            let coordinates = &self.coordinates[point as usize];
            Some(Observation { coordinates, value })
        });
        let observations = earlier.chain(own).collect();
        Fit::new(
            definition,
            self.round,
            generation,
            self.good_share,
            observations,
        )
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
