//! How long a sweep takes, from a few training steps on synthetic images.

use std::{sync::Arc, time::Instant};

use hone_worker::{
    cnn::{
        Architecture, CnnTrainer, Config,
        executor::{Batch, StepSettings},
        init::initial_parameters,
    },
    data::{FitCost, Shape},
};

use super::{
    preflight::{Checked, Images},
    setup,
};
use crate::{args::WorkerSetup, exit::wrong, sweep_file::SweepFile};

/// Steps that are timed, after a few that are not.
const STEPS: u32 = 20;

/// No estimate takes longer.
const PATIENCE: f64 = 5.0;

/// What a slot does.
#[derive(Clone, Copy, Debug)]
pub struct Estimate {
    /// Training images a second of one slot, alone on its core.
    pub images_per_second: f64,
    /// Seconds of one epoch, evaluation included.
    pub epoch_seconds: f64,
    /// What comes before the first epoch, once a worker.
    pub fit: Option<Fit>,
}

/// Fitting `pca` or `whiten` and applying it.
#[derive(Clone, Copy, Debug)]
pub struct Fit {
    /// Its name in a sweep file.
    pub kind: &'static str,
    /// Once for each of so many folds.
    pub folds: u32,
    /// All threads of a worker.
    pub threads: usize,
    /// One of them.
    pub cost: FitCost,
}

impl Fit {
    /// Of all folds.
    pub fn seconds(self) -> f64 {
        self.cost.seconds(self.threads) * f64::from(self.folds)
    }
}

impl Estimate {
    /// Of so many epochs on so many slots, with what comes before them.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub fn seconds(self, epochs: u64, slots: usize) -> f64 {
        let fit = self.fit.map_or(0.0, Fit::seconds);
        fit + epochs as f64 * self.epoch_seconds / slots.max(1) as f64
    }
}

/// Trains the net in the middle of the space for a few steps; `None` for another trainer, or images of unknown number.
/// A worker has `slots`.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
pub fn measure(
    file: &SweepFile,
    setup: &WorkerSetup,
    images: &Images,
    slots: usize,
) -> anyhow::Result<Option<Estimate>> {
    let Some(data) = &file.data else {
        return Ok(None);
    };
    let config = Config::from_spec(&file.middle())?;
    let Some(sizes) = sizes(&data.name, &config, images) else {
        return Ok(None);
    };
    let library = Arc::new(setup::library(&setup.data)?);
    let architecture = Architecture::new(&config.model, sizes.shape.into(), sizes.classes)?;
    let trainer = CnnTrainer::new(library, usize::from(setup.threads));
    let batch = config.train.batch_size;
    let steps_per_second = steps_a_second(&trainer, &architecture, &config)?;
    let images_per_second = steps_per_second * batch as f64;
    let (train, validation) = sizes.split;
    // Evaluation is the forward pass alone: about a third of a step.
    let epoch_seconds = (train as f64 + validation as f64 / 3.0) / images_per_second;
    let [height, width, channels] = sizes.shape;
    let cost = config
        .data
        .fit_cost(
            Shape::new(height, width, channels),
            train,
            train + validation + sizes.test,
        )
        .map_err(|problem| wrong(problem.to_string()))?;
    let fit = cost.map(|cost| Fit {
        kind: config.data.preprocess.name(),
        folds: data.folds,
        threads: slots * usize::from(setup.threads),
        cost,
    });
    Ok(Some(Estimate {
        images_per_second,
        epoch_seconds,
        fit,
    }))
}

/// Times a few steps on images that are made up.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn steps_a_second(
    trainer: &CnnTrainer,
    architecture: &Architecture,
    config: &Config,
) -> anyhow::Result<f64> {
    let mut executor = trainer.executor(architecture)?;
    let mut parameters = initial_parameters(architecture, &config.model, 0);
    let mut statistics = architecture.fresh_statistics();
    let mut gradient = vec![0.0; parameters.len()];
    let (batch, shape, classes) = (
        config.train.batch_size,
        architecture.input,
        architecture.classes,
    );
    // Smooth, cheap and not constant: speed does not depend on what the images show.
    let pixels: Vec<f32> = (0..batch * shape.len())
        .map(|i| (i % 17) as f32 / 17.0 - 0.5)
        .collect();
    let labels: Vec<u32> = (0..batch)
        .map(|i| u32::try_from(i % classes).unwrap_or(0))
        .collect();
    let batch_of = Batch {
        images: &pixels,
        labels: &labels,
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "a stopwatch: the measurement itself"
    )]
    let begun = Instant::now();
    let mut timed = begun;
    let mut steps = 0;
    for step in 0..STEPS + 3 {
        if step == 3 {
            #[expect(
                clippy::disallowed_methods,
                reason = "a stopwatch: the measurement itself"
            )]
            let now = Instant::now();
            timed = now;
        }
        let training = StepSettings {
            mask_key: u64::from(step),
            label_smoothing: 0.0,
        };
        executor.step(
            &parameters,
            &mut statistics,
            batch_of,
            training,
            &mut gradient,
        )?;
        for (parameter, slope) in parameters.iter_mut().zip(&gradient) {
            *parameter -= 1e-4 * slope;
        }
        steps += u32::from(step >= 3);
        if steps > 0 && begun.elapsed().as_secs_f64() > PATIENCE {
            break;
        }
    }
    Ok(f64::from(steps) / timed.elapsed().as_secs_f64().max(1e-9))
}

/// What the time depends on.
struct Sizes {
    shape: [usize; 3],
    classes: usize,
    test: usize,
    /// Trained on, and validated with.
    split: (usize, usize),
}

/// As the images are here; known sets need no files for that. `None`: nobody knows.
fn sizes(name: &str, config: &Config, images: &Images) -> Option<Sizes> {
    if let Some(Checked { here, split, .. }) = images.checked() {
        let set = &here.set;
        return Some(Sizes {
            shape: [set.shape.height, set.shape.width, set.shape.channels],
            classes: set.classes.len(),
            test: set.test.as_ref().map_or(0, |test| test.len()),
            split: (split.train.len(), split.validation.len()),
        });
    }
    let (shape, classes, images) = known(name)?;
    Some(Sizes {
        shape,
        classes,
        test: 0,
        split: config.data.counts(images),
    })
}

/// Shape, classes and number of images to train and validate with.
fn known(name: &str) -> Option<([usize; 3], usize, usize)> {
    match name {
        "mnist" | "fashion-mnist" => Some(([28, 28, 1], 10, 60_000)),
        "cifar10" => Some(([32, 32, 3], 10, 50_000)),
        _ => None,
    }
}
