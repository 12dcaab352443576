//! Convolution, forwards and backwards.
//!
//! Image by image: the input is copied into a padded scratch image, seen through what lies before it, and each of the
//! three products runs over windows of scratch images.

use std::{cell::RefCell, ops::Range};

use crate::{
    Compute, Geometry,
    compute::Parts,
    geometry::Tables,
    norm::{Moments, moments_of_image},
    product::{Left, Packed, Right, Run, product},
    rows,
    view::{Behind, BehindParts, Delta, Lines, View},
};

/// Images whose weight gradients are summed before they join the total, as a share of the batch: fixed, so that threads
/// change no sum.
const CHUNKS: usize = 8;
/// What a block of columns may read beyond the last one.
const SLACK: usize = 64;
/// Numbers that a group of rows may hold in the first-level cache.
const CACHED: usize = 7168;
/// Columns of the widest kernel, as far as that estimate is concerned.
const COLUMNS: usize = 16;
/// Output pixels that are worth a pass over the weight's gradient; small maps are taken several images at a time.
const PIXELS: usize = 256;

/// A stored input, as it is or through a view.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// All images.
    pub raw: &'a [f32],
    /// What lies before the convolution.
    pub view: Option<View<'a>>,
}

/// Where the input's gradient goes.
#[derive(Debug)]
pub enum Sink<'a> {
    /// Nowhere.
    None,
    /// The gradient of what the convolution saw, written or added.
    Plain {
        /// All images.
        gradient: &'a mut [f32],
        /// Whether to add to what is there.
        add: bool,
    },
    /// Back through the source's view.
    Through {
        /// All images, as seen.
        gradient: &'a mut [f32],
        /// What the view leaves.
        behind: &'a mut Behind,
    },
}

/// One convolution of a network: its tables and its packed weights.
#[derive(Debug)]
pub struct Conv {
    geometry: Geometry,
    tables: Tables,
    forward: Packed,
    backward: Vec<Packed>,
    partial: Vec<f32>,
}

#[derive(Default)]
struct Scratch {
    input: Vec<f32>,
    delta: Vec<f32>,
    lines: Lines,
    moments: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

fn sized(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if buffer.len() < len + SLACK {
        buffer.resize(len + SLACK, 0.0);
    }
    buffer
}

impl Conv {
    /// Makes the tables; `gradient` says whether the input's gradient will be wanted.
    pub fn new(geometry: Geometry, gradient: bool) -> Self {
        let tables = Tables::new(&geometry, gradient);
        Self {
            geometry,
            tables,
            forward: Packed::default(),
            backward: Vec::new(),
            partial: Vec::new(),
        }
    }

    /// Its shape.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Writes the raw outputs, without bias, and their moments if asked for.
    pub fn forward(
        &mut self,
        compute: &Compute,
        source: &Source<'_>,
        weight: &[f32],
        out: &mut [f32],
        moments: Option<&mut Moments>,
    ) {
        let g = self.geometry;
        let (stored, extent) = (stored_len(&g, source), g.output());
        let images = out.len() / extent.len();
        assert_eq!(weight.len(), g.weights());
        assert!(out.len() == images * extent.len() && source.raw.len() == images * stored);
        let taps = g.size * g.size * g.input.channels;
        self.forward
            .fill(compute.isa(), taps, g.filters, |r, into| {
                into.copy_from_slice(&weight[r * g.filters..(r + 1) * g.filters]);
            });
        let this = &*self;
        let out = Parts::new(out);
        let mut moments = moments;
        let parts = moments
            .as_mut()
            .map(|moments| moments.parts(images, g.filters));
        compute.for_each(images, |i| {
            // SAFETY: every image has its own parts.
            let (out, part) = unsafe {
                (
                    out.part(i, extent.len()),
                    parts.as_ref().map(|p| p.part(i, 2 * g.filters)),
                )
            };
            let raw = &source.raw[i * stored..][..stored];
            SCRATCH.with_borrow_mut(|scratch| {
                this.forward_image(compute, source, i, raw, out, part, scratch)
            });
        });
        if let Some(moments) = moments {
            moments.combine(g.filters, extent.height * extent.width);
        }
    }

