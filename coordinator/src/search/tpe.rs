//! Tree-structured Parzen estimator, multivariate (J. Bergstra et al., NIPS 2011; the kernel widths are those of Optuna's multivariate
//! estimator): points that are likely among the good ones and unlikely among the others.

use rand_chacha::ChaCha8Rng;

use super::{
    definition::Definition,
    domain::{Kind, choice_index},
    keyed::{self, Purpose},
    space::Space,
};

/// The first points of a round are plain draws.
pub(super) const START: u64 = 10;
/// Proposals of which the best is taken.
const CANDIDATES: usize = 24;
/// The good ones are at most so many.
const MOST_GOOD: usize = 25;
/// A fit takes in at most so many results, so that a decision does not grow with the sweep.
const MOST_FITTED: usize = 500;
/// Width of a kernel among one result, as a share of the axis.
const WIDTH: f64 = 0.2;

/// A result.
#[derive(Clone, Debug)]
pub(super) struct Observation {
    /// In the round's box.
    pub coordinates: Vec<f64>,
    /// Turned so that smaller is better; `None`: diverged or pruned, which is worse than any value.
    pub value: Option<f64>,
    /// Drawn: of too many results those with the smallest lots are looked at.
    pub lot: u64,
}

/// What is drawn for point `index` of a round.
pub(super) fn lot(definition: &Definition, round: u32, index: u64) -> u64 {
    let ids = [u64::from(round), index];
    keyed::number(definition.seed, Purpose::Subsample, &ids)
}

/// Sorts the observations, best first, and leaves at most [`MOST_FITTED`]: the best ones and a sample of the others. What is left of a part
/// of them stands for that part, so they can be thinned out as they come.
pub(super) fn thin_out(observations: &mut Vec<Observation>) {
    let by_value = |a: &Observation, b: &Observation| match (a.value, b.value) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        (a, b) => a.is_none().cmp(&b.is_none()),
    };
    observations.sort_by(by_value);
    if observations.len() > MOST_FITTED {
        let mut others = observations.split_off(MOST_GOOD);
        others.sort_by_key(|observation| observation.lot);
        others.truncate(MOST_FITTED - MOST_GOOD);
        others.sort_by(by_value);
        observations.append(&mut others);
    }
}

/// Coordinates of point `index` of a round after these observations (in order of their points).
pub(super) fn propose(definition: &Definition, round: u32, index: u64, fit: &Fit) -> Vec<f64> {
    let ids = [u64::from(round), index];
    let mut rng = keyed::generator(definition.seed, Purpose::Tpe, &ids);
    let mut best: Option<(f64, Vec<f64>)> = None;
    for _ in 0..CANDIDATES {
        let candidate = fit.good.draw(&mut rng);
        let gain = fit.good.log_density(&candidate) - fit.others.log_density(&candidate);
        if best.as_ref().is_none_or(|(least, _)| gain > *least) {
            best = Some((gain, candidate));
        }
    }
    best.map_or_else(Vec::new, |(_, candidate)| candidate)
}

/// The two densities that a generation's proposals are drawn from and judged by.
#[derive(Debug)]
pub(super) struct Fit {
    good: Mixture,
    others: Mixture,
}

impl Fit {
    /// Of observations, best first: calls the best `good_share` of them good, and fits both parts.
    pub fn new(space: &Space, good_share: f64, observations: &[Observation]) -> Fit {
        let good = ((observations.len() as f64 * good_share).ceil() as usize).min(MOST_GOOD);
        let (good, others) = observations.split_at(good);
        Fit {
            good: Mixture::new(space, good),
            others: Mixture::new(space, others),
        }
    }
}

/// Equal parts of one product kernel per result and of one as wide as the box.
#[derive(Debug)]
struct Mixture {
    axes: Vec<Axis>,
    /// `[result][axis]`
    centres: Vec<Vec<f64>>,
    /// Logarithm of the share of each kernel that lies within the box.
    log_inside: Vec<f64>,
}

#[derive(Clone, Copy, Debug)]
enum Axis {
    /// Kernel width.
    Range(f64),
    /// Number of values, and the chance that a kernel keeps to its own.
    Choice(usize, f64),
}

