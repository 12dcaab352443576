//! The fused prologue of a layer: what stands between the stored output of the one before and its own product. Scale and shift
//! (batch norm, or a bias), a pointwise activation, a max pool without overlap, dropout. It is applied while the stored numbers
//! are read; nothing of it is stored.

mod gradient;

use crate::{Activation, Compute, Dropout, Isa, Shape, rows};
pub(crate) use gradient::ImageGradient;
pub use gradient::PrologueGradient;

/// Per-channel coefficients, each repeated over the pixels of a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Affine {
    /// γ/σ; 1 without a batch norm.
    pub scale: Vec<f32>,
    /// β − mean · scale; the bias without one.
    pub shift: Vec<f32>,
    /// The slope below 0 or alpha, as the activation wants it.
    pub slope: Vec<f32>,
    /// The batch's mean.
    pub mean: Vec<f32>,
    /// 1/σ of the batch.
    pub inverse: Vec<f32>,
}

/// What is done to stored numbers where they are read.
#[derive(Clone, Copy, Debug)]
pub struct Prologue<'a> {
    /// Of the stored image.
    pub stored: Shape,
    /// Coefficients of one stored row.
    pub affine: &'a Affine,
    /// What follows them.
    pub activation: Activation,
    /// Side and step of the max pool; 1 for none.
    pub window: usize,
    /// Applied last.
    pub dropout: Option<Dropout>,
}

/// What reading an image through a pool leaves for the way back, one for each window: which pixel holds the maximum, and the
/// stored number there.
#[derive(Debug)]
pub(crate) struct Argmax<'a> {
    pub place: &'a mut [u8],
    pub raw: &'a mut [f32],
}

/// Buffers of the loops below.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    values: Vec<f32>,
    sums: Vec<f32>,
    slopes: Vec<f32>,
}

fn sized(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
    &mut buffer[..len]
}

fn cleared(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    buffer.clear();
    buffer.resize(len, 0.0);
    buffer
}

