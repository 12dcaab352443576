//! Convolution backwards: the weight's gradient, and the input's.

use super::{Conv, Destination, SCRATCH, Scratch, Source, destination::Target, sized};
use crate::{
    Compute, Isa, OutputGradient,
    compute::parts,
    product::{Left, Packed, Right, Run, Sum, product},
    prologue::Argmax,
    rows,
    winograd::{Winograd, Written},
};

/// Images whose weight gradients are summed before they join the total, as a share of the batch: fixed, so that threads
/// change no sum.
const CHUNKS: usize = 8;
/// Numbers that a group of rows may hold in the first-level cache.
const CACHED: usize = 7168;
/// Columns of the widest kernel, as far as that estimate is concerned.
const COLUMNS: usize = 16;
/// Weights up to which Winograd's sums are cut into as many chunks.
const WEIGHTS: usize = 9 * 64 * 64;
/// Output pixels that are worth a pass over the weight's gradient; small maps are taken several images at a time.
const PIXELS: usize = 256;

/// What a pass backwards reads.
#[derive(Clone, Copy)]
struct Pass<'a> {
    compute: &'a Compute,
    source: &'a Source<'a>,
    gradient: &'a OutputGradient<'a>,
}

impl Conv {
    /// Writes the weight's gradient, and the input's where `destination` says.
    pub fn backward(
        &mut self,
        compute: &Compute,
        source: &Source<'_>,
        weight: &[f32],
        gradient: &OutputGradient<'_>,
        weight_gradient: &mut [f32],
        destination: Destination<'_>,
    ) {
        let g = self.geometry;
        let ((stored, images), weights) = (self.stored(source), g.weights());
        assert!(weight.len() == weights && weight_gradient.len() == weights);
        assert!(gradient.shape == g.output && source.raw.len() == images * stored);
        if !destination.is_none() {
            self.pack_backward(compute.isa(), weight);
        }
        let pass = Pass {
            compute,
            source,
            gradient,
        };
        let targets = destination.images(images, &g, source.prologue);
        self.chunks(pass, targets, weight_gradient);
    }

    /// All images, in chunks whose weight gradients join in order.
    fn chunks(&mut self, pass: Pass<'_>, mut targets: Vec<Target<'_>>, total: &mut [f32]) {
        let mut partial = std::mem::take(&mut self.partial);
        let this = &*self;
        let (compute, sums) = (
            pass.compute,
            this.winograd.as_ref().map_or(total.len(), Winograd::sums),
        );
        let size = targets.len().div_ceil(this.chunk_count()).max(1);
        let chunks = targets.chunks_mut(size);
        if compute.threads() > 1 {
            partial.resize(chunks.len() * sums, 0.0);
            let parts = parts(&mut partial, chunks.len(), sums);
            compute.each(parts.zip(chunks), |chunk, (sums, targets)| {
                this.backward_chunk(pass, chunk * size, targets, sums);
            });
            for (chunk, sums) in partial.chunks_exact(sums).enumerate() {
                this.join(compute, chunk, total, sums);
            }
        } else {
            partial.resize(sums, 0.0);
            for (chunk, targets) in chunks.enumerate() {
                this.backward_chunk(pass, chunk * size, targets, &mut partial);
                this.join(compute, chunk, total, &partial);
            }
        }
        self.partial = partial;
    }

    /// Into how many chunks a batch is cut: by the shape alone. Transformed sums are four times the weight, and each chunk's are
    /// transformed back, which many channels must not do too often.
    fn chunk_count(&self) -> usize {
        match &self.winograd {
            Some(_) => (CHUNKS * WEIGHTS / self.geometry.weights()).clamp(2, CHUNKS),
            None => CHUNKS,
        }
    }

