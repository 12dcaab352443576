//! Convolution, forwards and backwards.
//!
//! Image by image: the input is copied into a padded scratch image, through the prologue, and each of the three products runs
//! over windows of scratch images.

mod backward;
mod destination;
mod forward;

use std::cell::RefCell;

use crate::{
    Compute, Geometry, Prologue,
    geometry::Tables,
    product::{Packed, SLACK},
    prologue::{Argmax, Lines},
    winograd::{Blocks, Winograd},
};
pub use destination::Destination;

/// A stored input, and what is done to it where it is read.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// All images.
    pub raw: &'a [f32],
    /// What lies before the convolution.
    pub prologue: Option<Prologue<'a>>,
}

/// One convolution of a network: its tables and its packed weights.
#[derive(Debug)]
pub struct Conv {
    geometry: Geometry,
    tables: Tables,
    forward: Packed,
    backward: Vec<Packed>,
    partial: Vec<f32>,
    winograd: Option<Winograd>,
}

#[derive(Default)]
struct Scratch {
    input: Vec<f32>,
    gradient: Vec<f32>,
    lines: Lines,
    maxima: Vec<f32>,
    moments: Vec<f32>,
    blocks: Blocks,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// At least `len` numbers, with what a product may read behind them.
fn sized(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if buffer.len() < len + SLACK {
        buffer.resize(len + SLACK, 0.0);
    }
    buffer
}

impl Conv {
    /// Makes the tables; `gradient` says whether the input's gradient will be wanted.
    pub fn new(geometry: Geometry, gradient: bool) -> Self {
        Self {
            geometry,
            tables: Tables::new(&geometry, gradient),
            forward: Packed::default(),
            backward: Vec::new(),
            partial: Vec::new(),
            winograd: None,
        }
    }

    /// The same by Winograd's algorithm where it is faster, which the shape alone decides: other sums, about as exact.
    pub fn fast(geometry: Geometry, gradient: bool) -> Self {
        let Some(winograd) = Winograd::new(&geometry) else {
            return Self::new(geometry, gradient);
        };
        Self {
            geometry,
            tables: Tables::of_images(winograd.input, winograd.gradient),
            forward: Packed::default(),
            backward: Vec::new(),
            partial: Vec::new(),
            winograd: Some(winograd),
        }
    }

    /// Whether it is Winograd's.
    pub fn is_fast(&self) -> bool {
        self.winograd.is_some()
    }

    /// Its shape.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Whether the stored images will do as they are.
    fn reads_in_place(&self, source: &Source<'_>) -> bool {
        source.prologue.is_none() && self.tables.input.bare()
    }

    /// Numbers stored for one image of the source, and how many images there are.
    fn stored(&self, source: &Source<'_>) -> (usize, usize) {
        let stored = match &source.prologue {
            Some(prologue) => {
                assert_eq!(prologue.output(), self.geometry.input);
                prologue.stored.len()
            }
            None => self.geometry.input.len(),
        };
        (stored, source.raw.len() / stored)
    }

    /// Writes the padded input of one image.
    fn fill_input(
        &self,
        compute: &Compute,
        source: &Source<'_>,
        index: usize,
        raw: &[f32],
        into: &mut [f32],
        lines: &mut Lines,
        mut argmax: Option<Argmax<'_>>,
    ) {
        let padded = &self.tables.input;
        let width = padded.image.row();
        padded.fill(into, |r, into| match &source.prologue {
            Some(prologue) => {
                let argmax = argmax.as_mut().map(|argmax| Argmax {
                    place: &mut *argmax.place,
                    raw: &mut *argmax.raw,
                });
                prologue.row(compute.isa(), index, raw, r, into, lines, argmax);
            }
            None => into.copy_from_slice(&raw[r * width..][..width]),
        });
    }
}
