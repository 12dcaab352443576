//! Where a convolution's windows lie: tables of offsets, made once for each layer.

use crate::{
    Shape,
    product::{Left, Offsets, Run},
};

/// Numbers that an image, its padded copies and a weight may have: every offset of a table is below it.
pub(crate) const LARGEST: usize = 1 << 31;

/// How many windows of `size` a row of `n` has, `pad` zeros on each side and `stride` apart: (n − size + 2 pad)/stride + 1,
/// floored. `None` where there is none.
pub fn windows(n: usize, size: usize, stride: usize, pad: usize) -> Option<usize> {
    let room = pad.checked_mul(2)?.checked_add(n)?.checked_sub(size)?;
    (n > 0 && size > 0)
        .then(|| room.checked_div(stride))?
        .map(|steps| steps + 1)
}

fn product(factors: [usize; 3]) -> Option<usize> {
    let fits = |product: usize, factor: usize| product.checked_mul(factor);
    factors
        .into_iter()
        .try_fold(1, fits)
        .filter(|product| *product <= LARGEST)
}

/// Kernel, step and border of a convolution; only such as have an output, and tables whose offsets are numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    pub(crate) input: Shape,
    pub(crate) output: Shape,
    pub(crate) size: usize,
    pub(crate) stride: usize,
    pub(crate) pad: usize,
}

impl Geometry {
    /// A kernel of `size` rows and columns, `stride` apart both ways, over `pad` zeros on each side; `filters` channels come out.
    ///
    /// `None` where no window fits, or a tensor would be larger than any memory.
    pub fn new(
        input: Shape,
        filters: usize,
        size: usize,
        stride: usize,
        pad: usize,
    ) -> Option<Self> {
        let output = Shape {
            height: windows(input.height, size, stride, pad)?,
            width: windows(input.width, size, stride, pad)?,
            channels: filters,
        };
        // The padded gradient reaches for as much as a window on each side.
        let padded = |shape: Shape, border: usize| {
            let side = |n: usize| border.checked_mul(2)?.checked_add(n);
            product([side(shape.height)?, side(shape.width)?, shape.channels])
        };
        padded(input, pad)?;
        padded(output, size.checked_add(pad)?)?;
        product([size.checked_mul(size)?, input.channels, filters])?;
        (input.channels > 0 && filters > 0).then_some(Self {
            input,
            output,
            size,
            stride,
            pad,
        })
    }

    /// What goes in.
    pub fn input(&self) -> Shape {
        self.input
    }

    /// What comes out.
    pub fn output(&self) -> Shape {
        self.output
    }

    /// Height and width of the kernel.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Step, both ways.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Zeros on each side.
    pub fn pad(&self) -> usize {
        self.pad
    }

    /// Numbers in the weight `[size, size, channels, filters]`.
    pub fn weights(&self) -> usize {
        self.size * self.size * self.input.channels * self.output.channels
    }
}

/// An image with zeros around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Padded {
    pub image: Shape,
    pub top: usize,
    pub left: usize,
    /// Numbers in one row, border included.
    pub stride: usize,
    /// Numbers in all rows.
    pub len: usize,
}

impl Padded {
    pub fn new(image: Shape, [top, bottom]: [usize; 2], [left, right]: [usize; 2]) -> Self {
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
    pub rows: Offsets,
    pub out: Offsets,
    pub runs: Vec<Run>,
}

impl Table {
    /// The left side of a product whose terms lie side by side.
    pub fn left(&self) -> Left<'_> {
        Left {
            rows: &self.rows,
            step: 1,
            runs: &self.runs,
            out: &self.out,
        }
    }
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
    /// The output's gradient, with as much border as the phases reach for.
    pub gradient: Padded,
    /// Each weight from all pixels; a run is a row of them.
    pub weight: Table,
    pub phases: Vec<Phase>,
}

impl Tables {
    /// For a convolution that needs only to know how its images are padded.
    pub fn of_images(input: Padded, gradient: Padded) -> Self {
        Self {
            input,
            forward: Table::default(),
            gradient,
            weight: Table::default(),
            phases: Vec::new(),
        }
    }

