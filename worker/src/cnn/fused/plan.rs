//! From the layer list to nodes: what a prologue can do is no node of its own.

use std::ops::Range;

use hone_kernels::{Activation, Conv, Geometry, Linear, Moments, Pool, Shape};

use super::{
    gradient::Gradient,
    node::{Input, Kernel, Node, Output},
    prologue::{Prologue, Shift},
};
use crate::cnn::{
    architecture::{self, Architecture, Op},
    statistics::{Observed, observed},
};

/// Window² must fit the byte that says which pixel was the largest.
const LARGEST_WINDOW: usize = 15;

/// The network as nodes, in the order of the forward pass; the last one gives the logits. `fast`: by Winograd's sums where the shape
/// of a convolution allows them.
pub(super) fn plan(architecture: &Architecture, fast: bool) -> Vec<Node> {
    let mut builder = Builder {
        nodes: Vec::new(),
        conv: if fast { Conv::fast } else { Conv::new },
        at: None,
        stored: architecture.input,
        flat: false,
        prologue: None,
        remembered: (None, architecture.input),
        layer: 0,
    };
    for (layer, made) in architecture.layers.iter().enumerate() {
        builder.layer = layer;
        builder.layer(&made.op, made.output);
        if let Some(kind) = observed(architecture, layer) {
            builder.observe((layer, kind));
        }
    }
    builder.store();
    builder.nodes
}

struct Builder {
    nodes: Vec<Node>,
    conv: fn(Geometry, bool) -> Conv,
    /// The newest tensor, and its shape.
    at: Input,
    stored: Shape,
    flat: bool,
    /// What its reader will do to it.
    prologue: Option<Prologue>,
    /// Where the last residual began.
    remembered: (Input, Shape),
    layer: usize,
}

impl Builder {
    fn layer(&mut self, op: &Op, output: Shape) {
        match op {
            Op::Conv(conv) => self.conv(conv),
            Op::Linear(linear) => self.linear(linear, output.len()),
            Op::BatchNorm(norm) => {
                self.prologue().shift = Shift::Norm(norm.clone());
                if let Some(node) = self.node() {
                    node.output.moments = Some(Moments::default());
                }
            }
            Op::Activation(activation) => self.prologue().activation = *activation,
            Op::Prelu(slopes) => {
                let prologue = self.prologue();
                prologue.activation = Activation::Prelu;
                prologue.slopes = Some(slopes.clone());
            }
            Op::Maxout(pieces) => self.plain(Kernel::Maxout(*pieces), output, self.flat),
            Op::Pool(pool) => self.pool(*pool),
            Op::GlobalPool => self.plain(Kernel::GlobalPool, output, true),
            Op::Flatten => self.store(),
            Op::Dropout { rate, index } => {
                if self.prologue().dropout.is_some() {
                    self.store();
                }
                self.prologue().dropout = Some((*rate, *index));
            }
            Op::ResidualBegin => {
                self.store();
                self.remembered = (self.at, self.stored);
            }
            Op::ResidualAdd { projection } => self.add(projection.as_ref()),
        }
    }

    fn prologue(&mut self) -> &mut Prologue {
        self.prologue.get_or_insert_default()
    }

    /// That made the newest tensor.
    fn node(&mut self) -> Option<&mut Node> {
        self.at.map(|index| &mut self.nodes[index])
    }

    fn observe(&mut self, what: (usize, Observed)) {
        if let Some(prologue) = &mut self.prologue {
            prologue.observed = Some(what);
        } else if let Some(node) = self.node() {
            node.output.observed = Some(what);
        }
    }

    /// A node that reads the newest tensor.
    fn push(&mut self, kernel: Kernel, shape: Shape, flat: bool, gradient: Gradient) {
        self.nodes.push(Node {
            layer: self.layer,
            input: self.at,
            prologue: self.prologue.take(),
            kernel,
            output: Output {
                shape,
                flat,
                values: Vec::new(),
                moments: None,
                observed: None,
            },
            gradient,
        });
        self.at = Some(self.nodes.len() - 1);
        (self.stored, self.flat) = (shape, flat);
    }

    /// Makes what the prologue gives a tensor of its own. Through the prologue the gradient goes back in place.
    fn store(&mut self) {
        if let Some(prologue) = &self.prologue {
            let shape = self.stored.pooled(prologue.window());
            let gradient = self.gradient();
            self.push(Kernel::Identity, shape, self.flat, gradient);
        }
    }

    /// The newest tensor's, to be shared.
    fn gradient(&mut self) -> Gradient {
        self.node()
            .map(|node| node.gradient.clone())
            .unwrap_or_default()
    }

    /// A node that has no prologue.
    fn plain(&mut self, kernel: Kernel, shape: Shape, flat: bool) {
        self.store();
        self.push(kernel, shape, flat, Gradient::default());
    }

    fn conv(&mut self, made: &architecture::Conv) {
        let conv = Box::new((self.conv)(made.geometry, self.at.is_some()));
        let kernel = Kernel::Conv(conv, made.weight.clone());
        self.push(kernel, made.geometry.output(), false, Gradient::default());
        self.bias(made.bias.as_ref());
    }

    fn linear(&mut self, made: &architecture::Linear, outputs: usize) {
        self.store();
        let linear = Linear::new(self.stored.len(), outputs);
        let kernel = Kernel::Linear(linear, made.weight.clone());
        self.push(kernel, Shape::flat(outputs), true, Gradient::default());
        self.bias(made.bias.as_ref());
    }

    fn bias(&mut self, bias: Option<&Range<usize>>) {
        if let Some(bias) = bias {
            self.prologue().shift = Shift::Bias(bias.clone());
        }
    }

    fn pool(&mut self, pool: Pool) {
        let free = |own: &Prologue| own.pool.is_none() && own.dropout.is_none();
        let fits = pool.window() == pool.stride() && pool.window() <= LARGEST_WINDOW;
        if fits && !pool.average() && self.prologue.as_ref().is_none_or(free) && self.at.is_some() {
            self.prologue().pool = Some(pool.window());
        } else {
            self.plain(Kernel::Pool(pool), pool.output(), false);
        }
    }

    /// The sum's gradient is that of both terms: the first, and a projection, share its buffer.
    fn add(&mut self, projection: Option<&architecture::Conv>) {
        self.store();
        let (left, stored, gradient) = (self.at, self.stored, self.gradient());
        (self.at, self.stored) = self.remembered;
        if let Some(conv) = projection {
            self.conv(conv);
            if let Some(node) = self.node() {
                node.gradient = gradient.clone();
            }
        }
        let right = self.at;
        (self.at, self.stored) = (left, stored);
        self.push(Kernel::Add(right), stored, false, gradient);
    }
}
