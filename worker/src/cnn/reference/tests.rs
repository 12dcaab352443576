//! Gradients against numeric ones in f64, for every op and option; batch norm, dropout and the loss by their definitions.

use super::*;
use crate::cnn::{
    architecture::{Pool, Shape},
    config::{ActivationKind, BatchNormWhere, ConvBlock, Model, Padding, PoolKind},
    init::initial_parameters,
};

const TRAINING: StepSettings = StepSettings {
    mask_key: 9,
    label_smoothing: 0.1,
};

struct Case {
    reference: Reference,
    parameters: Vec<f64>,
    images: Vec<f64>,
    labels: Vec<u32>,
}

fn case(model: &Model, shape: [usize; 3]) -> Case {
    let architecture = Architecture::new(model, Shape::from(shape), 3).unwrap();
    let mut parameters: Vec<f64> = initial_parameters(&architecture, model, 1)
        .iter()
        .map(|&value| f64::from(value))
        .collect();
    // Away from 0 and 1, so that biases, γ, β and slopes matter too.
    let mut wobble = (0..)
        .map(|i: u32| f64::from(i.wrapping_mul(2_654_435_761) >> 8) / f64::from(1 << 24) - 0.5);
    parameters
        .iter_mut()
        .zip(&mut wobble)
        .for_each(|(value, by)| *value += 0.3 * by);
    let images = wobble
        .by_ref()
        .take(4 * shape.iter().product::<usize>())
        .map(|value| 2.0 * value)
        .collect();
    Case {
        reference: Reference::with(architecture, Device::Cpu, DType::F64),
        parameters,
        images,
        labels: vec![0, 2, 1, 2],
    }
}

impl Case {
    fn loss(&self, parameters: &Tensor) -> Tensor {
        let input = self.reference.architecture.input;
        let shape = [4, input.height, input.width, input.channels];
        let images = self.reference.tensor(&self.images, &shape).unwrap();
        let statistics: Vec<f64> = self
            .reference
            .architecture
            .fresh_statistics()
            .iter()
            .map(|&value| f64::from(value))
            .collect();
        let pass = self
            .reference
            .forward(parameters, &statistics, &images, Some(TRAINING))
            .unwrap();
        self.reference
            .loss(&pass.logits, &self.labels, TRAINING.label_smoothing)
            .unwrap()
    }

    fn loss_at(&self, parameters: &[f64]) -> f64 {
        let tensor = self
            .reference
            .tensor(parameters, &[parameters.len()])
            .unwrap();
        self.loss(&tensor).to_scalar().unwrap()
    }

    /// Central differences at up to 60 places spread over the vector.
    fn check(&self, name: &str) {
        let count = self.parameters.len();
        let tensor = self.reference.tensor(&self.parameters, &[count]).unwrap();
        let variable = candle_core::Var::from_tensor(&tensor).unwrap();
        let gradients = self.loss(&variable).backward().unwrap();
        let found: Vec<f64> = gradients.get(&variable).unwrap().to_vec1().unwrap();
        for place in (0..count).step_by(count.div_ceil(60)) {
            let step = 1e-6;
            let mut moved = self.parameters.clone();
            moved[place] += step;
            let above = self.loss_at(&moved);
            moved[place] -= 2.0 * step;
            let numeric = (above - self.loss_at(&moved)) / (2.0 * step);
            let difference = (found[place] - numeric).abs();
            assert!(
                difference < 1e-7 + 1e-5 * numeric.abs(),
                "{name}, {place}: {} {numeric}",
                found[place]
            );
        }
    }
}

fn base() -> Model {
    Model {
        conv: vec![ConvBlock {
            pool: 2,
            ..ConvBlock::new(3)
        }],
        hidden: vec![5],
        activation: ActivationKind::Tanh,
        output_gain: 1.0,
        ..Model::default()
    }
}

#[test]
fn every_activation_has_its_gradient() {
    use ActivationKind as A;
    for activation in [
        A::None,
        A::Sigmoid,
        A::Tanh,
        A::Relu,
        A::LeakyRelu,
        A::Prelu,
        A::Elu,
        A::Maxout,
        A::Gelu,
        A::Silu,
    ] {
        for batch_norm in [BatchNormWhere::Everywhere, BatchNormWhere::Nowhere] {
            let model = Model {
                activation,
                batch_norm,
                alpha: 0.7,
                pieces: 3,
                ..base()
            };
            case(&model, [5, 6, 2]).check(activation.name());
        }
    }
}

