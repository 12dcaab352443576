//! Winograd convolution: 3×3, stride 1, with a quarter of the multiplications (F(4×4, 3×3)) or four ninths (F(2×2, 3×3)).
//!
//! Tiles of the padded input are transformed, each of the A·A places of a tile is a matrix product over channels, and the products
//! are transformed back. Which scheme a layer takes, and how its sums are cut, follows from its shape alone.

mod scheme;
mod transform;

use std::ops::Range;

use crate::{
    Geometry, Isa, Shape,
    geometry::Padded,
    product::{Left, Offsets, Packed, Right, Run, SLACK, Sum, product, runs},
};
use scheme::{Four, Scheme, Two};
use transform::{Slabs, strip_channels};

/// Fewer channels on a side are faster by direct sums.
const LEAST: usize = 16;
/// Numbers of a place that a block may hold, inputs and outputs together, and its least and most tiles: few enough for the
/// second-level cache, enough for a product.
const BLOCK: usize = 3072;
const TILES: [usize; 2] = [24, 48];

/// F(2, 3) or F(4, 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tile {
    Two,
    Four,
}

/// Calls a function that is generic over the scheme.
macro_rules! with_scheme {
    ($tile:expr, $function:ident($($arg:expr),* $(,)?)) => {
        match $tile {
            Tile::Two => $function::<Two>($($arg),*),
            Tile::Four => $function::<Four>($($arg),*),
        }
    };
}

impl Tile {
    fn side(self) -> usize {
        match self {
            Tile::Two => Two::M,
            Tile::Four => Four::M,
        }
    }

    /// Places of a transformed tile.
    fn places(self) -> usize {
        (self.side() + 2) * (self.side() + 2)
    }

    /// Rows and columns of tiles that cover a map.
    fn cover(self, map: Shape) -> [usize; 2] {
        [map.height, map.width].map(|n| n.div_ceil(self.side()))
    }

    /// Multiplications for each channel and filter.
    fn cost(self, map: Shape) -> usize {
        self.places() * self.cover(map).into_iter().product::<usize>()
    }
}

/// Buffers of one thread.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    /// Transformed inputs, and transformed outputs or their gradients.
    v: Vec<f32>,
    m: Vec<f32>,
    strip: Vec<f32>,
}

fn sized(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
    &mut buffer[..len]
}

/// One convolution: where its padded images lie, and its transformed weights.
#[derive(Debug)]
pub(crate) struct Winograd {
    geometry: Geometry,
    tile: Tile,
    /// Tiles of a block, about.
    block: usize,
    /// The input, with whole tiles.
    pub input: Padded,
    /// The output's gradient, as both of its readers want it.
    pub gradient: Padded,
    forward: Vec<Packed>,
    backward: Vec<Packed>,
    transformed: Vec<f32>,
}

impl Winograd {
    /// `None` where direct sums are faster, or the kernel is another.
    pub fn new(geometry: &Geometry) -> Option<Self> {
        let Geometry { input, output, .. } = *geometry;
        let takes = geometry.size == 3 && geometry.stride == 1 && geometry.pad < 3;
        if !takes || input.channels.min(output.channels) < LEAST {
            return None;
        }
        let tile = match 10 * Tile::Two.cost(output) <= 11 * Tile::Four.cost(output) {
            true => Tile::Two,
            false => Tile::Four,
        };
        let side = tile.side();
        let after = |n: usize, before: usize, whole: usize| whole.saturating_sub(before + n);
        let padded = |map: Shape, before: usize, wanted: [usize; 2]| {
            let [rows, columns] = wanted;
            let (bottom, right) = (
                after(map.height, before, rows),
                after(map.width, before, columns),
            );
            Padded::new(map, [before, bottom], [before, right])
        };
        // Tiles of outputs and their window's reach, and for the gradient's tiles of inputs the same the other way about.
        let [down, across] = tile.cover(output).map(|tiles| tiles * side);
        let [back_down, back_across] = tile.cover(input).map(|tiles| tiles * side + 2);
        let border = 2 - geometry.pad;
        let whole = [
            (border + down).max(back_down),
            (border + across).max(back_across),
        ];
        Some(Self {
            geometry: *geometry,
            tile,
            block: (BLOCK / (input.channels + output.channels)).clamp(TILES[0], TILES[1]),
            input: padded(input, geometry.pad, [down + 2, across + 2]),
            gradient: padded(output, border, whole),
            forward: Vec::new(),
            backward: Vec::new(),
            transformed: Vec::new(),
        })
    }

    /// Images whose tiles make a block.
    pub fn group(&self) -> usize {
        let [down, across] = self.tile.cover(self.geometry.output);
        self.block.div_ceil(down * across)
    }

