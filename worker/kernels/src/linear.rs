//! The fully connected layer.

use crate::{
    Compute,
    compute::Parts,
    product::{Left, Packed, Right, Run, product},
};

/// Examples that share one pass over the weights.
const EXAMPLES: usize = 48;
/// Inputs whose weight gradients are made together.
const INPUTS: usize = 96;
/// What a block of columns may read beyond the last one.
const SLACK: usize = 64;

/// A fully connected layer of a network: `[inputs, outputs]` weights, packed.
#[derive(Debug)]
pub struct Linear {
    inputs: usize,
    outputs: usize,
    forward: Packed,
    backward: Packed,
    delta: Vec<f32>,
}

fn offsets(count: usize, step: usize) -> Vec<usize> {
    (0..count).map(|i| i * step).collect()
}

/// One run of `terms`, in pieces that the product may group.
fn runs(terms: usize) -> Vec<Run> {
    const PIECE: usize = 192;
    (0..terms)
        .step_by(PIECE)
        .map(|at| Run {
            a: at,
            b: at,
            terms: PIECE.min(terms - at),
        })
        .collect()
}

impl Linear {
    /// Of so many inputs and outputs.
    pub fn new(inputs: usize, outputs: usize) -> Self {
        Self {
            inputs,
            outputs,
            forward: Packed::default(),
            backward: Packed::default(),
            delta: Vec::new(),
        }
    }

    /// Writes the raw outputs `[batch, outputs]`, without bias.
    pub fn forward(&mut self, compute: &Compute, input: &[f32], weight: &[f32], out: &mut [f32]) {
        let (inputs, outputs) = (self.inputs, self.outputs);
        let batch = out.len() / outputs;
        assert!(
            weight.len() == inputs * outputs
                && input.len() == batch * inputs
                && out.len() == batch * outputs
        );
        self.forward
            .fill(compute.isa(), inputs, outputs, |r, into| {
                into.copy_from_slice(&weight[r * outputs..][..outputs])
            });
        rows_times(compute, input, inputs, &self.forward, outputs, out, false);
    }

    /// Writes the weight's gradient, and the input's if there is a place for it (`add`: adds to what is there).
    pub fn backward(
        &mut self,
        compute: &Compute,
        input: &[f32],
        weight: &[f32],
        delta: &[f32],
        weight_gradient: &mut [f32],
        input_gradient: Option<(&mut [f32], bool)>,
    ) {
        let (inputs, outputs) = (self.inputs, self.outputs);
        let batch = delta.len() / outputs;
        assert!(weight.len() == inputs * outputs && weight_gradient.len() == weight.len());
        assert!(input.len() == batch * inputs && delta.len() == batch * outputs);
        self.delta.clear();
        self.delta.extend_from_slice(delta);
        self.delta.resize(delta.len() + SLACK, 0.0);
        self.weight_gradient(compute, input, batch, weight_gradient);
        if let Some((gradient, add)) = input_gradient {
            assert_eq!(gradient.len(), input.len());
            self.backward
                .fill(compute.isa(), outputs, inputs, |r, into| {
                    for (i, value) in into.iter_mut().enumerate() {
                        *value = weight[i * outputs + r];
                    }
                });
            rows_times(
                compute,
                delta,
                outputs,
                &self.backward,
                inputs,
                gradient,
                add,
            );
        }
    }

    fn weight_gradient(
        &self,
        compute: &Compute,
        input: &[f32],
        batch: usize,
        gradient: &mut [f32],
    ) {
        let (inputs, outputs) = (self.inputs, self.outputs);
        let right = &self.delta;
        let parts = Parts::new(gradient);
        compute.for_each(inputs.div_ceil(INPUTS), |chunk| {
            let from = chunk * INPUTS;
            let count = INPUTS.min(inputs - from);
            // Gathered, since columns a power of two apart would fall into the same few cache lines.
            let mut columns = Vec::with_capacity(batch * count);
            for example in input.chunks_exact(inputs) {
                columns.extend_from_slice(&example[from..from + count]);
            }
            let runs = [Run {
                a: 0,
                b: 0,
                terms: batch,
            }];
            let left = Left {
                rows: &offsets(count, 1),
                step: count,
                runs: &runs,
                out: &offsets(count, outputs),
            };
            let right = Right::Plain {
                data: right.as_ptr(),
                stride: outputs,
                columns: outputs,
            };
            for_part(&parts, from * outputs, count * outputs, |gradient| {
                // SAFETY: `count` columns of `batch` numbers, as many rows of delta with slack behind them, and
                // `count` rows of the gradient, which this chunk alone writes.
                unsafe {
                    product(
                        compute.isa(),
                        columns.as_ptr(),
                        &left,
                        &right,
                        gradient.as_mut_ptr(),
                        false,
                    )
                };
            });
        });
    }
}

/// Hands out `len` elements from `start`, which no other chunk touches.
fn for_part(parts: &Parts<'_, f32>, start: usize, len: usize, work: impl FnOnce(&mut [f32])) {
    // SAFETY: the chunks of the only caller are disjoint.
    work(unsafe { parts.range(start, len) });
}

/// out[r] = a[r] · b for rows of `terms` numbers.
fn rows_times(
    compute: &Compute,
    a: &[f32],
    terms: usize,
    b: &Packed,
    columns: usize,
    out: &mut [f32],
    add: bool,
) {
    let batch = out.len() / columns;
    let runs = runs(terms);
    let (rows, places) = (
        offsets(EXAMPLES.min(batch), terms),
        offsets(EXAMPLES.min(batch), columns),
    );
    let parts = Parts::new(out);
    compute.for_each(batch.div_ceil(EXAMPLES), |chunk| {
        let from = chunk * EXAMPLES;
        let count = EXAMPLES.min(batch - from);
        let left = Left {
            rows: &rows[..count],
            step: 1,
            runs: &runs,
            out: &places[..count],
        };
        let a = &a[from * terms..(from + count) * terms];
        for_part(&parts, from * columns, count * columns, |out| {
            // SAFETY: `count` rows of `terms` numbers in, `count` rows of `columns` out, which this chunk alone writes.
            unsafe {
                product(
                    compute.isa(),
                    a.as_ptr(),
                    &left,
                    &Right::Packed(b),
                    out.as_mut_ptr(),
                    add,
                )
            };
        });
    });
}
