//! One step of a network: what it reads and through what, its kernel, its output, and the gradient of that.

use std::ops::Range;

use hone_kernels::{
    Compute, Conv, Destination, Linear, Moments, Pool, Shape, Source, global_average,
    global_average_back, maxout, maxout_back, sum,
};

use super::{
    gradient::{Buffer, Gradient},
    prologue::Prologue,
};
use crate::cnn::{executor::StepSettings, statistics::Observed};

/// One step of a network. What is done to its output before the next product stands in that one's prologue.
#[derive(Debug)]
pub(super) struct Node {
    /// The layer that it was made for.
    pub layer: usize,
    pub input: Input,
    pub prologue: Option<Prologue>,
    pub kernel: Kernel,
    pub output: Output,
    /// Of the output.
    pub gradient: Gradient,
}

/// Where a node reads: the output of an earlier one, or the images.
pub(super) type Input = Option<usize>;

/// What makes an output of an input.
#[derive(Debug)]
pub(super) enum Kernel {
    /// With its weight.
    Conv(Box<Conv>, Range<usize>),
    Linear(Linear, Range<usize>),
    /// What the prologue gives, stored.
    Identity,
    Pool(Pool),
    GlobalPool,
    Maxout(usize),
    /// The sum with another tensor.
    Add(Input),
}

/// A stored tensor.
#[derive(Debug)]
pub(super) struct Output {
    /// Of one image.
    pub shape: Shape,
    /// Behind the convolutions the images of a batch are rows of one map.
    pub flat: bool,
    pub values: Vec<f32>,
    /// Those of the batch, where a batch norm follows: the epilogue.
    pub moments: Option<Moments>,
    /// The layer that gave it, if its values are looked at.
    pub observed: Option<(usize, Observed)>,
}

/// A tensor of a whole batch.
pub(super) struct Batch<'a> {
    pub raw: &'a [f32],
    /// Of one map.
    pub shape: Shape,
    /// In training, where a batch norm follows.
    pub moments: Option<&'a Moments>,
}

/// What all nodes are given in a pass.
pub(super) struct Pass<'a> {
    pub compute: &'a Compute,
    pub parameters: &'a [f32],
    pub images: &'a [f32],
    /// Of one image.
    pub shape: Shape,
    pub count: usize,
    /// `None` in evaluation.
    pub training: Option<StepSettings>,
}

impl Output {
    fn batch(&self, pass: &Pass<'_>) -> Batch<'_> {
        Batch {
            raw: &self.values,
            shape: match self.flat {
                true => self.shape.sized(pass.count, 1),
                false => self.shape,
            },
            moments: self.moments.as_ref().filter(|_| pass.training.is_some()),
        }
    }
}

impl<'a> Pass<'a> {
    pub fn read(&self, nodes: &'a [Node], input: Input) -> Batch<'a> {
        match input {
            Some(index) => nodes[index].output.batch(self),
            None => Batch {
                raw: self.images,
                shape: self.shape,
                moments: None,
            },
        }
    }
}

impl Node {
    /// Makes the output from those of the nodes `before`; in training moves the running statistics.
    pub fn forward(&mut self, before: &[Node], pass: &Pass<'_>, running: &mut [f32]) {
        let (input, compute) = (pass.read(before, self.input), pass.compute);
        let raw = input.raw;
        if let Some(prologue) = &mut self.prologue {
            prologue.prepare(&input, pass, running);
        }
        let prologue = self.prologue.as_ref().map(|own| own.fused(input.shape));
        let map = self.output.batch(pass).shape;
        let moments = self
            .output
            .moments
            .as_mut()
            .filter(|_| pass.training.is_some());
        let out = &mut self.output.values;
        out.resize(pass.count * self.output.shape.len(), 0.0);
        match &mut self.kernel {
            Kernel::Conv(conv, weight) => {
                let weight = &pass.parameters[weight.clone()];
                conv.forward(compute, &Source { raw, prologue }, weight, out, moments);
            }
            Kernel::Linear(linear, weight) => {
                linear.forward(compute, raw, &pass.parameters[weight.clone()], out);
                if let Some(moments) = moments {
                    moments.compute(compute, map, out);
                }
            }
            Kernel::Identity => match prologue {
                Some(prologue) => prologue.forward(compute, raw, out),
                None => out.copy_from_slice(raw),
            },
            Kernel::Pool(pool) => pool.forward(compute, raw, out),
            Kernel::GlobalPool => global_average(input.shape, raw, out),
            Kernel::Maxout(pieces) => maxout(*pieces, raw, out),
            Kernel::Add(right) => sum(raw, pass.read(before, *right).raw, out),
        }
    }

