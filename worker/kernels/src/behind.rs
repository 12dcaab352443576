//! What going back through a view leaves: which pixels a pool had chosen, and the sums that a batch norm needs.

use crate::{
    Isa,
    compute::Parts,
    view::{Lines, View},
};

/// What going back through a view leaves, beside the gradient itself.
#[derive(Clone, Debug, Default)]
pub struct Behind {
    /// Which pixel of each window was the largest; empty without a pool.
    pub choice: Vec<u8>,
    /// Three sums a channel and image, see `View::back`.
    sums: Vec<f64>,
}

impl Behind {
    /// The three sums over all images, one after the other, in the order of the images.
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
}

/// The same, ready to be written by several threads.
pub(crate) struct BehindParts<'a> {
    view: View<'a>,
    gradient: Parts<'a, f32>,
    choice: Parts<'a, u8>,
    sums: Parts<'a, f64>,
}

impl<'a> BehindParts<'a> {
    pub fn new(
        behind: &'a mut Behind,
        images: usize,
        view: View<'a>,
        gradient: &'a mut [f32],
    ) -> Self {
        let seen = view.seen();
        behind.choice.resize(
            if view.window == 1 {
                0
            } else {
                images * seen.len()
            },
            0,
        );
        behind.sums.resize(images * 3 * seen.channels, 0.0);
        Self {
            view,
            gradient: Parts::new(gradient),
            choice: Parts::new(&mut behind.choice),
            sums: Parts::new(&mut behind.sums),
        }
    }

    /// The gradient of image `index`.
    ///
    /// # Safety
    /// No two threads may work at one image.
    #[expect(clippy::mut_from_ref, reason = "the parts are disjoint")]
    pub unsafe fn gradient(&self, index: usize) -> &mut [f32] {
        // SAFETY: by the contract.
        unsafe { self.gradient.part(index, self.view.seen().len()) }
    }

    /// Which pixels a pool has chosen in image `index`: to be written before going back.
    ///
    /// # Safety
    /// No two threads may work at one image.
    #[expect(clippy::mut_from_ref, reason = "the parts are disjoint")]
    pub unsafe fn choice(&self, index: usize) -> &mut [u8] {
        let choices = if self.view.window == 1 {
            0
        } else {
            self.view.seen().len()
        };
        // SAFETY: by the contract.
        unsafe { self.choice.part(index, choices) }
    }

    /// Goes back through the view of image `index`; `raw` are its stored numbers, or those that a pool has chosen.
    ///
    /// # Safety
    /// No two threads may work at one image, and nobody may hold its gradient.
    pub unsafe fn back(&self, isa: Isa, index: usize, raw: &[f32], lines: &mut Lines) {
        let seen = self.view.seen();
        // SAFETY: by the contract, for both.
        let (gradient, sums) = unsafe {
            (
                self.gradient.part(index, seen.len()),
                self.sums.part(index, 3 * seen.channels),
            )
        };
        self.view.back(isa, index, raw, gradient, sums, lines);
    }
}
