//! Convolution forwards: raw outputs, and in the epilogue their moments for a batch norm behind it.

use super::{Conv, SCRATCH, Scratch, Source, sized};
use crate::{
    Compute,
    compute::parts,
    norm::{Moments, moments_of_image},
    product::{Right, product},
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
        let taps = g.size * g.size * g.input.channels;
        self.forward.fill(compute.isa(), taps, filters, |r, into| {
            into.copy_from_slice(&weight[r * filters..(r + 1) * filters]);
        });
        let this = &*self;
        let (of_images, each) = match &mut moments {
            Some(moments) => (moments.of_images(images, filters), 2 * filters),
            None => (&mut [][..], 0),
        };
        let of_images = parts(of_images, images, each);
        let places = parts(out, images, shape.len()).zip(of_images);
        compute.each(places, |i, (out, moments)| {
            let raw = &source.raw[i * stored..][..stored];
            SCRATCH.with_borrow_mut(|scratch| {
                this.forward_image(compute, source, i, raw, out, scratch);
                if each > 0 {
                    let buffer = &mut scratch.moments;
                    moments_of_image(compute.isa(), shape, out, moments, buffer);
                }
            });
        });
        if let Some(moments) = moments {
            moments.combine(filters, shape.height * shape.width);
        }
    }

    fn forward_image(
        &self,
        compute: &Compute,
        source: &Source<'_>,
        index: usize,
        raw: &[f32],
        out: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let input = if self.reads_in_place(source) {
            raw
        } else {
            let input = sized(&mut scratch.input, self.tables.input.len);
            self.fill_input(compute, source, index, raw, input, &mut scratch.lines, None);
            &*input
        };
        let (left, right) = (self.tables.forward.left(), Right::Packed(&self.forward));
        product(compute.isa(), input, &left, &right, out, false);
    }
}