    /// The chunks' sums join one after the other, in their order.
    fn join(&self, compute: &Compute, chunk: usize, total: &mut [f32], sums: &[f32]) {
        let isa = compute.isa();
        match (&self.winograd, chunk) {
            (None, 0) => total.copy_from_slice(sums),
            (None, _) => rows::add(isa, total, sums),
            (Some(winograd), 0) => winograd.finish(isa, sums, total),
            (Some(winograd), _) => {
                let mut part = vec![0.0; total.len()];
                winograd.finish(isa, sums, &mut part);
                rows::add(isa, total, &part);
            }
        }
    }

    fn pack_backward(&mut self, isa: Isa, weight: &[f32]) {
        if let Some(winograd) = &mut self.winograd {
            return winograd.pack_backward(isa, weight);
        }
        let g = &self.geometry;
        let (channels, filters) = (g.input.channels, g.output.channels);
        self.backward
            .resize_with(self.tables.phases.len(), Packed::default);
        for (packed, phase) in self.backward.iter_mut().zip(&self.tables.phases) {
            let rows = phase.taps.len() * filters;
            packed.fill(isa, rows, channels, |r, into| {
                let (ky, kx) = phase.taps[r / filters];
                let tap = &weight[(ky * g.size + kx) * channels * filters + r % filters..];
                for (c, value) in into.iter_mut().enumerate() {
                    *value = tap[c * filters];
                }
            });
        }
    }

