//! Pools that are stored: overlapping or average ones, the global average, and maxout, a pool over channels; and the sum of two
//! tensors.

use crate::{Compute, Shape, rows, windows};

/// A window that slides over the map; only such as fit it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    input: Shape,
    output: Shape,
    window: usize,
    stride: usize,
    average: bool,
}

impl Pool {
    /// Windows of `window` rows and columns, `stride` apart both ways: their mean, or the largest (the first of equals, in row
    /// order). `None` where none fits.
    pub fn new(input: Shape, window: usize, stride: usize, average: bool) -> Option<Self> {
        let side = |n: usize| windows(n, window, stride, 0);
        Some(Self {
            input,
            output: input.sized(side(input.height)?, side(input.width)?),
            window,
            stride,
            average,
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

    /// Height and width of the window.
    pub fn window(&self) -> usize {
        self.window
    }

    /// Step, both ways.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Whether it takes the mean.
    pub fn average(&self) -> bool {
        self.average
    }

    /// Writes the pooled images.
    pub fn forward(&self, compute: &Compute, input: &[f32], out: &mut [f32]) {
        let (from, to) = (self.input.len(), self.output.len());
        assert_eq!(input.len() / from, out.len() / to);
        let reduce = match self.average {
            true => rows::average_rows,
            false => rows::max_rows,
        };
        let (stride, channels) = (self.input.row(), self.input.channels);
        compute.pieces(out, to, |i, out| {
            let image = &input[i * from..][..from];
            for (y, out) in out.chunks_exact_mut(self.output.row()).enumerate() {
                let from = &image[y * self.stride * stride..];
                let (window, step) = (self.window, self.stride);
                reduce(compute.isa(), from, stride, window, step, channels, out);
            }
        });
    }

    /// Calls `work` with the place of each output pixel and those of its window's pixels.
    fn windows(&self, mut work: impl FnMut(usize, &[usize])) {
        let out = self.output;
        let mut pixels = Vec::with_capacity(self.window * self.window);
        for y in 0..out.height {
            for x in 0..out.width {
                pixels.clear();
                for k in 0..self.window * self.window {
                    let row = y * self.stride + k / self.window;
                    let column = x * self.stride + k % self.window;
                    pixels.push((row * self.input.width + column) * self.input.channels);
                }
                work((y * out.width + x) * out.channels, &pixels);
            }
        }
    }

    /// Writes the input's gradient.
    pub fn backward(
        &self,
        compute: &Compute,
        input: &[f32],
        gradient: &[f32],
        input_gradient: &mut [f32],
    ) {
        let (from, to) = (self.input.len(), self.output.len());
        assert!(input.len() == input_gradient.len() && input.len() / from == gradient.len() / to);
        compute.pieces(input_gradient, from, |i, out| {
            out.fill(0.0);
            let (image, gradient) = (&input[i * from..][..from], &gradient[i * to..][..to]);
            if self.average {
                self.average_back(compute, gradient, out);
                return;
            }
            self.windows(|at, pixels| {
                for c in 0..self.input.channels {
                    out[largest(image, pixels, c) + c] += gradient[at + c];
                }
            });
        });
    }

    fn average_back(&self, compute: &Compute, gradient: &[f32], out: &mut [f32]) {
        let (row, channels) = (self.input.row(), self.input.channels);
        let lines = gradient.chunks_exact(self.output.row());
        for (y, gradient) in lines.enumerate() {
            let out = &mut out[y * self.stride * row..];
            rows::average_rows_back(
                compute.isa(),
                gradient,
                row,
                self.window,
                self.stride,
                channels,
                out,
            );
        }
    }
}

/// Which pixel holds the largest number of channel `c`.
fn largest(image: &[f32], pixels: &[usize], c: usize) -> usize {
    let mut best = pixels[0];
    for &p in &pixels[1..] {
        let (value, kept) = (image[p + c], image[best + c]);
        if value > kept || value.is_nan() {
            best = p;
        }
    }
    best
}

/// The mean over height and width of each channel: `[batch, height, width, channels]` to `[batch, channels]`.
pub fn global_average(input: Shape, images: &[f32], out: &mut [f32]) {
    let pixels = (input.height * input.width) as f32;
    for (image, out) in images
        .chunks_exact(input.len())
        .zip(out.chunks_exact_mut(input.channels))
    {
        out.fill(0.0);
        for pixel in image.chunks_exact(input.channels) {
            out.iter_mut()
                .zip(pixel)
                .for_each(|(sum, value)| *sum += *value);
        }
        out.iter_mut().for_each(|sum| *sum /= pixels);
    }
}

/// [`global_average`] backwards.
pub fn global_average_back(input: Shape, gradient: &[f32], input_gradient: &mut [f32]) {
    let pixels = (input.height * input.width) as f32;
    for (image, gradient) in input_gradient
        .chunks_exact_mut(input.len())
        .zip(gradient.chunks_exact(input.channels))
    {
        for pixel in image.chunks_exact_mut(input.channels) {
            pixel
                .iter_mut()
                .zip(gradient)
                .for_each(|(to, g)| *to = *g / pixels);
        }
    }
}

/// The largest (the first of equals) of each `pieces` neighbouring channels.
pub fn maxout(pieces: usize, input: &[f32], out: &mut [f32]) {
    assert_eq!(input.len(), out.len() * pieces);
    for (group, out) in input.chunks_exact(pieces).zip(out) {
        *out = group[1..]
            .iter()
            .fold(group[0], |best, value| rows::larger(best, *value));
    }
}

/// [`maxout`] backwards.
pub fn maxout_back(pieces: usize, input: &[f32], gradient: &[f32], input_gradient: &mut [f32]) {
    assert!(input.len() == gradient.len() * pieces && input.len() == input_gradient.len());
    let places: Vec<usize> = (0..pieces).collect();
    for ((group, to), g) in input
        .chunks_exact(pieces)
        .zip(input_gradient.chunks_exact_mut(pieces))
        .zip(gradient)
    {
        to.fill(0.0);
        to[largest(group, &places, 0)] = *g;
    }
}

/// left + right.
pub fn sum(left: &[f32], right: &[f32], out: &mut [f32]) {
    for ((sum, left), right) in out.iter_mut().zip(left).zip(right) {
        *sum = left + right;
    }
}