impl Mixture {
    fn new(space: &Space, observations: &[Observation]) -> Mixture {
        let n = observations.len();
        let exponent = -1.0 / (space.dimensions() as f64 + 4.0);
        let width =
            (WIDTH * (n.max(1) as f64).powf(exponent)).max(1.0 / (n as f64 + 1.0).min(100.0));
        let axes: Vec<Axis> = space
            .domains()
            .iter()
            .map(|domain| match &domain.kind {
                Kind::Range(_) => Axis::Range(width),
                Kind::Choice(values) => Axis::Choice(values.len(), n as f64 / (n as f64 + 1.0)),
            })
            .collect();
        let centres: Vec<Vec<f64>> = observations.iter().map(|o| o.coordinates.clone()).collect();
        let log_inside = centres
            .iter()
            .map(|centre| {
                centre
                    .iter()
                    .zip(&axes)
                    .map(|(c, axis)| axis.log_inside(*c))
                    .sum()
            })
            .collect();
        Mixture {
            axes,
            centres,
            log_inside,
        }
    }

    fn draw(&self, rng: &mut ChaCha8Rng) -> Vec<f64> {
        let parts = self.centres.len() as f64 + 1.0;
        let part = (keyed::uniform(rng) * parts) as usize;
        let centre = self.centres.get(part);
        (0..self.axes.len())
            .map(|i| match centre {
                Some(centre) => self.axes[i].draw(centre[i], rng),
                None => keyed::uniform(rng),
            })
            .collect()
    }

    fn log_density(&self, at: &[f64]) -> f64 {
        // The wide part has density 1 everywhere: its logarithm starts the sum.
        let logs: Vec<f64> = self
            .centres
            .iter()
            .zip(&self.log_inside)
            .map(|(centre, inside)| {
                let sum: f64 = (0..at.len())
                    .map(|i| self.axes[i].log_kernel(at[i], centre[i]))
                    .sum();
                sum - inside
            })
            .collect();
        let most = logs.iter().copied().fold(0.0, f64::max);
        let sum: f64 = logs.iter().map(|log| (log - most).exp()).sum::<f64>() + (-most).exp();
        most + sum.ln() - (logs.len() as f64 + 1.0).ln()
    }
}

impl Axis {
    fn log_kernel(self, at: f64, centre: f64) -> f64 {
        match self {
            Axis::Range(width) => {
                let z = (at - centre) / width;
                -0.5 * z * z - width.ln() - 0.5 * std::f64::consts::TAU.ln()
            }
            Axis::Choice(values, keeps) => {
                let own = choice_index(at, values) == choice_index(centre, values);
                let uniform = (1.0 - keeps) / values as f64;
                // A density over [0, 1], so that it goes together with those of ranges.
                ((uniform + if own { keeps } else { 0.0 }) * values as f64).ln()
            }
        }
    }

    fn log_inside(self, centre: f64) -> f64 {
        match self {
            Axis::Range(width) => {
                let below = normal_share((1.0 - centre) / width) - normal_share(-centre / width);
                below.max(1e-12).ln()
            }
            Axis::Choice(..) => 0.0,
        }
    }

    fn draw(self, centre: f64, rng: &mut ChaCha8Rng) -> f64 {
        match self {
            Axis::Range(width) => {
                // Drawn again until it lies inside: centres do, so at least a quarter of the tries hits.
                for _ in 0..64 {
                    let at = centre + width * normal(rng);
                    if (0.0..1.0).contains(&at) {
                        return at;
                    }
                }
                centre
            }
            Axis::Choice(values, keeps) => {
                if keyed::uniform(rng) < keeps {
                    return centre;
                }
                let value = (keyed::uniform(rng) * values as f64).floor();
                (value + 0.5) / values as f64
            }
        }
    }
}

/// A standard normal number by Box and Muller.
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * (1.0 - keyed::uniform(rng)).ln()).sqrt();
    radius * (std::f64::consts::TAU * keyed::uniform(rng)).cos()
}

/// The share of a standard normal distribution below `z`: Abramowitz and Stegun, formula 26.2.17 (error below 7.5e-8).
fn normal_share(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let series = t
        * (0.319_381_530
            + t * (-0.356_563_782
                + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    let tail = (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt() * series;
    if z >= 0.0 { 1.0 - tail } else { tail }
}
