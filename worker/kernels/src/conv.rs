//! Convolution, forwards and backwards.
//!
//! Image by image: the input is copied into a padded scratch image, seen through what lies before it, and each of the
//! three products runs over windows of scratch images.

mod backward;
mod forward;
mod sink;

use std::cell::RefCell;

use crate::{
    Compute, Geometry,
    geometry::Tables,
    product::Packed,
    view::{Lines, Trace, View},
};
pub use sink::Sink;

/// What a block of columns may read beyond the last one.
const SLACK: usize = 64;

/// A stored input, as it is or through a view.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// All images.
    pub raw: &'a [f32],
    /// What lies before the convolution.
    pub view: Option<View<'a>>,
}

/// One convolution of a network: its tables and its packed weights.
#[derive(Debug)]
pub struct Conv {
    geometry: Geometry,
    tables: Tables,
    forward: Packed,
    backward: Vec<Packed>,
    partial: Vec<f32>,
}

#[derive(Default)]
struct Scratch {
    input: Vec<f32>,
    delta: Vec<f32>,
    lines: Lines,
    chosen: Vec<f32>,
    moments: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

fn sized(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if buffer.len() < len + SLACK {
        buffer.resize(len + SLACK, 0.0);
    }
    buffer
}

impl Conv {
    /// Makes the tables; `gradient` says whether the input's gradient will be wanted.
    pub fn new(geometry: Geometry, gradient: bool) -> Self {
        let tables = Tables::new(&geometry, gradient);
        Self {
            geometry,
            tables,
            forward: Packed::default(),
            backward: Vec::new(),
            partial: Vec::new(),
        }
    }

    /// Its shape.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Whether the stored images will do as they are.
    fn reads_in_place(&self, source: &Source<'_>) -> bool {
        source.view.is_none() && self.tables.input.bare()
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
        mut trace: Option<Trace<'_>>,
    ) {
        let padded = &self.tables.input;
        let width = padded.image.row();
        padded.fill(into, |r, into| match &source.view {
            Some(view) => {
                let trace = trace.as_mut().map(|trace| Trace {
                    chosen: &mut *trace.chosen,
                    choice: &mut *trace.choice,
                });
                view.row(compute.isa(), index, raw, r, into, lines, trace);
            }
            None => into.copy_from_slice(&raw[r * width..][..width]),
        });
    }
}

/// Numbers stored for one image of the source.
fn stored_len(g: &Geometry, source: &Source<'_>) -> usize {
    match &source.view {
        Some(view) => {
            assert_eq!(view.seen(), g.input);
            view.extent.len()
        }
        None => g.input.len(),
    }
}
