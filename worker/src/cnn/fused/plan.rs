//! From the layer list to steps over stored tensors: what can be seen through a lens is no step of its own.

use std::ops::Range;

use hone_kernels::{Conv, Extent, Geometry, Linear, Pool};

use super::lens::{Lens, Shift};
use crate::cnn::{
    architecture::{self, Activation, Architecture, Op, Shape},
    config::PoolKind,
    statistics::{Observed, observed},
};

/// A stored tensor.
#[derive(Debug)]
pub(super) struct Tensor {
    /// Of one image.
    pub extent: Extent,
    /// Behind the convolutions: the images of a batch are rows of one map.
    pub flat: bool,
    /// How its readers see it.
    pub lens: Option<Lens>,
    /// Which gradient buffer is its own; the images have none.
    pub gradient: Option<usize>,
    /// The layer whose output it is without pool and dropout, if that is looked at.
    pub observed: Option<(usize, Observed)>,
}

impl Tensor {
    /// Of a whole batch: extent, and how many of them.
    pub fn batched(&self, images: usize) -> (Extent, usize) {
        if self.flat {
            (
                Extent {
                    height: images,
                    width: 1,
                    channels: self.extent.len(),
                },
                1,
            )
        } else {
            (self.extent, images)
        }
    }

    /// Numbers that a reader sees of one image.
    pub fn seen(&self) -> usize {
        let window = self.lens.as_ref().map_or(1, |lens| lens.window);
        self.extent.height / window * (self.extent.width / window) * self.extent.channels
    }
}

/// What makes one tensor of another.
#[derive(Debug)]
pub(super) enum Action {
    Conv {
        conv: Box<Conv>,
        weight: Range<usize>,
    },
    Linear {
        linear: Linear,
        weight: Range<usize>,
    },
    /// Writes out what is seen.
    Materialise,
    Pool(Pool),
    GlobalPool,
    Maxout(usize),
    /// The sum with another tensor.
    Add(usize),
}

/// One step.
#[derive(Debug)]
pub(super) struct Step {
    pub action: Action,
    pub input: usize,
    pub output: usize,
    /// The layer that it was made for.
    pub layer: usize,
}

/// The whole network. Tensor 0 is the images, the last one the logits.
#[derive(Debug)]
pub(super) struct Plan {
    pub tensors: Vec<Tensor>,
    pub steps: Vec<Step>,
    /// How many gradient buffers there are.
    pub gradients: usize,
}

/// Window² must fit the byte that says which pixel was the largest.
const LARGEST_WINDOW: usize = 15;

impl Plan {
    pub fn new(architecture: &Architecture) -> Self {
        let mut plan = Self {
            tensors: Vec::new(),
            steps: Vec::new(),
            gradients: 0,
        };
        plan.tensors.push(Tensor {
            extent: extent(architecture.input),
            flat: false,
            lens: None,
            gradient: None,
            observed: None,
        });
        let mut at = 0;
        let mut remembered = 0;
        for (index, layer) in architecture.layers.iter().enumerate() {
            at = match &layer.op {
                Op::Conv(conv) => plan.conv(at, index, conv),
                Op::Linear(linear) => plan.linear(at, index, linear),
                Op::BatchNorm(norm) => {
                    plan.lens(at).shift = Shift::Norm(norm.clone());
                    at
                }
                Op::Activation(Activation::Maxout { pieces }) => plan.maxout(at, index, *pieces),
                Op::Activation(activation) => {
                    plan.lens(at).activation = Some(activation.clone());
                    at
                }
                Op::Pool(pool) => plan.pool(at, index, pool),
                Op::GlobalPool => plan.flatten(at, index, Action::GlobalPool, layer.output),
                Op::Flatten => plan.materialised(at, index),
                Op::Dropout {
                    rate,
                    index: number,
                } => {
                    if plan.tensors[at]
                        .lens
                        .as_ref()
                        .is_some_and(|lens| lens.dropout.is_some())
                    {
                        at = plan.materialised(at, index);
                    }
                    plan.lens(at).dropout = Some((*rate, *number));
                    at
                }
                Op::ResidualBegin => {
                    remembered = plan.materialised(at, index);
                    remembered
                }
                Op::ResidualAdd { projection } => {
                    plan.add(at, index, remembered, projection.as_ref())
                }
            };
            if let Some(kind) = observed(architecture, index) {
                plan.tensors[at].observed = Some((index, kind));
            }
        }
        plan.materialised(at, architecture.layers.len() - 1);
        plan
    }

    fn lens(&mut self, at: usize) -> &mut Lens {
        self.tensors[at].lens.get_or_insert_default()
    }

    fn buffer(&mut self) -> Option<usize> {
        self.gradients += 1;
        Some(self.gradients - 1)
    }

    fn step(&mut self, action: Action, input: usize, layer: usize, tensor: Tensor) -> usize {
        let output = self.tensors.len();
        self.tensors.push(tensor);
        self.steps.push(Step {
            action,
            input,
            output,
            layer,
        });
        output
    }

