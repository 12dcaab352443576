//! Convolution forwards: raw outputs, and in the epilogue their moments for a batch norm behind it.

use super::{Conv, SCRATCH, Scratch, Source, sized};
use crate::{
    Compute, Isa,
    compute::parts,
    norm::{Moments, moments_of_image},
    product::{Right, Sum, product},
    winograd::{Winograd, Written},
};

impl Conv {
    /// Writes the raw outputs, without bias, and their moments if asked for.
    pub fn forward(
        &mut self,
        compute: &Compute,
        source: &Source<'_>,
        weight: &[f32],
        out: &mut [f32],
        mut moments: Option<&mut Moments>,
    ) {
        let g = self.geometry;
        let (shape, filters) = (g.output, g.output.channels);
        let (stored, images) = self.stored(source);
        assert_eq!(weight.len(), g.weights());
        assert_eq!(out.len(), images * shape.len());
        self.pack_forward(compute.isa(), weight);
        let this = &*self;
        let (of_images, each) = match &mut moments {
            Some(moments) => (moments.of_images(images, filters), 2 * filters),
            None => (&mut [][..], 0),
        };
        let group = this.winograd.as_ref().map_or(1, Winograd::group);
        let groups = images.div_ceil(group);
        let of_images = parts(of_images, groups, group * each);
        let places = parts(out, groups, group * shape.len()).zip(of_images);
        compute.each(places, |index, (out, moments)| {
            SCRATCH.with_borrow_mut(|scratch| {
                let raw = &source.raw[index * group * stored..];
                this.forward_group(compute, source, index * group, raw, out, scratch);
                let images = out.chunks_exact(shape.len());
                for (out, moments) in images.zip(moments.chunks_exact_mut(each.max(1))) {
                    let buffer = &mut scratch.moments;
                    moments_of_image(compute.isa(), shape, out, moments, buffer);
                }
            });
        });
        if let Some(moments) = moments {
            moments.combine(filters, shape.height * shape.width);
        }
    }

    fn pack_forward(&mut self, isa: Isa, weight: &[f32]) {
        let (g, filters) = (&self.geometry, self.geometry.output.channels);
        match &mut self.winograd {
            Some(winograd) => winograd.pack_forward(isa, weight),
            None => {
                let taps = g.size * g.size * g.input.channels;
                self.forward.fill(isa, taps, filters, |r, into| {
                    into.copy_from_slice(&weight[r * filters..(r + 1) * filters]);
                });
            }
        }
    }

    /// The images from `first` on, whose stored numbers begin `raw`.
    fn forward_group(
        &self,
        compute: &Compute,
        source: &Source<'_>,
        first: usize,
        raw: &[f32],
        out: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let ((stored, _), len) = (self.stored(source), self.geometry.output.len());
        let (images, padded) = (out.len() / len, self.tables.input.len);
        let inputs = if self.reads_in_place(source) {
            &raw[..images * stored]
        } else {
            let inputs = sized(&mut scratch.input, images * padded);
            let places = inputs.chunks_exact_mut(padded).take(images);
            for (index, (into, raw)) in places.zip(raw.chunks_exact(stored)).enumerate() {
                let (index, lines) = (first + index, &mut scratch.lines);
                self.fill_input(compute, source, index, raw, into, lines, None);
            }
            &*inputs
        };
        let (isa, outputs) = (compute.isa(), out.chunks_exact_mut(len));
        if let Some(winograd) = &self.winograd {
            let outputs = outputs.map(|to| Written { to, add: false });
            let mut outputs: Vec<_> = outputs.collect();
            return winograd.outputs(isa, inputs, &mut outputs, &mut scratch.blocks);
        }
        let (left, right) = (self.tables.forward.left(), Right::Packed(&self.forward));
        for (input, out) in inputs.chunks_exact(padded).zip(outputs) {
            product(isa, input, &left, &right, out, Sum::New);
        }
    }
}
