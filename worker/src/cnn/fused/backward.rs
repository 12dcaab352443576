//! The steps in reverse.

use hone_kernels::{Delta, Sink, Source, global_average_back, maxout_back};

use super::{
    Fused,
    plan::{Action, Tensor},
};

impl Fused {
    /// From the logits' gradient, which lies in their buffer, to that of every parameter.
    pub(super) fn backward(
        &mut self,
        parameters: &[f32],
        images: &[f32],
        count: usize,
        gradient: &mut [f32],
    ) {
        self.written.clear();
        self.written.resize(self.gradients.len(), false);
        for index in (0..self.plan.steps.len()).rev() {
            let started = self.timing.start();
            self.backward_step(index, parameters, images, count, gradient);
            self.timing.backward(self.plan.steps[index].layer, started);
        }
    }

    fn backward_step(
        &mut self,
        index: usize,
        parameters: &[f32],
        images: &[f32],
        count: usize,
        gradient: &mut [f32],
    ) {
        let Some(slot) = self.plan.tensors[self.plan.steps[index].output].gradient else {
            return;
        };
        let mut arrived = std::mem::take(&mut self.gradients[slot]);
        match &self.plan.steps[index].action {
            Action::Conv { .. } => self.conv(index, parameters, images, count, &arrived, gradient),
            Action::Linear { .. } => {
                self.linear(index, parameters, images, count, &arrived, gradient);
            }
            _ => {
                self.dense(index, count, &mut arrived);
                self.plain(index, images, count, &mut arrived);
            }
        }
        self.gradients[slot] = arrived;
    }

    fn conv(
        &mut self,
        index: usize,
        parameters: &[f32],
        images: &[f32],
        count: usize,
        arrived: &[f32],
        gradient: &mut [f32],
    ) {
        let step = &mut self.plan.steps[index];
        let Action::Conv { conv, weight } = &mut step.action else {
            return;
        };
        let (before, after) = self.plan.tensors.split_at_mut(step.output);
        let (source, target) = (&mut before[step.input], &mut after[0]);
        learn(target, count, gradient);
        let delta = match &target.lens {
            Some(lens) => lens.delta(target.extent, &self.data[step.output], arrived),
            None => Delta {
                extent: target.extent,
                gradient: arrived,
                window: 1,
                choice: &[],
                norm: None,
            },
        };
        let raw = if step.input == 0 {
            images
        } else {
            &self.data[step.input]
        };
        let seen = count * source.seen();
        let mut onward = Onward::take(
            &mut self.gradients,
            &mut self.written,
            source.gradient,
            seen,
        );
        let mut behind = source
            .lens
            .as_mut()
            .map(|lens| std::mem::take(&mut lens.behind));
        let view = source.lens.as_ref().map(|lens| lens.view(source.extent));
        let sink = match (&mut onward, &mut behind) {
            (None, _) => Sink::None,
            (Some(onward), Some(behind)) => Sink::Through {
                gradient: &mut onward.buffer,
                behind,
            },
            (Some(onward), None) => Sink::Plain {
                gradient: &mut onward.buffer,
                add: onward.add,
            },
        };
        let weights = (&parameters[weight.clone()], &mut gradient[weight.clone()]);
        conv.backward(
            &self.compute,
            &Source { raw, view },
            weights.0,
            &delta,
            weights.1,
            sink,
        );
        if let (Some(lens), Some(behind)) = (&mut source.lens, behind) {
            lens.behind = behind;
        }
        Onward::put(onward, &mut self.gradients);
    }

    fn linear(
        &mut self,
        index: usize,
        parameters: &[f32],
        images: &[f32],
        count: usize,
        arrived: &[f32],
        gradient: &mut [f32],
    ) {
        let step = &mut self.plan.steps[index];
        let Action::Linear { linear, weight } = &mut step.action else {
            return;
        };
        let (before, after) = self.plan.tensors.split_at_mut(step.output);
        let (source, target) = (&before[step.input], &mut after[0]);
        learn(target, count, gradient);
        let (extent, _) = target.batched(count);
        let delta = match &target.lens {
            Some(lens) if !lens.passes() => {
                self.spare.resize(arrived.len(), 0.0);
                lens.delta(extent, &self.data[step.output], arrived)
                    .write(&self.compute, &mut self.spare);
                &self.spare
            }
            _ => arrived,
        };
        let raw = if step.input == 0 {
            images
        } else {
            &self.data[step.input]
        };
        let mut onward = Onward::take(
            &mut self.gradients,
            &mut self.written,
            source.gradient,
            count * source.extent.len(),
        );
        let to = onward
            .as_mut()
            .map(|onward| (&mut onward.buffer[..], onward.add));
        let weights = (&parameters[weight.clone()], &mut gradient[weight.clone()]);
        linear.backward(&self.compute, raw, weights.0, delta, weights.1, to);
        Onward::put(onward, &mut self.gradients);
    }