    /// Numbers of the weight's transformed gradient.
    pub fn sums(&self) -> usize {
        self.tile.places() * self.geometry.input.channels * self.geometry.output.channels
    }

    /// Once a step, before [`Self::outputs`].
    pub fn pack_forward(&mut self, isa: Isa, weight: &[f32]) {
        let (rows, columns) = (self.geometry.input.channels, self.geometry.output.channels);
        let mut packs = std::mem::take(&mut self.forward);
        self.pack(isa, weight, rows, columns, &mut packs);
        self.forward = packs;
    }

    /// Once a step, before [`Self::input_gradient`]: the kernel mirrored, channels and filters exchanged.
    pub fn pack_backward(&mut self, isa: Isa, weight: &[f32]) {
        let (channels, filters) = (self.geometry.input.channels, self.geometry.output.channels);
        let mut turned = vec![0.0; weight.len()];
        let taps = weight.chunks_exact(channels * filters).rev();
        for (tap, to) in taps.zip(turned.chunks_exact_mut(channels * filters)) {
            transpose(tap, channels, filters, to);
        }
        let mut packs = std::mem::take(&mut self.backward);
        self.pack(isa, &turned, filters, channels, &mut packs);
        self.backward = packs;
    }

    fn pack(&mut self, isa: Isa, taps: &[f32], rows: usize, columns: usize, to: &mut Vec<Packed>) {
        use transform::weight;
        let n = rows * columns;
        let u = sized(&mut self.transformed, self.tile.places() * n);
        with_scheme!(self.tile, weight(isa, taps, n, u));
        to.resize_with(self.tile.places(), Packed::default);
        for (packed, u) in to.iter_mut().zip(u.chunks_exact(n)) {
            packed.fill(isa, rows, columns, |r, into| {
                into.copy_from_slice(&u[r * columns..][..columns]);
            });
        }
    }