    /// A tensor with a gradient buffer of its own.
    fn made(&mut self, extent: Extent, flat: bool) -> Tensor {
        let gradient = self.buffer();
        Tensor {
            extent,
            flat,
            lens: None,
            gradient,
            observed: None,
        }
    }

    fn conv(&mut self, at: usize, layer: usize, conv: &architecture::Conv) -> usize {
        let input = self.seen_extent(at);
        let filters = conv.weight.len() / (conv.size * conv.size * input.channels);
        let geometry = Geometry {
            input,
            filters,
            size: conv.size,
            stride: conv.stride,
            pad: conv.pad,
        };
        let kernel = Conv::new(geometry, self.tensors[at].gradient.is_some());
        let mut tensor = self.made(geometry.output(), false);
        tensor.lens = conv.bias.clone().map(Lens::with_bias);
        self.step(
            Action::Conv {
                conv: Box::new(kernel),
                weight: conv.weight.clone(),
            },
            at,
            layer,
            tensor,
        )
    }

    fn linear(&mut self, at: usize, layer: usize, linear: &architecture::Linear) -> usize {
        let at = self.materialised(at, layer);
        let inputs = self.tensors[at].extent.len();
        let outputs = linear.weight.len() / inputs;
        let mut tensor = self.made(extent(Shape::flat(outputs)), true);
        tensor.lens = linear.bias.clone().map(Lens::with_bias);
        let action = Action::Linear {
            linear: Linear::new(inputs, outputs),
            weight: linear.weight.clone(),
        };
        self.step(action, at, layer, tensor)
    }

    fn seen_extent(&self, at: usize) -> Extent {
        let tensor = &self.tensors[at];
        let window = tensor.lens.as_ref().map_or(1, |lens| lens.window);
        Extent {
            height: tensor.extent.height / window,
            width: tensor.extent.width / window,
            ..tensor.extent
        }
    }

    /// What is seen of it, as a tensor of its own; itself if it has no lens. Both have one gradient buffer, in which the
    /// gradient goes back through the lens in place.
    fn materialised(&mut self, at: usize, layer: usize) -> usize {
        if self.tensors[at].lens.is_none() {
            return at;
        }
        let (extent, flat, gradient) = (
            self.seen_extent(at),
            self.tensors[at].flat,
            self.tensors[at].gradient,
        );
        self.step(
            Action::Materialise,
            at,
            layer,
            Tensor {
                extent,
                flat,
                lens: None,
                gradient,
                observed: None,
            },
        )
    }

    fn maxout(&mut self, at: usize, layer: usize, pieces: usize) -> usize {
        let at = self.materialised(at, layer);
        let Tensor {
            mut extent, flat, ..
        } = self.tensors[at];
        extent.channels /= pieces;
        let tensor = self.made(extent, flat);
        self.step(Action::Maxout(pieces), at, layer, tensor)
    }

    fn pool(&mut self, at: usize, layer: usize, pool: &architecture::Pool) -> usize {
        let max = pool.kind == PoolKind::Max;
        let free = self.tensors[at]
            .lens
            .as_ref()
            .is_none_or(|lens| lens.window == 1 && lens.dropout.is_none());
        if max
            && free
            && pool.window == pool.stride
            && pool.window <= LARGEST_WINDOW
            && self.tensors[at].gradient.is_some()
        {
            self.lens(at).window = pool.window;
            return at;
        }
        let at = self.materialised(at, layer);
        let pool = Pool {
            input: self.tensors[at].extent,
            window: pool.window,
            stride: pool.stride,
            average: !max,
        };
        let tensor = self.made(pool.output(), false);
        self.step(Action::Pool(pool), at, layer, tensor)
    }

    fn flatten(&mut self, at: usize, layer: usize, action: Action, output: Shape) -> usize {
        let at = self.materialised(at, layer);
        let tensor = self.made(extent(output), true);
        self.step(action, at, layer, tensor)
    }

    /// The sum's gradient is that of both terms: the first, and a projection, share its buffer.
    fn add(
        &mut self,
        at: usize,
        layer: usize,
        remembered: usize,
        projection: Option<&architecture::Conv>,
    ) -> usize {
        let left = self.materialised(at, layer);
        let right = match projection {
            Some(conv) => self.conv(remembered, layer, conv),
            None => remembered,
        };
        let gradient = self.tensors[left].gradient;
        if projection.is_some() {
            self.tensors[right].gradient = gradient;
        }
        let extent = self.tensors[left].extent;
        self.step(
            Action::Add(right),
            left,
            layer,
            Tensor {
                extent,
                flat: false,
                lens: None,
                gradient,
                observed: None,
            },
        )
    }
}

fn extent(shape: Shape) -> Extent {
    Extent {
        height: shape.height,
        width: shape.width,
        channels: shape.channels,
    }
}
