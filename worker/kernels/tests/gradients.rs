//! Gradients against numeric ones of an f64 definition, and all paths and thread counts against each other.

use hone_kernels::{
    Activation, Affine, Compute, Conv, Destination, Dropout, Geometry, Isa, Linear, Moments,
    NormGradient, OutputGradient, Pool, Prologue, PrologueGradient, Shape, Source,
};
use proptest::prelude::*;

fn noise(n: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..n)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            ((state >> 40) as f32 / 8_388_608.0) - 1.0
        })
        .collect()
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

/// The definition of an activation.
fn curve(activation: Activation, z: f64, slope: f64) -> f64 {
    let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
    match activation {
        Activation::Identity => z,
        Activation::Relu => z.max(0.0),
        Activation::Leaky(_) | Activation::Prelu => {
            if z > 0.0 {
                z
            } else {
                slope * z
            }
        }
        Activation::Elu(alpha) => {
            if z > 0.0 {
                z
            } else {
                f64::from(alpha) * (z.exp() - 1.0)
            }
        }
        Activation::Sigmoid => logistic(z),
        Activation::Tanh => z.tanh(),
        Activation::Gelu => {
            0.5 * z
                * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (z + 0.044715 * z.powi(3))).tanh())
        }
        Activation::Silu => z * logistic(z),
    }
}

/// A conv block: batch norm over `raw`, activation, pool, dropout, convolution.
#[derive(Clone, Debug)]
struct Case {
    images: usize,
    stored: Shape,
    window: usize,
    activation: Activation,
    dropout: Option<Dropout>,
    norm: bool,
    size: usize,
    stride: usize,
    pad: usize,
    filters: usize,
    seed: u64,
}

struct Data {
    raw: Vec<f32>,
    gamma: Vec<f32>,
    beta: Vec<f32>,
    slope: Vec<f32>,
    weight: Vec<f32>,
    /// What the sum of outputs is weighted by: its gradient.
    upstream: Vec<f32>,
}

const EPSILON: f64 = 1e-5;

impl Case {
    fn geometry(&self) -> Geometry {
        let input = self.stored.pooled(self.window);
        Geometry::new(input, self.filters, self.size, self.stride, self.pad)
            .expect("a window that fits")
    }

    fn data(&self) -> Data {
        let (g, c) = (self.geometry(), self.stored.channels);
        let near_one = |seed| {
            noise(c, seed)
                .iter()
                .map(|x| 1.0 + 0.3 * x)
                .collect::<Vec<_>>()
        };
        Data {
            raw: noise(self.images * self.stored.len(), self.seed),
            gamma: if self.norm {
                near_one(self.seed + 1)
            } else {
                vec![1.0; c]
            },
            beta: noise(c, self.seed + 2),
            slope: match self.activation {
                Activation::Elu(number) | Activation::Leaky(number) => vec![number; c],
                _ => near_one(self.seed + 3).iter().map(|x| 0.2 * x).collect(),
            },
            weight: noise(g.weights(), self.seed + 4),
            upstream: noise(self.images * g.output().len(), self.seed + 5),
        }
    }

