//! The matrix product under every layer: C[r, n] = Σ A[r, k] · B[k, n], accumulated over k in order.
//!
//! A's rows lie anywhere (a table of offsets) and their terms come in runs, so that a convolution is a product over
//! overlapping windows of a padded image, without a copy of them. One register-blocked kernel serves the outputs, the
//! input gradients and the weight gradients of convolutions and of linear layers.

mod kernel;
mod packed;

use crate::isa::{Isa, Path};
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

/// Offsets of a product's rows. Their largest is known, so that a product can be checked before it is computed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Offsets {
    at: Vec<usize>,
    largest: usize,
}

impl Offsets {
    /// `count` of them, `step` apart.
    pub fn every(step: usize, count: usize) -> Self {
        (0..count).map(|i| i * step).collect()
    }
}

impl FromIterator<usize> for Offsets {
    fn from_iter<I: IntoIterator<Item = usize>>(offsets: I) -> Self {
        let at: Vec<usize> = offsets.into_iter().collect();
        Self {
            largest: at.iter().copied().max().unwrap_or(0),
            at,
        }
    }
}

/// The left factor and the place of the result.
pub(crate) struct Left<'a> {
    /// Offset in A of each row's first term.
    pub rows: &'a Offsets,
    /// Distance in A between two terms of a run.
    pub step: usize,
    /// The terms, in the order of summation.
    pub runs: &'a [Run],
    /// Offset in C of each row.
    pub out: &'a Offsets,
}

impl Left<'_> {
    /// How much of A and how many rows of B are read.
    fn reach(&self) -> (usize, usize) {
        let runs = self.runs.iter().filter(|run| run.terms > 0);
        runs.fold((0, 0), |(a, b), run| {
            let last = run
                .a
                .saturating_add((run.terms - 1).saturating_mul(self.step));
            let after = self.rows.largest.saturating_add(last).saturating_add(1);
            (a.max(after), b.max(run.b.saturating_add(run.terms)))
        })
    }
}

/// What a plain right factor must have behind its last row: a block reads whole vectors.
pub(crate) const SLACK: usize = 64;

const _: () = {
    let mut i = 0;
    while i < Path::ALL.len() {
        let path = Path::ALL[i];
        assert!(path.lanes() * path.widest() <= SLACK);
        i += 1;
    }
};

/// The right factor: rows of B at `stride`, columns `start..start + width` of each block.
pub(crate) enum Right<'a> {
    /// Column blocks one after the other.
    Packed(&'a Packed),
    /// As it lies: `columns` columns, `stride` apart, and [`SLACK`] numbers behind them.
    Plain {
        data: &'a [f32],
        stride: usize,
        columns: usize,
    },
}

impl Right<'_> {
    fn columns(&self) -> usize {
        match self {
            Right::Packed(packed) => packed.columns,
            Right::Plain { columns, .. } => *columns,
        }
    }

    /// Whether so many rows can be read in whole vectors.
    fn has(&self, rows: usize) -> bool {
        match self {
            Right::Packed(packed) => rows <= packed.rows,
            Right::Plain {
                data,
                stride,
                columns,
            } => {
                let before = rows.saturating_sub(1).saturating_mul(*stride);
                rows == 0 || before.saturating_add(columns.saturating_add(SLACK)) <= data.len()
            }
        }
    }
}

/// What becomes of the numbers that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sum {
    /// Nothing: the chains begin at zero.
    New,
    /// The chains go on with them.
    GoOn,
    /// The chains begin at zero, and are added to them. Of one run alone, which no path can cut.
    Add,
}

/// Computes the product into `c`.
///
/// # Panics
/// The tables reach beyond a factor or the result.
pub(crate) fn product(
    isa: Isa,
    a: &[f32],
    left: &Left<'_>,
    right: &Right<'_>,
    c: &mut [f32],
    sum: Sum,
) {
    debug_assert!(sum != Sum::Add || left.runs.len() == 1);
    let (reach, depth) = left.reach();
    let columns = right.columns();
    assert_eq!(left.rows.at.len(), left.out.at.len());
    assert!(reach <= a.len() && right.has(depth));
    assert!(left.out.at.is_empty() || left.out.largest.saturating_add(columns) <= c.len());
    let mut packed_at = 0;
    for block in isa.0.blocks(columns) {
        let width = block.vectors * isa.0.lanes();
        let (b, stride) = match right {
            Right::Packed(packed) => {
                let at = packed_at;
                packed_at += packed.rows * width;
                (&packed.data[at..packed_at], width)
            }
            Right::Plain { data, stride, .. } => {
                (data.get(block.start..).unwrap_or_default(), *stride)
            }
        };
        let mut sum = sum;
        for runs in grouped(left.runs, width) {
            // SAFETY: every row and run of the tables lies inside `a`, `b` and `c`, as was asserted above: a block's whole vectors
            // end less than SLACK behind the last column of a plain factor, and inside a packed one.
            unsafe { tiles(isa, a, left, runs, b, stride, block, c, sum) };
            sum = Sum::GoOn;
        }
    }
}

/// One chain of `terms` in order, in pieces that the product may group.
pub(crate) fn runs(terms: usize) -> Vec<Run> {
    const PIECE: usize = 192;
    let starts = (0..terms).step_by(PIECE);
    let piece = |at: usize| Run {
        a: at,
        b: at,
        terms: PIECE.min(terms - at),
    };
    starts.map(piece).collect()
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
/// All numbers that `left` and `runs` describe lie in `a` and, `stride` apart and as wide as the block, in `b`; all that `left.out`
/// describes, the block's columns from there on, in `c`.
unsafe fn tiles(
    isa: Isa,
    a: &[f32],
    left: &Left<'_>,
    runs: &[Run],
    b: &[f32],
    stride: usize,
    block: Block,
    c: &mut [f32],
    sum: Sum,
) {
    let rows = left.rows.at.len();
    let count = rows.div_ceil(isa.0.tallest(block.vectors));
    for i in 0..count {
        let (from, to) = (i * rows / count, (i + 1) * rows / count);
        let call = Call {
            a: a.as_ptr(),
            rows: left.rows.at[from..to].as_ptr(),
            step: left.step,
            runs: runs.as_ptr(),
            run_count: runs.len(),
            b: b.as_ptr(),
            stride,
            c: c[block.start..].as_mut_ptr(),
            out: left.out.at[from..to].as_ptr(),
            last: block.last,
            sum,
        };
        // SAFETY: the kernel has `to - from` rows and the block's vectors, all of them vouched for by the caller.
        unsafe { kernel(isa.0, to - from, block.vectors)(&call) };
    }
}

#[cfg(test)]
mod tests;