#[test]
fn every_shape_of_a_convolution_has_its_gradient() {
    for size in [1, 2, 3, 5, 7] {
        for (stride, pad) in [(1, 0), (2, 0), (2, size / 2), (3, size - 1)] {
            let block = ConvBlock {
                size,
                stride,
                pad: Padding::Zeros(pad),
                ..ConvBlock::new(3)
            };
            let model = Model {
                conv: vec![block],
                hidden: vec![],
                ..base()
            };
            // Height and width leave different remainders: candle's own conv2d fails there.
            case(&model, [8, 9, 2]).check(&format!("size {size} stride {stride} pad {pad}"));
        }
    }
}

#[test]
fn every_pool_has_its_gradient() {
    for pool_kind in [PoolKind::Max, PoolKind::Average] {
        for (pool, pool_stride) in [(2, None), (3, Some(2)), (2, Some(3)), (1, Some(2))] {
            let block = ConvBlock {
                pool,
                pool_stride,
                pool_kind,
                ..ConvBlock::new(2)
            };
            case(
                &Model {
                    conv: vec![block],
                    ..base()
                },
                [7, 8, 1],
            )
            .check(&format!("{pool_kind:?} {pool}"));
        }
    }
    case(
        &Model {
            global_pool: true,
            ..base()
        },
        [5, 5, 2],
    )
    .check("global");
}

#[test]
fn residual_sums_and_dropout_have_their_gradients() {
    let block = ConvBlock {
        residual: true,
        repeat: 2,
        stride: 2,
        dropout: 0.3,
        ..ConvBlock::new(4)
    };
    let model = Model {
        conv: vec![ConvBlock::new(3), block],
        dropout: 0.4,
        ..base()
    };
    case(&model, [5, 7, 2]).check("residual");
}

/// candle's own max_pool2d gives 0.25 here.
#[test]
fn a_pool_hands_its_whole_gradient_to_the_largest() {
    let x = candle_core::Var::new(&[1.0_f64, 2.0, 3.0, 4.0], &Device::Cpu).unwrap();
    let pool = Pool::new(Shape::new(2, 2, 1), 2, 2, false).unwrap();
    let pooled = windows::pool(&x.reshape((1, 2, 2, 1)).unwrap(), &pool).unwrap();
    let gradients = pooled.sum_all().unwrap().backward().unwrap();
    let found: Vec<f64> = gradients.get(&x).unwrap().to_vec1().unwrap();
    assert_eq!(found, [0.0, 0.0, 0.0, 1.0]);
}

#[test]
fn nan_is_not_hidden() {
    let model = Model {
        activation: ActivationKind::Relu,
        batch_norm: BatchNormWhere::Nowhere,
        ..base()
    };
    let mut case = case(&model, [4, 4, 1]);
    case.images[5] = f64::NAN;
    assert!(case.loss_at(&case.parameters).is_nan());
}

