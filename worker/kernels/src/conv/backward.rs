//! Convolution backwards: the weight's gradient, and the input's.

use std::ops::Range;

use super::{Conv, SCRATCH, Scratch, Sink, Source, sink::SinkParts, sized, stored_len};
use crate::{
    Compute, Delta,
    compute::Parts,
    product::{Left, Packed, Right, Run, product},
    rows,
    view::Trace,
};

/// Images whose weight gradients are summed before they join the total, as a share of the batch: fixed, so that threads
/// change no sum.
const CHUNKS: usize = 8;
/// Numbers that a group of rows may hold in the first-level cache.
const CACHED: usize = 7168;
/// Columns of the widest kernel, as far as that estimate is concerned.
const COLUMNS: usize = 16;
/// Output pixels that are worth a pass over the weight's gradient; small maps are taken several images at a time.
const PIXELS: usize = 256;

impl Conv {
    /// Writes the weight's gradient, and the input's where `sink` says.
    pub fn backward(
        &mut self,
        compute: &Compute,
        source: &Source<'_>,
        weight: &[f32],
        delta: &Delta<'_>,
        weight_gradient: &mut [f32],
        sink: Sink<'_>,
    ) {
        let g = self.geometry;
        let stored = stored_len(&g, source);
        let images = source.raw.len() / stored;
        let weights = g.weights();
        assert!(
            weight.len() == weights
                && weight_gradient.len() == weights
                && delta.extent == g.output()
        );
        assert_eq!(source.raw.len(), images * stored);
        if !matches!(sink, Sink::None) {
            self.pack_backward(compute, weight);
        }
        let sink = SinkParts::new(sink, images, &g, source.view);
        let (chunks, size) = chunking(images);
        let mut partial = std::mem::take(&mut self.partial);
        let at_once = if compute.threads() > 1 { chunks } else { 1 };
        partial.resize(at_once * weights, 0.0);
        let this = &*self;
        let run = |chunk: usize, sums: &mut [f32]| {
            SCRATCH.with_borrow_mut(|scratch| {
                let end = ((chunk + 1) * size).min(images);
                for first in (chunk * size..end).step_by(this.group()) {
                    let group = first..(first + this.group()).min(end);
                    let accumulate = first > chunk * size;
                    this.backward_group(
                        compute, source, group, delta, sums, accumulate, &sink, scratch,
                    );
                }
            });
        };
        if at_once > 1 {
            let parts = Parts::new(&mut partial);
            // SAFETY: every chunk has its own part.
            compute.for_each(chunks, |chunk| {
                run(chunk, unsafe { parts.part(chunk, weights) })
            });
        }
        for chunk in 0..chunks {
            let sums = if at_once > 1 {
                &mut partial[chunk * weights..][..weights]
            } else {
                &mut partial[..]
            };
            if at_once == 1 {
                run(chunk, sums);
            }
            if chunk == 0 {
                weight_gradient.copy_from_slice(sums);
            } else {
                rows::add(compute.isa(), weight_gradient, sums);
            }
        }
        self.partial = partial;
    }

    fn pack_backward(&mut self, compute: &Compute, weight: &[f32]) {
        let (channels, filters, size) = (
            self.geometry.input.channels,
            self.geometry.filters,
            self.geometry.size,
        );
        self.backward
            .resize_with(self.tables.phases.len(), Packed::default);
        for (packed, phase) in self.backward.iter_mut().zip(&self.tables.phases) {
            packed.fill(
                compute.isa(),
                phase.taps.len() * filters,
                channels,
                |r, into| {
                    let (ky, kx) = phase.taps[r / filters];
                    let tap = &weight[(ky * size + kx) * channels * filters + r % filters..];
                    for (c, value) in into.iter_mut().enumerate() {
                        *value = tap[c * filters];
                    }
                },
            );
        }
    }

    /// How many images are worth a pass over the weight's gradient.
    fn group(&self) -> usize {
        let out = self.geometry.output();
        PIXELS.div_ceil(out.height * out.width)
    }

