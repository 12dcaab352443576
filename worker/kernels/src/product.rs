//! The matrix product under every layer: C[r, n] = Σ A[r, k] · B[k, n], accumulated over k in order.
//!
//! A's rows lie anywhere (a table of offsets) and their terms come in runs, so that a convolution is a product over
//! overlapping windows of a padded image, without a copy of them. One register-blocked kernel serves the outputs, the
//! input gradients and the weight gradients of convolutions and of linear layers.

use crate::{
    isa::{Isa, Path},
    lanes::{Lanes, Portable},
};

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

/// B in blocks of as many columns as one kernel takes, each block's rows contiguous and filled up with zeros.
#[derive(Debug, Default)]
pub(crate) struct Packed {
    columns: usize,
    rows: usize,
    data: Vec<f32>,
}

impl Packed {
    /// Packs `rows` rows of `columns` each; `row(r, into)` writes one, and `into` is not cleared before.
    pub fn fill(
        &mut self,
        isa: Isa,
        rows: usize,
        columns: usize,
        mut row: impl FnMut(usize, &mut [f32]),
    ) {
        self.reserve(isa, rows, columns);
        let lanes = isa.0.lanes();
        let mut line = vec![0.0; columns];
        for r in 0..rows {
            row(r, &mut line);
            let mut at = 0;
            for block in isa.0.blocks(columns) {
                let width = block.vectors * lanes;
                let taken = width.min(columns - block.start);
                let to = at + r * width;
                self.data[to..to + taken].copy_from_slice(&line[block.start..block.start + taken]);
                at += rows * width;
            }
        }
    }

    /// Room for `rows` rows of `columns`; what is beyond the columns is zero.
    fn reserve(&mut self, isa: Isa, rows: usize, columns: usize) {
        let size = rows * columns.div_ceil(isa.0.lanes()) * isa.0.lanes();
        if (self.rows, self.columns, self.data.len()) != (rows, columns, size) {
            self.data.clear();
            self.data.resize(size, 0.0);
            (self.rows, self.columns) = (rows, columns);
        }
    }
}

/// Some whole vectors of columns.
#[derive(Clone, Copy)]
struct Block {
    start: usize,
    vectors: usize,
    /// Columns of the last vector.
    last: usize,
}

impl Path {
    fn lanes(self) -> usize {
        match self {
            Path::Avx512 | Path::Wide => 16,
            Path::Avx2 | Path::Portable | Path::Libm => 8,
        }
    }

    /// Vectors of columns that one kernel takes.
    fn widest(self) -> usize {
        match self {
            Path::Avx512 => 4,
            Path::Wide => 1,
            Path::Avx2 | Path::Portable | Path::Libm => 2,
        }
    }

    /// Rows that one kernel takes beside so many vectors, so that accumulators fill the registers.
    fn tallest(self, vectors: usize) -> usize {
        match (self, vectors) {
            (Path::Avx512, 4) => 6,
            (Path::Avx512, _) => 8,
            (_, 1) if self != Path::Wide => 8,
            _ => 6,
        }
    }

    /// `columns` cut into blocks of nearly equal width.
    fn blocks(self, columns: usize) -> impl Iterator<Item = Block> {
        let (lanes, widest) = (self.lanes(), self.widest());
        let vectors = columns.div_ceil(lanes);
        let count = vectors.div_ceil(widest);
        (0..count).map(move |i| {
            let (from, to) = (i * vectors / count, (i + 1) * vectors / count);
            let end = (to * lanes).min(columns);
            Block {
                start: from * lanes,
                vectors: to - from,
                last: end - (to - 1) * lanes,
            }
        })
    }
}

/// What one kernel call is told.
struct Call {
    a: *const f32,
    /// As many as the kernel has rows.
    rows: *const usize,
    step: usize,
    runs: *const Run,
    run_count: usize,
    b: *const f32,
    stride: usize,
    c: *mut f32,
    out: *const usize,
    last: usize,
    accumulate: bool,
}

