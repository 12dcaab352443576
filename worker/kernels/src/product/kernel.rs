//! The register-blocked kernel, once for every path, number of rows and number of vectors.

use super::{Run, Sum};
use crate::{
    isa::Path,
    lanes::{Lanes, Portable},
};

/// What one kernel call is told.
pub(super) struct Call {
    pub a: *const f32,
    /// As many as the kernel has rows.
    pub rows: *const usize,
    pub step: usize,
    pub runs: *const Run,
    pub run_count: usize,
    pub b: *const f32,
    pub stride: usize,
    pub c: *mut f32,
    pub out: *const usize,
    pub last: usize,
    pub sum: Sum,
}

pub(super) type Kernel = unsafe fn(&Call);

/// As many accumulators as fill the registers.
type Sums<L, const ROWS: usize, const VECTORS: usize> = [[<L as Lanes>::Vector; VECTORS]; ROWS];

/// `ROWS` × `VECTORS` accumulators over all terms.
///
/// # Safety
/// Every number that the call describes can be read, and those of `c` written; the processor has the instructions of `L`.
#[inline(always)]
unsafe fn micro<L: Lanes, const ROWS: usize, const VECTORS: usize>(call: &Call) {
    debug_assert!((1..=L::COUNT).contains(&call.last));
    // SAFETY: the contract of this function, for every access below.
    unsafe {
        let mut sums: Sums<L, ROWS, VECTORS> = [[L::zero(); VECTORS]; ROWS];
        if call.sum == Sum::GoOn {
            load::<L, ROWS, VECTORS>(call, &mut sums);
        }
        for i in 0..call.run_count {
            let run = &*call.runs.add(i);
            let mut a = [call.a; ROWS];
            for r in 0..ROWS {
                a[r] = call.a.add(*call.rows.add(r) + run.a);
            }
            let mut b = call.b.add(run.b * call.stride);
            let mut k = 0_usize;
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
                // Behind the last term neither is used.
                b = b.wrapping_add(call.stride);
                k = k.wrapping_add(call.step);
            }
        }
        if call.sum == Sum::Add {
            let mut old: Sums<L, ROWS, VECTORS> = [[L::zero(); VECTORS]; ROWS];
            load::<L, ROWS, VECTORS>(call, &mut old);
            for r in 0..ROWS {
                for v in 0..VECTORS {
                    sums[r][v] = L::add(old[r][v], sums[r][v]);
                }
            }
        }
        store::<L, ROWS, VECTORS>(call, &sums);
    }
}

/// Takes what is in C. The last vector may be a part of one.
///
/// # Safety
/// As [`micro`].
#[inline(always)]
unsafe fn load<L: Lanes, const ROWS: usize, const VECTORS: usize>(
    call: &Call,
    sums: &mut Sums<L, ROWS, VECTORS>,
) {
    // SAFETY: the contract of `micro`.
    unsafe {
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
}

/// Writes C. The last vector may be a part of one.
///
/// # Safety
/// As [`micro`].
#[inline(always)]
unsafe fn store<L: Lanes, const ROWS: usize, const VECTORS: usize>(
    call: &Call,
    sums: &Sums<L, ROWS, VECTORS>,
) {
    // SAFETY: the contract of `micro`.
    unsafe {
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

/// The kernel of a path for so many rows and vectors of columns.
pub(super) fn kernel(path: Path, rows: usize, vectors: usize) -> Kernel {
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
