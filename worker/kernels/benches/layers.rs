//! Forward and backward times of single convolutions, as a share of what the processor can do with direct sums: by direct sums, and
//! by Winograd's algorithm where the shape allows it.
//!
//! `HONE_ISA` picks the path. Rounds alternate between the layers, so that a busy machine treats all alike.

#![expect(
    clippy::disallowed_methods,
    reason = "a stopwatch is what a benchmark is"
)]
#![allow(missing_docs, reason = "a program")]

use std::time::Instant;

use hone_kernels::{
    Activation, Affine, Compute, Conv, Destination, Geometry, Isa, Moments, NormGradient,
    OutputGradient, Peak, Prologue, PrologueGradient, Shape, Source,
};

const IMAGES: usize = 64;
const ROUNDS: usize = 15;

struct Layer {
    name: &'static str,
    stored: Shape,
    window: usize,
    geometry: Geometry,
    prologue: bool,
}

fn layer(
    name: &'static str,
    side: usize,
    channels: usize,
    window: usize,
    filters: usize,
    size: usize,
    stride: usize,
) -> Layer {
    let stored = Shape {
        height: side,
        width: side,
        channels,
    };
    let input = stored.pooled(window);
    let geometry =
        Geometry::new(input, filters, size, stride, size / 2).expect("a window that fits");
    Layer {
        name,
        stored,
        window,
        geometry,
        prologue: channels > 3,
    }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn noise(n: usize) -> Vec<f32> {
    (0..n as u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / 8_388_608.0 - 1.0)
        .collect()
}

struct Bench {
    layer: Layer,
    raw: Vec<f32>,
    weight: Vec<f32>,
    affine: Affine,
    /// Direct, and fast.
    ways: [Way; 2],
    out: Vec<f32>,
    norm: NormGradient,
}

struct Way {
    conv: Conv,
    forward: Vec<f64>,
    backward: Vec<f64>,
}

impl Way {
    fn new(conv: Conv) -> Self {
        Self {
            conv,
            forward: Vec::new(),
            backward: Vec::new(),
        }
    }
}

impl Bench {
    fn new(layer: Layer) -> Self {
        let g = layer.geometry;
        let mut affine = Affine::default();
        affine.shift_only(layer.stored, None);
        affine.slopes(layer.stored, |_| 0.0);
        let row = g.output().row();
        Self {
            raw: noise(IMAGES * layer.stored.len()),
            weight: noise(g.weights()),
            affine,
            ways: [
                Way::new(Conv::new(g, layer.prologue)),
                Way::new(Conv::fast(g, layer.prologue)),
            ],
            out: vec![0.0; IMAGES * g.output().len()],
            norm: NormGradient {
                a: vec![1.0; row],
                b: vec![0.1; row],
                c: vec![0.2; row],
            },
            layer,
        }
    }

    fn round(&mut self, compute: &Compute) {
        for way in 0..2 {
            self.way(compute, way);
        }
    }

    fn way(&mut self, compute: &Compute, way: usize) {
        let g = self.layer.geometry;
        let prologue = Prologue {
            stored: self.layer.stored,
            affine: &self.affine,
            activation: Activation::Relu,
            window: self.layer.window,
            dropout: None,
        };
        let source = Source {
            raw: &self.raw,
            prologue: self.layer.prologue.then_some(prologue),
        };
        let started = Instant::now();
        self.ways[way].conv.forward(
            compute,
            &source,
            &self.weight,
            &mut self.out,
            Some(&mut Moments::default()),
        );
        self.ways[way].forward.push(started.elapsed().as_secs_f64());
        let arrived = noise(self.out.len());
        let upstream = OutputGradient {
            norm: Some((&self.norm, &self.out)),
            ..OutputGradient::plain(g.output(), &arrived)
        };
        let mut weight = vec![0.0; g.weights()];
        let mut gradient = vec![0.0; IMAGES * g.input().len()];
        let mut left = PrologueGradient::default();
        let destination = if self.layer.prologue {
            Destination::Prologue {
                gradient: &mut gradient,
                left: &mut left,
            }
        } else {
            Destination::None
        };
        let started = Instant::now();
        self.ways[way].conv.backward(
            compute,
            &source,
            &self.weight,
            &upstream,
            &mut weight,
            destination,
        );
        self.ways[way]
            .backward
            .push(started.elapsed().as_secs_f64());
    }
}

fn main() {
    let isa = Isa::from_environment().unwrap_or(Isa::best());
    let compute = Compute::new(isa, 1).expect("no threads are made");
    let mut peak = Peak::new(isa);
    let mut layers: Vec<_> = [
        layer("conv 3-32", 32, 3, 1, 32, 3, 1),
        layer("conv 32-32", 32, 32, 1, 32, 3, 1),
        layer("pool, conv 32-64", 32, 32, 2, 64, 3, 1),
        layer("5x5 conv 32-32", 32, 32, 1, 32, 5, 1),
        layer("stride 2, conv 32-64", 32, 32, 1, 64, 3, 2),
        layer("pool, conv 64-128", 16, 64, 2, 128, 3, 1),
        layer("conv 64-64 on 32x32", 32, 64, 1, 64, 3, 1),
        layer("conv 128-128 on 16x16", 16, 128, 1, 128, 3, 1),
        layer("conv 256-256 on 8x8", 8, 256, 1, 256, 3, 1),
        layer("conv 128-128 on 4x4", 4, 128, 1, 128, 3, 1),
        layer("conv 16-16", 32, 16, 1, 16, 3, 1),
        layer("conv 10-10", 28, 10, 1, 10, 3, 1),
    ]
    .into_iter()
    .map(Bench::new)
    .collect();
    let mut best: f64 = 0.0;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        let flops = peak.run(400) as f64;
        best = best.max(flops / started.elapsed().as_secs_f64());
        layers.iter_mut().for_each(|layer| layer.round(&compute));
    }
    println!("{} at most {:.1} GFLOP/s", isa.name(), best / 1e9);
    for Bench { layer, ways, .. } in layers {
        let g = layer.geometry;
        let work = 2.0 * (IMAGES * g.output().height * g.output().width * g.weights()) as f64;
        let back_work = if layer.prologue { 2.0 * work } else { work };
        let fast = ways[1].conv.is_fast();
        let mut line = format!("{:22}", layer.name);
        for way in ways.into_iter().take(if fast { 2 } else { 1 }) {
            let (forward, backward) = (median(way.forward), median(way.backward));
            line += &format!(
                " | forward {:7.2} ms {:4.0} %   backward {:7.2} ms {:4.0} %",
                forward * 1e3,
                work / forward / best * 100.0,
                backward * 1e3,
                back_work / backward / best * 100.0,
            );
        }
        println!("{line}");
    }
}
