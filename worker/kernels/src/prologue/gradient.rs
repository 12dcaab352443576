//! What going back through a prologue leaves: which pixels a pool had taken, and the sums that a batch norm needs.

use super::{Lines, Prologue};
use crate::{Isa, compute::parts};

/// What going back through a prologue leaves, beside the gradient itself.
#[derive(Clone, Debug, Default)]
pub struct PrologueGradient {
    /// Which pixel of each window was the largest; empty without a pool.
    pub argmax: Vec<u8>,
    /// Three sums a channel and image, see `Prologue::back`.
    sums: Vec<f64>,
}

impl PrologueGradient {
    /// Three sums a channel over all images, in their order: the gradients of a shift, of a batch norm's scale, and of learned
    /// slopes.
    pub fn sums(&self, channels: usize) -> [Vec<f64>; 3] {
        let mut total = [
            vec![0.0; channels],
            vec![0.0; channels],
            vec![0.0; channels],
        ];
        for image in self.sums.chunks_exact(3 * channels) {
            for (total, part) in total.iter_mut().zip(image.chunks_exact(channels)) {
                for (total, part) in total.iter_mut().zip(part) {
                    *total += *part;
                }
            }
        }
        total
    }

    /// Each image's part of it, and of the gradient.
    pub(crate) fn images<'a>(
        &'a mut self,
        prologue: Prologue<'a>,
        gradient: &'a mut [f32],
        images: usize,
    ) -> impl ExactSizeIterator<Item = ImageGradient<'a>> {
        let (output, sums) = (prologue.output(), 3 * prologue.stored.channels);
        let windows = match prologue.window {
            1 => 0,
            _ => output.len(),
        };
        self.argmax.resize(images * windows, 0);
        self.sums.resize(images * sums, 0.0);
        parts(gradient, images, output.len())
            .zip(parts(&mut self.argmax, images, windows))
            .zip(parts(&mut self.sums, images, sums))
            .map(move |((gradient, argmax), sums)| ImageGradient {
                prologue,
                gradient,
                argmax,
                sums,
            })
    }
}

/// The part of one image.
pub(crate) struct ImageGradient<'a> {
    prologue: Prologue<'a>,
    /// Of the output; afterwards of the activation's argument.
    pub gradient: &'a mut [f32],
    /// To be written by who reads the image through a pool.
    pub argmax: &'a mut [u8],
    sums: &'a mut [f64],
}

impl ImageGradient<'_> {
    /// Goes back through the prologue of image `index`; `raw` are its stored numbers, or those at the maxima.
    pub fn back(&mut self, isa: Isa, index: usize, raw: &[f32], lines: &mut Lines) {
        self.prologue
            .back(isa, index, raw, self.gradient, self.sums, lines);
    }
}
