//! Where a convolution's windows lie: tables of offsets, made once for each layer.

use crate::{product::Run, view::Extent};

/// Kernel, step and border of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// What goes in.
    pub input: Extent,
    /// Channels that come out.
    pub filters: usize,
    /// Height and width of the kernel.
    pub size: usize,
    /// Step, both ways.
    pub stride: usize,
    /// Zeros on each side.
    pub pad: usize,
}

impl Geometry {
    /// What comes out: (n − size + 2 pad)/stride + 1, floored.
    pub fn output(&self) -> Extent {
        let side = |n: usize| (n + 2 * self.pad - self.size) / self.stride + 1;
        Extent {
            height: side(self.input.height),
            width: side(self.input.width),
            channels: self.filters,
        }
    }

    /// Numbers in the weight `[size, size, channels, filters]`.
    pub fn weights(&self) -> usize {
        self.size * self.size * self.input.channels * self.filters
    }
}

/// An image with zeros around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Padded {
    pub image: Extent,
    pub top: usize,
    pub left: usize,
    /// Numbers in one row, border included.
    pub stride: usize,
    /// Numbers in all rows.
    pub len: usize,
}

impl Padded {
    fn new(image: Extent, [top, bottom]: [usize; 2], [left, right]: [usize; 2]) -> Self {
        let stride = (left + image.width + right) * image.channels;
        Self {
            image,
            top,
            left,
            stride,
            len: (top + image.height + bottom) * stride,
        }
    }

    /// Whether there is no border at all, so that the image itself will do.
    pub fn bare(&self) -> bool {
        self.len == self.image.len()
    }

    /// Where the image's row begins.
    pub fn row(&self, row: usize) -> usize {
        (self.top + row) * self.stride + self.left * self.image.channels
    }

    /// Writes the border, and calls `row(r, into)` for every row of the image.
    pub fn fill(&self, buffer: &mut [f32], mut row: impl FnMut(usize, &mut [f32])) {
        let mut end = 0;
        for r in 0..self.image.height {
            let start = self.row(r);
            buffer[end..start].fill(0.0);
            end = start + self.image.row();
            row(r, &mut buffer[start..end]);
        }
        buffer[end..self.len].fill(0.0);
    }
}

/// A product's tables, owned.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    pub rows: Vec<usize>,
    pub out: Vec<usize>,
    pub runs: Vec<Run>,
}

/// The input gradient at those pixels that lie equally within their strides: a convolution of the padded output
/// gradient with every stride-th tap of the kernel, mirrored.
#[derive(Clone, Debug)]
pub(crate) struct Phase {
    pub table: Table,
    /// Kernel rows and columns of its taps, in the order of summation.
    pub taps: Vec<(usize, usize)>,
}

/// All tables of one convolution.
#[derive(Clone, Debug)]
pub(crate) struct Tables {
    pub input: Padded,
    /// Each output pixel from its window.
    pub forward: Table,
    /// The output gradient, with as much border as the phases reach for.
    pub delta: Padded,
    /// Each weight from all pixels; a run is a row of them.
    pub weight: Table,
    pub phases: Vec<Phase>,
}

impl Tables {
    /// `gradient`: whether the input's gradient will be wanted.
    pub fn new(g: &Geometry, gradient: bool) -> Self {
        let input = Padded::new(g.input, [g.pad; 2], [g.pad; 2]);
        let delta = if gradient {
            delta_border(g)
        } else {
            Padded::new(g.output(), [0; 2], [0; 2])
        };
        let phases = if gradient {
            phases(g, &delta)
        } else {
            Vec::new()
        };
        Self {
            input,
            forward: forward(g, &input),
            delta,
            weight: weight(g, &input, &delta),
            phases,
        }
    }
}

fn forward(g: &Geometry, input: &Padded) -> Table {
    let (out, channels) = (g.output(), g.input.channels);
    let pixels = (0..out.height).flat_map(|y| (0..out.width).map(move |x| (y, x)));
    let mut table = Table::default();
    for (i, (y, x)) in pixels.enumerate() {
        table
            .rows
            .push(y * g.stride * input.stride + x * g.stride * channels);
        table.out.push(i * g.filters);
    }
    let terms = g.size * channels;
    table.runs = (0..g.size)
        .map(|ky| Run {
            a: ky * input.stride,
            b: ky * terms,
            terms,
        })
        .collect();
    // An unpadded 1×1 or full-height kernel would do with fewer runs; they are few already.
    table
}

fn weight(g: &Geometry, input: &Padded, delta: &Padded) -> Table {
    let (out, channels) = (g.output(), g.input.channels);
    let mut table = Table::default();
    for ky in 0..g.size {
        for i in 0..g.size * channels {
            table.out.push(table.rows.len() * g.filters);
            table.rows.push(ky * input.stride + i);
        }
    }
    table.runs = (0..out.height)
        .map(|y| Run {
            a: y * g.stride * input.stride,
            b: delta.row(y) / g.filters,
            terms: out.width,
        })
        .collect();
    table
}

/// How far the windows of the input gradient reach beyond the output.
fn delta_border(g: &Geometry) -> Padded {
    let out = g.output();
    let before = g.size.div_ceil(g.stride) - 1;
    let after = |n: usize, outputs: usize| ((n - 1 + g.pad) / g.stride + 1).saturating_sub(outputs);
    let bottom = after(g.input.height, out.height);
    let right = after(g.input.width, out.width);
    Padded::new(out, [before, bottom], [before, right])
}

fn phases(g: &Geometry, delta: &Padded) -> Vec<Phase> {
    let mut phases = Vec::new();
    for rest_y in 0..g.stride {
        for rest_x in 0..g.stride {
            phases.push(phase(g, delta, rest_y, rest_x));
        }
    }
    phases
}

/// Input pixel y lies `(y + pad) mod stride` within its stride; it meets kernel rows rest, rest + stride, … and with the
/// t-th of them output row (y + pad)/stride − t.
fn phase(g: &Geometry, delta: &Padded, rest_y: usize, rest_x: usize) -> Phase {
    let count = |rest: usize| g.size.saturating_sub(rest).div_ceil(g.stride);
    let (rows, columns) = (count(rest_y), count(rest_x));
    let pixels = |n: usize, rest: usize| (0..n).filter(move |y| (y + g.pad) % g.stride == rest);
    let mut table = Table::default();
    for y in pixels(g.input.height, rest_y) {
        for x in pixels(g.input.width, rest_x) {
            table.out.push((y * g.input.width + x) * g.input.channels);
            // The window begins at the last tap, that is at the first output row that meets this pixel. With no
            // taps nothing is read.
            let top = delta.top + (y + g.pad) / g.stride + 1 - rows.max(1);
            let left = delta.left + (x + g.pad) / g.stride + 1 - columns.max(1);
            table.rows.push(top * delta.stride + left * g.filters);
        }
    }
    if columns > 0 {
        let terms = columns * g.filters;
        table.runs = (0..rows)
            .map(|t| Run {
                a: t * delta.stride,
                b: t * terms,
                terms,
            })
            .collect();
    }
    let tap = |rest: usize, count: usize, t: usize| rest + (count - 1 - t) * g.stride;
    let taps = (0..rows)
        .flat_map(|ty| {
            (0..columns).map(move |tx| (tap(rest_y, rows, ty), tap(rest_x, columns, tx)))
        })
        .collect();
    Phase { table, taps }
}