impl Prologue<'_> {
    /// What the layer's own product reads.
    pub fn output(&self) -> Shape {
        self.stored.pooled(self.window)
    }

    /// Writes output row `row` of image `index`, whose stored numbers are `raw`; and its part of the argmax, if the way back
    /// will need one.
    pub(crate) fn row(
        &self,
        isa: Isa,
        index: usize,
        raw: &[f32],
        row: usize,
        out: &mut [f32],
        lines: &mut Lines,
        argmax: Option<Argmax<'_>>,
    ) {
        let stride = self.stored.row();
        let raw = &raw[row * self.window * stride..][..self.window * stride];
        if self.window == 1 {
            rows::activate(isa, self.activation, self.affine, raw, out);
        } else {
            self.pooled_row(isa, raw, row, out, lines, argmax);
        }
        self.drop_out(isa, index, row, out);
    }

    /// Where the curve never falls, the largest argument gives the largest value, and it alone need be computed.
    fn pooled_row(
        &self,
        isa: Isa,
        raw: &[f32],
        row: usize,
        out: &mut [f32],
        lines: &mut Lines,
        argmax: Option<Argmax<'_>>,
    ) {
        let (stride, window, channels) = (self.stored.row(), self.window, self.stored.channels);
        let rises = self.activation.rises(&self.affine.slope[..channels]);
        let first = if rises {
            Activation::Identity
        } else {
            self.activation
        };
        let values = sized(&mut lines.values, raw.len());
        for (raw, out) in raw
            .chunks_exact(stride)
            .zip(values.chunks_exact_mut(stride))
        {
            rows::activate(isa, first, self.affine, raw, out);
        }
        match argmax {
            None => rows::max_rows(isa, values, stride, window, window, channels, out),
            Some(argmax) => {
                let width = self.output().row();
                let at = &mut argmax.raw[row * width..][..width];
                let place = &mut argmax.place[row * width..][..width];
                rows::argmax(isa, values, raw, stride, window, channels, out, at, place);
            }
        }
        if first != self.activation {
            rows::curve(isa, self.activation, &self.affine.slope, out);
        }
    }

    fn drop_out(&self, isa: Isa, index: usize, row: usize, values: &mut [f32]) {
        if let Some(dropout) = self.dropout {
            let output = self.output();
            let start = index * output.len() + row * output.row();
            rows::drop_out(isa, dropout, start as u64, values);
        }
    }

    /// Turns the gradient of one image's output into that of the activation's argument, in place: at the maxima
    /// if there is a pool, whose stored numbers are `raw` then. Writes to `sums` three per-channel sums: of that
    /// gradient, of its products with the normalised values, and of what a learned slope gets.
    pub(crate) fn back(
        &self,
        isa: Isa,
        index: usize,
        raw: &[f32],
        gradient: &mut [f32],
        sums: &mut [f64],
        lines: &mut Lines,
    ) {
        let (activation, affine, output) = (self.activation, self.affine, self.output());
        let (width, channels) = (output.row(), output.channels);
        let learns = activation == Activation::Prelu;
        let row_sums = cleared(&mut lines.sums, 2 * width);
        let slopes = cleared(&mut lines.slopes, if learns { width } else { 0 });
        for row in 0..output.height {
            let gradient = &mut gradient[row * width..][..width];
            self.drop_out(isa, index, row, gradient);
            let raw = &raw[row * width..][..width];
            if learns {
                rows::slope_sums(isa, affine, raw, gradient, slopes);
            }
            rows::back(isa, activation, affine, raw, gradient, row_sums);
        }
        let (first, rest) = sums.split_at_mut(channels);
        let (second, third) = rest.split_at_mut(channels);
        fold(&row_sums[..width], first);
        fold(&row_sums[width..], second);
        fold(slopes, third);
    }

    /// Writes the output of all images.
    pub fn forward(&self, compute: &Compute, raw: &[f32], out: &mut [f32]) {
        let (stored, output) = (self.stored.len(), self.output());
        assert_eq!(raw.len() / stored, out.len() / output.len());
        compute.pieces(out, output.len(), |i, out| {
            let mut lines = Lines::default();
            let raw = &raw[i * stored..][..stored];
            for (row, out) in out.chunks_exact_mut(output.row()).enumerate() {
                self.row(compute.isa(), i, raw, row, out, &mut lines, None);
            }
        });
    }

    /// [`Self::forward`] backwards: turns the output's `gradient` into that of the activation's argument, in place, and writes what
    /// else is left of it to `left`.
    pub fn backward(
        &self,
        compute: &Compute,
        raw: &[f32],
        gradient: &mut [f32],
        left: &mut PrologueGradient,
    ) {
        let (stored, output) = (self.stored.len(), self.output());
        let images = raw.len() / stored;
        assert_eq!(images, gradient.len() / output.len());
        let parts = left.images(*self, gradient, images);
        compute.each(parts, |i, mut image| {
            let (mut lines, mut maxima) = (Lines::default(), Vec::new());
            let mut raw = &raw[i * stored..][..stored];
            if self.window > 1 {
                maxima.resize(output.len(), 0.0);
                let mut line = vec![0.0; output.row()];
                for row in 0..output.height {
                    let argmax = Argmax {
                        place: image.argmax,
                        raw: &mut maxima,
                    };
                    let isa = compute.isa();
                    self.row(isa, i, raw, row, &mut line, &mut lines, Some(argmax));
                }
                raw = &maxima;
            }
            image.back(compute.isa(), i, raw, &mut lines);
        });
    }
}

/// Sums a row over its pixels, channel by channel.
pub(crate) fn fold(row: &[f32], sums: &mut [f64]) {
    sums.fill(0.0);
    for pixel in row.chunks_exact(sums.len()) {
        for (sum, value) in sums.iter_mut().zip(pixel) {
            *sum += f64::from(*value);
        }
    }
}
