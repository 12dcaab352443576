//! Winograd's convolution against the definition in f64, against direct sums, and against itself.

use hone_kernels::{
    Activation, Affine, Compute, Conv, Destination, Geometry, Isa, Moments, OutputGradient,
    Prologue, PrologueGradient, Shape, Source,
};
use proptest::prelude::*;

fn noise(n: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / 8_388_608.0 - 1.0
    };
    (0..n).map(|_| next()).collect()
}

/// Largest difference, as a share of the right numbers' root mean square.
fn apart(got: &[f32], right: &[f64]) -> f64 {
    let squares: f64 = right.iter().map(|x| x * x).sum();
    let size = (squares / right.len() as f64).sqrt().max(1e-30);
    let differences = got
        .iter()
        .zip(right)
        .map(|(x, y)| (f64::from(*x) - y).abs());
    differences.fold(0.0, f64::max) / size
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

/// Outputs, weight gradient, input gradient.
type Results<T> = [Vec<T>; 3];

/// By the definition.
fn defined(g: Geometry, images: usize, x: &[f32], w: &[f32], up: &[f32]) -> Results<f64> {
    let (i, o) = (g.input(), g.output());
    let mut results = [
        vec![0.0; images * o.len()],
        vec![0.0; w.len()],
        vec![0.0; x.len()],
    ];
    let [out, dw, dx] = &mut results;
    for n in 0..images {
        for (y, px) in (0..o.height).flat_map(|y| (0..o.width).map(move |px| (y, px))) {
            let to = n * o.len() + y * o.row() + px * o.channels;
            for t in 0..9 {
                let (iy, ix) = (
                    (y + t / 3).wrapping_sub(g.pad()),
                    (px + t % 3).wrapping_sub(g.pad()),
                );
                if iy >= i.height || ix >= i.width {
                    continue;
                }
                let from = n * i.len() + iy * i.row() + ix * i.channels;
                for c in 0..i.channels {
                    for k in 0..o.channels {
                        let at = (t * i.channels + c) * o.channels + k;
                        out[to + k] += f64::from(x[from + c]) * f64::from(w[at]);
                        dw[at] += f64::from(x[from + c]) * f64::from(up[to + k]);
                        dx[from + c] += f64::from(w[at]) * f64::from(up[to + k]);
                    }
                }
            }
        }
    }
    results
}

fn run(
    compute: &Compute,
    conv: &mut Conv,
    x: &[f32],
    w: &[f32],
    up: &[f32],
    add: bool,
) -> Results<f32> {
    let g = *conv.geometry();
    let source = Source {
        raw: x,
        prologue: None,
    };
    let mut out = vec![0.0; up.len()];
    conv.forward(compute, &source, w, &mut out, None);
    let (mut dw, mut dx) = (
        vec![f32::NAN; w.len()],
        vec![if add { 0.5 } else { f32::NAN }; x.len()],
    );
    let destination = Destination::Plain {
        gradient: &mut dx,
        add,
    };
    let arrived = OutputGradient::plain(g.output(), up);
    conv.backward(compute, &source, w, &arrived, &mut dw, destination);
    if add {
        dx.iter_mut().for_each(|g| *g -= 0.5);
    }
    [out, dw, dx]
}

fn bits(results: &Results<f32>) -> Vec<u32> {
    results.iter().flatten().map(|x| x.to_bits()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn it_has_the_results_of_its_definition_and_the_same_bits_on_every_path(
        (height, width, pad) in (1usize..20, 1usize..20, 0usize..3),
        (channels, filters, images) in (16usize..36, 16usize..36, 1usize..20),
        add: bool, seed: u64,
    ) {
        let Some(g) = Geometry::new(Shape::new(height, width, channels), filters, 3, 1, pad) else {
            return Ok(());
        };
        let mut conv = Conv::fast(g, true);
        prop_assert!(conv.is_fast());
        let (x, w) = (noise(images * g.input().len(), seed), noise(g.weights(), seed ^ 1));
        let up = noise(images * g.output().len(), seed ^ 2);
        let compute = Compute::new(Isa::best(), 1).expect("no threads are made");
        let got = run(&compute, &mut conv, &x, &w, &up, add);
        let right = defined(g, images, &x, &w, &up);
        for (what, (got, right)) in ["outputs", "weight", "input"].iter().zip(got.iter().zip(&right)) {
            let apart = apart(got, right);
            prop_assert!(apart < 5e-5, "{what}: {apart}");
        }
        let expected = bits(&got);
        prop_assert!(expected == bits(&run(&compute, &mut conv, &x, &w, &up, add)), "kept buffers");
        let threads = Compute::new(Isa::best(), 3).expect("three threads");
        prop_assert!(expected == bits(&run(&threads, &mut conv, &x, &w, &up, add)), "threads");
        for isa in Isa::all().filter(|isa| isa.name() != "libm") {
            let compute = Compute::new(isa, 1).expect("no threads are made");
            let mut conv = Conv::fast(g, true);
            prop_assert!(expected == bits(&run(&compute, &mut conv, &x, &w, &up, add)), "{}", isa.name());
        }
    }

    #[test]
    fn an_images_output_knows_nothing_of_its_neighbours(side in 1usize..20, images in 1usize..40, seed: u64) {
        let g = Geometry::new(Shape::new(side, side, 17), 18, 3, 1, 1).expect("it fits");
        let (x, w) = (noise(images * g.input().len(), seed), noise(g.weights(), seed ^ 1));
        let compute = Compute::new(Isa::best(), 1).expect("no threads are made");
        let mut conv = Conv::fast(g, false);
        let mut forward = |x: &[f32]| {
            let mut out = vec![0.0; x.len() / g.input().len() * g.output().len()];
            let source = Source { raw: x, prologue: None };
            conv.forward(&compute, &source, &w, &mut out, None);
            out
        };
        let together = forward(&x);
        let alone: Vec<f32> = x.chunks_exact(g.input().len()).flat_map(&mut forward).collect();
        prop_assert!(together == alone);
    }

    #[test]
    fn prologue_and_moments_are_those_of_direct_sums(
        (height, width, window) in (4usize..14, 4usize..14, 1usize..4), images in 1usize..10, seed: u64,
    ) {
        let stored = Shape::new(height, width, 20);
        let g = Geometry::new(stored.pooled(window), 24, 3, 1, 1).expect("it fits");
        let (raw, w) = (noise(images * stored.len(), seed), noise(g.weights(), seed ^ 1));
        let up = noise(images * g.output().len(), seed ^ 2);
        let shift = noise(20, seed ^ 3);
        let mut affine = Affine::default();
        affine.shift_only(stored, Some(&shift));
        affine.slopes(stored, |_| 0.1);
        let prologue = Prologue { stored, affine: &affine, activation: Activation::Prelu, window, dropout: None };
        let source = Source { raw: &raw, prologue: Some(prologue) };
        let compute = Compute::new(Isa::best(), 1).expect("no threads are made");
        let run = |mut conv: Conv| {
            let (mut out, mut moments) = (vec![0.0; up.len()], Moments::default());
            conv.forward(&compute, &source, &w, &mut out, Some(&mut moments));
            let (mut dw, mut gradient) = (vec![0.0; w.len()], vec![0.0; images * g.input().len()]);
            let mut left = PrologueGradient::default();
            let destination = Destination::Prologue { gradient: &mut gradient, left: &mut left };
            let arrived = OutputGradient::plain(g.output(), &up);
            conv.backward(&compute, &source, &w, &arrived, &mut dw, destination);
            let sums: Vec<f32> = left.sums(20).concat().iter().map(|x| *x as f32).collect();
            let moments: Vec<f32> = moments.variance.iter().map(|x| *x as f32).collect();
            (left.argmax, [out, dw, gradient, sums, moments])
        };
        let (direct, fast) = (run(Conv::new(g, true)), run(Conv::fast(g, true)));
        prop_assert_eq!(direct.0, fast.0);
        for (direct, fast) in direct.1.iter().zip(&fast.1) {
            let apart = apart(fast, &wide(direct));
            prop_assert!(apart < 1e-4, "{apart}");
        }
    }
}

#[test]
fn the_shape_alone_decides() {
    let fast = |channels, filters, size, stride| {
        let g =
            Geometry::new(Shape::new(8, 8, channels), filters, size, stride, 1).expect("it fits");
        Conv::fast(g, false).is_fast()
    };
    assert!(fast(16, 16, 3, 1) && fast(64, 16, 3, 1));
    assert!(
        !fast(15, 64, 3, 1) && !fast(64, 15, 3, 1) && !fast(64, 64, 5, 1) && !fast(64, 64, 3, 2)
    );
}

/// Against f64, as shares of the result's root mean square; direct sums beside them. The largest nets of a sweep.
#[test]
fn its_errors_are_of_the_size_of_direct_ones() {
    let g = Geometry::new(Shape::new(8, 8, 64), 64, 3, 1, 1).expect("it fits");
    let images = 8;
    let x: Vec<f32> = noise(images * g.input().len(), 1)
        .iter()
        .map(|x| x.max(0.0))
        .collect();
    let (w, up) = (noise(g.weights(), 2), noise(images * g.output().len(), 3));
    let compute = Compute::new(Isa::best(), 1).expect("no threads are made");
    let right = defined(g, images, &x, &w, &up);
    let root_mean_square = |got: &[f32], right: &[f64]| {
        let square = |(x, y): (&f32, &f64)| (f64::from(*x) - y).powi(2);
        let error: f64 = got.iter().zip(right).map(square).sum();
        (error / right.iter().map(|y| y * y).sum::<f64>()).sqrt()
    };
    let mut errors = [Conv::new(g, true), Conv::fast(g, true)].map(|mut conv| {
        let got = run(&compute, &mut conv, &x, &w, &up, false);
        [0, 1, 2].map(|i| root_mean_square(&got[i], &right[i]))
    });
    let shown = errors.map(|way| way.map(|error| format!("{error:.1e}")).join(" "));
    println!("direct {}, Winograd {}", shown[0], shown[1]);
    for (direct, fast) in errors[0].into_iter().zip(&mut errors[1]) {
        assert!(*fast < 5.0 * direct && *fast < 2e-6, "{fast} {direct}");
    }
}
