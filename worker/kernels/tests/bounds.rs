//! Whatever a safe function is given, it stays inside its slices: it works, says no, or panics.
//!
//! The tests of this crate are also run under valgrind, which sees what the compiler cannot: see docs/protocol.md.

use std::panic::{AssertUnwindSafe, catch_unwind};

use hone_kernels::{
    Compute, Conv, Destination, Geometry, Isa, Linear, OutputGradient, Pool, Shape, Source, windows,
};
use proptest::prelude::*;

/// Mostly small, now and then as large as a number can be, or close to a power of two.
fn size() -> impl Strategy<Value = usize> {
    prop_oneof![
        8 => 0usize..12,
        1 => any::<usize>(),
        1 => (0u32..64, 0usize..4).prop_map(|(bit, off)| (1usize << bit).wrapping_sub(off)),
        1 => Just(usize::MAX),
    ]
}

/// The same, and now and then enough for Winograd's algorithm.
fn channels() -> impl Strategy<Value = usize> {
    prop_oneof![2 => size(), 1 => 16usize..20]
}

fn shape() -> impl Strategy<Value = Shape> {
    (size(), size(), channels())
        .prop_map(|(height, width, channels)| Shape::new(height, width, channels))
}

/// As much as a test can hold; what is larger is only measured.
const SMALL: usize = 1 << 16;

/// Forwards and backwards over slices of these lengths.
fn run(isa: Isa, mut conv: Conv, [input, weight, output]: [usize; 3]) {
    let compute = Compute::new(isa, 1).expect("no threads are made");
    let (input, weight) = (vec![0.5; input], vec![0.5; weight]);
    let g = *conv.geometry();
    let source = Source {
        raw: &input,
        prologue: None,
    };
    let mut out = vec![0.0; output];
    conv.forward(&compute, &source, &weight, &mut out, None);
    let (mut gradient, mut weight_gradient) = (vec![0.0; input.len()], vec![0.0; weight.len()]);
    let destination = Destination::Plain {
        gradient: &mut gradient,
        add: false,
    };
    let arrived = OutputGradient::plain(g.output(), &out);
    conv.backward(
        &compute,
        &source,
        &weight,
        &arrived,
        &mut weight_gradient,
        destination,
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn a_geometry_works_or_is_refused(
        input in shape(), filters in channels(), window in prop_oneof![size(), Just(3)], stride in prop_oneof![size(), Just(1)], pad in size(),
        images in 1usize..3, less in prop::option::of((0usize..3, 1usize..40)),
    ) {
        let Some(g) = Geometry::new(input, filters, window, stride, pad) else {
            let fits = |n: usize| windows(n, window, stride, pad).is_some();
            let small = [input.height, input.width, input.channels / 2, filters / 2, window, pad];
            let right = fits(input.height) && fits(input.width) && input.channels > 0 && filters > 0;
            prop_assert!(!right || small.iter().any(|size| *size > 12), "{input} {filters} {window} {stride} {pad}");
            return Ok(());
        };
        let padded = (input.height + 2 * pad) * (input.width + 2 * pad) * input.channels;
        if padded.max(g.weights()).max(g.output().len()) > SMALL {
            return Ok(());
        }
        let right = [images * input.len(), g.weights(), images * g.output().len()];
        for isa in Isa::all().filter(|isa| isa.name() != "libm") {
            run(isa, Conv::new(g, true), right);
            run(isa, Conv::fast(g, true), right);
        }
        if let Some((which, less)) = less {
            let mut wrong = right;
            wrong[which] = wrong[which].saturating_sub(less);
            // A panic, or a whole image fewer in both; what matters is that nothing else is read: valgrind watches.
            for way in [Conv::new, Conv::fast] {
                let _ = catch_unwind(AssertUnwindSafe(|| run(Isa::best(), way(g, true), wrong)));
            }
        }
    }

    #[test]
    fn a_pool_works_or_is_refused(input in shape(), window in size(), stride in size(), average: bool) {
        let Some(pool) = Pool::new(input, window, stride, average) else {
            return Ok(());
        };
        let lens = [input.height, input.width, input.channels].into_iter().try_fold(1usize, usize::checked_mul);
        let Some(len) = lens.filter(|len| (1..SMALL).contains(len)) else {
            return Ok(());
        };
        let compute = Compute::new(Isa::best(), 1).expect("no threads are made");
        let (x, mut y) = (vec![0.5; len], vec![0.0; pool.output().len()]);
        pool.forward(&compute, &x, &mut y);
        prop_assert!(y.iter().all(|y| *y == 0.5));
        pool.backward(&compute, &x, &y, &mut vec![0.0; len]);
    }

    #[test]
    fn a_linear_layer_works_or_is_refused(inputs in size(), outputs in size(), batch in 0usize..4, less in 0usize..40) {
        let Ok(mut linear) = catch_unwind(|| Linear::new(inputs, outputs)) else {
            prop_assert!(inputs > 12 || outputs > 12 || inputs * outputs == 0);
            return Ok(());
        };
        if inputs * outputs > SMALL {
            return Ok(());
        }
        let compute = Compute::new(Isa::best(), 1).expect("no threads are made");
        let weight = vec![0.5; inputs * outputs];
        let mut run = |x: usize| {
            let (x, mut y) = (vec![1.0; x], vec![0.0; batch * outputs]);
            linear.forward(&compute, &x, &weight, &mut y);
            let (mut dw, mut dx) = (vec![0.0; weight.len()], vec![0.0; x.len()]);
            linear.backward(&compute, &x, &weight, &y, &mut dw, Some((&mut dx, false)));
        };
        run(batch * inputs);
        let _ = catch_unwind(AssertUnwindSafe(|| run((batch * inputs).saturating_sub(less))));
    }
}

/// A stride that no sum can hold, over an image of one pixel.
#[test]
fn the_largest_stride_reads_one_window() {
    let g = Geometry::new(Shape::flat(3), 5, 1, 1 << 63, 0).expect("one window");
    for isa in Isa::all() {
        run(isa, Conv::new(g, true), [3, 15, 5]);
    }
}
