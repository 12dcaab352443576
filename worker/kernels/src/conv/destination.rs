//! Where the gradient of a convolution's input goes.

use crate::{
    Geometry, Isa, Prologue, PrologueGradient,
    compute::parts,
    prologue::{ImageGradient, Lines},
};

/// Where the input's gradient goes.
#[derive(Debug)]
pub enum Destination<'a> {
    /// Nowhere.
    None,
    /// The gradient of what the convolution read, written or added.
    Plain {
        /// All images.
        gradient: &'a mut [f32],
        /// Whether to add to what is there.
        add: bool,
    },
    /// Back through the source's prologue.
    Prologue {
        /// All images, as the prologue gave them.
        gradient: &'a mut [f32],
        /// What else is left of it.
        left: &'a mut PrologueGradient,
    },
}

/// The same for one image.
pub(super) enum Target<'a> {
    None,
    Plain { gradient: &'a mut [f32], add: bool },
    Prologue(ImageGradient<'a>),
}

impl<'a> Destination<'a> {
    pub(super) fn is_none(&self) -> bool {
        matches!(self, Destination::None)
    }

    /// One target an image.
    pub(super) fn images(
        self,
        images: usize,
        g: &Geometry,
        prologue: Option<Prologue<'a>>,
    ) -> Vec<Target<'a>> {
        let plain = |gradient: &'a mut [f32], add| {
            assert_eq!(gradient.len(), images * g.input.len());
            let parts = parts(gradient, images, g.input.len());
            parts
                .map(|gradient| Target::Plain { gradient, add })
                .collect()
        };
        match (self, prologue) {
            (Destination::None, _) => (0..images).map(|_| Target::None).collect(),
            (Destination::Plain { gradient, add }, _) => plain(gradient, add),
            (Destination::Prologue { gradient, .. }, None) => plain(gradient, false),
            (Destination::Prologue { gradient, left }, Some(prologue)) => {
                assert_eq!(gradient.len(), images * g.input.len());
                let images = left.images(prologue, gradient, images);
                images.map(Target::Prologue).collect()
            }
        }
    }
}

impl Target<'_> {
    /// The gradient of what the convolution read, and whether to add to it.
    pub fn gradient(&mut self) -> Option<(&mut [f32], bool)> {
        match self {
            Target::None => None,
            Target::Plain { gradient, add } => Some((gradient, *add)),
            Target::Prologue(image) => Some((image.gradient, false)),
        }
    }

    /// Where the reader writes which pixels a pool has taken, if the gradient goes through one.
    pub fn argmax(&mut self) -> Option<&mut [u8]> {
        match self {
            Target::Prologue(image) if !image.argmax.is_empty() => Some(image.argmax),
            _ => None,
        }
    }

    /// Goes back through the prologue, once the gradient is there.
    pub fn finish(&mut self, isa: Isa, index: usize, raw: &[f32], lines: &mut Lines) {
        if let Target::Prologue(image) = self {
            image.back(isa, index, raw, lines);
        }
    }
}
