//! A Gaussian process over the axes (C. E. Rasmussen and C. K. I. Williams, "Gaussian Processes for Machine Learning", 2006): what a full
//! training of a point would come to, and how sure that is, from the results of full trainings and of lower rungs.
//!
//! A result is `f(point) + lag × (shift + g(point)) + noise`: `f` is what counts, `g` how a point's early epochs mislead (`lag` is 0
//! after a full training and grows towards the lowest rung). `f` and `g` are Matérn 5/2 processes with one length an axis, so that an axis
//! that does nothing gets a long one. How the lengths, the noise and the weight of `g` are found is in `likelihood`.

use super::{
    cholesky::{self, Triangle, backward, dot, forward},
    kernel::{Pairs, apart, matern},
    likelihood::{Sample, Shape, VAGUE, covariances},
};

/// A process of known shape that has seen results.
#[derive(Clone, Debug)]
pub(super) struct Process {
    is_choice: Vec<bool>,
    samples: Vec<Sample>,
    shape: Shape,
    lengths: Vec<f64>,
    /// One over the lengths.
    rates: Vec<f64>,
    /// The covariance's Cholesky factor L.
    factor: Triangle,
    /// The values, solved by the covariance: what the covariances of a point are multiplied with for its mean.
    weights: Vec<f64>,
    /// What a full training of each sample's point would come to.
    means: Vec<f64>,
    /// Variance of `f`.
    scale: f64,
}

impl Process {
    /// The process of this shape that has seen these results.
    pub fn new(samples: Vec<Sample>, is_choice: Vec<bool>, shape: Shape) -> Process {
        let lengths = shape.lengths();
        let points: Vec<&[f64]> = samples.iter().map(|s| s.at.as_slice()).collect();
        let inverse_squares: Vec<f64> = lengths.iter().map(|l| 1.0 / (l * l)).collect();
        let (kernels, _) = Pairs::of(&points, &is_choice).kernels(&inverse_squares);
        let factor = cholesky::cholesky(&covariances(&samples, &shape, &kernels));
        let values: Vec<f64> = samples.iter().map(|s| s.value).collect();
        let solved = forward(&factor, &values);
        let weights = backward(&factor, &solved);
        Process {
            is_choice,
            rates: lengths.iter().map(|length| 1.0 / length).collect(),
            lengths,
            shape,
            means: means(&kernels, &weights),
            weights,
            factor,
            scale: (dot(&solved, &solved) + 1.0) / (samples.len() as f64 + 1.0),
            samples,
        }
    }

    /// The fitted shape: where the next fit starts.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// What it has seen, and what it was made to believe.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// What a full training of each of these would come to.
    pub fn means(&self) -> &[f64] {
        &self.means
    }

    /// How far one has to go along each axis for another value.
    pub fn lengths(&self) -> &[f64] {
        &self.lengths
    }

    /// What a full training would come to.
    pub fn mean(&self, at: &[f64]) -> f64 {
        dot(&self.covariances(at), &self.weights)
    }

    /// Mean and standard deviation of what a full training would come to, seed noise apart.
    pub fn predict(&self, at: &[f64]) -> (f64, f64) {
        let covariances = self.covariances(at);
        let row = forward(&self.factor, &covariances);
        let variance = (1.0 + VAGUE - dot(&row, &row)).max(1e-10);
        (
            dot(&covariances, &self.weights),
            (variance * self.scale).sqrt(),
        )
    }

    /// Covariances of a full training of a point with what is known.
    fn covariances(&self, at: &[f64]) -> Vec<f64> {
        let covariance = |sample: &Sample| {
            let mut square = 0.0;
            for (axis, rate) in self.rates.iter().enumerate() {
                let distance = apart(self.is_choice[axis], at[axis], sample.at[axis]) * rate;
                square += distance * distance;
            }
            matern(square).0 + VAGUE
        };
        self.samples.iter().map(covariance).collect()
    }

    /// Takes a point for trained, with the value that is expected of it: no mean changes, but how sure they are.
    pub fn believe(&mut self, at: &[f64]) {
        let covariances = self.covariances(at);
        let mean = dot(&covariances, &self.weights);
        let mut row = forward(&self.factor, &covariances);
        let rest = (1.0 + VAGUE + self.shape.noise() - dot(&row, &row)).max(1e-10);
        row.push(rest.sqrt());
        self.factor.push(row);
        self.weights.push(0.0);
        self.means.push(mean);
        self.samples.push(Sample {
            at: at.to_vec(),
            lag: 0.0,
            value: mean,
        });
    }
}

/// Each row of the symmetric matrix `kernels`, with what is vague, times the weights.
fn means(kernels: &Triangle, weights: &[f64]) -> Vec<f64> {
    let mut means = vec![0.0; weights.len()];
    for (i, row) in kernels.iter().enumerate() {
        for (j, kernel) in row[..i].iter().enumerate() {
            means[i] += (kernel + VAGUE) * weights[j];
            means[j] += (kernel + VAGUE) * weights[i];
        }
        means[i] += (row[i] + VAGUE) * weights[i];
    }
    means
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
        let is_choice = vec![false, false];
        let shape = Shape::unknown(2).fitted(&samples, &is_choice, 30);
        Process::new(samples, is_choice, shape)
    }

    #[test]
    fn it_tells_the_axis_that_matters_and_predicts_between_the_results() {
        let process = fitted(samples(20, 0.0));
        assert!(process.lengths()[1] > 3.0 * process.lengths()[0]);
        let first = process.mean(&process.samples()[0].at);
        assert!((process.means()[0] - first).abs() < 1e-9, "{first}");
        let (mean, deviation) = process.predict(&[0.8, 0.5]);
        assert!((mean - 1.0).abs() < 0.05, "{mean}");
        assert!(deviation < 0.1, "{deviation}");
    }

    #[test]
    fn a_lower_rung_tells_the_shape_although_its_values_are_shifted() {
        let mut known = samples(20, 0.5);
        known.extend(samples(3, 0.0));
        let process = fitted(known);
        let mean = |u: f64| process.mean(&[u, 0.5]);
        assert!(mean(0.3) + 0.5 < mean(0.9), "{} {}", mean(0.3), mean(0.9));
        assert!(mean(0.3).abs() < 0.2, "{}", mean(0.3));
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
