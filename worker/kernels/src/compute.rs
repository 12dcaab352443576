//! Where kernels run: the instruction set, and the threads.

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
        self.each(items.chunks_mut(size.max(1)), work);
    }

    /// Calls `work(index, item)` for every item, in any order and at the same time if there are threads.
    pub(crate) fn each<T: Send>(
        &self,
        items: impl ExactSizeIterator<Item = T>,
        work: impl Fn(usize, T) + Send + Sync,
    ) {
        match &self.pool {
            Some(pool) if items.len() > 1 => {
                let items: Vec<T> = items.collect();
                pool.install(|| {
                    let items = items.into_par_iter().enumerate();
                    items.for_each(|(index, item)| work(index, item));
                });
            }
            _ => items
                .enumerate()
                .for_each(|(index, item)| work(index, item)),
        }
    }
}

/// `count` parts of `size` items, which may be none; the last may be shorter.
pub(crate) fn parts<T>(
    mut items: &mut [T],
    count: usize,
    size: usize,
) -> impl ExactSizeIterator<Item = &mut [T]> {
    (0..count).map(move |_| {
        let (part, rest) = {
            let size = size.min(items.len());
            std::mem::take(&mut items).split_at_mut(size)
        };
        items = rest;
        part
    })
}
