//! What `hone model summary` tells about each layer.

use serde::Serialize;

use super::{
    Architecture,
    layer::{Conv, Layer, Op, Shape},
};

/// One line of the summary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LayerSummary {
    /// As [`Layer::name`].
    pub name: String,
    /// Height, width, channels.
    pub output: [usize; 3],
    /// Learned numbers.
    pub parameters: usize,
    /// Multiplications with an addition, for one image, forward.
    pub multiply_adds: usize,
    /// Rows and columns at the lower and right border, padding included, that no window reaches.
    pub dropped: [usize; 2],
    /// The arithmetic of a convolution or a pool: `(32 - 5 + 2*2)/1 + 1 = 32`.
    pub arithmetic: Option<String>,
}

impl Architecture {
    /// One line a layer.
    pub fn summary(&self) -> Vec<LayerSummary> {
        self.layers
            .iter()
            .enumerate()
            .map(|(index, layer)| LayerSummary {
                name: layer.name.clone(),
                output: layer.output.into(),
                parameters: self.parameters_of(index),
                multiply_adds: multiply_adds(layer),
                dropped: dropped(layer),
                arithmetic: arithmetic(layer),
            })
            .collect()
    }

    /// Multiply-adds of one image's forward pass.
    pub fn multiply_adds(&self) -> usize {
        self.layers.iter().map(multiply_adds).sum()
    }

    fn parameters_of(&self, layer: usize) -> usize {
        self.parameters
            .iter()
            .filter(|parameter| parameter.layer == layer)
            .map(|parameter| parameter.range.len())
            .sum()
    }
}

fn multiply_adds(layer: &Layer) -> usize {
    let pixels = layer.output.height * layer.output.width;
    match &layer.op {
        Op::Conv(conv) => pixels * conv.weight.len(),
        Op::ResidualAdd {
            projection: Some(conv),
        } => pixels * conv.weight.len(),
        Op::Linear(linear) => linear.weight.len(),
        _ => 0,
    }
}

/// Window, padding and stride of what slides.
fn window(layer: &Layer) -> Option<(usize, usize, usize)> {
    match &layer.op {
        Op::Conv(Conv { geometry, .. }) => {
            Some((geometry.size(), geometry.pad(), geometry.stride()))
        }
        Op::Pool(pool) => Some((pool.window(), 0, pool.stride())),
        _ => None,
    }
}

fn dropped(layer: &Layer) -> [usize; 2] {
    let Some((size, pad, stride)) = window(layer) else {
        return [0, 0];
    };
    let Shape { height, width, .. } = layer.input;
    [height, width].map(|n| (n + 2 * pad - size) % stride)
}

fn arithmetic(layer: &Layer) -> Option<String> {
    let (size, pad, stride) = window(layer)?;
    let line = |from: usize, to: usize| format!("({from} - {size} + 2*{pad})/{stride} + 1 = {to}");
    let rows = line(layer.input.height, layer.output.height);
    let columns = line(layer.input.width, layer.output.width);
    Some(if rows == columns {
        rows
    } else {
        format!("{rows}, {columns}")
    })
}
