//! Where kernels run: the instruction set, and the threads.

use std::marker::PhantomData;

use rayon::prelude::*;

use crate::Isa;

/// The instruction set and the threads of one training.
#[derive(Debug)]
pub struct Compute {
    isa: Isa,
    pool: Option<rayon::ThreadPool>,
}

impl Compute {
    /// With `threads` threads of its own, or on the caller's alone when that is below 2.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn new(isa: Isa, threads: usize) -> Result<Self, rayon::ThreadPoolBuildError> {
        let build = || rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = if threads > 1 { Some(build()?) } else { None };
        Ok(Self { isa, pool })
    }

    /// The path that is taken.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// How many threads work at once.
    pub fn threads(&self) -> usize {
        self.pool
            .as_ref()
            .map_or(1, rayon::ThreadPool::current_num_threads)
    }

    /// Calls `work(index, piece)` for every piece of `size` items, in any order and at the same time if there are threads.
    pub fn pieces<T: Send>(
        &self,
        items: &mut [T],
        size: usize,
        work: impl Fn(usize, &mut [T]) + Send + Sync,
    ) {
        let size = size.max(1);
        match &self.pool {
            Some(pool) if items.len() > size => pool.install(|| {
                let pieces = items.par_chunks_mut(size).enumerate();
                pieces.for_each(|(index, piece)| work(index, piece));
            }),
            _ => {
                let pieces = items.chunks_mut(size).enumerate();
                pieces.for_each(|(index, piece)| work(index, piece));
            }
        }
    }

    /// Calls `work` with 0 to `count - 1`, in any order and at the same time if there are threads.
    pub(crate) fn for_each(&self, count: usize, work: impl Fn(usize) + Send + Sync) {
        match &self.pool {
            Some(pool) if count > 1 => pool.install(|| (0..count).into_par_iter().for_each(work)),
            _ => (0..count).for_each(work),
        }
    }
}

/// A slice whose disjoint parts are written by several threads.
pub(crate) struct Parts<'a, T> {
    start: *mut T,
    len: usize,
    owner: PhantomData<&'a mut [T]>,
}

// SAFETY: it is a `&mut [T]`, handed out in parts that the contract of `part` keeps disjoint.
unsafe impl<T: Send> Sync for Parts<'_, T> {}

impl<'a, T> Parts<'a, T> {
    pub fn new(slice: &'a mut [T]) -> Self {
        Self {
            start: slice.as_mut_ptr(),
            len: slice.len(),
            owner: PhantomData,
        }
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The `index`-th part of `size` elements.
    ///
    /// # Safety
    /// No two parts that are alive at once may overlap.
    #[expect(
        clippy::mut_from_ref,
        reason = "the parts are disjoint: that is what the type is for"
    )]
    pub unsafe fn part(&self, index: usize, size: usize) -> &mut [T] {
        // SAFETY: passed on to the caller.
        unsafe { self.range(index * size, size) }
    }

    /// `len` elements from `start`.
    ///
    /// # Safety
    /// No two parts that are alive at once may overlap.
    #[expect(
        clippy::mut_from_ref,
        reason = "the parts are disjoint: that is what the type is for"
    )]
    pub unsafe fn range(&self, start: usize, len: usize) -> &mut [T] {
        assert!(start + len <= self.len);
        // SAFETY: inside the slice, as just asserted; disjoint from others by the contract.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), len) }
    }
}
