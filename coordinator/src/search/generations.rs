//! The points of a TPE round: proposed in generations, each of which sees exactly the generations before.

use super::{
    definition::{Definition, Sampler},
    halving::PointOutcome,
    round::RoundState,
    sampler,
    tpe::{self, Fit, Observation},
};

/// Coordinates of the points proposed so far, in the round's box.
#[derive(Debug)]
pub(super) struct Generations {
    round: u32,
    size: u64,
    coordinates: Vec<Vec<f64>>,
    /// Points 0 to this one (exclusive) are through.
    through: u64,
}

impl Generations {
    /// Generations of `size` points, for the round with this number.
    pub fn new(round: u32, size: u64) -> Generations {
        Generations {
            round,
            size,
            coordinates: Vec::new(),
            through: 0,
        }
    }

    /// Proposes all that the results so far allow.
    pub fn advance(&mut self, definition: &Definition, state: &RoundState) {
        while self.through < state.points() && state.is_through(self.through) {
            self.through += 1;
        }
        while (self.coordinates.len() as u64) < state.points() {
            let next = self.coordinates.len() as u64;
            if next < tpe::START {
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
            let observations: Vec<Observation> = (0..seen)
                .filter_map(|point| {
                    let value = match state.standing(point, &definition.objective)? {
                        PointOutcome::Value(value) => Some(value),
                        PointOutcome::Pruned(_) | PointOutcome::Diverged => None,
                        PointOutcome::Failed => return None,
                    };
                    let coordinates = &self.coordinates[point as usize];
                    Some(Observation { coordinates, value })
                })
                .collect();
            let fit = Fit::new(definition, self.round, generation, observations);
            let end = ((generation + 1) * self.size).min(state.points());
            for index in next..end {
                self.coordinates
                    .push(tpe::propose(definition, self.round, index, &fit));
            }
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
