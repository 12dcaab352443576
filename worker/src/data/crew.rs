//! Who computes what a data set needs before a training: some threads, and an ear for the end.
//!
//! Every piece of a computation is computed as it would be alone, so the bits do not depend on the number of threads.

use hone_kernels::{Compute, Isa};

use super::DataError;
use crate::trainer::Stop;

/// Threads that work on the pieces of a long computation until a [`Stop`] asks them to end.
#[derive(Debug)]
pub struct Crew {
    pub(super) compute: Compute,
    stop: Stop,
}

impl Crew {
    /// So many threads, on the path that this process takes. Every piece counts as a step of `stop`.
    ///
    /// # Errors
    /// `HONE_ISA` names what this processor lacks, or there are no threads left.
    pub fn new(threads: usize, stop: Stop) -> Result<Crew, DataError> {
        let isa = Isa::from_environment().map_err(|error| DataError::Machine(error.to_string()))?;
        Crew::on(isa, threads, stop)
    }

    /// The same, on a path of the caller's.
    pub(super) fn on(isa: Isa, threads: usize, stop: Stop) -> Result<Crew, DataError> {
        let compute = Compute::new(isa, threads)
            .map_err(|error| DataError::Machine(format!("no threads to prepare with: {error}")))?;
        Ok(Crew { compute, stop })
    }

    /// The path of its kernels.
    pub(super) fn isa(&self) -> Isa {
        self.compute.isa()
    }

    /// Calls `work(index, piece)` for every piece of `size` items. Once the stop is asked for, the pieces that are left are
    /// passed over and the whole ends as stopped; a piece should take no longer than a second.
    pub(super) fn pieces<T: Send>(
        &self,
        items: &mut [T],
        size: usize,
        work: impl Fn(usize, &mut [T]) + Send + Sync,
    ) -> Result<(), DataError> {
        self.compute.pieces(items, size, |index, piece| {
            if !self.step() {
                work(index, piece);
            }
        });
        self.go_on()
    }

    /// Counts a step of what is not done in pieces.
    pub(super) fn go_on(&self) -> Result<(), DataError> {
        if self.step() {
            return Err(DataError::Stopped);
        }
        Ok(())
    }

    fn step(&self) -> bool {
        self.stop.step() || self.stop.wanted_after_epoch()
    }
}
