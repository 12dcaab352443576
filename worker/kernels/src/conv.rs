//! Convolution, forwards and backwards.
//!
//! Image by image: the input is copied into a padded scratch image, seen through what lies before it, and each of the
//! three products runs over windows of scratch images.

use std::cell::RefCell;

use crate::{
    Compute, Geometry,
    compute::Parts,
    geometry::Tables,
    norm::{Moments, moments_of_image},
    product::{Left, Packed, Right, product},
    rows,
    view::{Behind, BehindParts, Delta, Lines, View},
};

/// Images whose weight gradients are summed before they join the total, as a share of the batch: fixed, so that threads
/// change no sum.
const CHUNKS: usize = 16;
/// What a block of columns may read beyond the last one.
const SLACK: usize = 64;
/// Numbers that a group of rows may hold in the first-level cache.
const CACHED: usize = 7168;

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
        let input = self.input(
            compute,
            source,
            index,
            raw,
            &mut scratch.input,
            &mut scratch.lines,
        );
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

    /// The padded input of one image, or the image itself where that will do.
    fn input<'a>(
        &self,
        compute: &Compute,
        source: &Source<'_>,
        index: usize,
        raw: &'a [f32],
        buffer: &'a mut Vec<f32>,
        lines: &mut Lines,
    ) -> &'a [f32] {
        let padded = &self.tables.input;
        let Some(view) = &source.view else {
            if padded.bare() {
                return raw;
            }
            let (width, buffer) = (padded.image.row(), sized(buffer, padded.len));
            padded.fill(buffer, |r, into| {
                into.copy_from_slice(&raw[r * width..][..width])
            });
            return buffer;
        };
        let buffer = sized(buffer, padded.len);
        padded.fill(buffer, |r, into| {
            view.row(compute.isa(), index, raw, r, into, lines)
        });
        buffer
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
                for i in chunk * size..((chunk + 1) * size).min(images) {
                    let raw = &source.raw[i * stored..][..stored];
                    this.backward_image(
                        compute,
                        source,
                        i,
                        raw,
                        delta,
                        sums,
                        i > chunk * size,
                        &sink,
                        scratch,
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

    fn backward_image(
        &self,
        compute: &Compute,
        source: &Source<'_>,
        index: usize,
        raw: &[f32],
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
        let input = self.input(compute, source, index, raw, input, lines);
        let padded = &self.tables.delta;
        let buffer = sized(buffer, padded.len);
        padded.fill(buffer, |r, into| delta.row(compute.isa(), index, r, into));
        self.weight_gradient(compute, input, buffer, sums, accumulate);
        // SAFETY: one chunk, hence one thread, works at an image.
        if let Some(gradient) = unsafe { sink.gradient(index) } {
            self.input_gradient(compute, buffer, gradient, sink.adds());
            // SAFETY: as above; the gradient is not used any more.
            unsafe { sink.finish(compute, index, raw, lines) };
        }
    }

    fn weight_gradient(
        &self,
        compute: &Compute,
        input: &[f32],
        delta: &[f32],
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
        let fixed = g.size.saturating_sub(g.stride) * tables.input.stride;
        let each = g.stride * tables.input.stride + tables.delta.stride;
        let rows = (CACHED.saturating_sub(fixed) / each)
            .max(64usize.div_ceil(g.output().width))
            .max(1);
        for (i, runs) in table.runs.chunks(rows).enumerate() {
            let left = Left {
                rows: &table.rows,
                step: g.stride * g.input.channels,
                runs,
                out: &table.out,
            };
            // SAFETY: the tables stay inside the padded input, the padded delta (with slack behind it) and the weight.
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
