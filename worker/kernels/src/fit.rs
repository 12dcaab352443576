//! Loops in f64 and in whole numbers for what is fitted to a data set before a training (principal components).
//!
//! Every output is one chain of operations in a fixed order, so the bits depend neither on the path nor on who computes which
//! rows.

use crate::isa::for_each_isa;

/// Columns of a panel: a matrix `[row, LANES]`.
pub const LANES: usize = 16;
/// Rows of a product that share a pass over the right side.
const ROWS: usize = 4;

/// A matrix that lies in a slice: entry (row, term) at `row * row_step + term * term_step`.
#[derive(Clone, Copy, Debug)]
pub struct Strided<'a, T> {
    /// The numbers.
    pub values: &'a [T],
    /// Distance between two rows.
    pub row_step: usize,
    /// Distance between two terms of a row.
    pub term_step: usize,
}

/// A rotation of rows `row` and `row + 1`.
#[derive(Clone, Copy, Debug)]
pub struct Rotation {
    /// The upper one.
    pub row: usize,
    /// Of the angle.
    pub cosine: f64,
    /// Of the angle.
    pub sine: f64,
}

/// out += left × panel, term by term in order.
#[inline(always)]
fn add_product<T: Copy + Into<f64>>(left: Strided<'_, T>, panel: &[f64], out: &mut [f64]) {
    let mut from = 0;
    for out in out.chunks_mut(ROWS * LANES) {
        if out.len() == ROWS * LANES {
            rows::<ROWS, T>(left, from, panel, out);
        } else {
            for (row, out) in out.chunks_mut(LANES).enumerate() {
                rows::<1, T>(left, from + row, panel, out);
            }
        }
        from += ROWS;
    }
}

#[inline(always)]
fn rows<const COUNT: usize, T: Copy + Into<f64>>(
    left: Strided<'_, T>,
    from: usize,
    panel: &[f64],
    out: &mut [f64],
) {
    let mut sums = [[0.0; LANES]; COUNT];
    for (sums, out) in sums.iter_mut().zip(out.chunks_exact(LANES)) {
        sums.copy_from_slice(out);
    }
    for (term, right) in panel.chunks_exact(LANES).enumerate() {
        let at = from * left.row_step + term * left.term_step;
        for (row, sums) in sums.iter_mut().enumerate() {
            let factor: f64 = left.values[at + row * left.row_step].into();
            for (sum, right) in sums.iter_mut().zip(right) {
                *sum = factor.mul_add(*right, *sum);
            }
        }
    }
    for (sums, out) in sums.iter().zip(out.chunks_exact_mut(LANES)) {
        out.copy_from_slice(sums);
    }
}

for_each_isa! {
    /// out `[row, LANES]` += left × panel `[term, LANES]`, with fused multiply-adds in the order of the terms.
    pub fn add_bytes_times(left: Strided<'_, u8>, panel: &[f64], out: &mut [f64]) {
        add_product(left, panel, out);
    }

    /// The same of numbers.
    pub fn add_numbers_times(left: Strided<'_, f64>, panel: &[f64], out: &mut [f64]) {
        add_product(left, panel, out);
    }

    /// Adds to `sums` `[left, stride]` the products of each of `lefts` with each of `rights`, all of `terms` whole numbers, at
    /// most 255 each and at most 33,000 of them: exact.
    pub fn add_whole_products(lefts: &[i16], rights: &[i16], terms: usize, sums: &mut [u64], stride: usize) {
        // The right side stays in the cache while the left ones pass.
        for (column, right) in rights.chunks_exact(terms).enumerate() {
            for (left, sums) in lefts.chunks_exact(terms).zip(sums.chunks_mut(stride)) {
                let sum: i32 = left.iter().zip(right).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum();
                sums[column] += sum as u64;
            }
        }
    }

    /// a · b: eight sums side by side, then those in order.
    pub fn dot(a: &[f64], b: &[f64]) -> f64 {
        let mut sums = [0.0; 8];
        let (a_whole, b_whole) = (a.chunks_exact(8), b.chunks_exact(8));
        let rest: f64 = a_whole.remainder().iter().zip(b_whole.remainder()).map(|(a, b)| a * b).sum();
        for (a, b) in a_whole.zip(b_whole) {
            for lane in 0..8 {
                sums[lane] += a[lane] * b[lane];
            }
        }
        sums.iter().sum::<f64>() + rest
    }

    /// to += factor × from.
    pub fn add(to: &mut [f64], factor: f64, from: &[f64]) {
        for (to, from) in to.iter_mut().zip(from) {
            *to += factor * from;
        }
    }

    /// to −= a × b + c × d.
    pub fn subtract_two(to: &mut [f64], a: f64, b: &[f64], c: f64, d: &[f64]) {
        for ((to, b), d) in to.iter_mut().zip(b).zip(d) {
            *to -= a * b + c * d;
        }
    }

    /// Rotates rows of a panel, one rotation after the other.
    pub fn rotate(panel: &mut [f64], rotations: &[Rotation]) {
        for &Rotation { row, cosine, sine } in rotations {
            let (upper, lower) = panel[row * LANES..][..2 * LANES].split_at_mut(LANES);
            for (a, b) in upper.iter_mut().zip(lower) {
                (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
            }
        }
    }
}

#[cfg(test)]
mod tests;
