//! Whole networks against the reference executor in f64, and against themselves on other paths.

use candle_core::{DType, Device, Tensor, Var};
use hone_kernels::Isa;

use super::{Fused, TrainStep, bench::bench};
use crate::cnn::{
    Architecture,
    architecture::Shape,
    config::{ActivationKind, BatchNormWhere, ConvBlock, Model, Padding, PoolKind},
    executor::{Batch, Executor, StepSettings},
    reference::Reference,
};
use crate::trainer::TrainError;

/// Numbers that look random, from a seed.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    fn floats(&mut self, n: usize, size: f32) -> Vec<f32> {
        (0..n)
            .map(|_| (self.next() >> 40) as f32 / 8_388_608.0 - 1.0)
            .map(|x| x * size)
            .collect()
    }
}

const ACTIVATIONS: [ActivationKind; 10] = [
    ActivationKind::None,
    ActivationKind::Sigmoid,
    ActivationKind::Tanh,
    ActivationKind::Relu,
    ActivationKind::LeakyRelu,
    ActivationKind::Prelu,
    ActivationKind::Elu,
    ActivationKind::Maxout,
    ActivationKind::Gelu,
    ActivationKind::Silu,
];

fn block(draw: &mut Draw) -> ConvBlock {
    let pool = draw.of(&[0, 0, 2, 2, 3]);
    ConvBlock {
        size: 1 + draw.below(7),
        stride: draw.of(&[1, 1, 1, 2, 3]),
        pad: if draw.one_in(3) {
            Padding::Zeros(draw.below(4))
        } else {
            Padding::Same
        },
        pool,
        pool_stride: if pool > 0 && draw.one_in(3) {
            Some(1 + draw.below(3))
        } else {
            None
        },
        pool_kind: draw.of(&[PoolKind::Max, PoolKind::Max, PoolKind::Average]),
        residual: draw.one_in(3),
        dropout: draw.of(&[0.0, 0.0, 0.3]),
        repeat: draw.of(&[1, 1, 2]),
        ..ConvBlock::new(1 + draw.below(20))
    }
}

fn model(draw: &mut Draw, activation: ActivationKind) -> Model {
    Model {
        conv: (0..draw.below(4)).map(|_| block(draw)).collect(),
        global_pool: draw.one_in(3),
        hidden: (0..draw.below(3)).map(|_| 1 + draw.below(30)).collect(),
        activation,
        batch_norm: draw.of(&[
            BatchNormWhere::Everywhere,
            BatchNormWhere::Conv,
            BatchNormWhere::Nowhere,
        ]),
        dropout: draw.of(&[0.0, 0.4]),
        ..Model::default()
    }
}

/// A network that has an output, and everything that a step needs.
struct Case {
    architecture: Architecture,
    parameters: Vec<f32>,
    images: Vec<f32>,
    labels: Vec<u32>,
    settings: StepSettings,
}

fn case(seed: u64) -> Case {
    case_of(seed, |model| model)
}

/// With convolutions that Winograd's algorithm can do.
fn wide_case(seed: u64) -> Case {
    case_of(seed, |mut model| {
        for block in &mut model.conv {
            (block.size, block.stride) = (3, 1);
            block.filters += 15;
        }
        model
    })
}

fn case_of(seed: u64, change: impl Fn(Model) -> Model) -> Case {
    let mut draw = Draw(seed);
    let activation = ACTIVATIONS[seed as usize % ACTIVATIONS.len()];
    loop {
        let input = Shape::from([5 + draw.below(9), 5 + draw.below(9), 1 + draw.below(4)]);
        let classes = 2 + draw.below(10);
        let model = change(model(&mut draw, activation));
        let Ok(architecture) = Architecture::new(&model, input, classes) else {
            continue;
        };
        let count = 5 + draw.below(20);
        let mut parameters = draw.floats(architecture.parameter_count, 1.0);
        for parameter in &architecture.parameters {
            // He's scale, so that signals keep their size in deep nets.
            let scale = (3.0 / parameter.fan_in.max(3) as f32).sqrt();
            parameters[parameter.range.clone()]
                .iter_mut()
                .for_each(|weight| *weight *= scale);
        }
        return Case {
            parameters,
            images: draw.floats(count * input.len(), 1.0),
            labels: (0..count).map(|_| draw.below(classes) as u32).collect(),
            settings: StepSettings {
                mask_key: draw.next(),
                label_smoothing: draw.of(&[0.0, 0.1]),
            },
            architecture,
        };
    }
}

struct Result {
    loss: f64,
    correct: usize,
    gradient: Vec<f32>,
    statistics: Vec<f32>,
    logits: Vec<f32>,
}

