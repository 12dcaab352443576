use super::*;
use crate::cnn::config::{ActivationKind, BatchNormWhere, Config, ConvBlock, Padding};

fn plain(conv: Vec<ConvBlock>) -> Model {
    Model {
        conv,
        batch_norm: BatchNormWhere::Nowhere,
        activation: ActivationKind::Relu,
        ..Model::default()
    }
}

fn shape(height: usize, width: usize, channels: usize) -> Shape {
    Shape::from([height, width, channels])
}

/// CS231n: 32×32×3 with ten 5×5 filters, stride 1, pad 2 gives 32×32×10 and (5·5·3 + 1)·10 = 760 parameters.
#[test]
fn the_lectures_layer_has_760_parameters() {
    let block = ConvBlock {
        size: 5,
        pad: Padding::Zeros(2),
        ..ConvBlock::new(10)
    };
    let net = Architecture::new(&plain(vec![block]), shape(32, 32, 3), 10).unwrap();
    let line = &net.summary()[0];
    assert_eq!(line.output, [32, 32, 10]);
    assert_eq!(line.parameters, 760);
    assert_eq!(line.multiply_adds, 32 * 32 * 10 * 75);
    assert_eq!(
        line.arithmetic.as_deref(),
        Some("(32 - 5 + 2*2)/1 + 1 = 32")
    );
}

#[test]
fn a_floored_size_says_what_it_drops() {
    let block = ConvBlock {
        stride: 2,
        pad: Padding::Zeros(1),
        ..ConvBlock::new(4)
    };
    let net = Architecture::new(&plain(vec![block]), shape(32, 32, 3), 10).unwrap();
    let line = &net.summary()[0];
    assert_eq!(line.output, [16, 16, 4]);
    assert_eq!(line.dropped, [1, 1]);
}

#[test]
fn parameters_fill_the_vector_without_gap() {
    let model = Model {
        conv: vec![
            ConvBlock {
                residual: true,
                stride: 2,
                pool: 2,
                dropout: 0.2,
                repeat: 2,
                ..ConvBlock::new(6)
            },
            ConvBlock::new(5),
        ],
        hidden: vec![7],
        dropout: 0.5,
        activation: ActivationKind::Prelu,
        ..Model::default()
    };
    let net = Architecture::new(&model, shape(9, 9, 2), 3).unwrap();
    let mut at = 0;
    for parameter in &net.parameters {
        assert_eq!(parameter.range.start, at, "{}", parameter.name);
        assert_eq!(
            parameter.shape.iter().product::<usize>(),
            parameter.range.len()
        );
        at = parameter.range.end;
    }
    assert_eq!(at, net.parameter_count);
    let stripped = net.without_dropout();
    for (with, without) in net.parameters.iter().zip(&stripped.parameters) {
        assert_eq!(
            net.layers[with.layer].name,
            stripped.layers[without.layer].name
        );
    }
    assert_eq!(net.layers.len() - stripped.layers.len(), 3);
}

#[test]
fn a_layer_with_batch_norm_has_no_bias() {
    let model = Model {
        conv: vec![ConvBlock::new(6)],
        hidden: vec![7],
        batch_norm: BatchNormWhere::Conv,
        ..Model::default()
    };
    let net = Architecture::new(&model, shape(4, 4, 1), 3).unwrap();
    let biases: Vec<_> = net
        .parameters
        .iter()
        .filter(|parameter| parameter.kind == ParameterKind::Bias)
        .map(|parameter| parameter.name.as_str())
        .collect();
    assert_eq!(biases, ["hidden1.bias", "output.bias"]);
    assert_eq!(net.statistics_count, 12);
    assert_eq!(net.fresh_statistics()[6..], [1.0; 6]);
}

#[test]
fn repeat_strides_and_pools_once() {
    let block = ConvBlock {
        stride: 2,
        pool: 2,
        repeat: 3,
        residual: true,
        ..ConvBlock::new(4)
    };
    let net = Architecture::new(&plain(vec![block]), shape(16, 16, 4), 10).unwrap();
    let names: Vec<_> = net.layers.iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(
        names.iter().filter(|name| name.ends_with(".pool")).count(),
        1
    );
    assert_eq!(
        names.iter().filter(|name| name.ends_with(".add")).count(),
        3
    );
    let flat = net
        .layers
        .iter()
        .find(|layer| layer.op == Op::Flatten)
        .unwrap();
    assert_eq!(flat.input, shape(4, 4, 4));
    let projections: Vec<_> = net
        .layers
        .iter()
        .filter_map(|layer| match &layer.op {
            Op::ResidualAdd { projection } => Some(projection.is_some()),
            _ => None,
        })
        .collect();
    assert_eq!(projections, [true, false, false]);
}

#[test]
fn a_sum_of_unequal_maps_is_refused() {
    let block = ConvBlock {
        size: 2,
        residual: true,
        ..ConvBlock::new(4)
    };
    let error = Architecture::new(&plain(vec![block]), shape(8, 8, 4), 10).unwrap_err();
    assert_eq!(error.path, "model.conv.0.residual");
}

#[test]
fn maxout_multiplies_the_weights() {
    let model = Model {
        hidden: vec![5],
        activation: ActivationKind::Maxout,
        pieces: 3,
        batch_norm: BatchNormWhere::Nowhere,
        ..Model::default()
    };
    let net = Architecture::new(&model, shape(1, 1, 2), 4).unwrap();
    assert_eq!(net.parameter_count, (2 * 15 + 15) + (5 * 4 + 4));
    let output = net
        .layers
        .iter()
        .find(|layer| layer.name == "hidden1.maxout")
        .unwrap();
    assert_eq!(output.output, Shape::flat(5));
}

#[test]
fn a_network_beyond_memory_is_refused_before_it_is_made() {
    let model = Model {
        hidden: vec![65_536, 65_536],
        ..Model::default()
    };
    let error = Architecture::new(&model, shape(32, 32, 3), 10).unwrap_err();
    assert_eq!(error.path, "model.hidden.1");
}

#[test]
fn an_empty_output_is_refused_with_the_arithmetic() {
    let spec = serde_json::json!({
        "data": {"source": "digits"},
        "model": {"conv": [{"filters": 4, "size": 5, "pad": 0, "stride": 2}, {"filters": 4, "size": 5, "pad": 0}]},
    });
    let config = Config::from_spec(&spec).unwrap();
    let error = Architecture::of(&config, shape(8, 8, 1), 10, usize::MAX).unwrap_err();
    assert_eq!(error.path, "model.conv.1");
    assert!(error.message.contains("(2 - 5 + 2*0)/1 + 1"), "{error}");
}
