//! Two-dimensional transforms between NHWC images and the transformed domain.

use super::scheme::{Line, Scheme};
use crate::{
    isa::Isa,
    lanes::{Lanes, Portable},
};

/// Channels are filled up to whole vectors of the widest path.
pub(super) const WHOLE: usize = 16;

/// Where transformed numbers lie: one slab for each of the A·A places of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slabs {
    /// From slab to slab.
    pub slab: usize,
    /// From tile to tile.
    pub tile: usize,
}

impl Slabs {
    /// Slabs and tiles a power of two apart would fall into the same few cache sets.
    pub fn new(tiles: usize, channels: usize) -> Self {
        let whole = channels.next_multiple_of(WHOLE);
        let tile = if whole.is_multiple_of(8 * WHOLE) {
            whole + WHOLE
        } else {
            whole
        };
        Self {
            tile,
            slab: (tiles * tile).next_multiple_of(1024) + 48,
        }
    }
}

/// Numbers that the strip of an input transform may hold, to stay in the first-level cache.
const STRIP: usize = 6144;

/// Channels that are transformed at once, of `wide` pixels.
pub(super) fn strip_channels(points: usize, wide: usize, channels: usize) -> usize {
    let most = (STRIP / (points * wide) / WHOLE * WHOLE).max(WHOLE);
    let strips = channels.div_ceil(most);
    channels.div_ceil(strips).next_multiple_of(WHOLE)
}

/// The first `count` numbers from `at` on, at most a vector's; zeros beyond.
///
/// # Safety
/// They are inside, and the processor has the instructions of `L`.
#[inline(always)]
unsafe fn load<L: Lanes>(from: &[f32], at: usize, count: usize) -> L::Vector {
    debug_assert!(at + count.min(L::COUNT) <= from.len());
    // SAFETY: by the contract.
    unsafe {
        let from = from.as_ptr().add(at);
        match count < L::COUNT {
            true => L::load_some(from, count),
            false => L::load(from),
        }
    }
}

/// Writes as many.
///
/// # Safety
/// As [`load`].
#[inline(always)]
unsafe fn store<L: Lanes>(to: &mut [f32], at: usize, vector: L::Vector, count: usize) {
    debug_assert!(at + count.min(L::COUNT) <= to.len());
    // SAFETY: by the contract.
    unsafe {
        let to = to.as_mut_ptr().add(at);
        match count < L::COUNT {
            true => L::store_some(to, vector, count),
            false => L::store(to, vector),
        }
    }
}

#[inline(always)]
fn none<L: Lanes>() -> Line<L> {
    // SAFETY: it is called by functions that have the instructions of `L`.
    unsafe { [L::zero(); 6] }
}