    /// The raw outputs of padded images, one slice each.
    pub fn outputs(
        &self,
        isa: Isa,
        inputs: &[f32],
        outputs: &mut [Written<'_>],
        blocks: &mut Blocks,
    ) {
        let to = self.geometry.output;
        self.correlate(isa, &self.input, inputs, &self.forward, to, outputs, blocks);
    }

    /// The input's gradient from padded gradients, one slice an image.
    pub fn input_gradient(
        &self,
        isa: Isa,
        gradients: &[f32],
        inputs: &mut [Written<'_>],
        blocks: &mut Blocks,
    ) {
        let to = self.geometry.input;
        let (from, packs) = (&self.gradient, &self.backward);
        self.correlate(isa, from, gradients, packs, to, inputs, blocks);
    }

    fn correlate(
        &self,
        isa: Isa,
        from: &Padded,
        images: &[f32],
        packs: &[Packed],
        to: Shape,
        written: &mut [Written<'_>],
        blocks: &mut Blocks,
    ) {
        use transform::output;
        let (cut, side) = (
            Cut::new(self.tile, to, written.len(), self.block),
            self.tile.side(),
        );
        let (vs, ms) = blocks.fit(self.tile, cut, from.image.channels, to.channels);
        let runs = runs(from.image.channels);
        for block in cut.blocks() {
            self.transform_rows(isa, from, images, cut, block.clone(), blocks, vs);
            let tiles = block.len() * cut.across;
            let left = Left {
                rows: &Offsets::every(vs.tile, tiles),
                step: 1,
                runs: &runs,
                out: &Offsets::every(ms.tile, tiles),
            };
            for (place, packed) in packs.iter().enumerate() {
                let (v, m) = (
                    &blocks.v[place * vs.slab..],
                    &mut blocks.m[place * ms.slab..],
                );
                product(isa, v, &left, &Right::Packed(packed), m, Sum::New);
            }
            for (index, row) in block.enumerate() {
                let (image, y) = (&mut written[row / cut.down], row % cut.down * side);
                let m = &blocks.m[index * cut.across * ms.tile..];
                let (into, high) = (&mut image.to[y * to.row()..], side.min(to.height - y));
                let (width, add) = (to.width, image.add);
                with_scheme!(
                    self.tile,
                    output(isa, m, ms, into, width, to.channels, high, add)
                );
            }
        }
    }

    /// Bᵀ d B of some rows of tiles, counted over all images.
    fn transform_rows(
        &self,
        isa: Isa,
        from: &Padded,
        images: &[f32],
        cut: Cut,
        rows: Range<usize>,
        blocks: &mut Blocks,
        to: Slabs,
    ) {
        use transform::input;
        let Blocks { v, strip, .. } = blocks;
        for (index, row) in rows.enumerate() {
            let y = row % cut.down * self.tile.side();
            let image = &images[row / cut.down * from.len..][..from.len];
            let (image, v) = (
                &image[y * from.stride..],
                &mut v[index * cut.across * to.tile..],
            );
            let (channels, across) = (from.image.channels, cut.across);
            with_scheme!(
                self.tile,
                input(isa, image, from.stride, channels, across, strip, v, to)
            );
        }
    }

    /// Adds the weight gradients of padded images to transformed sums, or begins with them. The blocks are part of the definition of
    /// the sum: each one's chain begins at zero, which halves the error of one long chain.
    pub fn weight_gradient(
        &self,
        isa: Isa,
        [inputs, gradients]: [&[f32]; 2],
        images: usize,
        sums: &mut [f32],
        mut more: bool,
        blocks: &mut Blocks,
    ) {
        use transform::gradient;
        let (channels, to) = (self.geometry.input.channels, self.geometry.output);
        let (cut, from) = (Cut::new(self.tile, to, images, self.block), &self.gradient);
        let (vs, ms) = blocks.fit(self.tile, cut, channels, to.channels);
        for block in cut.blocks() {
            self.transform_rows(isa, &self.input, inputs, cut, block.clone(), blocks, vs);
            for (index, row) in block.clone().enumerate() {
                let image = &gradients[row / cut.down * from.len..][..from.len];
                let image = &image[from.row(row % cut.down * self.tile.side())..];
                let m = &mut blocks.m[index * cut.across * ms.tile..];
                let (stride, across) = (from.stride, cut.across);
                with_scheme!(
                    self.tile,
                    gradient(isa, image, stride, to.channels, across, m, ms)
                );
            }
            let terms = block.len() * cut.across;
            let left = Left {
                rows: &Offsets::every(1, channels),
                step: vs.tile,
                runs: &[Run { a: 0, b: 0, terms }],
                out: &Offsets::every(to.channels, channels),
            };
            let mode = if more { Sum::Add } else { Sum::New };
            let slabs = sums.chunks_exact_mut(channels * to.channels);
            for (place, sums) in slabs.enumerate() {
                let right = Right::Plain {
                    data: &blocks.m[place * ms.slab..],
                    stride: ms.tile,
                    columns: to.channels,
                };
                product(isa, &blocks.v[place * vs.slab..], &left, &right, sums, mode);
            }
            more = true;
        }
    }

    /// Writes the weight's gradient from its transformed sums.
    pub fn finish(&self, isa: Isa, sums: &[f32], weight_gradient: &mut [f32]) {
        use transform::weight_gradient as back;
        let n = weight_gradient.len() / 9;
        with_scheme!(self.tile, back(isa, sums, n, weight_gradient));
    }
}

/// A place for an image.
pub(crate) struct Written<'a> {
    pub to: &'a mut [f32],
    /// Adds to what is there.
    pub add: bool,
}

/// How the tiles of some images are cut into blocks.
#[derive(Clone, Copy)]
struct Cut {
    across: usize,
    down: usize,
    /// Rows of tiles, of all images and of a block.
    rows: usize,
    at_once: usize,
}

impl Cut {
    fn new(tile: Tile, map: Shape, images: usize, block: usize) -> Self {
        let [down, across] = tile.cover(map);
        let rows = images * down;
        Self {
            across,
            down,
            rows,
            at_once: (block / across).max(1).min(rows.max(1)),
        }
    }

    fn blocks(self) -> impl Iterator<Item = Range<usize>> {
        let at_once = self.at_once;
        let starts = (0..self.rows).step_by(at_once);
        starts.map(move |from| from..(from + at_once).min(self.rows))
    }
}

impl Blocks {
    /// Room for a block of a layer.
    fn fit(&mut self, tile: Tile, cut: Cut, channels: usize, filters: usize) -> (Slabs, Slabs) {
        let (tiles, places, points) = (cut.at_once * cut.across, tile.places(), tile.side() + 2);
        let (vs, ms) = (Slabs::new(tiles, channels), Slabs::new(tiles, filters));
        sized(&mut self.v, places * vs.slab);
        sized(&mut self.m, places * ms.slab + SLACK);
        let wide = cut.across * tile.side() + 2;
        sized(
            &mut self.strip,
            points * wide * strip_channels(points, wide, channels),
        );
        (vs, ms)
    }
}

/// In squares, so that no cache line is fetched twice.
fn transpose(from: &[f32], rows: usize, columns: usize, to: &mut [f32]) {
    const SIDE: usize = 16;
    for r0 in (0..rows).step_by(SIDE) {
        for c0 in (0..columns).step_by(SIDE) {
            for r in r0..(r0 + SIDE).min(rows) {
                for c in c0..(c0 + SIDE).min(columns) {
                    to[c * rows + r] = from[r * columns + c];
                }
            }
        }
    }
}
