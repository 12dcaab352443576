//! What the activations look like, for the diagnosis.

use super::{Fused, forward::Mode};
use crate::cnn::{executor::ActivationStatistics, statistics::Observed};

/// Sums over the images seen so far, a channel each: one long chain of additions would wait for itself.
struct Sums {
    layer: usize,
    kind: Observed,
    count: usize,
    sums: Vec<f64>,
    squares: Vec<f64>,
    outer: usize,
    alive: Vec<bool>,
}

impl Sums {
    fn new(layer: usize, kind: Observed, channels: usize) -> Self {
        Self {
            layer,
            kind,
            count: 0,
            sums: vec![0.0; channels],
            squares: vec![0.0; channels],
            outer: 0,
            alive: vec![false; channels],
        }
    }

    fn add(&mut self, values: &[f32]) {
        self.count += values.len();
        for place in values.chunks_exact(self.sums.len().max(1)) {
            let sums = self.sums.iter_mut().zip(&mut self.squares);
            for ((sum, square), &value) in sums.zip(place) {
                let wide = f64::from(value);
                *sum += wide;
                *square += wide * wide;
            }
            if self.kind == Observed::CanDie {
                for (alive, &value) in self.alive.iter_mut().zip(place) {
                    *alive |= value != 0.0;
                }
            }
        }
        let beyond = |low: f32, high: f32| {
            let outer = values.iter().filter(|&&value| value < low || value > high);
            outer.count()
        };
        self.outer += match self.kind {
            Observed::Sigmoid => beyond(0.01, 0.99),
            Observed::Tanh => beyond(-0.99, 0.99),
            Observed::Plain | Observed::CanDie => 0,
        };
    }

    fn statistics(&self) -> ActivationStatistics {
        let count = self.count.max(1) as f64;
        let mean = self.sums.iter().sum::<f64>() / count;
        let squares = self.squares.iter().sum::<f64>() / count;
        let dead = self.alive.iter().filter(|alive| !**alive).count() as f64
            / self.alive.len().max(1) as f64;
        ActivationStatistics {
            layer: self.layer,
            mean,
            deviation: (squares - mean * mean).max(0.0).sqrt(),
            dead: (self.kind == Observed::CanDie).then_some(dead),
            saturated: matches!(self.kind, Observed::Sigmoid | Observed::Tanh)
                .then_some(self.outer as f64 / count),
        }
    }
}

impl Fused {
    /// Statistics of every observed layer, in evaluation mode, a few images at a time.
    pub(super) fn observe(
        &mut self,
        parameters: &[f32],
        statistics: &[f32],
        images: &[f32],
    ) -> Vec<ActivationStatistics> {
        let mut sums: Vec<Option<Sums>> = self
            .plan
            .tensors
            .iter()
            .map(|tensor| {
                let (layer, kind) = tensor.observed?;
                Some(Sums::new(layer, kind, tensor.extent.channels))
            })
            .collect();
        for images in self.portions(images) {
            let count = images.len() / self.architecture.input.len();
            self.forward(parameters, images, count, Mode::Evaluate { statistics });
            for (index, sums) in sums.iter_mut().enumerate() {
                if let Some(sums) = sums {
                    self.observe_tensor(index, count, sums);
                }
            }
        }
        let mut found: Vec<_> = sums.iter().flatten().map(Sums::statistics).collect();
        found.sort_by_key(|found| found.layer);
        found
    }

    fn observe_tensor(&mut self, index: usize, count: usize, sums: &mut Sums) {
        let tensor = &self.plan.tensors[index];
        let (extent, _) = tensor.batched(count);
        match &tensor.lens {
            Some(lens) => {
                self.spare.resize(self.data[index].len(), 0.0);
                lens.bare_view(extent).materialise(
                    &self.compute,
                    &self.data[index],
                    &mut self.spare,
                );
                sums.add(&self.spare);
            }
            None => sums.add(&self.data[index]),
        }
    }
}
