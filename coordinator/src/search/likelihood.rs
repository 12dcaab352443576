//! The lengths, the noise and the weight of early epochs that make a process' results most likely, under weak priors.

use super::{
    cholesky::{self, Triangle, backward, dot, forward},
    kernel::Pairs,
};

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

/// Variance of the unknown mean and of the unknown shift between rungs, in units of that of `f`.
pub(super) const VAGUE: f64 = 4.0;

/// What is fitted, as logarithms: a length per axis, the noise's variance, the weight of what early epochs mislead by.
#[derive(Clone, Debug)]
pub(super) struct Shape(Vec<f64>);

impl Shape {
    /// Before any result.
    pub fn unknown(axes: usize) -> Shape {
        let mut logs = vec![length_prior(axes).0; axes];
        logs.push(noise_prior().0);
        logs.push(lag_prior().0);
        Shape(logs)
    }

    /// The shape that makes these results most likely, looked for from this one in so many steps.
    pub fn fitted(self, samples: &[Sample], is_choice: &[bool], steps: usize) -> Shape {
        let likelihood = Likelihood::of(samples, is_choice);
        let mut shape = self;
        let mut best: Option<(f64, Shape)> = None;
        let mut sizes = vec![0.3f64; shape.0.len()];
        let mut before = vec![0.0; shape.0.len()];
        for _ in 0..steps {
            let (value, gradient) = likelihood.at(&shape);
            if best.as_ref().is_none_or(|(most, _)| value > *most) {
                best = Some((value, shape.clone()));
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
        best.map_or(shape, |(_, shape)| shape)
    }

    /// How far one has to go along each axis for another value.
    pub fn lengths(&self) -> Vec<f64> {
        let axes = self.0.len() - 2;
        self.0[..axes].iter().map(|log| libm::exp(*log)).collect()
    }

    /// Variance of the noise, in units of that of the function.
    pub fn noise(&self) -> f64 {
        libm::exp(self.0[self.0.len() - 2])
    }

    fn lag_weight(&self) -> f64 {
        libm::exp(2.0 * self.0[self.0.len() - 1])
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
    (libm::log(0.5 * (axes as f64).sqrt()), 1.0)
}

fn noise_prior() -> (f64, f64) {
    (libm::log(0.003), 1.5)
}

fn lag_prior() -> (f64, f64) {
    (libm::log(2.0), 2.0)
}

/// The covariances of results, of their kernels.
pub(super) fn covariances(samples: &[Sample], shape: &Shape, kernels: &Triangle) -> Triangle {
    let noise = shape.noise() + 1e-8;
    let weight = shape.lag_weight();
    let of_row = |(i, row): (usize, &Vec<f64>)| {
        let of_pair = |(j, kernel): (usize, &f64)| {
            let lags = samples[i].lag * samples[j].lag;
            let own = if i == j { noise } else { 0.0 };
            kernel * (1.0 + weight * lags) + VAGUE * (1.0 + lags) + own
        };
        row.iter().enumerate().map(of_pair).collect()
    };
    kernels.iter().enumerate().map(of_row).collect()
}

/// What shapes of a process these results make likely.
struct Likelihood<'a> {
    samples: &'a [Sample],
    pairs: Pairs,
    values: Vec<f64>,
}

impl Likelihood<'_> {
    fn of<'a>(samples: &'a [Sample], is_choice: &[bool]) -> Likelihood<'a> {
        let points: Vec<&[f64]> = samples.iter().map(|s| s.at.as_slice()).collect();
        Likelihood {
            samples,
            pairs: Pairs::of(&points, is_choice),
            values: samples.iter().map(|s| s.value).collect(),
        }
    }

    /// The logarithm of the likelihood (the scale integrated out) times the priors, up to a constant, and its slopes.
    fn at(&self, shape: &Shape) -> (f64, Vec<f64>) {
        let n = self.samples.len();
        let lengths = shape.lengths();
        let axes = lengths.len();
        let inverse_squares: Vec<f64> = lengths.iter().map(|l| 1.0 / (l * l)).collect();
        let (kernels, slopes) = self.pairs.kernels(&inverse_squares);
        let factor = cholesky::cholesky(&covariances(self.samples, shape, &kernels));
        let solved = forward(&factor, &self.values);
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
        let weights = backward(&factor, &solved);
        let rate = (n as f64 + 1.0) / fit;
        let (noise, weight) = (shape.noise(), shape.lag_weight());
        let mut by_square = vec![0.0; axes];
        for i in 0..n {
            for (j, squares) in self.pairs.before(i).enumerate() {
                let pull = rate * weights[i] * weights[j] - inverse[i][j];
                let lags = self.samples[i].lag * self.samples[j].lag;
                let by_length = pull * slopes[i][j] * (1.0 + weight * lags);
                for (sum, square) in by_square.iter_mut().zip(squares) {
                    *sum += by_length * square;
                }
                gradient[axes + 1] += pull * 2.0 * weight * lags * kernels[i][j];
            }
            let pull = 0.5 * (rate * weights[i] * weights[i] - inverse[i][i]);
            let lags = self.samples[i].lag * self.samples[i].lag;
            gradient[axes] += pull * noise;
            gradient[axes + 1] += pull * 2.0 * weight * lags * kernels[i][i];
        }
        for axis in 0..axes {
            gradient[axis] += by_square[axis] * inverse_squares[axis];
        }
        (sum, gradient)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slopes_are_those_of_the_likelihood() {
        let at = |i: usize| {
            let golden = |by: f64| (i as f64 * by) % 1.0;
            vec![golden(0.618_033_988_75), golden(0.754_877_666_25)]
        };
        let sample = |i: usize| Sample {
            value: 4.0 * (at(i)[0] - 0.3) * (at(i)[0] - 0.3),
            at: at(i),
            lag: if i < 8 { 0.5 } else { 0.0 },
        };
        let samples: Vec<Sample> = (0..12).map(sample).collect();
        let likelihood = Likelihood::of(&samples, &[false, false]);
        let at = |i: usize, by: f64| {
            let mut shape = Shape::unknown(2);
            shape.0[i] += by;
            likelihood.at(&shape)
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
}
