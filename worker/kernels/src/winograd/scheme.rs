//! The one-dimensional transforms (Lavin and Gray 2016, after Winograd).
//!
//! F(m, 3): y = Aᵀ[(G w) ⊙ (Bᵀ d)]. The input's gradient is the same with the kernel mirrored, the weight's the transposed
//! algorithm: Gᵀ[(A dy) ⊙ (Bᵀ d)]. Every line is a fixed expression of single operations, so the bits are the same for all lanes.

use crate::lanes::Lanes;

/// As long as the longest transform; the shorter scheme leaves the end alone.
pub(super) type Line<L> = [<L as Lanes>::Vector; 6];

/// A set of points. All functions are unsafe as those of [`Lanes`] are.
pub(super) trait Scheme {
    /// Outputs of a tile's side.
    const M: usize;
    /// Inputs of a tile's side.
    const A: usize;
    /// Input transform, A → A.
    unsafe fn bt<L: Lanes>(d: Line<L>) -> Line<L>;
    /// Output transform, A → M.
    unsafe fn at<L: Lanes>(m: Line<L>) -> Line<L>;
    /// Transform of the output's gradient, M → A.
    unsafe fn a<L: Lanes>(y: Line<L>) -> Line<L>;
    /// Weight transform, 3 → A.
    unsafe fn g<L: Lanes>(w: Line<L>) -> Line<L>;
    /// Transform of the weight's gradient, A → 3.
    unsafe fn gt<L: Lanes>(u: Line<L>) -> Line<L>;
}

/// k · a.
#[inline(always)]
unsafe fn mul<L: Lanes>(k: f64, a: L::Vector) -> L::Vector {
    // SAFETY: by the caller.
    unsafe { L::mul(L::splat(k as f32), a) }
}

/// k · a + b, rounded once.
#[inline(always)]
unsafe fn fma<L: Lanes>(k: f64, a: L::Vector, b: L::Vector) -> L::Vector {
    // SAFETY: by the caller.
    unsafe { L::mul_add(L::splat(k as f32), a, b) }
}

/// F(2, 3): points 0, 1, −1, ∞.
pub(super) struct Two;

// SAFETY of both implementations: the caller has the instructions of `L`, as the trait demands.
impl Scheme for Two {
    const M: usize = 2;
    const A: usize = 4;
    #[inline(always)]
    unsafe fn bt<L: Lanes>(d: Line<L>) -> Line<L> {
        let [d0, d1, d2, d3, rest @ ..] = d;
        let line = unsafe {
            [
                L::sub(d0, d2),
                L::add(d1, d2),
                L::sub(d2, d1),
                L::sub(d1, d3),
            ]
        };
        [line[0], line[1], line[2], line[3], rest[0], rest[1]]
    }
    #[inline(always)]
    unsafe fn at<L: Lanes>(m: Line<L>) -> Line<L> {
        unsafe {
            let (s, d) = (L::add(m[1], m[2]), L::sub(m[1], m[2]));
            [L::add(m[0], s), L::sub(d, m[3]), m[2], m[3], m[4], m[5]]
        }
    }
    #[inline(always)]
    unsafe fn a<L: Lanes>(y: Line<L>) -> Line<L> {
        unsafe {
            let (s, d) = (L::add(y[0], y[1]), L::sub(y[0], y[1]));
            [y[0], s, d, L::sub(L::zero(), y[1]), y[4], y[5]]
        }
    }
    #[inline(always)]
    unsafe fn g<L: Lanes>(w: Line<L>) -> Line<L> {
        unsafe {
            let e = mul::<L>(0.5, L::add(w[0], w[2]));
            let (s, d) = (fma::<L>(0.5, w[1], e), fma::<L>(-0.5, w[1], e));
            [w[0], s, d, w[2], w[4], w[5]]
        }
    }
    #[inline(always)]
    unsafe fn gt<L: Lanes>(u: Line<L>) -> Line<L> {
        unsafe {
            let (s, d) = (L::add(u[1], u[2]), L::sub(u[1], u[2]));
            let (first, last) = (fma::<L>(0.5, s, u[0]), fma::<L>(0.5, s, u[3]));
            [first, mul::<L>(0.5, d), last, u[3], u[4], u[5]]
        }
    }
}