    /// From the output's gradient to that of the input, and in `learned` those of the parameters. `spare` is anybody's buffer.
    pub fn backward(
        &mut self,
        before: &[Node],
        pass: &Pass<'_>,
        spare: &mut Vec<f32>,
        learned: &mut [f32],
    ) {
        let (compute, input) = (pass.compute, pass.read(before, self.input));
        let (raw, output) = (input.raw, self.output.batch(pass));
        let fused = self.prologue.as_ref().map(|own| own.fused(input.shape));
        let mut arrived = self.gradient.lock();
        let Kernel::Conv(conv, weight) = &mut self.kernel else {
            arrived.write_out(compute, &output, spare);
            drop(arrived);
            return self.stored_back(before, pass, learned);
        };
        let read = pass.count * conv.geometry().input().len();
        let mut to = self.input.map(|input| before[input].gradient.lock());
        let destination = to.as_mut().map_or(Destination::None, |to| {
            to.destination(read, fused.is_some())
        });
        conv.backward(
            compute,
            &Source {
                raw,
                prologue: fused,
            },
            &pass.parameters[weight.clone()],
            &arrived.of_output(&output),
            &mut learned[weight.clone()],
            destination,
        );
        if let (Some(to), Some(prologue)) = (&mut to, &self.prologue) {
            prologue.learn(&input, to, learned);
        }
    }

    /// The same where the output's gradient has been written out.
    fn stored_back(&mut self, before: &[Node], pass: &Pass<'_>, learned: &mut [f32]) {
        let (compute, input) = (pass.compute, pass.read(before, self.input));
        let raw = input.raw;
        let mut arrived = self.gradient.lock();
        let values = &arrived.values;
        let to = self.input.map(|input| &before[input].gradient);
        match (&mut self.kernel, to) {
            (Kernel::Identity, _) => {
                if let Some(prologue) = &self.prologue {
                    let fused = prologue.fused(input.shape);
                    let Buffer { values, left, .. } = &mut *arrived;
                    fused.backward(compute, raw, values, left);
                    prologue.learn(&input, &mut arrived, learned);
                }
            }
            (Kernel::Add(right), _) => {
                let right = right.map(|right| &before[right].gradient);
                if let Some(right) = right.filter(|right| !right.shares(&self.gradient)) {
                    right.lock().receive(values);
                }
            }
            (Kernel::Linear(linear, weight), to) => {
                let mut to = to.map(Gradient::lock);
                let to = to.as_mut().map(|to| to.open(raw.len()));
                let (range, weight) = (weight.clone(), &pass.parameters[weight.clone()]);
                linear.backward(compute, raw, weight, values, &mut learned[range], to);
            }
            (kernel, Some(to)) => {
                let mut to = to.lock();
                let (to, _) = to.open(raw.len());
                match kernel {
                    Kernel::Pool(pool) => pool.backward(compute, raw, values, to),
                    Kernel::Maxout(pieces) => maxout_back(*pieces, raw, values, to),
                    _ => global_average_back(input.shape, values, to),
                }
            }
            (_, None) => {}
        }
    }
}
