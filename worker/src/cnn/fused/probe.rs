//! What the activations look like, for the diagnosis.

use hone_kernels::{Prologue, Shape};

use super::{Fused, node::Node, pass};
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
        let mut sums: Vec<[Option<Sums>; 2]> =
            self.nodes.iter().map(|node| self.observed(node)).collect();
        let mut running = statistics.to_vec();
        for images in self.portions(images) {
            self.forward(parameters, &mut running, images, None);
            let pass = pass(&self.compute, &self.architecture, parameters, images, None);
            for (node, [read, output]) in self.nodes.iter().zip(&mut sums) {
                if let (Some(sums), Some(own)) = (read, &node.prologue) {
                    let input = pass.read(&self.nodes, node.input);
                    // The activation's values.
                    let bare = Prologue {
                        window: 1,
                        dropout: None,
                        ..own.fused(input.shape)
                    };
                    self.spare.resize(input.raw.len(), 0.0);
                    bare.forward(&self.compute, input.raw, &mut self.spare);
                    sums.add(&self.spare);
                }
                if let Some(sums) = output {
                    sums.add(&node.output.values);
                }
            }
        }
        let sums = sums.iter().flatten().flatten();
        let mut found: Vec<_> = sums.map(Sums::statistics).collect();
        found.sort_by_key(|found| found.layer);
        found
    }

    /// What is looked at of a node: what it reads, and what it gives.
    fn observed(&self, node: &Node) -> [Option<Sums>; 2] {
        let sums = |(layer, kind), shape: Shape| Sums::new(layer, kind, shape.channels);
        let read = node.input.map(|input| self.nodes[input].output.shape);
        let read = read.unwrap_or(self.architecture.input);
        let prologue = node.prologue.as_ref().and_then(|own| own.observed);
        [
            prologue.map(|what| sums(what, read)),
            node.output
                .observed
                .map(|what| sums(what, node.output.shape)),
        ]
    }
}