    /// Where a pool was seen through, the gradient at the stored pixels takes the place of that at its windows.
    fn dense(&mut self, index: usize, count: usize, arrived: &mut Vec<f32>) {
        let output = self.plan.steps[index].output;
        let target = &self.plan.tensors[output];
        let (extent, copies) = target.batched(count);
        if let Some(lens) = target.lens.as_ref().filter(|lens| !lens.passes()) {
            self.spare.resize(copies * extent.len(), 0.0);
            lens.delta(extent, &self.data[output], arrived)
                .write(&self.compute, &mut self.spare);
            std::mem::swap(&mut self.spare, arrived);
        }
    }

    fn plain(&mut self, index: usize, images: &[f32], count: usize, arrived: &mut [f32]) {
        let step = &self.plan.steps[index];
        let raw = if step.input == 0 {
            images
        } else {
            &self.data[step.input]
        };
        let source = &mut self.plan.tensors[step.input];
        if let Action::Materialise = step.action {
            let (extent, _) = source.batched(count);
            if let Some(lens) = &mut source.lens {
                lens.back(&self.compute, extent, raw, arrived);
            }
            return;
        }
        if let Action::Add(right) = step.action {
            self.pass_on(right, count, arrived);
            return;
        }
        let Some(onward) = &mut Onward::take(
            &mut self.gradients,
            &mut self.written,
            source.gradient,
            raw.len(),
        ) else {
            return;
        };
        match &step.action {
            Action::Pool(pool) => pool.backward(&self.compute, raw, arrived, &mut onward.buffer),
            Action::GlobalPool => global_average_back(source.extent, arrived, &mut onward.buffer),
            Action::Maxout(pieces) => maxout_back(*pieces, raw, arrived, &mut onward.buffer),
            _ => {}
        }
        self.gradients[onward.slot] = std::mem::take(&mut onward.buffer);
    }

    /// The right term of a sum; the left one shares the sum's buffer, and so does a projection.
    fn pass_on(&mut self, right: usize, count: usize, arrived: &[f32]) {
        let tensor = &self.plan.tensors[right];
        let shares = self
            .plan
            .steps
            .iter()
            .any(|step| step.output == right && matches!(step.action, Action::Conv { .. }))
            && tensor.lens.is_none();
        if shares {
            return;
        }
        if let Some(mut onward) = Onward::take(
            &mut self.gradients,
            &mut self.written,
            tensor.gradient,
            count * tensor.extent.len(),
        ) {
            onward.buffer.copy_from_slice(arrived);
            Onward::put(Some(onward), &mut self.gradients);
        }
    }
}

/// The gradients of what a tensor's lens has learned, now that they are known.
fn learn(tensor: &mut Tensor, count: usize, gradient: &mut [f32]) {
    let (extent, copies) = tensor.batched(count);
    if let Some(lens) = &mut tensor.lens {
        lens.learn(extent, copies * extent.height * extent.width, gradient);
    }
}

/// A step's input gradient, taken out of its slot while it is written.
struct Onward {
    slot: usize,
    buffer: Vec<f32>,
    /// Somebody has written it before: a sum's remembered term.
    add: bool,
}

impl Onward {
    fn take(
        gradients: &mut [Vec<f32>],
        written: &mut [bool],
        slot: Option<usize>,
        len: usize,
    ) -> Option<Self> {
        let slot = slot?;
        let mut buffer = std::mem::take(&mut gradients[slot]);
        buffer.resize(len, 0.0);
        Some(Self {
            slot,
            buffer,
            add: std::mem::replace(&mut written[slot], true),
        })
    }

    fn put(onward: Option<Self>, gradients: &mut [Vec<f32>]) {
        if let Some(onward) = onward {
            gradients[onward.slot] = onward.buffer;
        }
    }
}
