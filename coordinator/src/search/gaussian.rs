//! A Gaussian process over the axes (C. E. Rasmussen and C. K. I. Williams, "Gaussian Processes for Machine Learning", 2006): what a full
//! training of a point would come to, and how sure that is, from the results of full trainings and of lower rungs.
//!
//! A result is `f(point) + lag × (shift + g(point)) + noise`: `f` is what counts, `g` how a point's early epochs mislead (`lag` is 0
//! after a full training and grows towards the lowest rung). `f` and `g` are Matérn 5/2 processes with one length an axis, so that an axis
//! that does nothing gets a long one. The lengths, the noise and the weight of `g` are the most likely ones under weak priors.

use super::cholesky::{self, Triangle, backward, dot, forward};

/// A result.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    /// Shares of the axes; NaN for a hyperparameter that the point does not have.
    pub at: Vec<f64>,
    /// 0 after a full training, more the lower the rung.
    pub lag: f64,
    /// Smaller is better.
    pub value: f64,
}

/// What is fitted, as logarithms: a length per axis, the noise's variance, the weight of what early epochs mislead by.
#[derive(Clone, Debug)]
pub(super) struct Shape(Vec<f64>);

/// Variance of the unknown mean and of the unknown shift between rungs, in units of that of `f`.
const VAGUE: f64 = 4.0;
const ROOT_5: f64 = 2.236_067_977_499_79;

/// A fitted process.
#[derive(Clone, Debug)]
pub(super) struct Process {
    is_choice: Vec<bool>,
    samples: Vec<Sample>,
    shape: Shape,
    lengths: Vec<f64>,
    /// Lower triangle of the covariance's Cholesky factor, row by row.
    factor: Vec<Vec<f64>>,
    /// The values less their fitted part, solved: `L⁻¹ y`.
    solved: Vec<f64>,
    /// Variance of `f`.
    scale: f64,
}

impl Shape {
    /// Before any result.
    pub fn unknown(axes: usize) -> Shape {
        let mut logs = vec![length_prior(axes).0; axes];
        logs.push(noise_prior().0);
        logs.push(lag_prior().0);
        Shape(logs)
    }

    fn prior(&self, i: usize) -> (f64, f64) {
        let axes = self.0.len() - 2;
        if i < axes {
            length_prior(axes)
        } else if i == axes {
            noise_prior()
        } else {
            lag_prior()
        }
    }
}

/// Priors of the logarithms: middle and standard deviation.
fn length_prior(axes: usize) -> (f64, f64) {
    // The more axes there are, the fewer of them matter.
    (libm::log(0.5 * libm::sqrt(axes as f64)), 1.0)
}

fn noise_prior() -> (f64, f64) {
    (libm::log(0.003), 1.5)
}

fn lag_prior() -> (f64, f64) {
    (libm::log(2.0), 2.0)
}

impl Process {
    /// The most likely process, looked for from `start` in so many steps.
    pub fn fit(samples: Vec<Sample>, is_choice: Vec<bool>, start: Shape, steps: usize) -> Process {
        let mut shape = start;
        let mut best: Option<(f64, Shape)> = None;
        let mut sizes = vec![0.3f64; shape.0.len()];
        let mut before = vec![0.0; shape.0.len()];
        for _ in 0..steps {
            let (likelihood, gradient) = likelihood(&samples, &is_choice, &shape);
            if best.as_ref().is_none_or(|(most, _)| likelihood > *most) {
                best = Some((likelihood, shape.clone()));
            }
            // Resilient propagation (Riedmiller and Braun, 1993): only the signs of the slopes count.
            for i in 0..shape.0.len() {
                let turn = gradient[i] * before[i];
                if turn > 0.0 {
                    sizes[i] = (sizes[i] * 1.2).min(1.0);
                }
                if turn < 0.0 {
                    sizes[i] *= 0.5;
                }
                let sign = if gradient[i] > 0.0 {
                    1.0
                } else if gradient[i] < 0.0 {
                    -1.0
                } else {
                    0.0
                };
                shape.0[i] = (shape.0[i] + sign * sizes[i]).clamp(-12.0, 6.0);
                before[i] = gradient[i];
            }
        }
        let shape = best.map_or(shape, |(_, shape)| shape);
        Process::of(samples, is_choice, shape)
    }

    fn of(samples: Vec<Sample>, is_choice: Vec<bool>, shape: Shape) -> Process {
        let (kernels, _) = kernels(&samples, &is_choice, &shape);
        let factor = cholesky::cholesky(&covariance(&samples, &shape, &kernels));
        let values: Vec<f64> = samples.iter().map(|s| s.value).collect();
        let solved = forward(&factor, &values);
        let scale = (dot(&solved, &solved) + 1.0) / (samples.len() as f64 + 1.0);
        let lengths = lengths(&shape);
        Process {
            is_choice,
            samples,
            lengths,
            shape,
            factor,
            solved,
            scale,
        }
    }

