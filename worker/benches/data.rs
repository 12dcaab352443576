//! How fast batches come out of memory, and what fitting a preprocessing costs, on synthetic sets:
//! `cargo bench -p hone-worker --bench data`.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::{hint::black_box, sync::Arc, time::Instant};

use hone_worker::{
    data::{
        Augment, AugmentKey, Config, Crew, DataSet, Images, Part, Prepared, PreprocessKind, Shape,
        Validation,
    },
    trainer::Stop,
};

fn main() {
    let colour = synthetic(Shape::new(32, 32, 3), 10_000);
    println!("batches of 64 images of 32×32×3, one thread:");
    for kind in [
        PreprocessKind::None,
        PreprocessKind::MeanImage,
        PreprocessKind::Standardize,
    ] {
        let (prepared, _) = prepare(&colour, kind);
        let augment = Augment {
            flip: true,
            shift: 4,
        };
        let (straight, changed) = (
            rate(&prepared, &Augment::default()),
            rate(&prepared, &augment),
        );
        println!(
            "  {:<12} {straight:>9.0} images/s, flip and shift {changed:>9.0}",
            kind.name()
        );
    }
    println!("fit and prepare:");
    let grey = synthetic(Shape::new(28, 28, 1), 60_000);
    for (set, kind) in [
        (&colour, PreprocessKind::Standardize),
        (&grey, PreprocessKind::Whiten),
        (&colour, PreprocessKind::Whiten),
    ] {
        let (_, seconds) = prepare(set, kind);
        println!(
            "  {:<12} {} images of {}: {seconds:.2} s",
            kind.name(),
            set.train.len(),
            set.shape
        );
    }
}

/// Images with neighbouring pixels alike, so that the covariance is not a diagonal.
fn synthetic(shape: Shape, count: u32) -> Arc<DataSet> {
    let mut state = 1u32;
    let mut level = 0u32;
    let pixels = (0..count as usize * shape.len()).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        level = (level * 3 + (state >> 24)) / 4;
        level as u8
    });
    let images = Images {
        pixels: pixels.collect(),
        labels: (0..count).map(|image| image % 10).collect(),
    };
    let classes = (0..10).map(|class| class.to_string()).collect();
    Arc::new(DataSet::new("synthetic", shape, classes, images, None))
}

fn prepare(set: &Arc<DataSet>, preprocess: PreprocessKind) -> (Prepared, f64) {
    let config = Config {
        preprocess,
        validation: Validation::Count(100),
        ..Config::new("synthetic")
    };
    let crew = Crew::new(1, Stop::default()).expect("the caller's own thread");
    let start = now();
    let prepared =
        Prepared::new(Arc::clone(set), &config, 0, &crew).expect("a synthetic set can be prepared");
    (prepared, start.elapsed().as_secs_f64())
}

/// Images a second over all training images.
fn rate(prepared: &Prepared, augment: &Augment) -> f64 {
    let mut batch = vec![0.0; 64 * prepared.shape().len()];
    let mut labels = vec![0; 64];
    let start = now();
    let mut images = 0;
    for (epoch, chunk) in (0..4).flat_map(|epoch| {
        prepared
            .split
            .train
            .chunks_exact(64)
            .map(move |chunk| (epoch, chunk))
    }) {
        if *augment == Augment::default() {
            prepared.fill(Part::Train, chunk, &mut batch, &mut labels);
        } else {
            prepared.fill_augmented(
                chunk,
                augment,
                AugmentKey { seed: 1, epoch },
                &mut batch,
                &mut labels,
            );
        }
        black_box(&batch);
        images += chunk.len();
    }
    images as f64 / start.elapsed().as_secs_f64()
}

#[expect(clippy::disallowed_methods, reason = "a benchmark is a stopwatch")]
fn now() -> Instant {
    Instant::now()
}