/// CS231n: γ = √Var and β = E recover the identity.
#[test]
fn batch_norm_can_be_the_identity() {
    let net = Architecture::new(
        &Model {
            hidden: vec![4],
            activation: ActivationKind::None,
            ..Model::default()
        },
        Shape::flat(4),
        2,
    )
    .unwrap();
    let Some(Op::BatchNorm(norm)) = net
        .layers
        .iter()
        .map(|layer| &layer.op)
        .find(|op| matches!(op, Op::BatchNorm(_)))
    else {
        panic!("no batch norm");
    };
    let values: Vec<f64> = (0..32).map(|i| f64::from(i * i % 37) * 0.3 - 2.0).collect();
    let mut parameters = vec![0.0; net.parameter_count];
    for channel in 0..4 {
        let column = values.iter().skip(channel).step_by(4);
        let mean = column.clone().sum::<f64>() / 8.0;
        let variance = column.map(|value| (value - mean).powi(2)).sum::<f64>() / 8.0;
        parameters[norm.gamma.start + channel] = (variance + 1e-5).sqrt();
        parameters[norm.beta.start + channel] = mean;
    }
    let x = Tensor::from_slice(&values, (8, 4), &Device::Cpu).unwrap();
    let flat = Tensor::from_slice(&parameters, parameters.len(), &Device::Cpu).unwrap();
    let (out, batch) = ops::batch_norm(&x, &flat, norm, &[], true).unwrap();
    let out: Vec<f64> = out.flatten_all().unwrap().to_vec1().unwrap();
    for (found, wanted) in out.iter().zip(&values) {
        assert!((found - wanted).abs() < 1e-12, "{found} {wanted}");
    }
    // The same statistics at test time, where the running ones are the batch's (unbiased there, so γ is scaled).
    let (mean, variance) = batch.unwrap();
    let mut statistics = vec![0.0; 8];
    statistics[norm.mean.clone()].copy_from_slice(&mean);
    for (to, variance) in statistics[norm.variance.clone()].iter_mut().zip(&variance) {
        *to = variance * 7.0 / 8.0;
    }
    let (out, _) = ops::batch_norm(&x, &flat, norm, &statistics, false).unwrap();
    let out: Vec<f64> = out.flatten_all().unwrap().to_vec1().unwrap();
    assert!(
        out.iter()
            .zip(&values)
            .all(|(found, wanted)| (found - wanted).abs() < 1e-12)
    );
}

/// CS231n: the two-layer net 3072-50-10, σ = 1e-4: 2.30261 without regularisation, about 3.07 with λ = 1e3.
#[test]
fn the_first_losses_are_the_lectures() {
    let model = Model {
        hidden: vec![50],
        batch_norm: BatchNormWhere::Nowhere,
        init: crate::cnn::config::InitKind::Normal,
        init_std: 1e-4,
        output_gain: 1.0,
        ..Model::default()
    };
    let net = Architecture::new(&model, Shape::from([32, 32, 3]), 10).unwrap();
    let parameters = initial_parameters(&net, &model, 0);
    let images: Vec<f32> = (0..20 * 3072_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as f32 - 128.0)
        .collect();
    let labels: Vec<u32> = (0..20).map(|i| i % 10).collect();
    let mut gradient = vec![0.0; parameters.len()];
    let plain = StepSettings {
        mask_key: 0,
        label_smoothing: 0.0,
    };
    let batch = Batch {
        images: &images,
        labels: &labels,
    };
    let outcome = Reference::new(net.clone())
        .step(&parameters, &mut [], batch, plain, &mut gradient)
        .unwrap();
    assert!(
        (outcome.loss - 10.0_f64.ln()).abs() < 2e-3,
        "{}",
        outcome.loss
    );
    let squares: f64 = net
        .weights()
        .map(|w| crate::cnn::optimizer::norm(&parameters[w.range.clone()]).powi(2))
        .sum();
    let regularised = outcome.loss + 0.5 * 1e3 * squares;
    assert!((regularised - 3.0686).abs() < 0.01, "{regularised}");
}

/// CS231n: with W = 0 all hidden units get the same update and stay equal.
#[test]
fn zero_weights_keep_hidden_units_equal() {
    let model = Model {
        init: crate::cnn::config::InitKind::Zero,
        conv: vec![],
        ..base()
    };
    let net = Architecture::new(&model, Shape::flat(6), 3).unwrap();
    let mut parameters = initial_parameters(&net, &model, 0);
    let mut statistics = net.fresh_statistics();
    let images: Vec<f32> = (0..24).map(|i| (i * i % 7) as f32).collect();
    let mut gradient = vec![0.0; parameters.len()];
    let mut reference = Reference::new(net.clone());
    for _ in 0..5 {
        let batch = Batch {
            images: &images,
            labels: &[0, 1, 2, 0],
        };
        reference
            .step(&parameters, &mut statistics, batch, TRAINING, &mut gradient)
            .unwrap();
        parameters
            .iter_mut()
            .zip(&gradient)
            .for_each(|(weight, slope)| *weight -= 0.5 * slope);
    }
    let hidden = net.weights().next().unwrap();
    for row in parameters[hidden.range.clone()].chunks(5) {
        assert!(row.iter().all(|value| value == &row[0]));
    }
}