    /// Σ upstream · output, in f64, from the definition.
    fn objective(
        &self,
        raw: &[f64],
        gamma: &[f64],
        beta: &[f64],
        slope: &[f64],
        weight: &[f64],
        upstream: &[f32],
    ) -> f64 {
        let (g, e) = (self.geometry(), self.stored);
        let (input, out) = (g.input(), g.output());
        let c = e.channels;
        let count = (raw.len() / c) as f64;
        let mut value = 0.0;
        let mut z = raw.to_vec();
        for ch in 0..c {
            let of = || raw.iter().skip(ch).step_by(c);
            let (mut scale, mut shift) = (gamma[ch], beta[ch]);
            if self.norm {
                let mean = of().sum::<f64>() / count;
                let variance = of().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
                scale /= (variance + EPSILON).sqrt();
                shift -= mean * scale;
            }
            for x in z.iter_mut().skip(ch).step_by(c) {
                *x = curve(self.activation, *x * scale + shift, slope[ch]);
            }
        }
        let mut seen = vec![0.0; self.images * input.len()];
        for (i, s) in seen.iter_mut().enumerate() {
            let (n, at) = (i / input.len(), i % input.len());
            let (y, x, ch) = (at / input.row(), at % input.row() / c, at % c);
            let mut best = f64::NEG_INFINITY;
            for k in 0..self.window * self.window {
                let (yy, xx) = (
                    y * self.window + k / self.window,
                    x * self.window + k % self.window,
                );
                best = best.max(z[n * e.len() + yy * e.row() + xx * c + ch]);
            }
            *s = best * self.dropout.map_or(1.0, |d| f64::from(d.factor(i as u64)));
        }
        for n in 0..self.images {
            for y in 0..out.height {
                for x in 0..out.width {
                    for f in 0..self.filters {
                        let mut sum = 0.0;
                        for ky in 0..g.size() {
                            for kx in 0..g.size() {
                                let (yy, xx) = (y * g.stride() + ky, x * g.stride() + kx);
                                if yy < g.pad()
                                    || xx < g.pad()
                                    || yy - g.pad() >= input.height
                                    || xx - g.pad() >= input.width
                                {
                                    continue;
                                }
                                for ch in 0..c {
                                    let s = seen[n * input.len()
                                        + (yy - g.pad()) * input.row()
                                        + (xx - g.pad()) * c
                                        + ch];
                                    sum += s * weight
                                        [((ky * g.size() + kx) * c + ch) * self.filters + f];
                                }
                            }
                        }
                        value += sum
                            * f64::from(
                                upstream[((n * out.height + y) * out.width + x) * self.filters + f],
                            );
                    }
                }
            }
        }
        value
    }

    /// The kernels' objective and gradients: of raw, gamma, beta, slope, weight.
    fn run(&self, compute: &Compute, d: &Data) -> (f64, [Vec<f32>; 5]) {
        let (g, e, c) = (self.geometry(), self.stored, self.stored.channels);
        let mut affine = Affine::default();
        if self.norm {
            let mut moments = Moments::default();
            moments.compute(compute, e, &d.raw);
            affine.normalise(
                e,
                &moments.mean,
                &moments.variance,
                &d.gamma,
                &d.beta,
                EPSILON,
            );
        } else {
            affine.shift_only(e, Some(&d.beta));
        }
        affine.slopes(e, |ch| d.slope[ch]);
        let prologue = Prologue {
            stored: e,
            affine: &affine,
            activation: self.activation,
            window: self.window,
            dropout: self.dropout,
        };
        let source = Source {
            raw: &d.raw,
            prologue: Some(prologue),
        };
        let mut conv = Conv::new(g, true);
        let mut out = vec![0.0; self.images * g.output().len()];
        conv.forward(compute, &source, &d.weight, &mut out, None);
        let value = out
            .iter()
            .zip(&d.upstream)
            .map(|(x, u)| f64::from(*x) * f64::from(*u))
            .sum();
        let mut weight = vec![0.0; d.weight.len()];
        let mut gradient = vec![0.0; self.images * g.input().len()];
        let mut left = PrologueGradient::default();
        let upstream = OutputGradient::plain(g.output(), &d.upstream);
        let destination = Destination::Prologue {
            gradient: &mut gradient,
            left: &mut left,
        };
        conv.backward(
            compute,
            &source,
            &d.weight,
            &upstream,
            &mut weight,
            destination,
        );
        let sums = left.sums(c);
        let mut norm = NormGradient::default();
        norm.compute(e, self.images * e.height * e.width, &affine, &sums);
        let [beta, gamma, slope] = sums.map(|sums| sums.iter().map(|x| *x as f32).collect());
        // What the layer below would read.
        let below = OutputGradient {
            shape: e,
            values: &gradient,
            window: self.window,
            argmax: &left.argmax,
            norm: self.norm.then_some((&norm, &d.raw)),
        };
        let mut raw = vec![0.0; d.raw.len()];
        below.write(compute, &mut raw);
        (value, [raw, gamma, beta, slope, weight])
    }
}