    fn forward_image(
        &self,
        compute: &Compute,
        source: &Source<'_>,
        index: usize,
        raw: &[f32],
        out: &mut [f32],
        moments: Option<&mut [f64]>,
        scratch: &mut Scratch,
    ) {
        let isa = compute.isa();
        let table = &self.tables.forward;
        let input = if self.reads_in_place(source) {
            raw
        } else {
            let input = sized(&mut scratch.input, self.tables.input.len);
            self.fill_input(compute, source, index, raw, input, &mut scratch.lines);
            &*input
        };
        let left = Left {
            rows: &table.rows,
            step: 1,
            runs: &table.runs,
            out: &table.out,
        };
        // SAFETY: the tables stay inside the padded input and the output, whose lengths the callers have checked.
        unsafe {
            product(
                isa,
                input.as_ptr(),
                &left,
                &Right::Packed(&self.forward),
                out.as_mut_ptr(),
                false,
            )
        };
        if let Some(moments) = moments {
            moments_of_image(
                isa,
                self.geometry.output(),
                out,
                moments,
                &mut scratch.moments,
            );
        }
    }

    /// Whether the stored images will do as they are.
    fn reads_in_place(&self, source: &Source<'_>) -> bool {
        source.view.is_none() && self.tables.input.bare()
    }

    /// Writes the padded input of one image.
    fn fill_input(
        &self,
        compute: &Compute,
        source: &Source<'_>,
        index: usize,
        raw: &[f32],
        into: &mut [f32],
        lines: &mut Lines,
    ) {
        let padded = &self.tables.input;
        let width = padded.image.row();
        padded.fill(into, |r, into| match &source.view {
            Some(view) => view.row(compute.isa(), index, raw, r, into, lines),
            None => into.copy_from_slice(&raw[r * width..][..width]),
        });
    }

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
            ..
        } = scratch;
        let stored = stored_len(&self.geometry, source);
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
            for (index, into) in group.clone().zip(input.chunks_exact_mut(padded.len)) {
                self.fill_input(compute, source, index, raw(index), into, lines);
            }
            &*input
        };
        self.weight_gradient(compute, input, buffer, group.len(), sums, accumulate);
        for (index, delta) in group.zip(buffer.chunks_exact(output.len)) {
            // SAFETY: one chunk, hence one thread, works at an image.
            if let Some(gradient) = unsafe { sink.gradient(index) } {
                self.input_gradient(compute, delta, gradient, sink.adds());
                // SAFETY: as above; the gradient is not used any more.
                unsafe { sink.finish(compute, index, raw(index), lines) };
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

/// Numbers stored for one image of the source.
fn stored_len(g: &Geometry, source: &Source<'_>) -> usize {
    match &source.view {
        Some(view) => {
            assert_eq!(view.seen(), g.input);
            view.extent.len()
        }
        None => g.input.len(),
    }
}

/// How many chunks of how many images.
fn chunking(images: usize) -> (usize, usize) {
    let size = images.div_ceil(CHUNKS).max(1);
    (images.div_ceil(size), size)
}

enum SinkParts<'a> {
    None,
    Plain {
        gradient: Parts<'a, f32>,
        len: usize,
        add: bool,
    },
    Through(BehindParts<'a>),
}

impl<'a> SinkParts<'a> {
    fn new(sink: Sink<'a>, images: usize, g: &Geometry, view: Option<View<'a>>) -> Self {
        let len = g.input.len();
        match (sink, view) {
            (Sink::None, _) => SinkParts::None,
            (Sink::Plain { gradient, add }, _) => {
                assert_eq!(gradient.len(), images * len);
                SinkParts::Plain {
                    gradient: Parts::new(gradient),
                    len,
                    add,
                }
            }
            (Sink::Through { gradient, behind }, Some(view)) => {
                assert_eq!(gradient.len(), images * len);
                SinkParts::Through(BehindParts::new(behind, images, view, gradient))
            }
            (Sink::Through { gradient, .. }, None) => Self::new(
                Sink::Plain {
                    gradient,
                    add: false,
                },
                images,
                g,
                None,
            ),
        }
    }

    fn adds(&self) -> bool {
        matches!(self, SinkParts::Plain { add: true, .. })
    }

    /// # Safety
    /// No two threads may work at one image.
    #[expect(clippy::mut_from_ref, reason = "the parts are disjoint")]
    unsafe fn gradient(&self, index: usize) -> Option<&mut [f32]> {
        match self {
            SinkParts::None => None,
            // SAFETY: by the contract.
            SinkParts::Plain { gradient, len, .. } => Some(unsafe { gradient.part(index, *len) }),
            // SAFETY: by the contract.
            SinkParts::Through(parts) => Some(unsafe { parts.gradient(index) }),
        }
    }

    /// # Safety
    /// As [`Self::gradient`], whose result must be gone.
    unsafe fn finish(&self, compute: &Compute, index: usize, raw: &[f32], lines: &mut Lines) {
        if let SinkParts::Through(parts) = self {
            // SAFETY: by the contract.
            unsafe { parts.back(compute.isa(), index, raw, lines) };
        }
    }
}
