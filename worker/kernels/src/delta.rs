//! The gradient of a stored tensor, written out row by row where it is read.

use crate::{
    Isa,
    compute::{Compute, Parts},
    rows,
    view::Extent,
};

/// The gradient of a layer's stored output, as going back through its view has left it.
#[derive(Clone, Copy, Debug)]
pub struct Delta<'a> {
    /// Of the stored image.
    pub extent: Extent,
    /// Gradient of the activation's argument: at the stored pixels, or one for each window.
    pub gradient: &'a [f32],
    /// 1 without a pool.
    pub window: usize,
    /// Which pixel of each window it belongs to.
    pub choice: &'a [u8],
    /// The way through a batch norm; without one the gradient is what it is.
    pub norm: Option<NormBack<'a>>,
}

/// gradient = a · gradient + b · raw + c, coefficients repeated over a row.
#[derive(Clone, Copy, Debug)]
pub struct NormBack<'a> {
    /// The stored numbers of all images.
    pub raw: &'a [f32],
    /// Of the gradient.
    pub a: &'a [f32],
    /// Of the stored number.
    pub b: &'a [f32],
    /// Alone.
    pub c: &'a [f32],
}

impl Delta<'_> {
    /// The gradient at every stored pixel, written out.
    pub fn dense(&self, compute: &Compute) -> Vec<f32> {
        let seen = self.extent.height / self.window
            * (self.extent.width / self.window)
            * self.extent.channels;
        let mut out = vec![0.0; self.gradient.len() / seen * self.extent.len()];
        self.write(compute, &mut out);
        out
    }

    /// The same, into a buffer of the stored tensor's size.
    pub fn write(&self, compute: &Compute, out: &mut [f32]) {
        let (image, row) = (self.extent.len(), self.extent.row());
        let parts = Parts::new(out);
        compute.for_each(parts.len() / image, |i| {
            // SAFETY: every image has its own part.
            let out = unsafe { parts.part(i, image) };
            for (r, out) in out.chunks_exact_mut(row).enumerate() {
                self.row(compute.isa(), i, r, out);
            }
        });
    }

    /// Writes row `row` of the gradient of image `index`.
    pub(crate) fn row(&self, isa: Isa, index: usize, row: usize, out: &mut [f32]) {
        let stride = self.extent.row();
        let raw_at = index * self.extent.len() + row * stride;
        if self.window == 1 {
            let gradient = &self.gradient[raw_at..][..stride];
            match &self.norm {
                Some(n) => rows::through_norm(
                    isa,
                    gradient,
                    &n.raw[raw_at..][..stride],
                    n.a,
                    n.b,
                    n.c,
                    out,
                ),
                None => out.copy_from_slice(gradient),
            }
            return;
        }
        match &self.norm {
            Some(n) => rows::without_gradient(isa, &n.raw[raw_at..][..stride], n.b, n.c, out),
            None => out.fill(0.0),
        }
        let (height, width) = (
            self.extent.height / self.window,
            self.extent.width / self.window,
        );
        let pooled = row / self.window;
        if pooled < height {
            let size = width * self.extent.channels;
            let at = (index * height + pooled) * size;
            let (gradient, choice) = (&self.gradient[at..][..size], &self.choice[at..][..size]);
            let a = self.norm.as_ref().map(|n| n.a);
            rows::scatter(
                isa,
                gradient,
                choice,
                row % self.window,
                self.window,
                self.extent.channels,
                a,
                out,
            );
        }
    }
}