    /// The images from `first` on, as many at a time as are worth a pass over the weight's gradient.
    fn backward_chunk(
        &self,
        pass: Pass<'_>,
        first: usize,
        targets: &mut [Target<'_>],
        sums: &mut [f32],
    ) {
        let out = self.geometry.output;
        let direct = PIXELS.div_ceil(out.height * out.width);
        let size = self.winograd.as_ref().map_or(direct, Winograd::group);
        SCRATCH.with_borrow_mut(|scratch| {
            for (index, targets) in targets.chunks_mut(size).enumerate() {
                let from = first + index * size;
                self.backward_group(pass, from, targets, sums, index > 0, scratch);
            }
        });
    }

    fn backward_group(
        &self,
        pass: Pass<'_>,
        first: usize,
        targets: &mut [Target<'_>],
        sums: &mut [f32],
        accumulate: bool,
        scratch: &mut Scratch,
    ) {
        let (isa, images) = (pass.compute.isa(), targets.len());
        let output = &self.tables.gradient;
        let mut buffer = std::mem::take(&mut scratch.gradient);
        let gradients = sized(&mut buffer, images * output.len);
        for (index, into) in gradients
            .chunks_exact_mut(output.len)
            .take(images)
            .enumerate()
        {
            let row = |r, into: &mut [f32]| pass.gradient.row(isa, first + index, r, into);
            output.fill(into, row);
        }
        let mut inputs = std::mem::take(&mut scratch.input);
        let input = self.group_input(pass, first, targets, &mut inputs, scratch);
        let (both, blocks) = ([input, &*gradients], &mut scratch.blocks);
        if let Some(winograd) = &self.winograd {
            winograd.weight_gradient(isa, both, images, sums, accumulate, blocks);
            let written = targets.iter_mut().filter_map(Target::gradient);
            let mut written: Vec<_> = written.map(|(to, add)| Written { to, add }).collect();
            winograd.input_gradient(isa, gradients, &mut written, blocks);
        } else {
            self.weight_gradient(isa, both, images, sums, accumulate);
            for (target, output) in targets.iter_mut().zip(gradients.chunks_exact(output.len)) {
                self.input_gradient(isa, output, target);
            }
        }
        for (index, target) in targets.iter_mut().enumerate() {
            self.through_prologue(pass, first, index, target, scratch);
        }
        (scratch.gradient, scratch.input) = (buffer, inputs);
    }

    /// The padded inputs of some images; leaves the maxima of their pools in `scratch`.
    fn group_input<'a>(
        &self,
        pass: Pass<'a>,
        first: usize,
        targets: &mut [Target<'_>],
        buffer: &'a mut Vec<f32>,
        scratch: &mut Scratch,
    ) -> &'a [f32] {
        let Pass {
            compute, source, ..
        } = pass;
        let ((stored, _), padded) = (self.stored(source), self.tables.input.len);
        let raw = |index: usize| &source.raw[index * stored..][..stored];
        if self.reads_in_place(source) {
            return &source.raw[first * stored..][..targets.len() * stored];
        }
        let read = self.geometry.input.len();
        let maxima = sized(&mut scratch.maxima, targets.len() * read).chunks_exact_mut(read);
        let into = sized(buffer, targets.len() * padded).chunks_exact_mut(padded);
        for (index, ((target, into), maxima)) in
            targets.iter_mut().zip(into).zip(maxima).enumerate()
        {
            let argmax = target.argmax().map(|place| Argmax { place, raw: maxima });
            let (index, lines) = (first + index, &mut scratch.lines);
            self.fill_input(compute, source, index, raw(index), into, lines, argmax);
        }
        buffer
    }

    /// Output rows whose weight gradients are made together, so that what they read stays in the first-level cache.
    fn rows_at_once(&self) -> usize {
        let g = &self.geometry;
        let (width, stride) = (g.output.width, self.tables.input.stride);
        let fixed = g.size.saturating_sub(g.stride) * stride;
        let right_row = width * g.output.channels.min(COLUMNS);
        let each = g.stride.saturating_mul(stride).saturating_add(right_row);
        (CACHED.saturating_sub(fixed) / each)
            .max(64usize.div_ceil(width))
            .max(1)
    }

    fn weight_gradient(
        &self,
        isa: Isa,
        [input, gradient]: [&[f32]; 2],
        images: usize,
        sums: &mut [f32],
        accumulate: bool,
    ) {
        let (g, tables) = (&self.geometry, &self.tables);
        let (table, filters) = (&tables.weight, g.output.channels);
        let right = Right::Plain {
            data: gradient,
            stride: filters,
            columns: filters,
        };
        let rows = self.rows_at_once();
        let of_image = |image: usize| {
            let (a, b) = (tables.input.len, tables.gradient.len / filters);
            table.runs.iter().map(move |run| Run {
                a: run.a + image * a,
                b: run.b + image * b,
                ..*run
            })
        };
        let runs: Vec<Run> = (0..images).flat_map(of_image).collect();
        for (i, runs) in runs.chunks(rows).enumerate() {
            let left = Left {
                rows: &table.rows,
                step: g.stride.saturating_mul(g.input.channels),
                runs,
                out: &table.out,
            };
            let sum = if accumulate || i > 0 {
                Sum::GoOn
            } else {
                Sum::New
            };
            product(isa, input, &left, &right, sums, sum);
        }
    }

    /// The gradient of what was read, from a padded output gradient.
    fn input_gradient(&self, isa: Isa, output: &[f32], target: &mut Target<'_>) {
        let Some((gradient, add)) = target.gradient() else {
            return;
        };
        if !add && self.geometry.stride > self.geometry.size {
            // Pixels between the windows.
            gradient.fill(0.0);
        }
        let sum = if add { Sum::GoOn } else { Sum::New };
        for (phase, packed) in self.tables.phases.iter().zip(&self.backward) {
            if !phase.taps.is_empty() {
                let (left, right) = (phase.table.left(), Right::Packed(packed));
                product(isa, output, &left, &right, gradient, sum);
            }
        }
    }

    /// Of image `first + index`, whose gradient is there.
    fn through_prologue(
        &self,
        pass: Pass<'_>,
        first: usize,
        index: usize,
        target: &mut Target<'_>,
        scratch: &mut Scratch,
    ) {
        let raw = match target.argmax() {
            Some(_) => {
                let read = self.geometry.input.len();
                &scratch.maxima[index * read..][..read]
            }
            None => {
                let (stored, _) = self.stored(pass.source);
                &pass.source.raw[(first + index) * stored..][..stored]
            }
        };
        target.finish(pass.compute.isa(), first + index, raw, &mut scratch.lines);
    }
}