/// Defines functions over `L: Lanes`, chosen by the path, and a scheme. The first block says what the slices must hold.
macro_rules! for_each_lanes {
    ($($(#[$meta:meta])* fn $name:ident<$scheme:ident>($($arg:ident: $ty:ty),* $(,)?) checks $checks:block does $body:block)*) => {$(
        $(#[$meta])*
        pub(super) fn $name<$scheme: Scheme>(isa: Isa, $($arg: $ty),*) {
            /// # Safety
            /// The checks hold, and the processor has the instructions of `L`.
            #[inline(always)]
            unsafe fn body<L: Lanes, $scheme: Scheme>($($arg: $ty),*) $body
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
            unsafe fn avx512<$scheme: Scheme>($($arg: $ty),*) {
                // SAFETY: passed on.
                unsafe { body::<crate::lanes::Avx512, $scheme>($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            unsafe fn avx2<$scheme: Scheme>($($arg: $ty),*) {
                // SAFETY: passed on.
                unsafe { body::<crate::lanes::Avx2, $scheme>($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            unsafe fn wide<$scheme: Scheme>($($arg: $ty),*) {
                // SAFETY: passed on.
                unsafe { body::<crate::lanes::Wide, $scheme>($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "fma")]
            unsafe fn portable<$scheme: Scheme>($($arg: $ty),*) {
                // SAFETY: passed on.
                unsafe { body::<Portable, $scheme>($($arg),*) }
            }
            use $crate::isa::Path;
            $checks
            // SAFETY: an `Isa` exists only for a path whose instructions this processor has, and the checks have passed.
            unsafe {
                match isa.0 {
                    #[cfg(target_arch = "x86_64")]
                    Path::Avx512 => avx512::<$scheme>($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    Path::Avx2 => avx2::<$scheme>($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    Path::Wide => wide::<$scheme>($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    Path::Portable => portable::<$scheme>($($arg),*),
                    _ => body::<Portable, $scheme>($($arg),*),
                }
            }
        }
    )*};
}

for_each_lanes! {
    /// Bᵀ d B of one row of `across` tiles, whose first image row is the first of `image`; rows are `row` numbers apart.
    ///
    /// First all columns are transformed downwards, once for each pixel, then the tiles sideways.
    fn input<S>(image: &[f32], row: usize, channels: usize, across: usize, strip: &mut [f32], v: &mut [f32], to: Slabs) checks {
        let wide = across * S::M + 2;
        let block = strip_channels(S::A, wide, channels);
        assert!((S::A - 1) * row + wide * channels <= image.len());
        assert!(S::A * wide * block <= strip.len());
        assert!((S::A * S::A - 1) * to.slab + across * to.tile <= v.len());
        assert!(channels.next_multiple_of(WHOLE) <= to.tile);
    } does {
        let wide = across * S::M + 2;
        let block = strip_channels(S::A, wide, channels);
        for c0 in (0..channels).step_by(block) {
            let some = block.min(channels - c0);
            for px in 0..wide {
                for cc in (0..some).step_by(L::COUNT) {
                    let mut d = none::<L>();
                    for i in 0..S::A {
                        // SAFETY: inside, as was checked.
                        d[i] = unsafe { load::<L>(image, i * row + px * channels + c0 + cc, some - cc) };
                    }
                    // SAFETY: the instructions are there.
                    let d = unsafe { S::bt::<L>(d) };
                    for i in 0..S::A {
                        // SAFETY: inside, as was checked.
                        unsafe { store::<L>(strip, (i * wide + px) * block + cc, d[i], L::COUNT) };
                    }
                }
            }
            for tx in 0..across {
                for cc in (0..some).step_by(L::COUNT) {
                    for i in 0..S::A {
                        let mut d = none::<L>();
                        for j in 0..S::A {
                            // SAFETY: inside, as was checked.
                            d[j] = unsafe { load::<L>(strip, (i * wide + tx * S::M + j) * block + cc, L::COUNT) };
                        }
                        // SAFETY: the instructions are there.
                        let d = unsafe { S::bt::<L>(d) };
                        for j in 0..S::A {
                            let at = (i * S::A + j) * to.slab + tx * to.tile + c0 + cc;
                            // SAFETY: inside, as was checked.
                            unsafe { store::<L>(v, at, d[j], L::COUNT) };
                        }
                    }
                }
            }
        }
    }

    /// Aᵀ m A of one row of tiles, `high` rows of it, into an image of `width` pixels from its first row on; adds to what is there if
    /// `add`.
    fn output<S>(m: &[f32], from: Slabs, image: &mut [f32], width: usize, channels: usize, high: usize, add: bool) checks {
        let across = width.div_ceil(S::M);
        assert!(high <= S::M && high * width * channels <= image.len());
        assert!((S::A * S::A - 1) * from.slab + across * from.tile <= m.len());
        assert!(channels.next_multiple_of(WHOLE) <= from.tile);
    } does {
        for tx in 0..width.div_ceil(S::M) {
            let wide = S::M.min(width - tx * S::M);
            for cc in (0..channels).step_by(L::COUNT) {
                let count = channels - cc;
                let mut middle = [none::<L>(); 4];
                for j in 0..S::A {
                    let mut d = none::<L>();
                    for i in 0..S::A {
                        // SAFETY: inside, as was checked.
                        d[i] = unsafe { load::<L>(m, (i * S::A + j) * from.slab + tx * from.tile + cc, L::COUNT) };
                    }
                    // SAFETY: the instructions are there.
                    let d = unsafe { S::at::<L>(d) };
                    for i in 0..S::M {
                        middle[i][j] = d[i];
                    }
                }
                for i in 0..S::M {
                    if i >= high {
                        break;
                    }
                    // SAFETY: the instructions are there.
                    let d = unsafe { S::at::<L>(middle[i]) };
                    for j in 0..S::M {
                        if j >= wide {
                            break;
                        }
                        let at = (i * width + tx * S::M + j) * channels + cc;
                        // SAFETY: inside, as was checked.
                        unsafe {
                            let d = if add { L::add(load::<L>(image, at, count), d[j]) } else { d[j] };
                            store::<L>(image, at, d, count);
                        }
                    }
                }
            }
        }
    }

    /// A dy Aᵀ of one row of tiles, whose first pixel is the first of `image`.
    fn gradient<S>(image: &[f32], row: usize, channels: usize, across: usize, v: &mut [f32], to: Slabs) checks {
        assert!((S::M - 1) * row + across * S::M * channels <= image.len());
        assert!((S::A * S::A - 1) * to.slab + across * to.tile <= v.len());
        assert!(channels.next_multiple_of(WHOLE) <= to.tile);
    } does {
        for tx in 0..across {
            for cc in (0..channels).step_by(L::COUNT) {
                let mut middle = [none::<L>(); 6];
                for j in 0..S::M {
                    let mut d = none::<L>();
                    for i in 0..S::M {
                        // SAFETY: inside, as was checked.
                        d[i] = unsafe { load::<L>(image, i * row + (tx * S::M + j) * channels + cc, channels - cc) };
                    }
                    // SAFETY: the instructions are there.
                    let d = unsafe { S::a::<L>(d) };
                    for i in 0..S::A {
                        middle[i][j] = d[i];
                    }
                }
                for i in 0..S::A {
                    // SAFETY: the instructions are there.
                    let d = unsafe { S::a::<L>(middle[i]) };
                    for j in 0..S::A {
                        let at = (i * S::A + j) * to.slab + tx * to.tile + cc;
                        // SAFETY: inside, as was checked.
                        unsafe { store::<L>(v, at, d[j], L::COUNT) };
                    }
                }
            }
        }
    }

    /// G w Gᵀ of nine taps of `n` weights each.
    fn weight<S>(taps: &[f32], n: usize, u: &mut [f32]) checks {
        assert!(taps.len() == 9 * n && u.len() == S::A * S::A * n);
    } does {
        for at in (0..n).step_by(L::COUNT) {
            let mut middle = [none::<L>(); 6];
            for j in 0..3 {
                let mut d = none::<L>();
                for i in 0..3 {
                    // SAFETY: inside, as was checked.
                    d[i] = unsafe { load::<L>(taps, (i * 3 + j) * n + at, n - at) };
                }
                // SAFETY: the instructions are there.
                let d = unsafe { S::g::<L>(d) };
                for i in 0..S::A {
                    middle[i][j] = d[i];
                }
            }
            for i in 0..S::A {
                // SAFETY: the instructions are there.
                let d = unsafe { S::g::<L>(middle[i]) };
                for j in 0..S::A {
                    // SAFETY: inside, as was checked.
                    unsafe { store::<L>(u, (i * S::A + j) * n + at, d[j], n - at) };
                }
            }
        }
    }

    /// Gᵀ u G: the weight's gradient, nine taps of `n`, from its transformed sums.
    fn weight_gradient<S>(u: &[f32], n: usize, taps: &mut [f32]) checks {
        assert!(taps.len() == 9 * n && u.len() == S::A * S::A * n);
    } does {
        for at in (0..n).step_by(L::COUNT) {
            let mut middle = [none::<L>(); 3];
            for j in 0..S::A {
                let mut d = none::<L>();
                for i in 0..S::A {
                    // SAFETY: inside, as was checked.
                    d[i] = unsafe { load::<L>(u, (i * S::A + j) * n + at, n - at) };
                }
                // SAFETY: the instructions are there.
                let d = unsafe { S::gt::<L>(d) };
                for i in 0..3 {
                    middle[i][j] = d[i];
                }
            }
            for i in 0..3 {
                // SAFETY: the instructions are there.
                let d = unsafe { S::gt::<L>(middle[i]) };
                for j in 0..3 {
                    // SAFETY: inside, as was checked.
                    unsafe { store::<L>(taps, (i * 3 + j) * n + at, d[j], n - at) };
                }
            }
        }
    }
}
