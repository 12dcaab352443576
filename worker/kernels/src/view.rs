//! A stored tensor seen through what stands between two layers: scale and shift (batch norm, or a bias), a pointwise
//! activation, a max pool without overlap, dropout. Whoever reads the tensor applies it while copying; nothing of it is stored.

use crate::{
    Activation, Dropout, Isa,
    behind::{Behind, BehindParts},
    compute::{Compute, Parts},
    rows,
};

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

/// Height, width and channels of one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels.
    pub channels: usize,
}

impl Extent {
    /// Numbers in one row.
    pub fn row(self) -> usize {
        self.width * self.channels
    }

    /// Numbers in one image.
    pub fn len(self) -> usize {
        self.height * self.row()
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// How a stored tensor is seen.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Of the stored image.
    pub extent: Extent,
    /// Coefficients of one stored row.
    pub affine: &'a Affine,
    /// What follows them.
    pub activation: Activation,
    /// Side and step of the max pool; 1 for none.
    pub window: usize,
    /// Applied last.
    pub dropout: Option<Dropout>,
}

/// What reading an image through a pool leaves for the way back, one for each window: the raw number at the maximum, and which pixel
/// of the window that is.
#[derive(Debug)]
pub(crate) struct Trace<'a> {
    pub chosen: &'a mut [f32],
    pub choice: &'a mut [u8],
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

impl View<'_> {
    /// What the reader sees.
    pub fn seen(&self) -> Extent {
        Extent {
            height: self.extent.height / self.window,
            width: self.extent.width / self.window,
            ..self.extent
        }
    }

    /// Writes row `row` of what is seen of image `index`, whose stored numbers are `raw`; and its part of the trace, if the
    /// way back will need one.
    pub(crate) fn row(
        &self,
        isa: Isa,
        index: usize,
        raw: &[f32],
        row: usize,
        out: &mut [f32],
        lines: &mut Lines,
        trace: Option<Trace<'_>>,
    ) {
        let stride = self.extent.row();
        let raw = &raw[row * self.window * stride..][..self.window * stride];
        if self.window == 1 {
            self.activate(isa, self.activation, raw, out);
        } else {
            self.pooled_row(isa, raw, row, out, lines, trace);
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
        trace: Option<Trace<'_>>,
    ) {
        let (stride, window, channels) = (self.extent.row(), self.window, self.extent.channels);
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
            self.activate(isa, first, raw, out);
        }
        match trace {
            None => rows::max_rows(isa, values, stride, window, window, channels, out),
            Some(Trace { chosen, choice }) => {
                let width = self.seen().row();
                let chosen = &mut chosen[row * width..][..width];
                let choice = &mut choice[row * width..][..width];
                rows::choose(
                    isa, values, raw, stride, window, channels, out, chosen, choice,
                );
            }
        }
        if first != self.activation {
            rows::curve(isa, self.activation, &self.affine.slope, out);
        }
    }

    fn activate(&self, isa: Isa, activation: Activation, raw: &[f32], out: &mut [f32]) {
        let affine = self.affine;
        rows::activate(
            isa,
            activation,
            raw,
            &affine.scale,
            &affine.shift,
            &affine.slope,
            out,
        );
    }

    fn drop_out(&self, isa: Isa, index: usize, row: usize, values: &mut [f32]) {
        if let Some(dropout) = self.dropout {
            let seen = self.seen();
            let start = index * seen.len() + row * seen.row();
            rows::drop_out(isa, dropout, start as u64, values);
        }
    }

    /// Turns the gradient of what is seen of one image into that of the activation's argument, in place: at the chosen
    /// pixels if there is a pool, whose numbers are `raw` then. Writes to `sums` three per-channel sums: of that
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
        let Lines {
            sums: row_sums,
            slopes,
            ..
        } = lines;
        let seen = self.seen();
        let width = seen.row();
        let row_sums = cleared(row_sums, 2 * width);
        let slopes = cleared(
            slopes,
            if self.activation == Activation::Leaky {
                width
            } else {
                0
            },
        );
        for row in 0..seen.height {
            let gradient = &mut gradient[row * width..][..width];
            self.drop_out(isa, index, row, gradient);
            let raw = &raw[row * width..][..width];
            let Affine {
                scale,
                shift,
                slope,
                mean,
                inverse,
            } = self.affine;
            if self.activation == Activation::Leaky {
                rows::slope_sums(isa, raw, scale, shift, gradient, slopes);
            }
            rows::back(
                isa,
                self.activation,
                raw,
                scale,
                shift,
                slope,
                mean,
                inverse,
                gradient,
                row_sums,
            );
        }
        let (first, rest) = sums.split_at_mut(seen.channels);
        let (second, third) = rest.split_at_mut(seen.channels);
        fold(&row_sums[..width], first);
        fold(&row_sums[width..], second);
        fold(slopes, third);
    }

    /// Writes what is seen of all images.
    pub fn materialise(&self, compute: &Compute, raw: &[f32], out: &mut [f32]) {
        let (stored, seen) = (self.extent.len(), self.seen());
        let images = out.len() / seen.len();
        assert!(raw.len() == images * stored && out.len() == images * seen.len());
        let parts = Parts::new(out);
        compute.for_each(images, |i| {
            let mut lines = Lines::default();
            // SAFETY: every image has its own part.
            let out = unsafe { parts.part(i, seen.len()) };
            for (row, out) in out.chunks_exact_mut(seen.row()).enumerate() {
                self.row(
                    compute.isa(),
                    i,
                    &raw[i * stored..][..stored],
                    row,
                    out,
                    &mut lines,
                    None,
                );
            }
        });
    }

    /// [`Self::materialise`] backwards: see [`Behind`] for what becomes of `gradient`.
    pub fn backward(
        &self,
        compute: &Compute,
        raw: &[f32],
        gradient: &mut [f32],
        behind: &mut Behind,
    ) {
        let (stored, seen) = (self.extent.len(), self.seen());
        let images = gradient.len() / seen.len();
        assert!(raw.len() == images * stored && gradient.len() == images * seen.len());
        let parts = BehindParts::new(behind, images, *self, gradient);
        compute.for_each(images, |i| {
            let (mut lines, mut chosen) = (Lines::default(), Vec::new());
            let mut raw = &raw[i * stored..][..stored];
            if self.window > 1 {
                chosen.resize(seen.len(), 0.0);
                let mut line = vec![0.0; seen.row()];
                for row in 0..seen.height {
                    let trace = Trace {
                        chosen: &mut chosen,
                        // SAFETY: every image has its own parts.
                        choice: unsafe { parts.choice(i) },
                    };
                    self.row(
                        compute.isa(),
                        i,
                        raw,
                        row,
                        &mut line,
                        &mut lines,
                        Some(trace),
                    );
                }
                raw = &chosen;
            }
            // SAFETY: as above.
            unsafe { parts.back(compute.isa(), i, raw, &mut lines) };
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