type Kernel = unsafe fn(&Call);

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

/// `ROWS` × `VECTORS` accumulators over all terms.
///
/// # Safety
/// As [`product`], for the rows and columns of this call; the processor has the instructions of `L`.
#[inline(always)]
unsafe fn micro<L: Lanes, const ROWS: usize, const VECTORS: usize>(call: &Call) {
    // SAFETY: the contract of this function, for every access below.
    unsafe {
        let mut sums = [[L::zero(); VECTORS]; ROWS];
        if call.accumulate {
            for r in 0..ROWS {
                let c = call.c.add(*call.out.add(r));
                for v in 0..VECTORS {
                    let at = c.add(v * L::COUNT);
                    sums[r][v] = if v + 1 < VECTORS || call.last == L::COUNT {
                        L::load(at)
                    } else {
                        L::load_some(at, call.last)
                    };
                }
            }
        }
        for i in 0..call.run_count {
            let run = &*call.runs.add(i);
            let mut a = [call.a; ROWS];
            for r in 0..ROWS {
                a[r] = call.a.add(*call.rows.add(r) + run.a);
            }
            let mut b = call.b.add(run.b * call.stride);
            let mut k = 0;
            for _ in 0..run.terms {
                let mut right = [L::zero(); VECTORS];
                for v in 0..VECTORS {
                    right[v] = L::load(b.add(v * L::COUNT));
                }
                for r in 0..ROWS {
                    let left = L::splat(*a[r].add(k));
                    for v in 0..VECTORS {
                        sums[r][v] = L::mul_add(left, right[v], sums[r][v]);
                    }
                }
                b = b.add(call.stride);
                k += call.step;
            }
        }
        for r in 0..ROWS {
            let c = call.c.add(*call.out.add(r));
            for v in 0..VECTORS {
                let at = c.add(v * L::COUNT);
                if v + 1 < VECTORS || call.last == L::COUNT {
                    L::store(at, sums[r][v]);
                } else {
                    L::store_some(at, sums[r][v], call.last);
                }
            }
        }
    }
}

macro_rules! kernels {
    ($name:ident, $lanes:ty, #[$attribute:meta], $(($rows:literal, $vectors:literal)),* $(,)?) => {
        fn $name(rows: usize, vectors: usize) -> Kernel {
            match (rows, vectors) {
                $(($rows, $vectors) => {
                    #[$attribute]
                    unsafe fn kernel(call: &Call) {
                        // SAFETY: passed on to the caller.
                        unsafe { micro::<$lanes, $rows, $vectors>(call) }
                    }
                    kernel
                })*
                _ => unreachable!("no kernel of {rows} rows and {vectors} vectors"),
            }
        }
    };
}

macro_rules! narrow_kernels {
    ($name:ident, $lanes:ty, #[$attribute:meta]) => {
        kernels!(
            $name,
            $lanes, #[$attribute],
            (1, 1),
            (2, 1),
            (3, 1),
            (4, 1),
            (5, 1),
            (6, 1),
            (7, 1),
            (8, 1),
            (1, 2),
            (2, 2),
            (3, 2),
            (4, 2),
            (5, 2),
            (6, 2),
        );
    };
}