    fn backward_group(
        &self,
        compute: &Compute,
        source: &Source<'_>,
        group: Range<usize>,
        delta: &Delta<'_>,
        sums: &mut [f32],
        accumulate: bool,
        sink: &SinkParts<'_>,
        scratch: &mut Scratch,
    ) {
        let Scratch {
            input,
            delta: buffer,
            lines,
            chosen,
            ..
        } = scratch;
        let stored = stored_len(&self.geometry, source);
        let seen = self.geometry.input.len();
        let raw = |index: usize| &source.raw[index * stored..][..stored];
        let (padded, output) = (&self.tables.input, &self.tables.delta);
        let buffer = sized(buffer, group.len() * output.len);
        for (index, into) in group.clone().zip(buffer.chunks_exact_mut(output.len)) {
            output.fill(into, |r, into| delta.row(compute.isa(), index, r, into));
        }
        let input = if self.reads_in_place(source) {
            &source.raw[group.start * stored..group.end * stored]
        } else {
            let input = sized(input, group.len() * padded.len);
            let kept = sized(chosen, group.len() * seen).chunks_exact_mut(seen);
            let places = group.clone().zip(input.chunks_exact_mut(padded.len));
            for ((index, into), chosen) in places.zip(kept) {
                // SAFETY: one chunk, hence one thread, works at an image.
                let choice = unsafe { sink.choice(index) };
                let trace = choice.map(|choice| Trace { chosen, choice });
                self.fill_input(compute, source, index, raw(index), into, lines, trace);
            }
            &*input
        };
        self.weight_gradient(compute, input, buffer, group.len(), sums, accumulate);
        let deltas = group.clone().zip(buffer.chunks_exact(output.len));
        for (index, delta) in deltas {
            // SAFETY: one chunk, hence one thread, works at an image.
            if let Some(gradient) = unsafe { sink.gradient(index) } {
                self.input_gradient(compute, delta, gradient, sink.adds());
                // SAFETY: as above; the gradient is not used any more.
                unsafe {
                    let raw = match sink.choice(index) {
                        Some(_) => &chosen[(index - group.start) * seen..][..seen],
                        None => raw(index),
                    };
                    sink.finish(compute, index, raw, lines);
                }
            }
        }
    }

    fn weight_gradient(
        &self,
        compute: &Compute,
        input: &[f32],
        delta: &[f32],
        images: usize,
        sums: &mut [f32],
        accumulate: bool,
    ) {
        let (g, tables) = (&self.geometry, &self.tables);
        let table = &tables.weight;
        let right = Right::Plain {
            data: delta.as_ptr(),
            stride: g.filters,
            columns: g.filters,
        };
        let (width, stride) = (g.output().width, tables.input.stride);
        let fixed = g.size.saturating_sub(g.stride) * stride;
        let each = g.stride * stride + width * g.filters.min(COLUMNS);
        let rows = (CACHED.saturating_sub(fixed) / each)
            .max(64usize.div_ceil(width))
            .max(1);
        let runs: Vec<Run> = (0..images)
            .flat_map(|image| {
                let (a, b) = (
                    image * tables.input.len,
                    image * tables.delta.len / g.filters,
                );
                table.runs.iter().map(move |run| Run {
                    a: run.a + a,
                    b: run.b + b,
                    ..*run
                })
            })
            .collect();
        for (i, runs) in runs.chunks(rows).enumerate() {
            let left = Left {
                rows: &table.rows,
                step: g.stride * g.input.channels,
                runs,
                out: &table.out,
            };
            // SAFETY: the tables stay inside the padded inputs, the padded deltas (with slack behind them) and the weight.
            unsafe {
                product(
                    compute.isa(),
                    input.as_ptr(),
                    &left,
                    &right,
                    sums.as_mut_ptr(),
                    accumulate || i > 0,
                )
            };
        }
    }

    fn input_gradient(&self, compute: &Compute, delta: &[f32], gradient: &mut [f32], add: bool) {
        for (phase, packed) in self.tables.phases.iter().zip(&self.backward) {
            let table = &phase.table;
            if phase.taps.is_empty() {
                if !add {
                    let channels = self.geometry.input.channels;
                    table
                        .out
                        .iter()
                        .for_each(|&at| gradient[at..at + channels].fill(0.0));
                }
                continue;
            }
            let left = Left {
                rows: &table.rows,
                step: 1,
                runs: &table.runs,
                out: &table.out,
            };
            // SAFETY: the tables stay inside the padded delta and the input's gradient.
            unsafe {
                product(
                    compute.isa(),
                    delta.as_ptr(),
                    &left,
                    &Right::Packed(packed),
                    gradient.as_mut_ptr(),
                    add,
                )
            };
        }
    }
}

/// How many chunks of how many images.
fn chunking(images: usize) -> (usize, usize) {
    let size = images.div_ceil(CHUNKS).max(1);
    (images.div_ceil(size), size)
}
