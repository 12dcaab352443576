//! Points that the model expects to improve on what is known, and the box of those that may still be best.

use rand_chacha::ChaCha8Rng;

use super::{
    domain::Kind,
    evidence::{self, Lesson},
    gaussian::Process,
    keyed,
    likelihood::{Sample, Shape},
    search_box::{AxisBox, SearchBox},
    space::Space,
};

/// Steps of a first fit, and of one that starts from the fit before, at most.
const FIRST_STEPS: usize = 30;
const FURTHER_STEPS: usize = 10;
/// A fit looks at so many results at most: its cost grows with their cube.
const MOST_FITTED: usize = 96;
/// What the steps of a first fit may cost, as steps × results³; a further fit costs half of that.
const FIT_COST: usize = 11_000_000;
/// Draws that a proposal starts from, and how the best of them are refined.
const DRAWS: usize = 200;
const PARENTS: usize = 5;
const CHILDREN: usize = 3;
const REFINEMENTS: usize = 10;
/// Draws that a box is made of, the share of them that it spans, its margin on each side and its least width, as shares.
const BOX_DRAWS: usize = 512;
const BOX_SHARE: f64 = 0.1;
const BOX_MARGIN: f64 = 0.1;
const BOX_LEAST: f64 = 0.2;
/// A choice's value is not dropped before so many points have tried it.
const LEAST_TRIED: usize = 4;
/// How near a diverged point has to be to count, as a share of the axis' length.
const NEARNESS: f64 = 0.3;
/// What the gain of a known point loses: more than any two gains differ by.
const KNOWN: f64 = 1e6;
/// Weight of the guess that a point does not diverge.
const TRUST: f64 = 0.02;

/// What the results so far say about the whole space.
#[derive(Clone, Debug)]
pub(super) struct Model {
    process: Process,
    /// Points that were trained and whether they diverged; empty when none did.
    fates: Vec<(Vec<f64>, bool)>,
    /// How many points have tried each value of each choice.
    tried: Vec<Vec<usize>>,
    /// The points that were trained or are believed to be, the one of which the least is expected first.
    known: Vec<(f64, Vec<f64>)>,
    /// The least expected value of the points that were trained.
    best: f64,
}

impl Model {
    /// Fits the results, looking from `start` on; `None` without any value.
    pub fn fit(space: &Space, lessons: &[Lesson], start: Option<&Shape>) -> Option<Model> {
        let axes = space.dimensions();
        if axes == 0 {
            return None;
        }
        let samples = evidence::samples(lessons);
        if samples.is_empty() {
            return None;
        }
        let is_choice: Vec<bool> = space
            .domains()
            .iter()
            .map(|domain| matches!(domain.kind, Kind::Choice(_)))
            .collect();
        let fitted = evenly(&samples, MOST_FITTED);
        let affordable = FIT_COST / fitted.len().pow(3);
        let (start, steps) = match start {
            Some(shape) => (shape.clone(), (affordable / 2).min(FURTHER_STEPS)),
            None => (Shape::unknown(axes), affordable.min(FIRST_STEPS)),
        };
        let shape = start.fitted(&fitted, &is_choice, steps);
        let process = Process::new(samples, is_choice, shape);
        let mut fates = Vec::new();
        if lessons.iter().any(|lesson| lesson.diverged) {
            fates = evidence::fates(lessons);
        }
        let mut known: Vec<(f64, Vec<f64>)> = Vec::new();
        for (sample, mean) in process.samples().iter().zip(process.means()) {
            if known.iter().all(|(_, at)| !is_same(at, &sample.at)) {
                known.push((*mean, sample.at.clone()));
            }
        }
        known.sort_by(|a, b| a.0.total_cmp(&b.0));
        Some(Model {
            best: known.first().map_or(f64::INFINITY, |(mean, _)| *mean),
            process,
            fates,
            tried: tried(space, lessons),
            known,
        })
    }

    /// Where the next fit starts.
    pub fn shape(&self) -> &Shape {
        self.process.shape()
    }

    /// What a full training is expected to come to, in the model's units: smaller is better.
    pub fn mean(&self, at: &[f64]) -> f64 {
        self.process.mean(at)
    }

