//! How fast a network trains here: batch assembly, step, optimizer and the diagnosis' statistics, on synthetic images.

use std::{sync::Arc, time::Instant};

use hone_kernels::{Isa, Peak};

use super::{Fused, LayerTime};
use crate::{
    cnn::{
        Architecture, Config,
        architecture::Op,
        executor::{Batch, Executor, StepSettings},
        init::initial_parameters,
        optimizer::Optimizer,
    },
    data::{AugmentKey, Crew, DataSet, Images, Part, Prepared, Shape},
    trainer::{Stop, TrainError},
};

/// Images of an epoch over which the once-an-epoch statistics are spread.
const EPOCH: f64 = 45_000.0;
/// Images that these statistics look at.
const PROBE: usize = 128;

/// What was measured.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Bench {
    /// Training images a second.
    pub train_images_per_second: f64,
    /// Images a second, forward only.
    pub eval_images_per_second: f64,
    /// Median over the steps, with the share of the statistics.
    pub milliseconds_per_step: f64,
    /// Milliseconds of a step in each layer that computes.
    pub layers: Vec<LayerBench>,
    /// Memory of one slot beside the shared data.
    pub slot_bytes: usize,
    /// Multiply-adds of the training steps, as a share of what this processor can do in that time.
    pub share_of_peak: f64,
    /// Share of the time that the per-layer statistics cost.
    pub statistics_share: f64,
    /// The path that was taken.
    pub isa: &'static str,
}

/// One layer's part.
#[derive(Clone, Debug, serde::Serialize)]
pub struct LayerBench {
    /// As in the architecture.
    pub name: String,
    /// Milliseconds; what lies between two convolutions counts with the second.
    pub forward: f64,
    /// Milliseconds.
    pub backward: f64,
}

/// Trains `steps` steps of a configuration's network, and evaluates as many batches.
pub fn bench(
    config: &Config,
    shape: Shape,
    classes: usize,
    threads: usize,
    steps: usize,
) -> Result<Bench, TrainError> {
    let mut run = Run::new(config, shape, classes, threads)?;
    let mut times = Vec::new();
    let mut evaluations = Vec::new();
    let mut flops: f64 = 0.0;
    let mut peak = Peak::new(isa()?);
    for step in 0..steps.max(3) + 2 {
        if step == 2 {
            run.executor.measure();
        }
        let trained = seconds(|| run.step(step))?;
        let evaluated = seconds(|| run.evaluate())?;
        // The peak is measured in between, so that a busy machine slows both alike.
        let work = std::cell::Cell::new(0);
        let worked = seconds(|| {
            work.set(peak.run(50));
            Ok(())
        })?;
        if step >= 2 {
            times.push(trained);
            evaluations.push(evaluated);
            flops = flops.max(work.get() as f64 / worked);
        }
    }
    let probe = seconds(|| run.probe())?;
    Ok(run.report(
        median(&mut times),
        median(&mut evaluations),
        probe,
        flops,
        threads,
        steps.max(3),
    ))
}

