//! The fully connected layer.

use crate::{
    Compute,
    geometry::LARGEST,
    product::{Left, Offsets, Packed, Right, Run, SLACK, Sum, product, runs},
};

/// Examples that share one pass over the weights.
const EXAMPLES: usize = 48;
/// Inputs whose weight gradients are made together.
const INPUTS: usize = 96;

/// A fully connected layer of a network: `[inputs, outputs]` weights, packed.
#[derive(Debug)]
pub struct Linear {
    inputs: usize,
    outputs: usize,
    forward: Packed,
    backward: Packed,
    gradient: Vec<f32>,
}

impl Linear {
    /// Of so many inputs and outputs.
    ///
    /// # Panics
    /// There are none, or no memory could hold the weight.
    pub fn new(inputs: usize, outputs: usize) -> Self {
        let weights = inputs.checked_mul(outputs);
        assert!(weights.is_some_and(|weights| (1..=LARGEST).contains(&weights)));
        Self {
            inputs,
            outputs,
            forward: Packed::default(),
            backward: Packed::default(),
            gradient: Vec::new(),
        }
    }

    /// Writes the raw outputs `[batch, outputs]`, without bias.
    pub fn forward(&mut self, compute: &Compute, input: &[f32], weight: &[f32], out: &mut [f32]) {
        let (inputs, outputs) = (self.inputs, self.outputs);
        assert_eq!(weight.len(), inputs * outputs);
        self.forward
            .fill(compute.isa(), inputs, outputs, |r, into| {
                into.copy_from_slice(&weight[r * outputs..][..outputs]);
            });
        rows_times(compute, input, &self.forward, out, false);
    }

    /// Writes the weight's gradient from that of the outputs, and the input's if there is a place for it (`true`: adds to what is
    /// there).
    pub fn backward(
        &mut self,
        compute: &Compute,
        input: &[f32],
        weight: &[f32],
        gradient: &[f32],
        weight_gradient: &mut [f32],
        input_gradient: Option<(&mut [f32], bool)>,
    ) {
        let (inputs, outputs) = (self.inputs, self.outputs);
        assert!(weight.len() == inputs * outputs && weight_gradient.len() == weight.len());
        assert_eq!(input.len() / inputs, gradient.len() / outputs);
        self.gradient.clear();
        self.gradient.extend_from_slice(gradient);
        self.gradient.resize(gradient.len() + SLACK, 0.0);
        self.weight_gradient(compute, input, weight_gradient);
        if let Some((to, add)) = input_gradient {
            self.backward
                .fill(compute.isa(), outputs, inputs, |r, into| {
                    for (i, value) in into.iter_mut().enumerate() {
                        *value = weight[i * outputs + r];
                    }
                });
            rows_times(compute, gradient, &self.backward, to, add);
        }
    }

    fn weight_gradient(&self, compute: &Compute, input: &[f32], gradient: &mut [f32]) {
        let (inputs, outputs) = (self.inputs, self.outputs);
        let batch = input.len() / inputs;
        compute.pieces(gradient, INPUTS * outputs, |chunk, gradient| {
            let (from, count) = (chunk * INPUTS, gradient.len() / outputs);
            // Gathered, since columns a power of two apart would fall into the same few cache lines.
            let mut columns = Vec::with_capacity(batch * count);
            for example in input.chunks_exact(inputs) {
                columns.extend_from_slice(&example[from..from + count]);
            }
            let left = Left {
                rows: &Offsets::every(1, count),
                step: count,
                runs: &[Run {
                    a: 0,
                    b: 0,
                    terms: batch,
                }],
                out: &Offsets::every(outputs, count),
            };
            let right = Right::Plain {
                data: &self.gradient,
                stride: outputs,
                columns: outputs,
            };
            product(compute.isa(), &columns, &left, &right, gradient, Sum::New);
        });
    }
}

/// out[r] = a[r] · b.
fn rows_times(compute: &Compute, a: &[f32], b: &Packed, out: &mut [f32], add: bool) {
    let (terms, columns) = (b.rows, b.columns);
    assert!(a.len() / terms == out.len() / columns && out.len().is_multiple_of(columns));
    let (runs, sum) = (runs(terms), if add { Sum::GoOn } else { Sum::New });
    compute.pieces(out, EXAMPLES * columns, |chunk, out| {
        let count = out.len() / columns;
        let left = Left {
            rows: &Offsets::every(terms, count),
            step: 1,
            runs: &runs,
            out: &Offsets::every(columns, count),
        };
        let a = &a[chunk * EXAMPLES * terms..][..count * terms];
        product(compute.isa(), a, &left, &Right::Packed(b), out, sum);
    });
}