    /// `back`: whether the input's gradient will be wanted.
    pub fn new(g: &Geometry, back: bool) -> Self {
        let input = Padded::new(g.input, [g.pad; 2], [g.pad; 2]);
        let (gradient, phases) = if back {
            let gradient = gradient_border(g);
            (gradient, phases(g, &gradient))
        } else {
            (Padded::new(g.output, [0; 2], [0; 2]), Vec::new())
        };
        Self {
            input,
            forward: forward(g, &input),
            gradient,
            weight: weight(g, &input, &gradient),
            phases,
        }
    }
}

fn forward(g: &Geometry, input: &Padded) -> Table {
    let (out, channels) = (g.output, g.input.channels);
    let pixels = (0..out.height).flat_map(|y| (0..out.width).map(move |x| (y, x)));
    let terms = g.size * channels;
    Table {
        rows: pixels
            .map(|(y, x)| y * g.stride * input.stride + x * g.stride * channels)
            .collect(),
        out: Offsets::every(out.channels, out.height * out.width),
        // An unpadded 1×1 or full-height kernel would do with fewer runs; they are few already.
        runs: (0..g.size)
            .map(|ky| Run {
                a: ky * input.stride,
                b: ky * terms,
                terms,
            })
            .collect(),
    }
}

fn weight(g: &Geometry, input: &Padded, gradient: &Padded) -> Table {
    let (out, row) = (g.output, g.size * g.input.channels);
    let taps = (0..g.size).flat_map(|ky| (0..row).map(move |i| ky * input.stride + i));
    Table {
        rows: taps.collect(),
        out: Offsets::every(out.channels, g.size * row),
        runs: (0..out.height)
            .map(|y| Run {
                a: y * g.stride * input.stride,
                b: gradient.row(y) / out.channels,
                terms: out.width,
            })
            .collect(),
    }
}

/// How far the windows of the input gradient reach beyond the output.
fn gradient_border(g: &Geometry) -> Padded {
    let out = g.output;
    let before = g.size.div_ceil(g.stride) - 1;
    let after = |n: usize, outputs: usize| ((n - 1 + g.pad) / g.stride + 1).saturating_sub(outputs);
    let bottom = after(g.input.height, out.height);
    let right = after(g.input.width, out.width);
    Padded::new(out, [before, bottom], [before, right])
}

/// One for each place within their strides that pixels have.
fn phases(g: &Geometry, gradient: &Padded) -> Vec<Phase> {
    let rests = |n: usize| (0..n.min(g.stride)).map(|y| (y + g.pad) % g.stride);
    rests(g.input.height)
        .flat_map(|y| rests(g.input.width).map(move |x| phase(g, gradient, y, x)))
        .collect()
}

/// Input pixel y lies `(y + pad) mod stride` within its stride; it meets kernel rows rest, rest + stride, … and with the
/// t-th of them output row (y + pad)/stride − t.
fn phase(g: &Geometry, gradient: &Padded, rest_y: usize, rest_x: usize) -> Phase {
    let count = |rest: usize| g.size.saturating_sub(rest).div_ceil(g.stride);
    let (rows, columns) = (count(rest_y), count(rest_x));
    let pixels = |n: usize, rest: usize| (0..n).filter(move |y| (y + g.pad) % g.stride == rest);
    // The window begins at the last tap, that is at the first output row that meets this pixel. With no taps nothing
    // is read.
    let top = |y: usize| gradient.top + (y + g.pad) / g.stride + 1 - rows.max(1);
    let left = |x: usize| gradient.left + (x + g.pad) / g.stride + 1 - columns.max(1);
    let places = || {
        pixels(g.input.height, rest_y)
            .flat_map(|y| pixels(g.input.width, rest_x).map(move |x| (y, x)))
    };
    let terms = columns * g.output.channels;
    let tap = |rest: usize, count: usize, t: usize| rest + (count - 1 - t) * g.stride;
    let taps = (0..rows).flat_map(|ty| {
        (0..columns).map(move |tx| (tap(rest_y, rows, ty), tap(rest_x, columns, tx)))
    });
    Phase {
        table: Table {
            rows: places()
                .map(|(y, x)| top(y) * gradient.stride + left(x) * g.output.channels)
                .collect(),
            out: places()
                .map(|(y, x)| (y * g.input.width + x) * g.input.channels)
                .collect(),
            runs: (0..if terms > 0 { rows } else { 0 })
                .map(|t| Run {
                    a: t * gradient.stride,
                    b: t * terms,
                    terms,
                })
                .collect(),
        },
        taps: taps.collect(),
    }
}