fn isa() -> Result<Isa, TrainError> {
    Isa::from_environment().map_err(|error| TrainError::Worker(error.to_string()))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a stopwatch: the measurement itself"
)]
fn seconds(work: impl FnOnce() -> Result<(), TrainError>) -> Result<f64, TrainError> {
    let started = Instant::now();
    work()?;
    Ok(started.elapsed().as_secs_f64().max(1e-9))
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

struct Run {
    config: Config,
    architecture: Architecture,
    executor: Fused,
    prepared: Prepared,
    optimizer: Optimizer,
    parameters: Vec<f32>,
    statistics: Vec<f32>,
    gradient: Vec<f32>,
    images: Vec<f32>,
    labels: Vec<u32>,
    logits: Vec<f32>,
}

impl Run {
    fn new(
        config: &Config,
        shape: Shape,
        classes: usize,
        threads: usize,
    ) -> Result<Self, TrainError> {
        let architecture = Architecture::new(&config.model, shape, classes)
            .map_err(|error| TrainError::Trial(error.to_string()))?;
        let batch = config.train.batch_size;
        Ok(Self {
            executor: Fused::new(architecture.clone(), threads)?,
            prepared: synthetic(config, shape, classes, 2 * batch.max(PROBE))?,
            optimizer: Optimizer::new(&config.train, &architecture),
            parameters: initial_parameters(&architecture, &config.model, 0),
            statistics: architecture.fresh_statistics(),
            gradient: vec![0.0; architecture.parameter_count],
            images: vec![0.0; batch * shape.len()],
            labels: vec![0; batch],
            logits: vec![0.0; batch * classes],
            config: config.clone(),
            architecture,
        })
    }

    fn batch(&mut self, step: usize) {
        let train = &self.prepared.split.train;
        let images: Vec<u32> = train
            .iter()
            .copied()
            .cycle()
            .skip(step)
            .take(self.labels.len())
            .collect();
        let key = AugmentKey {
            seed: 0,
            epoch: step as u32,
        };
        let augment = &self.config.data.augment;
        self.prepared
            .fill_augmented(&images, augment, key, &mut self.images, &mut self.labels);
    }

    fn step(&mut self, step: usize) -> Result<(), TrainError> {
        self.batch(step);
        let batch = Batch {
            images: &self.images,
            labels: &self.labels,
        };
        let settings = StepSettings {
            mask_key: step as u64,
            label_smoothing: self.config.train.label_smoothing,
        };
        self.executor.step(
            &self.parameters,
            &mut self.statistics,
            batch,
            settings,
            &mut self.gradient,
        )?;
        // Far below any rate that trains, so that no number grows out of range while time is taken.
        self.optimizer
            .step(&mut self.parameters, &mut self.gradient, 1e-9);
        Ok(())
    }

    fn evaluate(&mut self) -> Result<(), TrainError> {
        let train = &self.prepared.split.train;
        let images: Vec<u32> = train
            .iter()
            .copied()
            .cycle()
            .take(self.labels.len())
            .collect();
        self.prepared
            .fill(Part::Train, &images, &mut self.images, &mut self.labels);
        self.executor.logits(
            &self.parameters,
            &self.statistics,
            &self.images,
            &mut self.logits,
        )
    }

    fn probe(&mut self) -> Result<(), TrainError> {
        let features = self.images.len() / self.labels.len();
        let images = vec![0.25; PROBE * features];
        self.executor
            .probe(&self.parameters, &self.statistics, &images)
            .map(drop)
    }

    fn report(
        &self,
        step: f64,
        evaluation: f64,
        probe: f64,
        flops: f64,
        threads: usize,
        steps: usize,
    ) -> Bench {
        let batch = self.labels.len() as f64;
        let statistics = probe * batch / EPOCH;
        let whole = step + statistics;
        let possible = whole * flops * threads.max(1) as f64;
        let counted = self.architecture.layers.iter().zip(self.executor.times());
        let milliseconds = |time: std::time::Duration| time.as_secs_f64() * 1e3 / steps as f64;
        Bench {
            train_images_per_second: batch / whole,
            eval_images_per_second: batch / evaluation,
            milliseconds_per_step: whole * 1e3,
            layers: counted
                .filter(|(_, time)| **time != LayerTime::default())
                .map(|(layer, time)| LayerBench {
                    name: layer.name.clone(),
                    forward: milliseconds(time.forward),
                    backward: milliseconds(time.backward),
                })
                .collect(),
            slot_bytes: self.slot_bytes(),
            share_of_peak: batch * self.arithmetic() / possible,
            statistics_share: statistics / whole,
            isa: isa().map_or("", Isa::name),
        }
    }

    /// Floating-point operations of one image's step: forward, weight gradient, and input gradient, but for the layer
    /// that reads the images.
    fn arithmetic(&self) -> f64 {
        let layers = self
            .architecture
            .layers
            .iter()
            .zip(self.architecture.summary());
        let mut first = true;
        layers
            .filter(|(layer, _)| {
                matches!(
                    layer.op,
                    Op::Conv(_) | Op::Linear(_) | Op::ResidualAdd { .. }
                )
            })
            .map(|(_, line)| {
                let products = if std::mem::take(&mut first) { 2.0 } else { 3.0 };
                2.0 * products * line.multiply_adds as f64
            })
            .sum()
    }

    fn slot_bytes(&self) -> usize {
        let (first, second, _) = self.optimizer.state();
        // Twice the parameters: those in use, and the best epoch's.
        let vectors = [
            self.parameters.len() * 2,
            self.gradient.len(),
            self.statistics.len() * 2,
            first.len(),
            second.len(),
            self.images.len(),
            self.logits.len(),
        ];
        vectors.iter().sum::<usize>() * size_of::<f32>() + self.executor.buffer_bytes()
    }
}

/// Images of noise.
fn synthetic(
    config: &Config,
    shape: Shape,
    classes: usize,
    count: usize,
) -> Result<Prepared, TrainError> {
    let noise = |i: usize| ((i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8;
    let train = Images {
        pixels: (0..count * shape.len()).map(noise).collect(),
        labels: (0..count).map(|i| (i % classes) as u32).collect(),
    };
    let names = (0..classes).map(|class| class.to_string()).collect();
    let set = DataSet::new("synthetic", shape, names, train, None);
    let mut data = config.data.clone();
    (data.limit, data.folds) = (None, None);
    data.validation = crate::data::Validation::Share(0.1);
    let crew = Crew::new(1, Stop::default())?;
    Ok(Prepared::new(Arc::new(set), &data, 0, &crew)?)
}