narrow_kernels!(libm, Portable, #[inline]);
#[cfg(target_arch = "x86_64")]
narrow_kernels!(portable, Portable, #[target_feature(enable = "fma")]);
#[cfg(target_arch = "x86_64")]
narrow_kernels!(avx2, crate::lanes::Avx2, #[target_feature(enable = "avx2,fma")]);
#[cfg(target_arch = "x86_64")]
kernels!(
    wide,
    crate::lanes::Wide,
    #[target_feature(enable = "avx2,fma")],
    (1, 1),
    (2, 1),
    (3, 1),
    (4, 1),
    (5, 1),
    (6, 1)
);
#[cfg(target_arch = "x86_64")]
kernels!(
    avx512,
    crate::lanes::Avx512,
    #[target_feature(enable = "avx512f")],
    (1, 1),
    (2, 1),
    (3, 1),
    (4, 1),
    (5, 1),
    (6, 1),
    (7, 1),
    (8, 1),
    (1, 2),
    (2, 2),
    (3, 2),
    (4, 2),
    (5, 2),
    (6, 2),
    (7, 2),
    (8, 2),
    (1, 3),
    (2, 3),
    (3, 3),
    (4, 3),
    (5, 3),
    (6, 3),
    (7, 3),
    (8, 3),
    (1, 4),
    (2, 4),
    (3, 4),
    (4, 4),
    (5, 4),
    (6, 4),
);

fn kernel(path: Path, rows: usize, vectors: usize) -> Kernel {
    match path {
        #[cfg(target_arch = "x86_64")]
        Path::Avx512 => avx512(rows, vectors),
        #[cfg(target_arch = "x86_64")]
        Path::Avx2 => avx2(rows, vectors),
        #[cfg(target_arch = "x86_64")]
        Path::Wide => wide(rows, vectors),
        #[cfg(target_arch = "x86_64")]
        Path::Portable => portable(rows, vectors),
        _ => libm(rows, vectors),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn noise(n: usize, seed: u32) -> Vec<f32> {
        (0..n as u32)
            .map(|i| {
                (i.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 8) as f32 / 8_388_608.0 - 1.0
            })
            .collect()
    }

    /// The definition: one chain of fused multiply-adds for each output.
    fn plain(
        a: &[f32],
        left: &Left<'_>,
        b: &[f32],
        columns: usize,
        c: &mut [f32],
        accumulate: bool,
    ) {
        for (row, out) in left.rows.iter().zip(left.out) {
            for n in 0..columns {
                let mut sum = if accumulate { c[out + n] } else { 0.0 };
                for run in left.runs {
                    for k in 0..run.terms {
                        sum = a[row + run.a + k * left.step]
                            .mul_add(b[(run.b + k) * columns + n], sum);
                    }
                }
                c[out + n] = sum;
            }
        }
    }

    proptest! {
        #[test]
        fn every_path_gives_the_bits_of_the_definition(
            rows in 1usize..40, columns in 1usize..70, terms in prop::collection::vec(1usize..40, 1..5),
            step in 1usize..4, accumulate: bool, packed: bool,
        ) {
            let depth: usize = terms.iter().sum();
            let mut b_row = 0;
            let runs: Vec<_> = terms.iter().map(|&terms| {
                let run = Run { a: b_row * step, b: b_row, terms };
                b_row += terms;
                run
            }).collect();
            let a = noise(rows * depth * step, 1);
            let mut b = noise(depth * columns, 2);
            let offsets: Vec<_> = (0..rows).map(|r| r * depth * step).collect();
            let out: Vec<_> = (0..rows).rev().map(|r| r * columns).collect();
            let left = Left { rows: &offsets, step, runs: &runs, out: &out };
            let start = noise(rows * columns, 3);
            let mut expected = start.clone();
            plain(&a, &left, &b, columns, &mut expected, accumulate);
            b.resize(b.len() + 64, f32::NAN);
            for isa in Isa::all() {
                let mut panels = Packed::default();
                panels.fill(isa, depth, columns, |r, into| into.copy_from_slice(&b[r * columns..(r + 1) * columns]));
                let right = if packed { Right::Packed(&panels) } else { Right::Plain { data: b.as_ptr(), stride: columns, columns } };
                let mut c = start.clone();
                // SAFETY: all offsets were made for these buffers, and B has 64 elements more than it needs.
                unsafe { product(isa, a.as_ptr(), &left, &right, c.as_mut_ptr(), accumulate) };
                prop_assert!(c.iter().zip(&expected).all(|(x, y)| x.to_bits() == y.to_bits()), "{}", isa.name());
            }
        }
    }
}