fn case() -> impl Strategy<Value = Case> {
    let activation = prop::sample::select(vec![
        Activation::Identity,
        Activation::Relu,
        Activation::Leaky(0.2),
        Activation::Prelu,
        Activation::Elu(0.7),
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Gelu,
        Activation::Silu,
    ]);
    (
        (1usize..4, 3usize..10, 3usize..10, 1usize..6, 1usize..4),
        (activation, prop::option::of(0.0..0.8f64), any::<bool>()),
        (1usize..8, 1usize..4, 0usize..4, 1usize..20),
        1u64..1_000_000,
    )
        .prop_filter_map(
            "a window that fits",
            |(
                (images, height, width, channels, window),
                (activation, dropout, norm),
                (size, stride, pad, filters),
                seed,
            )| {
                let stored = Shape {
                    height,
                    width,
                    channels,
                };
                let fits = |n: usize| n / window >= 1 && n / window + 2 * pad >= size;
                let dropout = dropout.map(|rate| Dropout::new(seed, rate));
                (fits(height) && fits(width)).then_some(Case {
                    images,
                    stored,
                    window,
                    activation,
                    dropout,
                    norm,
                    size,
                    stride,
                    pad,
                    filters,
                    seed,
                })
            },
        )
}

/// The gradient in a random direction against the difference quotient.
fn directional(
    got: &[f32],
    at: &[f32],
    seed: u64,
    objective: impl Fn(&[f64]) -> f64,
) -> Result<(), TestCaseError> {
    let direction = wide(&noise(at.len(), seed));
    let along = |t: f64| {
        objective(
            &at.iter()
                .zip(&direction)
                .map(|(x, d)| f64::from(*x) + t * d)
                .collect::<Vec<_>>(),
        )
    };
    let quotient = |step: f64| (along(step) - along(-step)) / (2.0 * step);
    let (coarse, right) = (quotient(2e-6), quotient(1e-6));
    let size: f64 = got.iter().map(|g| f64::from(g.abs())).sum::<f64>() + 1.0;
    if (coarse - right).abs() > 1e-5 * size {
        return Ok(()); // A kink of the activation or of the pool lies between.
    }
    let ours: f64 = got
        .iter()
        .zip(&direction)
        .map(|(g, d)| f64::from(*g) * d)
        .sum();
    prop_assert!(
        (ours - right).abs() < 2e-5 * size,
        "{ours} against {right}, size {size}"
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn a_conv_block_has_the_gradients_of_its_definition(case in case()) {
        let d = case.data();
        let compute = Compute::new(Isa::best(), 1).unwrap();
        let (value, [raw, gamma, beta, slope, weight]) = case.run(&compute, &d);
        let (r, g, b, s, w) = (wide(&d.raw), wide(&d.gamma), wide(&d.beta), wide(&d.slope), wide(&d.weight));
        let right = case.objective(&r, &g, &b, &s, &w, &d.upstream);
        let size = d.upstream.len() as f64 + 1.0;
        prop_assert!((value - right).abs() < 1e-4 * size, "{value} against {right}");
        directional(&raw, &d.raw, 1, |x| case.objective(x, &g, &b, &s, &w, &d.upstream))?;
        directional(&weight, &d.weight, 2, |x| case.objective(&r, &g, &b, &s, x, &d.upstream))?;
        directional(&beta, &d.beta, 3, |x| case.objective(&r, &g, x, &s, &w, &d.upstream))?;
        if case.norm {
            directional(&gamma, &d.gamma, 4, |x| case.objective(&r, x, &b, &s, &w, &d.upstream))?;
        }
        if case.activation == Activation::Prelu {
            directional(&slope, &d.slope, 5, |x| case.objective(&r, &g, &b, x, &w, &d.upstream))?;
        }
    }

    #[test]
    fn paths_and_threads_change_no_bit(mut case in case()) {
        case.images = 33;
        let d = case.data();
        let bits = |isa, threads| {
            let (_, gradients) = case.run(&Compute::new(isa, threads).unwrap(), &d);
            gradients.map(|g| g.into_iter().map(f32::to_bits).collect::<Vec<_>>())
        };
        let first = bits(Isa::best(), 1);
        prop_assert!(first == bits(Isa::best(), 3), "threads");
        for isa in Isa::all().filter(|isa| isa.name() != "libm") {
            prop_assert!(first == bits(isa, 1), "{}", isa.name());
        }
    }

    #[test]
    fn a_linear_layer_has_the_gradients_of_its_definition(batch in 1usize..70, inputs in 1usize..300, outputs in 1usize..40, seed: u64) {
        let (x, w, up) = (noise(batch * inputs, seed), noise(inputs * outputs, seed ^ 1), noise(batch * outputs, seed ^ 2));
        let objective = |x: &[f64], w: &[f64]| -> f64 {
            let mut value = 0.0;
            for b in 0..batch {
                for i in 0..inputs {
                    for o in 0..outputs {
                        value += x[b * inputs + i] * w[i * outputs + o] * f64::from(up[b * outputs + o]);
                    }
                }
            }
            value
        };
        let compute = Compute::new(Isa::best(), 1).unwrap();
        let mut layer = Linear::new(inputs, outputs);
        let mut out = vec![0.0; batch * outputs];
        layer.forward(&compute, &x, &w, &mut out);
        let value: f64 = out.iter().zip(&up).map(|(o, u)| f64::from(*o) * f64::from(*u)).sum();
        prop_assert!((value - objective(&wide(&x), &wide(&w))).abs() < 1e-4 * up.len() as f64 * (inputs as f64).sqrt());
        let (mut dw, mut dx) = (vec![0.0; w.len()], vec![0.5; x.len()]);
        layer.backward(&compute, &x, &w, &up, &mut dw, Some((&mut dx, true)));
        dx.iter_mut().for_each(|g| *g -= 0.5);
        directional(&dw, &w, 1, |w| objective(&wide(&x), w))?;
        directional(&dx, &x, 2, |x| objective(x, &wide(&w)))?;
    }

    #[test]
    fn an_overlapping_pool_has_the_gradient_of_its_definition(
        height in 2usize..9, width in 2usize..9, channels in 1usize..5, window in 1usize..4, stride in 1usize..4, average: bool, seed: u64,
    ) {
        prop_assume!(window <= height.min(width));
        let pool = Pool::new(Shape { height, width, channels }, window, stride, average).unwrap();
        let (input, out) = (pool.input(), pool.output());
        let x = noise(2 * input.len(), seed);
        let up = noise(2 * out.len(), seed ^ 1);
        let objective = |x: &[f64]| -> f64 {
            let mut value = 0.0;
            for (i, u) in up.iter().enumerate() {
                let (n, at) = (i / out.len(), i % out.len());
                let (y, column, c) = (at / out.row(), at % out.row() / channels, at % channels);
                let values = (0..window * window).map(|k| {
                    let (yy, xx) = (y * stride + k / window, column * stride + k % window);
                    x[n * input.len() + yy * input.row() + xx * channels + c]
                });
                let pooled = if average { values.sum::<f64>() / (window * window) as f64 } else { values.fold(f64::NEG_INFINITY, f64::max) };
                value += pooled * f64::from(*u);
            }
            value
        };
        let compute = Compute::new(Isa::best(), 1).unwrap();
        let (mut pooled, mut gradient) = (vec![0.0; up.len()], vec![9.0; x.len()]);
        pool.forward(&compute, &x, &mut pooled);
        let value: f64 = pooled.iter().zip(&up).map(|(p, u)| f64::from(*p) * f64::from(*u)).sum();
        prop_assert!((value - objective(&wide(&x))).abs() < 1e-4 * up.len() as f64);
        pool.backward(&compute, &x, &up, &mut gradient);
        directional(&gradient, &x, 1, objective)?;
    }
}

#[test]
fn not_a_number_passes_through_relu_and_pool() {
    let extent = Shape {
        height: 2,
        width: 2,
        channels: 1,
    };
    let mut affine = Affine::default();
    affine.shift_only(extent, None);
    affine.slopes(extent, |_| 0.0);
    let prologue = Prologue {
        stored: extent,
        affine: &affine,
        activation: Activation::Relu,
        window: 2,
        dropout: None,
    };
    for place in 0..4 {
        let mut raw = [1.0, 2.0, 3.0, 4.0];
        raw[place] = f32::NAN;
        let mut out = [0.0];
        prologue.forward(&Compute::new(Isa::best(), 1).unwrap(), &raw, &mut out);
        assert!(out[0].is_nan(), "at {place}");
    }
}
