//! The matrix product under every layer: C[r, n] = Σ A[r, k] · B[k, n], accumulated over k in order.
//!
//! A's rows lie anywhere (a table of offsets) and their terms come in runs, so that a convolution is a product over
//! overlapping windows of a padded image, without a copy of them. One register-blocked kernel serves the outputs, the
//! input gradients and the weight gradients of convolutions and of linear layers.

mod kernel;
mod packed;

use crate::isa::Isa;
use kernel::{Call, kernel};
use packed::Block;
pub(crate) use packed::Packed;

/// A run of consecutive terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Added to the offset of A's row.
    pub a: usize,
    /// The row of B that the first term meets.
    pub b: usize,
    /// How many terms.
    pub terms: usize,
}

/// The left factor and the place of the result.
pub(crate) struct Left<'a> {
    /// Offset in A of each row's first term.
    pub rows: &'a [usize],
    /// Distance in A between two terms of a run.
    pub step: usize,
    /// The terms, in the order of summation.
    pub runs: &'a [Run],
    /// Offset in C of each row.
    pub out: &'a [usize],
}

/// The right factor: rows of B at `stride`, columns `start..start + width` of each block.
pub(crate) enum Right<'a> {
    /// Column blocks one after the other.
    Packed(&'a Packed),
    /// As it lies: `columns` columns, `stride` apart. Readable for one block's width beyond its end.
    Plain {
        data: *const f32,
        stride: usize,
        columns: usize,
    },
}

/// Computes the product into `c`; adds to what is there if `accumulate`, going on with its sum.
///
/// # Safety
/// Every address that `left` and `right` describe must be readable from `a`, every one that `left.out` describes
/// writable from `c` for as many columns as `right` has, and nobody else may touch the latter meanwhile.
pub(crate) unsafe fn product(
    isa: Isa,
    a: *const f32,
    left: &Left<'_>,
    right: &Right<'_>,
    c: *mut f32,
    accumulate: bool,
) {
    debug_assert_eq!(left.rows.len(), left.out.len());
    let columns = match right {
        Right::Packed(packed) => packed.columns,
        Right::Plain { columns, .. } => *columns,
    };
    let mut packed_at = 0;
    for block in isa.0.blocks(columns) {
        let width = block.vectors * isa.0.lanes();
        let (b, stride) = match right {
            Right::Packed(packed) => {
                let at = packed_at;
                packed_at += packed.rows * width;
                (packed.data[at..packed_at].as_ptr(), width)
            }
            // SAFETY: the block starts inside the caller's rows.
            Right::Plain { data, stride, .. } => (unsafe { data.add(block.start) }, *stride),
        };
        let mut first = true;
        for runs in grouped(left.runs, width) {
            let accumulate = accumulate || !first;
            // SAFETY: the caller vouches for all addresses; the block's columns are among those of `right`.
            unsafe { tiles(isa, a, left, runs, b, stride, block, c, accumulate) };
            first = false;
        }
    }
}

/// Runs in groups whose part of B stays in the first-level cache while all rows pass over it.
fn grouped(runs: &[Run], width: usize) -> impl Iterator<Item = &[Run]> {
    const FLOATS: usize = 6144;
    let mut rest = runs;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut terms = 0;
        let fits = |run: &Run| {
            terms += run.terms;
            terms * width <= FLOATS
        };
        let count = rest.iter().position({
            let mut fits = fits;
            move |run| !fits(run)
        });
        let (group, after) = rest.split_at(count.unwrap_or(rest.len()).max(1));
        rest = after;
        Some(group)
    })
}

/// One block of columns, all rows.
///
/// # Safety
/// As [`product`]; `b` is the block's first column.
unsafe fn tiles(
    isa: Isa,
    a: *const f32,
    left: &Left<'_>,
    runs: &[Run],
    b: *const f32,
    stride: usize,
    block: Block,
    c: *mut f32,
    accumulate: bool,
) {
    let rows = left.rows.len();
    let count = rows.div_ceil(isa.0.tallest(block.vectors));
    for i in 0..count {
        let (from, to) = (i * rows / count, (i + 1) * rows / count);
        let call = Call {
            a,
            rows: left.rows[from..to].as_ptr(),
            step: left.step,
            runs: runs.as_ptr(),
            run_count: runs.len(),
            b,
            stride,
            // SAFETY: the block's first column lies inside each row of the result.
            c: unsafe { c.add(block.start) },
            out: left.out[from..to].as_ptr(),
            last: block.last,
            accumulate,
        };
        // SAFETY: the kernel has `to - from` rows and the block's vectors, all of them vouched for by the caller.
        unsafe { kernel(isa.0, to - from, block.vectors)(&call) };
    }
}

#[cfg(test)]
mod tests;
