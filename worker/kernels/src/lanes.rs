//! The vectors of the kernels: as few operations as they need, so that a new processor is a page of code.

/// Lanes of f32. All functions are unsafe: the processor must have the implementation's instructions, and pointers
/// must be valid for as many elements as are touched.
pub(crate) trait Lanes {
    /// `COUNT` lanes.
    type Vector: Copy;
    /// How many.
    const COUNT: usize;
    /// All +0.
    unsafe fn zero() -> Self::Vector;
    /// One value in all lanes.
    unsafe fn splat(value: f32) -> Self::Vector;
    /// `COUNT` elements, of any alignment.
    unsafe fn load(from: *const f32) -> Self::Vector;
    /// The first `count` elements; zero beyond, and nothing read there.
    unsafe fn load_some(from: *const f32, count: usize) -> Self::Vector;
    /// `COUNT` elements, of any alignment.
    unsafe fn store(to: *mut f32, vector: Self::Vector);
    /// The first `count` elements; nothing written beyond.
    unsafe fn store_some(to: *mut f32, vector: Self::Vector, count: usize);
    /// `a + b`.
    unsafe fn add(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a - b`.
    unsafe fn sub(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a * b`.
    unsafe fn mul(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a * b + c`, rounded once.
    unsafe fn mul_add(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
}

/// Arrays: what every target can do.
pub(crate) struct Portable;

impl Lanes for Portable {
    type Vector = [f32; 8];
    const COUNT: usize = 8;
    #[inline(always)]
    unsafe fn zero() -> Self::Vector {
        [0.0; 8]
    }
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self::Vector {
        [value; 8]
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::Vector {
        // SAFETY: the caller's pointer is valid for 8 elements; read_unaligned asks for no alignment.
        unsafe { from.cast::<[f32; 8]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn load_some(from: *const f32, count: usize) -> Self::Vector {
        let mut vector = [0.0; 8];
        for (i, lane) in vector.iter_mut().enumerate().take(count) {
            // SAFETY: the caller's pointer is valid for `count` elements.
            *lane = unsafe { *from.add(i) };
        }
        vector
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, vector: Self::Vector) {
        // SAFETY: the caller's pointer is valid for 8 elements; write_unaligned asks for no alignment.
        unsafe { to.cast::<[f32; 8]>().write_unaligned(vector) }
    }
    #[inline(always)]
    unsafe fn store_some(to: *mut f32, vector: Self::Vector, count: usize) {
        for (i, lane) in vector.iter().enumerate().take(count) {
            // SAFETY: the caller's pointer is valid for `count` elements.
            unsafe { *to.add(i) = *lane };
        }
    }
    #[inline(always)]
    unsafe fn add(mut a: Self::Vector, b: Self::Vector) -> Self::Vector {
        for i in 0..8 {
            a[i] += b[i];
        }
        a
    }
    #[inline(always)]
    unsafe fn sub(mut a: Self::Vector, b: Self::Vector) -> Self::Vector {
        for i in 0..8 {
            a[i] -= b[i];
        }
        a
    }
    #[inline(always)]
    unsafe fn mul(mut a: Self::Vector, b: Self::Vector) -> Self::Vector {
        for i in 0..8 {
            a[i] *= b[i];
        }
        a
    }
    #[inline(always)]
    unsafe fn mul_add(a: Self::Vector, b: Self::Vector, mut c: Self::Vector) -> Self::Vector {
        for i in 0..8 {
            c[i] = a[i].mul_add(b[i], c[i]);
        }
        c
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512, Wide};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Lanes;
    use std::arch::x86_64::*;

    /// One AVX2 register.
    pub(crate) struct Avx2;

    static MASKS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

    #[inline(always)]
    unsafe fn mask(count: usize) -> __m256i {
        // SAFETY: `count` is at most 8, so the eight elements from `8 - count` lie in the table.
        unsafe { _mm256_loadu_si256(MASKS.as_ptr().add(8 - count).cast()) }
    }

    impl Lanes for Avx2 {
        type Vector = __m256;
        const COUNT: usize = 8;
        // SAFETY of all that follow: the caller has the instructions and valid pointers, as the trait demands.
        #[inline(always)]
        unsafe fn zero() -> __m256 {
            unsafe { _mm256_setzero_ps() }
        }
        #[inline(always)]
        unsafe fn splat(value: f32) -> __m256 {
            unsafe { _mm256_set1_ps(value) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> __m256 {
            unsafe { _mm256_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn load_some(from: *const f32, count: usize) -> __m256 {
            unsafe { _mm256_maskload_ps(from, mask(count)) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f32, vector: __m256) {
            unsafe { _mm256_storeu_ps(to, vector) }
        }
        #[inline(always)]
        unsafe fn store_some(to: *mut f32, vector: __m256, count: usize) {
            unsafe { _mm256_maskstore_ps(to, mask(count), vector) }
        }
        #[inline(always)]
        unsafe fn add(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_add_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn sub(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_sub_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn mul(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_mul_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn mul_add(a: __m256, b: __m256, c: __m256) -> __m256 {
            unsafe { _mm256_fmadd_ps(a, b, c) }
        }
    }

    /// Two AVX2 registers.
    pub(crate) struct Wide;

    impl Lanes for Wide {
        type Vector = [__m256; 2];
        const COUNT: usize = 16;
        // SAFETY of all that follow: the caller has the instructions and valid pointers, as the trait demands.
        #[inline(always)]
        unsafe fn zero() -> Self::Vector {
            unsafe { [Avx2::zero(); 2] }
        }
        #[inline(always)]
        unsafe fn splat(value: f32) -> Self::Vector {
            unsafe { [Avx2::splat(value); 2] }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self::Vector {
            unsafe { [Avx2::load(from), Avx2::load(from.add(8))] }
        }
        #[inline(always)]
        unsafe fn load_some(from: *const f32, count: usize) -> Self::Vector {
            unsafe {
                let low = Avx2::load_some(from, count.min(8));
                let high = if count > 8 {
                    Avx2::load_some(from.add(8), count - 8)
                } else {
                    Avx2::zero()
                };
                [low, high]
            }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f32, vector: Self::Vector) {
            unsafe {
                Avx2::store(to, vector[0]);
                Avx2::store(to.add(8), vector[1]);
            }
        }
        #[inline(always)]
        unsafe fn store_some(to: *mut f32, vector: Self::Vector, count: usize) {
            unsafe {
                Avx2::store_some(to, vector[0], count.min(8));
                if count > 8 {
                    Avx2::store_some(to.add(8), vector[1], count - 8);
                }
            }
        }
        #[inline(always)]
        unsafe fn add(a: Self::Vector, b: Self::Vector) -> Self::Vector {
            unsafe { [Avx2::add(a[0], b[0]), Avx2::add(a[1], b[1])] }
        }
        #[inline(always)]
        unsafe fn sub(a: Self::Vector, b: Self::Vector) -> Self::Vector {
            unsafe { [Avx2::sub(a[0], b[0]), Avx2::sub(a[1], b[1])] }
        }
        #[inline(always)]
        unsafe fn mul(a: Self::Vector, b: Self::Vector) -> Self::Vector {
            unsafe { [Avx2::mul(a[0], b[0]), Avx2::mul(a[1], b[1])] }
        }
        #[inline(always)]
        unsafe fn mul_add(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector {
            unsafe {
                [
                    Avx2::mul_add(a[0], b[0], c[0]),
                    Avx2::mul_add(a[1], b[1], c[1]),
                ]
            }
        }
    }

    /// One AVX-512 register.
    pub(crate) struct Avx512;

    #[inline(always)]
    fn bits(count: usize) -> __mmask16 {
        ((1u32 << count) - 1) as __mmask16
    }

    impl Lanes for Avx512 {
        type Vector = __m512;
        const COUNT: usize = 16;
        // SAFETY of all that follow: the caller has the instructions and valid pointers, as the trait demands.
        #[inline(always)]
        unsafe fn zero() -> __m512 {
            unsafe { _mm512_setzero_ps() }
        }
        #[inline(always)]
        unsafe fn splat(value: f32) -> __m512 {
            unsafe { _mm512_set1_ps(value) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> __m512 {
            unsafe { _mm512_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn load_some(from: *const f32, count: usize) -> __m512 {
            unsafe { _mm512_maskz_loadu_ps(bits(count), from) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f32, vector: __m512) {
            unsafe { _mm512_storeu_ps(to, vector) }
        }
        #[inline(always)]
        unsafe fn store_some(to: *mut f32, vector: __m512, count: usize) {
            unsafe { _mm512_mask_storeu_ps(to, bits(count), vector) }
        }
        #[inline(always)]
        unsafe fn add(a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_add_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn sub(a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_sub_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn mul(a: __m512, b: __m512) -> __m512 {
            unsafe { _mm512_mul_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn mul_add(a: __m512, b: __m512, c: __m512) -> __m512 {
            unsafe { _mm512_fmadd_ps(a, b, c) }
        }
    }
}
