//! The gradient of a stored output, written out row by row where it is read.

use crate::{Compute, Isa, NormGradient, Shape, rows};

/// The gradient of a layer's stored output, as going back through its reader's prologue has left it.
#[derive(Clone, Copy, Debug)]
pub struct OutputGradient<'a> {
    /// Of the stored image.
    pub shape: Shape,
    /// Gradient of the activation's argument: at the stored pixels, or one for each window.
    pub values: &'a [f32],
    /// 1 without a pool.
    pub window: usize,
    /// Which pixel of each window it belongs to.
    pub argmax: &'a [u8],
    /// The way through a batch norm, with the stored numbers of all images; without one the gradient is what it is.
    pub norm: Option<(&'a NormGradient, &'a [f32])>,
}

impl<'a> OutputGradient<'a> {
    /// That arrived as it is.
    pub fn plain(shape: Shape, values: &'a [f32]) -> Self {
        Self {
            shape,
            values,
            window: 1,
            argmax: &[],
            norm: None,
        }
    }

    /// The gradient at every stored pixel, into a buffer of the stored tensor's size.
    pub fn write(&self, compute: &Compute, out: &mut [f32]) {
        compute.pieces(out, self.shape.len(), |i, out| {
            for (r, out) in out.chunks_exact_mut(self.shape.row()).enumerate() {
                self.row(compute.isa(), i, r, out);
            }
        });
    }

    /// Writes row `row` of the gradient of image `index`.
    pub(crate) fn row(&self, isa: Isa, index: usize, row: usize, out: &mut [f32]) {
        let stride = self.shape.row();
        let at = index * self.shape.len() + row * stride;
        let norm = self.norm.map(|(n, raw)| (n, &raw[at..][..stride]));
        if self.window == 1 {
            let values = &self.values[at..][..stride];
            match norm {
                Some((n, raw)) => rows::through_norm(isa, values, raw, &n.a, &n.b, &n.c, out),
                None => out.copy_from_slice(values),
            }
            return;
        }
        match norm {
            Some((n, raw)) => rows::without_gradient(isa, raw, &n.b, &n.c, out),
            None => out.fill(0.0),
        }
        let pooled = self.shape.pooled(self.window);
        let (window, place) = (row / self.window, row % self.window);
        if window < pooled.height {
            let size = pooled.row();
            let at = (index * pooled.height + window) * size;
            let (values, argmax) = (&self.values[at..][..size], &self.argmax[at..][..size]);
            let a = norm.map(|(n, _)| &n.a[..]);
            let channels = self.shape.channels;
            rows::scatter(isa, values, argmax, place, self.window, channels, a, out);
        }
    }
}
