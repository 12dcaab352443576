//! Where the gradient of a convolution's input goes.

use crate::{
    Compute, Geometry,
    behind::{Behind, BehindParts},
    compute::Parts,
    view::{Lines, View},
};

/// Where the input's gradient goes.
#[derive(Debug)]
pub enum Sink<'a> {
    /// Nowhere.
    None,
    /// The gradient of what the convolution saw, written or added.
    Plain {
        /// All images.
        gradient: &'a mut [f32],
        /// Whether to add to what is there.
        add: bool,
    },
    /// Back through the source's view.
    Through {
        /// All images, as seen.
        gradient: &'a mut [f32],
        /// What the view leaves.
        behind: &'a mut Behind,
    },
}

/// The same, ready to be written by several threads.
pub(super) enum SinkParts<'a> {
    None,
    Plain {
        gradient: Parts<'a, f32>,
        len: usize,
        add: bool,
    },
    Through(BehindParts<'a>),
}

impl<'a> SinkParts<'a> {
    pub fn new(sink: Sink<'a>, images: usize, g: &Geometry, view: Option<View<'a>>) -> Self {
        let len = g.input.len();
        match (sink, view) {
            (Sink::None, _) => SinkParts::None,
            (Sink::Plain { gradient, add }, _) => {
                assert_eq!(gradient.len(), images * len);
                SinkParts::Plain {
                    gradient: Parts::new(gradient),
                    len,
                    add,
                }
            }
            (Sink::Through { gradient, behind }, Some(view)) => {
                assert_eq!(gradient.len(), images * len);
                SinkParts::Through(BehindParts::new(behind, images, view, gradient))
            }
            (Sink::Through { gradient, .. }, None) => Self::new(
                Sink::Plain {
                    gradient,
                    add: false,
                },
                images,
                g,
                None,
            ),
        }
    }

    pub fn adds(&self) -> bool {
        matches!(self, SinkParts::Plain { add: true, .. })
    }

    /// # Safety
    /// No two threads may work at one image.
    #[expect(clippy::mut_from_ref, reason = "the parts are disjoint")]
    pub unsafe fn gradient(&self, index: usize) -> Option<&mut [f32]> {
        match self {
            SinkParts::None => None,
            // SAFETY: by the contract.
            SinkParts::Plain { gradient, len, .. } => Some(unsafe { gradient.part(index, *len) }),
            // SAFETY: by the contract.
            SinkParts::Through(parts) => Some(unsafe { parts.gradient(index) }),
        }
    }

    /// Where the reader writes which pixels a pool has chosen, if the gradient goes through one.
    ///
    /// # Safety
    /// As [`Self::gradient`].
    #[expect(clippy::mut_from_ref, reason = "the parts are disjoint")]
    pub unsafe fn choice(&self, index: usize) -> Option<&mut [u8]> {
        match self {
            // SAFETY: by the contract.
            SinkParts::Through(parts) => {
                Some(unsafe { parts.choice(index) }).filter(|choice| !choice.is_empty())
            }
            _ => None,
        }
    }

    /// # Safety
    /// As [`Self::gradient`], whose result must be gone.
    pub unsafe fn finish(&self, compute: &Compute, index: usize, raw: &[f32], lines: &mut Lines) {
        if let SinkParts::Through(parts) = self {
            // SAFETY: by the contract.
            unsafe { parts.back(compute.isa(), index, raw, lines) };
        }
    }
}