impl Case {
    fn run(&self, executor: &mut dyn Executor) -> Result {
        let mut statistics = self.architecture.fresh_statistics();
        let mut gradient = vec![f32::NAN; self.architecture.parameter_count];
        let batch = Batch {
            images: &self.images,
            labels: &self.labels,
        };
        let outcome = executor
            .step(
                &self.parameters,
                &mut statistics,
                batch,
                self.settings,
                &mut gradient,
            )
            .unwrap();
        let mut logits = vec![0.0; self.labels.len() * self.architecture.classes];
        executor
            .logits(&self.parameters, &statistics, &self.images, &mut logits)
            .unwrap();
        Result {
            loss: outcome.loss,
            correct: outcome.correct,
            gradient,
            statistics,
            logits,
        }
    }
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    let square = |(a, b): (&f32, &f32)| (f64::from(*a) - f64::from(*b)).powi(2);
    a.iter().zip(b).map(square).sum::<f64>().sqrt()
}

fn length(a: &[f32]) -> f64 {
    a.iter().map(|a| f64::from(*a).powi(2)).sum::<f64>().sqrt()
}

fn agrees(seed: u64, case: &Case, mut fused: Fused) {
    let mut reference = Reference::with(case.architecture.clone(), Device::Cpu, DType::F64);
    let (ours, right) = (case.run(&mut fused), case.run(&mut reference));
    let names: Vec<_> = case
        .architecture
        .layers
        .iter()
        .map(|layer| layer.name.as_str())
        .collect();
    assert!(
        (ours.loss - right.loss).abs() < 1e-4 * right.loss.abs().max(1.0),
        "{seed} {names:?}: {} {}",
        ours.loss,
        right.loss
    );
    assert_eq!(ours.correct, right.correct, "{seed} {names:?}");
    let whole = length(&right.gradient);
    for parameter in &case.architecture.parameters {
        let (a, b) = (
            &ours.gradient[parameter.range.clone()],
            &right.gradient[parameter.range.clone()],
        );
        let (apart, size) = (distance(a, b), length(b));
        assert!(
            apart <= 2e-3 * size + 1e-4 * whole,
            "{seed} {names:?} {}: {apart} of {size}",
            parameter.name
        );
    }
    for (what, a, b) in [
        ("statistics", &ours.statistics, &right.statistics),
        ("logits", &ours.logits, &right.logits),
    ] {
        assert!(
            distance(a, b) <= 1e-4 * (length(b) + 1.0),
            "{seed} {names:?} {what}"
        );
    }
}

#[test]
fn random_networks_agree_with_the_reference_in_f64() {
    for seed in 0..120 {
        let case = case(seed);
        let fused = Fused::on(case.architecture.clone(), Isa::best(), 1).unwrap();
        agrees(seed, &case, fused);
    }
}

#[test]
fn so_do_winograds_sums() {
    for seed in 400..430 {
        let case = wide_case(seed);
        let fused = Fused::fast(case.architecture.clone(), Isa::best(), 1).unwrap();
        agrees(seed, &case, fused);
    }
}

#[test]
fn threads_paths_and_kept_buffers_change_no_bit() {
    for seed in 200..230 {
        change_no_bit(seed, &case(seed), Fused::on);
        change_no_bit(seed, &wide_case(seed), Fused::fast);
    }
}

type Made = fn(Architecture, Isa, usize) -> std::result::Result<Fused, TrainError>;

fn change_no_bit(seed: u64, case: &Case, made: Made) {
    let bits = |result: &Result| {
        let all = [&result.gradient, &result.statistics, &result.logits];
        all.iter()
            .flat_map(|part| part.iter().map(|x| x.to_bits()))
            .collect::<Vec<_>>()
    };
    let mut first = made(case.architecture.clone(), Isa::best(), 1).unwrap();
    let expected = bits(&case.run(&mut first));
    assert!(
        expected == bits(&case.run(&mut first)),
        "{seed}: a second time"
    );
    let mut threads = made(case.architecture.clone(), Isa::best(), 3).unwrap();
    assert!(expected == bits(&case.run(&mut threads)), "{seed}: threads");
    for isa in Isa::all().filter(|isa| isa.name() != "libm") {
        let mut other = made(case.architecture.clone(), isa, 1).unwrap();
        assert!(
            expected == bits(&case.run(&mut other)),
            "{seed}: {}",
            isa.name()
        );
    }
}