/// F(4, 3) with the points 0, ±5/8, ±3/2, ∞: half the error of the usual ±1, ±2 and a quarter of its largest, for as many
/// operations. Bᵀ and A are exact in f32.
pub(super) struct Four;

const A: f64 = 0.625;
const B: f64 = 1.5;
const A2: f64 = A * A;
const B2: f64 = B * B;
/// One by the product of the differences from the other points.
const NA: f64 = 1.0 / (2.0 * A2 * (A2 - B2));
const NB: f64 = 1.0 / (2.0 * B2 * (B2 - A2));

impl Scheme for Four {
    const M: usize = 4;
    const A: usize = 6;
    #[inline(always)]
    unsafe fn bt<L: Lanes>(d: Line<L>) -> Line<L> {
        unsafe {
            let (ea, oa) = (fma::<L>(-B2, d[2], d[4]), fma::<L>(-B2, d[1], d[3]));
            let (eb, ob) = (fma::<L>(-A2, d[2], d[4]), fma::<L>(-A2, d[1], d[3]));
            [
                fma::<L>(A2 * B2, d[0], fma::<L>(-A2 - B2, d[2], d[4])),
                fma::<L>(A, oa, ea),
                fma::<L>(-A, oa, ea),
                fma::<L>(B, ob, eb),
                fma::<L>(-B, ob, eb),
                fma::<L>(A2 * B2, d[1], fma::<L>(-A2 - B2, d[3], d[5])),
            ]
        }
    }
    #[inline(always)]
    unsafe fn at<L: Lanes>(m: Line<L>) -> Line<L> {
        unsafe {
            let (s1, d1) = (L::add(m[1], m[2]), L::sub(m[1], m[2]));
            let (s2, d2) = (L::add(m[3], m[4]), L::sub(m[3], m[4]));
            [
                L::add(m[0], L::add(s1, s2)),
                fma::<L>(B, d2, mul::<L>(A, d1)),
                fma::<L>(B2, s2, mul::<L>(A2, s1)),
                fma::<L>(B * B2, d2, fma::<L>(A * A2, d1, m[5])),
                m[4],
                m[5],
            ]
        }
    }
    #[inline(always)]
    unsafe fn a<L: Lanes>(y: Line<L>) -> Line<L> {
        unsafe {
            let (ea, oa) = (fma::<L>(A2, y[2], y[0]), fma::<L>(A2, y[3], y[1]));
            let (eb, ob) = (fma::<L>(B2, y[2], y[0]), fma::<L>(B2, y[3], y[1]));
            let (pa, na) = (fma::<L>(A, oa, ea), fma::<L>(-A, oa, ea));
            let (pb, nb) = (fma::<L>(B, ob, eb), fma::<L>(-B, ob, eb));
            [y[0], pa, na, pb, nb, y[3]]
        }
    }
    #[inline(always)]
    unsafe fn g<L: Lanes>(w: Line<L>) -> Line<L> {
        unsafe {
            let e = fma::<L>(NA, w[0], mul::<L>(A2 * NA, w[2]));
            let f = fma::<L>(NB, w[0], mul::<L>(B2 * NB, w[2]));
            [
                mul::<L>(1.0 / (A2 * B2), w[0]),
                fma::<L>(A * NA, w[1], e),
                fma::<L>(-A * NA, w[1], e),
                fma::<L>(B * NB, w[1], f),
                fma::<L>(-B * NB, w[1], f),
                w[2],
            ]
        }
    }
    #[inline(always)]
    unsafe fn gt<L: Lanes>(u: Line<L>) -> Line<L> {
        unsafe {
            let (s1, d1) = (L::add(u[1], u[2]), L::sub(u[1], u[2]));
            let (s2, d2) = (L::add(u[3], u[4]), L::sub(u[3], u[4]));
            let outer = fma::<L>(NA, s1, mul::<L>(NB, s2));
            [
                fma::<L>(1.0 / (A2 * B2), u[0], outer),
                fma::<L>(A * NA, d1, mul::<L>(B * NB, d2)),
                fma::<L>(A2 * NA, s1, fma::<L>(B2 * NB, s2, u[5])),
                u[3],
                u[4],
                u[5],
            ]
        }
    }
}
