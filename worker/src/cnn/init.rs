//! First values of the parameters.

use super::{
    architecture::{Architecture, Parameter, ParameterKind},
    config::{InitKind, InitShape, Model},
    random::{generator, normals, uniform},
};

/// The parameter vector a training starts from. Each stretch has a stream of its own, keyed by the trial's seed and its
/// place in the list.
pub fn initial_parameters(architecture: &Architecture, model: &Model, seed: u64) -> Vec<f32> {
    let mut parameters = vec![0.0; architecture.parameter_count];
    for (index, parameter) in architecture.parameters.iter().enumerate() {
        let to = &mut parameters[parameter.range.clone()];
        match parameter.kind {
            ParameterKind::Weight => {
                let last = architecture.layers.len() - 1;
                let gain = if parameter.layer == last {
                    model.output_gain
                } else {
                    1.0
                };
                let deviation = gain * deviation(model, parameter);
                fill(to, model.init_shape, deviation, seed, index as u64);
            }
            ParameterKind::Bias => to.fill(model.bias_init as f32),
            ParameterKind::Gamma => to.fill(1.0),
            ParameterKind::Beta => to.fill(0.0),
            ParameterKind::Slope => to.fill(model.slope as f32),
        }
    }
    parameters
}

/// σ of a weight: `he` √(2/inputs) (He et al. 2015, eq. 10), `xavier` √(2/(inputs + outputs)) (Glorot and Bengio 2010,
/// eq. 16).
fn deviation(model: &Model, parameter: &Parameter) -> f64 {
    let (inputs, outputs) = (parameter.fan_in as f64, parameter.fan_out as f64);
    match model.init {
        InitKind::Zero => 0.0,
        InitKind::Normal => model.init_std,
        InitKind::Xavier => (2.0 / (inputs + outputs)).sqrt(),
        InitKind::He => (2.0 / inputs).sqrt(),
    }
}

fn fill(to: &mut [f32], shape: InitShape, deviation: f64, seed: u64, index: u64) {
    if deviation == 0.0 {
        return;
    }
    let mut random = generator("hone first weights v1", &[seed, index]);
    match shape {
        InitShape::Normal => {
            for pair in to.chunks_mut(2) {
                for (value, normal) in pair.iter_mut().zip(normals(&mut random)) {
                    *value = (deviation * normal) as f32;
                }
            }
        }
        // Uniform in ±√3 σ has the deviation σ.
        InitShape::Uniform => {
            let reach = 3.0_f64.sqrt() * deviation;
            for value in to {
                *value = (reach * (2.0 * uniform(&mut random) - 1.0)) as f32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cnn::architecture::Shape;

    fn weights(model: &Model) -> (Architecture, Vec<f32>) {
        let shape = Shape::from([1, 1, 300]);
        let architecture = Architecture::new(model, shape, 10).unwrap();
        let parameters = initial_parameters(&architecture, model, 3);
        (architecture, parameters)
    }

    fn deviation_of(values: &[f32]) -> f64 {
        let sum: f64 = values.iter().map(|&value| f64::from(value).powi(2)).sum();
        (sum / values.len() as f64).sqrt()
    }

    #[test]
    fn deviations_are_those_of_the_papers() {
        for (init, shape, hidden, output) in [
            (
                InitKind::He,
                InitShape::Normal,
                (2.0 / 300.0_f64).sqrt(),
                0.1 * 0.1,
            ),
            (
                InitKind::He,
                InitShape::Uniform,
                (2.0 / 300.0_f64).sqrt(),
                0.1 * 0.1,
            ),
            (
                InitKind::Xavier,
                InitShape::Normal,
                (2.0 / 500.0_f64).sqrt(),
                0.1 * (2.0 / 210.0_f64).sqrt(),
            ),
            (InitKind::Normal, InitShape::Uniform, 0.01, 0.001),
        ] {
            let model = Model {
                hidden: vec![200],
                init,
                init_shape: shape,
                ..Model::default()
            };
            let (architecture, parameters) = weights(&model);
            let mut found = architecture
                .weights()
                .map(|weight| deviation_of(&parameters[weight.range.clone()]));
            let (first, last) = (found.next().unwrap(), found.next().unwrap());
            assert!(
                (first / hidden - 1.0).abs() < 0.02,
                "{init:?} {first} {hidden}"
            );
            assert!(
                (last / output - 1.0).abs() < 0.1,
                "{init:?} {last} {output}"
            );
        }
    }

    #[test]
    fn the_seed_decides_and_nothing_else() {
        let model = Model {
            hidden: vec![20],
            ..Model::default()
        };
        let (architecture, parameters) = weights(&model);
        assert_eq!(parameters, initial_parameters(&architecture, &model, 3));
        assert_ne!(parameters, initial_parameters(&architecture, &model, 4));
    }

    #[test]
    fn zero_is_zero() {
        let model = Model {
            hidden: vec![20],
            init: InitKind::Zero,
            ..Model::default()
        };
        let (architecture, parameters) = weights(&model);
        assert!(architecture.weights().all(|weight| {
            parameters[weight.range.clone()]
                .iter()
                .all(|&value| value == 0.0)
        }));
    }
}