#[test]
fn activations_look_as_in_the_reference() {
    for seed in 300..330 {
        let case = case(seed);
        let statistics = case.architecture.fresh_statistics();
        let mut fused = Fused::on(case.architecture.clone(), Isa::best(), 1).unwrap();
        let mut reference = Reference::new(case.architecture.clone());
        let ours = fused
            .probe(&case.parameters, &statistics, &case.images)
            .unwrap();
        let right = reference
            .probe(&case.parameters, &statistics, &case.images)
            .unwrap();
        assert_eq!(ours.len(), right.len());
        for (a, b) in ours.iter().zip(&right) {
            assert_eq!(a.layer, b.layer);
            let close = |a: f64, b: f64| (a - b).abs() <= 1e-3 * (b.abs() + 0.01);
            let near = |a: Option<f64>, b: Option<f64>| {
                a.is_some() == b.is_some() && close(a.unwrap_or(0.0), b.unwrap_or(0.0))
            };
            assert!(
                close(a.mean, b.mean) && close(a.deviation, b.deviation),
                "{seed}: {a:?} {b:?}"
            );
            assert!(
                near(a.dead, b.dead) && near(a.saturated, b.saturated),
                "{seed}: {a:?} {b:?}"
            );
        }
    }
}

#[test]
fn as_one_candle_op_it_has_the_same_gradient() {
    let case = case(21);
    let mut fused = Fused::on(case.architecture.clone(), Isa::best(), 1).unwrap();
    let expected = case.run(&mut fused);
    let parameters =
        Var::from_slice(&case.parameters, case.parameters.len(), &Device::Cpu).unwrap();
    let images = Tensor::from_slice(&case.images, case.images.len(), &Device::Cpu).unwrap();
    let step = || {
        let executor = Fused::on(case.architecture.clone(), Isa::best(), 1).unwrap();
        TrainStep::new(
            executor,
            case.architecture.fresh_statistics(),
            case.labels.clone(),
            case.settings,
        )
    };
    let loss = parameters.apply_op2(&images, step()).unwrap();
    assert_eq!(loss.to_scalar::<f32>().unwrap(), expected.loss as f32);
    let gradients = (loss * 2.0).unwrap().backward().unwrap();
    let twice: Vec<f32> = gradients.get(&parameters).unwrap().to_vec1().unwrap();
    assert!(
        twice
            .iter()
            .zip(&expected.gradient)
            .all(|(two, one)| *two == 2.0 * one)
    );
    let kept = step();
    parameters.apply_op2_no_bwd(&images, &kept).unwrap();
    assert_eq!(kept.gradient(<[f32]>::to_vec), expected.gradient);
    assert_eq!(kept.statistics(), expected.statistics);
    kept.prepare(&case.labels[1..], case.settings);
    let error = parameters
        .apply_op2_no_bwd(&images, &kept)
        .unwrap_err()
        .to_string();
    assert!(error.contains("pixels"), "{error}");
}

#[test]
fn a_bench_counts_time_memory_and_arithmetic() {
    let spec = serde_json::json!({
        "data": {"source": "cifar10"}, "train": {"batch_size": 16},
        "model": {"conv": [{"filters": 8}, {"filters": 8, "pool": 2}], "hidden": [16]},
    });
    let config = crate::cnn::Config::from_spec(&spec).unwrap();
    let shape = Shape {
        height: 12,
        width: 12,
        channels: 3,
    };
    let found = bench(&config, shape, 10, 1, 5).unwrap();
    assert!(
        found.train_images_per_second > 0.0
            && found.eval_images_per_second > found.train_images_per_second
    );
    assert!(
        found.share_of_peak > 0.0 && found.share_of_peak < 1.2,
        "{}",
        found.share_of_peak
    );
    let activations = 16 * 4 * (12 * 12 * 8 * 4);
    assert!(
        (activations..20 * activations).contains(&found.slot_bytes),
        "{}",
        found.slot_bytes
    );
    let names: Vec<_> = found
        .layers
        .iter()
        .map(|layer| layer.name.as_str())
        .collect();
    assert!(
        ["conv1", "conv2", "hidden1", "output"]
            .iter()
            .all(|name| names.contains(name)),
        "{names:?}"
    );
}

#[test]
fn the_layers_times_are_those_of_training_steps() {
    let case = case(3);
    let mut fused = Fused::on(case.architecture.clone(), Isa::best(), 1).unwrap();
    fused.measure();
    let mut logits = vec![0.0; case.labels.len() * case.architecture.classes];
    let statistics = case.architecture.fresh_statistics();
    fused
        .logits(&case.parameters, &statistics, &case.images, &mut logits)
        .unwrap();
    let spent = |fused: &Fused| fused.times().iter().any(|time| !time.forward.is_zero());
    assert!(!spent(&fused));
    case.run(&mut fused);
    assert!(spent(&fused));
}
