//! Convolution forwards: raw outputs, and their moments for a batch norm behind it.

use super::{Conv, SCRATCH, Scratch, Source, sized, stored_len};
use crate::{
    Compute,
    compute::Parts,
    norm::{Moments, moments_of_image},
    product::{Left, Right, product},
};

impl Conv {
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
            self.fill_input(compute, source, index, raw, input, &mut scratch.lines, None);
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
}