    /// The fitted shape: where the next fit starts.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// What it was fitted to, and what it was made to believe.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// How far one has to go along each axis for another value.
    pub fn lengths(&self) -> &[f64] {
        &self.lengths
    }

    /// Mean and standard deviation of what a full training would come to, seed noise apart.
    pub fn predict(&self, at: &[f64]) -> (f64, f64) {
        let row = self.solved_row(at);
        let variance = (1.0 + VAGUE - dot(&row, &row)).max(1e-10);
        (dot(&row, &self.solved), libm::sqrt(variance * self.scale))
    }

    fn solved_row(&self, at: &[f64]) -> Vec<f64> {
        let covariance = |sample: &Sample| {
            matern(square(&self.is_choice, &self.lengths, at, &sample.at)).0 + VAGUE
        };
        let row: Vec<f64> = self.samples.iter().map(covariance).collect();
        forward(&self.factor, &row)
    }

    /// Takes a point for trained, with the value that is expected of it.
    pub fn believe(&mut self, at: &[f64]) {
        let mut row = self.solved_row(at);
        let mean = dot(&row, &self.solved);
        let noise = libm::exp(self.shape.0[self.shape.0.len() - 2]);
        let rest = (1.0 + VAGUE + noise - dot(&row, &row)).max(1e-10);
        row.push(libm::sqrt(rest));
        self.factor.push(row);
        self.solved.push(0.0);
        self.samples.push(Sample {
            at: at.to_vec(),
            lag: 0.0,
            value: mean,
        });
    }
}

fn lengths(shape: &Shape) -> Vec<f64> {
    let axes = shape.0.len() - 2;
    shape.0[..axes].iter().map(|log| libm::exp(*log)).collect()
}

fn square(is_choice: &[bool], lengths: &[f64], a: &[f64], b: &[f64]) -> f64 {
    let mut sum = 0.0;
    for i in 0..lengths.len() {
        let d = apart(is_choice[i], a[i], b[i]) / lengths[i];
        sum += d * d;
    }
    sum
}

/// How far two shares are apart; different choices as far as the ends of half a range, as are one that is there and one that is not.
fn apart(is_choice: bool, a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        return if a.is_nan() && b.is_nan() { 0.0 } else { 0.5 };
    }
    if is_choice {
        if a == b { 0.0 } else { 0.5 }
    } else {
        a - b
    }
}

/// The Matérn 5/2 kernel of a squared distance, and its slope by half the logarithm of the lengths, per squared distance.
fn matern(square: f64) -> (f64, f64) {
    let r = ROOT_5 * libm::sqrt(square);
    let e = libm::exp(-r);
    ((1.0 + r + r * r / 3.0) * e, 5.0 / 3.0 * (1.0 + r) * e)
}

fn kernels(samples: &[Sample], is_choice: &[bool], shape: &Shape) -> (Triangle, Triangle) {
    let lengths = lengths(shape);
    let mut kernels = Vec::with_capacity(samples.len());
    let mut slopes = Vec::with_capacity(samples.len());
    for (i, a) in samples.iter().enumerate() {
        let mut row = Vec::with_capacity(i + 1);
        let mut of_slopes = Vec::with_capacity(i + 1);
        for b in &samples[..=i] {
            let (k, s) = matern(square(is_choice, &lengths, &a.at, &b.at));
            row.push(k);
            of_slopes.push(s);
        }
        kernels.push(row);
        slopes.push(of_slopes);
    }
    (kernels, slopes)
}

fn covariance(samples: &[Sample], shape: &Shape, kernels: &Triangle) -> Triangle {
    let n = shape.0.len();
    let (noise, weight) = (libm::exp(shape.0[n - 2]), libm::exp(2.0 * shape.0[n - 1]));
    kernels
        .iter()
        .enumerate()
        .map(|(i, row)| {
            row.iter()
                .enumerate()
                .map(|(j, k)| {
                    let lags = samples[i].lag * samples[j].lag;
                    let own = if i == j { noise + 1e-8 } else { 0.0 };
                    k * (1.0 + weight * lags) + VAGUE * (1.0 + lags) + own
                })
                .collect()
        })
        .collect()
}

