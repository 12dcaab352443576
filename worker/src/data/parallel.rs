//! Independent pieces of one long computation, spread over the machine's cores.
//!
//! Trials train on one thread each; but what all of them wait for, the first trial of a preprocessing, may use what is there.
//! Every piece is computed as it would be alone, so the bits do not depend on the number of cores.

use std::{num::NonZero, sync::Mutex};

/// Calls `work(index, piece)` for every piece of `size` items.
pub(super) fn pieces<T: Send>(items: &mut [T], size: usize, work: impl Fn(usize, &mut [T]) + Sync) {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let queue = Mutex::new(items.chunks_mut(size.max(1)).enumerate());
    let next = || queue.lock().ok()?.next();
    let run = || {
        while let Some((index, piece)) = next() {
            work(index, piece);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..cores {
            scope.spawn(run);
        }
        run();
    });
}