    /// Takes a point for trained, with the value that is expected of it.
    pub fn believe(&mut self, at: &[f64]) {
        let mean = self.mean(at);
        let place = self.known.partition_point(|(other, _)| *other <= mean);
        self.known.insert(place, (mean, at.to_vec()));
        self.process.believe(at);
    }

    /// Coordinates of the point of the box with the greatest expected improvement that was found.
    pub fn propose(&self, space: &Space, within: &SearchBox, rng: &mut ChaCha8Rng) -> Vec<f64> {
        let mut pool: Vec<(f64, Vec<f64>)> = Vec::new();
        let consider = |pool: &mut Vec<(f64, Vec<f64>)>, coordinates: Vec<f64>| {
            pool.push((self.gain(&within.shares(space, &coordinates)), coordinates));
        };
        for _ in 0..DRAWS {
            consider(&mut pool, drawn(space, rng));
        }
        for at in self.best_known(3) {
            consider(&mut pool, within.coordinates_of(space, at));
        }
        let mut size = 0.3;
        for _ in 0..REFINEMENTS {
            keep_best(&mut pool);
            for (_, parent) in pool.clone() {
                for child in 0..CHILDREN {
                    // All but the first move along some of the axes only, so that a good place on the others is kept.
                    consider(&mut pool, self.moved(space, &parent, size, child > 0, rng));
                }
            }
            size *= 0.75;
        }
        keep_best(&mut pool);
        pool.swap_remove(0).1
    }

    /// The box of what may still be best: it spans the best tenth of many draws from `whole`, each taken at its best (one standard
    /// deviation below its mean). A choice drops a value that at least four points have tried and none of these has.
    pub fn narrowed(&self, space: &Space, whole: &SearchBox, rng: &mut ChaCha8Rng) -> SearchBox {
        let at_best = |at: &[f64]| {
            let (mean, deviation) = self.process.predict(at);
            mean - deviation
        };
        let mut scored: Vec<(f64, Vec<f64>)> = (0..BOX_DRAWS)
            .map(|_| whole.shares(space, &drawn(space, rng)))
            .map(|at| (at_best(&at), at))
            .collect();
        scored.extend(self.best_known(1).map(|at| (f64::NEG_INFINITY, at.clone())));
        scored.sort_by(|a, b| a.0.total_cmp(&b.0));
        scored.truncate((scored.len() as f64 * BOX_SHARE) as usize);
        let axes = whole.axes().iter().enumerate().map(|(axis, before)| {
            let shares: Vec<f64> = scored
                .iter()
                .map(|(_, at)| at[axis])
                .filter(|share| !share.is_nan())
                .collect();
            self.narrowed_axis(axis, before, &shares)
        });
        SearchBox::new(axes.collect())
    }

    fn narrowed_axis(&self, axis: usize, before: &AxisBox, shares: &[f64]) -> AxisBox {
        match before {
            _ if shares.is_empty() => before.clone(),
            AxisBox::Range { low, high } => {
                let least = shares.iter().copied().fold(f64::INFINITY, f64::min);
                let most = shares.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let room = high - low;
                let width = ((most - least) * (1.0 + 2.0 * BOX_MARGIN))
                    .max(BOX_LEAST)
                    .min(room);
                let from = ((least + most - width) / 2.0).min(high - width).max(*low);
                AxisBox::Range {
                    low: from,
                    high: from + width,
                }
            }
            AxisBox::Choice { kept } => {
                let tried = &self.tried[axis];
                let is_kept = |&value: &usize| {
                    let share = (value as f64 + 0.5) / tried.len() as f64;
                    tried[value] < LEAST_TRIED
                        || shares
                            .iter()
                            .any(|s| (s - share).abs() < 0.25 / tried.len() as f64)
                };
                AxisBox::Choice {
                    kept: kept.iter().copied().filter(is_kept).collect(),
                }
            }
        }
    }

    /// Shares of the points of which the least is expected, best first.
    fn best_known(&self, count: usize) -> impl Iterator<Item = &Vec<f64>> {
        self.known.iter().take(count).map(|(_, at)| at)
    }