/// The logarithm of the likelihood (the scale integrated out) times the priors, up to a constant, and its slopes.
fn likelihood(samples: &[Sample], is_choice: &[bool], shape: &Shape) -> (f64, Vec<f64>) {
    let n = samples.len();
    let axes = is_choice.len();
    let (kernels, slopes) = kernels(samples, is_choice, shape);
    let factor = cholesky::cholesky(&covariance(samples, shape, &kernels));
    let values: Vec<f64> = samples.iter().map(|s| s.value).collect();
    let solved = forward(&factor, &values);
    let fit = dot(&solved, &solved) + 1.0;
    let mut sum = -0.5 * (n as f64 + 1.0) * libm::log(fit);
    for (i, row) in factor.iter().enumerate() {
        sum -= libm::log(row[i]);
    }
    let mut gradient = vec![0.0; shape.0.len()];
    for (i, slope) in gradient.iter_mut().enumerate() {
        let (mean, spread) = shape.prior(i);
        let z = (shape.0[i] - mean) / spread;
        sum -= 0.5 * z * z;
        *slope = -z / spread;
    }
    // Half the trace of (a aᵀ (n + 1) / fit − K⁻¹) times the slope of K.
    let inverse = cholesky::inverse(&factor);
    let weights: Vec<f64> = backward(&factor, &solved);
    let rate = (n as f64 + 1.0) / fit;
    let lengths = lengths(shape);
    let (noise, weight) = (libm::exp(shape.0[axes]), libm::exp(2.0 * shape.0[axes + 1]));
    for i in 0..n {
        for j in 0..=i {
            let twice = if i == j { 0.5 } else { 1.0 };
            let pull = twice * (rate * weights[i] * weights[j] - inverse[i][j]);
            let lags = samples[i].lag * samples[j].lag;
            let by_length = pull * slopes[i][j] * (1.0 + weight * lags);
            if i != j {
                for axis in 0..axes {
                    let d = apart(is_choice[axis], samples[i].at[axis], samples[j].at[axis])
                        / lengths[axis];
                    gradient[axis] += by_length * d * d;
                }
            } else {
                gradient[axes] += pull * noise;
            }
            gradient[axes + 1] += pull * 2.0 * weight * lags * kernels[i][j];
        }
    }
    (sum, gradient)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of two axes only the first does anything.
    fn samples(count: usize, lag: f64) -> Vec<Sample> {
        let at = |i: usize| {
            vec![
                (i as f64 * 0.618_033_988_75) % 1.0,
                (i as f64 * 0.754_877_666_25) % 1.0,
            ]
        };
        (0..count)
            .map(at)
            .map(|at| Sample {
                value: (at[0] - 0.3) * (at[0] - 0.3) * 4.0 + lag,
                at,
                lag,
            })
            .collect()
    }

    fn fitted(samples: Vec<Sample>) -> Process {
        Process::fit(samples, vec![false, false], Shape::unknown(2), 30)
    }

    #[test]
    fn it_tells_the_axis_that_matters_and_predicts_between_the_results() {
        let process = fitted(samples(20, 0.0));
        assert!(process.lengths()[1] > 3.0 * process.lengths()[0]);
        let (mean, deviation) = process.predict(&[0.8, 0.5]);
        assert!((mean - 1.0).abs() < 0.05, "{mean}");
        assert!(deviation < 0.1, "{deviation}");
    }

    #[test]
    fn a_lower_rung_tells_the_shape_although_its_values_are_shifted() {
        let mut known = samples(20, 0.5);
        known.extend(samples(3, 0.0));
        let process = fitted(known);
        let mean = |u: f64| process.predict(&[u, 0.5]).0;
        assert!(mean(0.3) + 0.5 < mean(0.9), "{} {}", mean(0.3), mean(0.9));
        assert!(mean(0.3).abs() < 0.2, "{}", mean(0.3));
    }

    #[test]
    fn the_slopes_are_those_of_the_likelihood() {
        let mut known = samples(8, 0.5);
        known.extend(samples(4, 0.0));
        let at = |i: usize, by: f64| {
            let mut shape = Shape::unknown(2);
            shape.0[i] += by;
            likelihood(&known, &[false, false], &shape)
        };
        for i in 0..4 {
            let (_, slopes) = at(i, 0.0);
            let rise = (at(i, 1e-5).0 - at(i, -1e-5).0) / 2e-5;
            assert!(
                (rise - slopes[i]).abs() < 1e-3 * (1.0 + rise.abs()),
                "{i}: {rise} {slopes:?}"
            );
        }
    }

    #[test]
    fn what_it_was_made_to_believe_leaves_no_doubt_there() {
        let mut process = fitted(samples(6, 0.0));
        let (mean, before) = process.predict(&[0.99, 0.01]);
        process.believe(&[0.99, 0.01]);
        let (same, after) = process.predict(&[0.99, 0.01]);
        assert!((mean - same).abs() < 1e-6, "{mean} {same}");
        assert!(after < before, "{before} {after}");
    }
}
