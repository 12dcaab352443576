//! The training images as a matrix with the mean image taken off: its products, exact where they are whole numbers.

use hone_kernels::fit::{LANES, Strided, add_bytes_times, add_whole_products};

use super::{Crew, DataError, DataSet, statistics::Statistics};

/// Numbers that are multiplied at a time: 512 × 255² fits 32 bits.
const BLOCK: usize = 512;
/// Images and features of a tile: its bytes and its part of a panel stay in the caches.
const TILE: (usize, usize) = (256, 64);

/// Training images minus their mean, `[image, feature]`, in bytes and never made: what it is multiplied by is centred instead.
pub(super) struct Centred<'a> {
    pixels: &'a [u8],
    train: &'a [u32],
    statistics: &'a Statistics,
    means: Vec<f64>,
    crew: &'a Crew,
}

impl<'a> Centred<'a> {
    /// Of the images of `set.train` that `train` names; `statistics` are theirs.
    pub(super) fn new(
        set: &'a DataSet,
        train: &'a [u32],
        statistics: &'a Statistics,
        crew: &'a Crew,
    ) -> Centred<'a> {
        let count = statistics.count.max(1) as f64;
        Centred {
            pixels: &set.train.pixels,
            train,
            statistics,
            means: statistics
                .sums
                .iter()
                .map(|&sum| sum as f64 / count)
                .collect(),
            crew,
        }
    }

    /// How many images there are.
    pub(super) fn images(&self) -> usize {
        self.train.len()
    }

    /// How many features each has.
    pub(super) fn features(&self) -> usize {
        self.means.len()
    }

    /// Who computes.
    pub(super) fn crew(&self) -> &'a Crew {
        self.crew
    }

    fn image(&self, index: usize) -> &[u8] {
        let features = self.features();
        &self.pixels[self.train[index] as usize * features..][..features]
    }

    /// The lower triangle of `factor` × n² × covariance (of n, not n − 1), `[feature, feature]`.
    pub(super) fn covariance(&self, factor: f64) -> Result<Vec<f64>, DataError> {
        let features = self.features();
        let mut products = vec![0; features * features];
        let mut block = vec![0; features * BLOCK];
        for first in (0..self.images()).step_by(BLOCK) {
            block.fill(0);
            for column in 0..BLOCK.min(self.images() - first) {
                for (feature, &pixel) in self.image(first + column).iter().enumerate() {
                    block[feature * BLOCK + column] = i16::from(pixel);
                }
            }
            self.add_products(&block, &mut products)?;
        }
        drop(block);
        let count = u128::from(self.statistics.count.max(1));
        let sums = &self.statistics.sums;
        // n Σxy − Σx Σy, exact.
        self.finish(&products, factor, |row, column, both| {
            let apart = u128::from(sums[row]) * u128::from(sums[column]);
            (count * u128::from(both)) as i128 - apart as i128
        })
    }

    /// The lower triangle of `factor` × n² × the products of the centred images with each other, `[image, image]`.
    pub(super) fn gram(&self, factor: f64) -> Result<Vec<f64>, DataError> {
        let (images, features) = (self.images(), self.features());
        let mut products = vec![0; images * images];
        let mut block = vec![0; images * BLOCK];
        for first in (0..features).step_by(BLOCK) {
            block.fill(0);
            let width = BLOCK.min(features - first);
            for (image, row) in block.chunks_exact_mut(BLOCK).enumerate() {
                for (to, &pixel) in row.iter_mut().zip(&self.image(image)[first..][..width]) {
                    *to = i16::from(pixel);
                }
            }
            self.add_products(&block, &mut products)?;
        }
        drop(block);
        let with_sums: Vec<i128> = (0..images)
            .map(|image| {
                let terms = self.image(image).iter().zip(&self.statistics.sums);
                terms
                    .map(|(&pixel, &sum)| i128::from(pixel) * i128::from(sum))
                    .sum()
            })
            .collect();
        let (count, all) = (images as i128, with_sums.iter().sum::<i128>());
        // n² xy − n x Σx − n y Σx + Σx Σx, exact.
        self.finish(&products, factor, |row, column, both| {
            count * count * i128::from(both) - count * (with_sums[row] + with_sums[column]) + all
        })
    }

    /// Adds `block × blockᵀ` (`block` is `[row, BLOCK]`) to the lower triangle.
    fn add_products(&self, block: &[i16], products: &mut [u64]) -> Result<(), DataError> {
        const ROWS: usize = 4;
        let n = block.len() / BLOCK;
        self.crew.pieces(products, ROWS * n, |index, sums| {
            let from = index * ROWS * BLOCK;
            let to = from + sums.len() / n * BLOCK;
            // The few sums above the diagonal are never read.
            add_whole_products(
                self.crew.isa(),
                &block[from..to],
                &block[..to],
                BLOCK,
                sums,
                n,
            );
        })
    }

    fn finish(
        &self,
        products: &[u64],
        factor: f64,
        entry: impl Fn(usize, usize, u64) -> i128 + Send + Sync,
    ) -> Result<Vec<f64>, DataError> {
        let n = products.len().isqrt();
        let mut triangle = vec![0.0; products.len()];
        self.crew.pieces(&mut triangle, n, |row, to| {
            for (column, to) in to[..=row].iter_mut().enumerate() {
                *to = entry(row, column, products[row * n + column]) as f64 * factor;
            }
        })?;
        Ok(triangle)
    }

    /// Times a panel `[feature, LANES]`: `[image, LANES]`.
    pub(super) fn times(&self, panel: &[f64]) -> Result<Vec<f64>, DataError> {
        let shift = weighted(&self.means, panel);
        let mut out = vec![0.0; self.images() * LANES];
        let features = self.features();
        self.crew.pieces(&mut out, TILE.1 * LANES, |index, out| {
            let images = index * TILE.1..index * TILE.1 + out.len() / LANES;
            let mut tile = Vec::with_capacity(TILE.0 * TILE.1);
            for from in (0..features).step_by(TILE.0) {
                let width = TILE.0.min(features - from);
                tile.clear();
                for image in images.clone() {
                    tile.extend_from_slice(&self.image(image)[from..][..width]);
                }
                let left = Strided {
                    values: &tile[..],
                    row_step: width,
                    term_step: 1,
                };
                let panel = &panel[from * LANES..][..width * LANES];
                add_bytes_times(self.crew.isa(), left, panel, out);
            }
            for row in out.chunks_exact_mut(LANES) {
                row.iter_mut()
                    .zip(&shift)
                    .for_each(|(value, shift)| *value -= shift);
            }
        })?;
        Ok(out)
    }

    /// The transposed matrix times a panel `[image, LANES]`: `[feature, LANES]`.
    pub(super) fn transposed_times(&self, panel: &[f64]) -> Result<Vec<f64>, DataError> {
        let sums = weighted(&vec![1.0; self.images()], panel);
        let mut out = vec![0.0; self.features() * LANES];
        self.crew.pieces(&mut out, TILE.1 * LANES, |index, out| {
            let (from, width) = (index * TILE.1, out.len() / LANES);
            let mut tile = Vec::with_capacity(TILE.0 * TILE.1);
            for (first, panel) in panel.chunks(TILE.0 * LANES).enumerate() {
                tile.clear();
                for image in 0..panel.len() / LANES {
                    tile.extend_from_slice(&self.image(first * TILE.0 + image)[from..][..width]);
                }
                let left = Strided {
                    values: &tile[..],
                    row_step: 1,
                    term_step: width,
                };
                add_bytes_times(self.crew.isa(), left, panel, out);
            }
            for (row, mean) in out.chunks_exact_mut(LANES).zip(&self.means[from..]) {
                row.iter_mut()
                    .zip(&sums)
                    .for_each(|(value, sum)| *value -= mean * sum);
            }
        })?;
        Ok(out)
    }
}

/// Σ weight × row over the rows of a panel.
fn weighted(weights: &[f64], panel: &[f64]) -> [f64; LANES] {
    let mut sums = [0.0; LANES];
    for (weight, row) in weights.iter().zip(panel.chunks_exact(LANES)) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += weight * value;
        }
    }
    sums
}