    fn moved(
        &self,
        space: &Space,
        from: &[f64],
        size: f64,
        some_axes: bool,
        rng: &mut ChaCha8Rng,
    ) -> Vec<f64> {
        let mut to = from.to_vec();
        for (axis, domain) in space.domains().iter().enumerate() {
            if some_axes && to.len() > 1 && keyed::uniform(rng) < 0.5 {
                continue;
            }
            to[axis] = match domain.kind {
                Kind::Choice(_) if keyed::uniform(rng) < 0.3 => keyed::uniform(rng),
                Kind::Choice(_) => to[axis],
                Kind::Range(_) => {
                    let step = size * self.process.lengths()[axis].min(1.0);
                    (to[axis] + step * (2.0 * keyed::uniform(rng) - 1.0)).clamp(0.0, 1.0)
                }
            };
        }
        to
    }

    /// The logarithm of the improvement that is expected of a point, times the chance that it does not diverge. A point that was
    /// trained already comes after all others: only a space without any other gives it again.
    fn gain(&self, at: &[f64]) -> f64 {
        let (mean, deviation) = self.process.predict(at);
        let gain = log_improvement((self.best - mean) / deviation)
            + libm::log(deviation)
            + libm::log(self.chance_to_finish(at));
        if self.is_known(at) {
            gain - KNOWN
        } else {
            gain
        }
    }

    fn is_known(&self, at: &[f64]) -> bool {
        self.known.iter().any(|(_, known)| is_same(known, at))
    }

    /// The share of the trained points nearby that did not diverge.
    fn chance_to_finish(&self, at: &[f64]) -> f64 {
        let (mut finished, mut all) = (TRUST, TRUST);
        for (point, diverged) in &self.fates {
            let mut square = 0.0;
            for (axis, length) in self.process.lengths().iter().enumerate() {
                let distance = (at[axis] - point[axis]) / (length * NEARNESS);
                if !distance.is_nan() {
                    square += distance * distance;
                }
            }
            let weight = libm::exp(-0.5 * square);
            all += weight;
            if !diverged {
                finished += weight;
            }
        }
        finished / all
    }
}

/// At most `count` of the results, spread evenly over them.
fn evenly(samples: &[Sample], count: usize) -> Vec<Sample> {
    let count = samples.len().min(count);
    let of = |i: usize| samples[i * samples.len() / count].clone();
    (0..count).map(of).collect()
}

/// Whether two points are one; an axis that neither has is no difference.
fn is_same(a: &[f64], b: &[f64]) -> bool {
    a.iter()
        .zip(b)
        .all(|(a, b)| a == b || (a.is_nan() && b.is_nan()))
}

fn drawn(space: &Space, rng: &mut ChaCha8Rng) -> Vec<f64> {
    (0..space.dimensions())
        .map(|_| keyed::uniform(rng))
        .collect()
}

fn keep_best(pool: &mut Vec<(f64, Vec<f64>)>) {
    pool.sort_by(|a, b| b.0.total_cmp(&a.0));
    pool.truncate(PARENTS);
}

fn tried(space: &Space, lessons: &[Lesson]) -> Vec<Vec<usize>> {
    let counts = |(axis, domain): (usize, &super::domain::Domain)| match &domain.kind {
        Kind::Range(_) => Vec::new(),
        Kind::Choice(values) => {
            let mut counts = vec![0; values.len()];
            for lesson in lessons.iter().filter(|lesson| !lesson.at[axis].is_nan()) {
                counts[super::domain::choice_index(lesson.at[axis], values.len())] += 1;
            }
            counts
        }
    };
    space.domains().iter().enumerate().map(counts).collect()
}

/// The logarithm of the expected improvement, in standard deviations, of a value that lies `z` of them below the best.
fn log_improvement(z: f64) -> f64 {
    const LOG_ROOT_TAU: f64 = 0.918_938_533_204_672_7;
    if z < -6.0 {
        // The tail's expansion: φ(z) / z².
        return -0.5 * z * z - LOG_ROOT_TAU - 2.0 * libm::log(-z);
    }
    let density = libm::exp(-0.5 * z * z - LOG_ROOT_TAU);
    let share = 0.5 * libm::erfc(-z / std::f64::consts::SQRT_2);
    libm::log(density + z * share)
}
