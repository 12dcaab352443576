//! Blobs between workers and the folder: only an attempt that may speak for its trial sends or gets one.

use std::sync::Arc;

use tokio::runtime::{Handle, RuntimeFlavor};

use super::{lease_times::Directive, shared::State};
use crate::{
    Error,
    blob_folder::{Received, UploadKey},
    ids::{AttemptRef, Hash},
    store::{BlobRef, command::CommitBlob},
};

impl State {
    /// Takes one piece; the last one is answered after the blob's row is committed.
    pub(crate) async fn put_piece(
        self: Arc<Self>,
        attempt: AttemptRef,
        blob: BlobRef,
        offset: u64,
        data: Vec<u8>,
    ) -> Result<Received, Error> {
        self.speaks(&attempt).await?;
        let blobs = Arc::clone(&self.blobs);
        let key = UploadKey {
            trial: attempt.key(),
            attempt: attempt.attempt,
            hash: blob.hash,
        };
        let received = blocking(move || Ok(blobs.put(&key, blob.size, offset, &data)?)).await?;
        if !received.complete && !self.leases().may_speak(&attempt) {
            // It has ended meanwhile: nobody would close the file that this piece has opened.
            self.blobs.forget_attempt(&attempt.key(), attempt.attempt);
        }
        if received.complete {
            self.store
                .apply(CommitBlob {
                    attempt,
                    blob: BlobRef {
                        stored: true,
                        ..blob
                    },
                    at: self.clock.unix_ms(),
                })
                .await?;
        }
        Ok(received)
    }

    /// Deletes files that no row names any more.
    pub(crate) async fn remove_blobs(&self, unused: Vec<Hash>) -> Result<(), Error> {
        let blobs = Arc::clone(&self.blobs);
        blocking(move || {
            unused.into_iter().for_each(|hash| blobs.remove(hash));
            Ok(())
        })
        .await
    }

    /// Whether the attempt may speak for its trial; one that was given up for lost is taken back, if nobody has
    /// replaced it.
    async fn speaks(&self, attempt: &AttemptRef) -> Result<(), Error> {
        if self.leases().may_speak(attempt) {
            return Ok(());
        }
        match self.take_back(attempt).await? {
            Directive::Fenced => Err(Error::Fenced),
            _ => Ok(()),
        }
    }

    /// One piece of a stored blob, and the size of the whole.
    pub(crate) async fn get_piece(
        &self,
        attempt: &AttemptRef,
        hash: Hash,
        offset: u64,
    ) -> Result<(u64, Vec<u8>), Error> {
        self.speaks(attempt).await?;
        let blobs = Arc::clone(&self.blobs);
        blocking(move || Ok(blobs.get(hash, offset)?)).await
    }
}

/// Disk work, kept off the runtime's threads. A runtime that has one alone is a simulation's or a test's: there the work
/// is done at once, since nothing may happen beside the simulated time.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
        return work();
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(Error::Broken(format!("disk work ended badly: {error}"))),
    }
}
