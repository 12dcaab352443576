use super::*;
use crate::cnn::{architecture::Shape, config::Model};

/// A linear net of two inputs and one class: two weights, one bias.
fn run(train: &Train, gradients: &[[f32; 3]]) -> Vec<f32> {
    let architecture = Architecture::new(&Model::default(), Shape::flat(2), 1).unwrap();
    let mut optimizer = Optimizer::new(train, &architecture);
    let mut parameters = vec![1.0, -2.0, 0.5];
    for gradient in gradients {
        let mut gradient = gradient.to_vec();
        optimizer.step(&mut parameters, &mut gradient, train.learning_rate);
    }
    parameters
}

fn close(found: &[f32], wanted: &[f64]) {
    for (found, wanted) in found.iter().zip(wanted) {
        assert!(
            (f64::from(*found) - wanted).abs() < 2e-6,
            "{found} {wanted}"
        );
    }
}

const GRADIENTS: [[f32; 3]; 3] = [[0.5, -1.0, 0.25], [-0.3, 0.2, 0.1], [0.7, 0.4, -0.6]];

/// benches/pytorch_optimizers.py prints these: torch.optim on the same three gradients, weight decay 0.1 on the first two.
#[test]
fn three_steps_are_pytorchs() {
    for (optimizer, nesterov, wanted) in [
        (OptimizerKind::Sgd, false, [0.797474, -1.699348, 0.47325]),
        (
            OptimizerKind::Sgd,
            true,
            [0.701275646, -1.637595292, 0.500925],
        ),
        (
            OptimizerKind::Rmsprop,
            false,
            [-0.2970774, -1.321096417, 0.040762189],
        ),
        (
            OptimizerKind::Adagrad,
            false,
            [0.854998371, -1.918064121, 0.454095247],
        ),
        (
            OptimizerKind::Adam,
            false,
            [0.792887679, -1.794480219, 0.340016529],
        ),
        (
            OptimizerKind::Adamw,
            false,
            [0.794760603, -1.77857246, 0.340016529],
        ),
    ] {
        let train = Train {
            optimizer,
            nesterov,
            learning_rate: 0.1,
            weight_decay: 0.1,
            ..Train::default()
        };
        close(&run(&train, &GRADIENTS), &wanted);
    }
}

#[test]
fn a_long_gradient_is_shortened_and_a_short_one_left_alone() {
    let train = Train {
        learning_rate: 1.0,
        momentum: 0.0,
        clip_norm: Some(1.0),
        ..Train::default()
    };
    close(&run(&train, &[[3.0, 0.0, 4.0]]), &[0.4, -2.0, -0.3]);
    close(&run(&train, &[[0.3, 0.0, 0.4]]), &[0.7, -2.0, 0.1]);
}

#[test]
fn weight_decay_spares_biases() {
    let train = Train {
        learning_rate: 0.5,
        momentum: 0.0,
        weight_decay: 1.0,
        ..Train::default()
    };
    close(&run(&train, &[[0.0; 3]]), &[0.5, -1.0, 0.5]);
}
