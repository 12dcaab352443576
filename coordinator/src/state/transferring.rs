//! Blobs between workers and the folder: only an attempt that may speak for its trial sends or gets one.

use std::{sync::Arc, time::Duration};

use tokio::runtime::{Handle, RuntimeFlavor};

use super::{lease_times::Directive, shared::State};
use crate::{
    Error,
    blob_folder::{Received, UploadKey},
    ids::{AttemptRef, Hash, SweepId, TrialNumber},
    store::{
        BlobKind, BlobRef, StoreError,
        command::{CollectBlobs, CommitBlob},
    },
};

impl State {
    /// Takes one piece; the last one is answered after the blob's row is committed. Without room for it, what is not needed any more
    /// goes first.
    pub async fn put_piece(
        self: Arc<Self>,
        attempt: AttemptRef,
        blob: BlobRef,
        offset: u64,
        data: Vec<u8>,
    ) -> Result<Received, Error> {
        self.speaks(&attempt).await?;
        let data = Arc::new(data);
        let asked = self.clock.now();
        match self.take_piece(&attempt, blob, offset, &data).await {
            Err(Error::Refused(_)) if self.make_room(asked, blob.kind).await => {
                self.take_piece(&attempt, blob, offset, &data).await
            }
            taken => taken,
        }
    }

    async fn take_piece(
        &self,
        attempt: &AttemptRef,
        mut blob: BlobRef,
        offset: u64,
        data: &Arc<Vec<u8>>,
    ) -> Result<Received, Error> {
        let (blobs, data) = (Arc::clone(&self.blobs), Arc::clone(data));
        let key = UploadKey {
            trial: attempt.key(),
            attempt: attempt.attempt,
            hash: blob.hash,
        };
        // Until its row is there, its file is not removed as one that nobody names.
        let naming = self.naming_blobs.read().await;
        let received = blocking(move || blobs.put(&key, blob.size, offset, &data)).await?;
        if !received.complete && !self.leases().may_speak(attempt) {
            // It has ended meanwhile: nobody would close the file that this piece has opened.
            self.blobs.forget_attempt(&attempt.key(), attempt.attempt);
        }
        if received.complete {
            blob.stored = true;
            let command = CommitBlob {
                attempt: attempt.clone(),
                blob,
                at: self.clock.unix_ms(),
            };
            let committed = self.store.apply(command).await;
            drop(naming);
            match committed {
                Ok(Some(session)) => self.leases().adopt(attempt, session, self.clock.now()),
                Ok(None) => {}
                Err(error) => {
                    self.remove_blobs(vec![blob.hash]).await?;
                    return Err(error.into());
                }
            }
        }
        Ok(received)
    }

    /// Forgets checkpoints of the sweeps under way that have newer ones, or whose trials are over; whether that was done since `asked`.
    /// For weights, which are needed for good, at once; for a checkpoint no more often than every few seconds.
    pub async fn make_room(&self, asked: Duration, kind: BlobKind) -> bool {
        const SPACING: Duration = Duration::from_secs(5);
        let mut made = self.room_made.lock().await;
        let now = self.clock.now();
        match *made {
            Some(made) if made >= asked => return true,
            Some(made) if kind == BlobKind::Checkpoint && now < made + SPACING => return false,
            _ => *made = Some(now),
        }
        let mut sweeps: Vec<SweepId> = self.live.borrow().keys().cloned().collect();
        sweeps.extend(std::mem::take(&mut *self.uncollected()));
        for sweep in sweeps {
            self.collect_blobs(&sweep).await;
        }
        true
    }

    /// Blobs of a sweep that nothing needs any more go: of an ended one all but the winner's. What does not go now is tried again when room
    /// is made.
    pub async fn collect_blobs(&self, sweep: &SweepId) {
        let mut after = Some(TrialNumber(0));
        while let Some(part) = after.take() {
            match self.collect_part(sweep, part).await {
                Ok(last) => after = last,
                Err(error) => {
                    tracing::warn!(%sweep, %error, "blobs not collected");
                    self.uncollected().insert(sweep.clone());
                }
            }
        }
    }

    /// Of some trials after this one; the last of them if there may be more.
    async fn collect_part(
        &self,
        sweep: &SweepId,
        after: TrialNumber,
    ) -> Result<Option<TrialNumber>, Error> {
        let sweep = sweep.clone();
        match self.store.apply(CollectBlobs { sweep, after }).await {
            Ok(collected) => {
                self.remove_blobs(collected.unneeded).await?;
                Ok(collected.last)
            }
            // Removed meanwhile.
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes files that no row names.
    pub async fn remove_blobs(&self, unused: Vec<Hash>) -> Result<(), Error> {
        let unused = self.blobs.to_remove(unused);
        if unused.is_empty() {
            return Ok(());
        }
        let _nobody_names = self.naming_blobs.write().await;
        let unused = self.store.read().unneeded(unused).await?;
        let blobs = Arc::clone(&self.blobs);
        blocking(move || {
            blobs.remove(unused);
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
    pub async fn get_piece(
        &self,
        attempt: &AttemptRef,
        hash: Hash,
        offset: u64,
    ) -> Result<(u64, Vec<u8>), Error> {
        self.speaks(attempt).await?;
        let blobs = Arc::clone(&self.blobs);
        blocking(move || blobs.get(hash, offset)).await
    }
}

/// Disk work, kept off the runtime's threads. A runtime that has one alone is a simulation's or a test's: there the work
/// is done at once, since nothing may happen beside the simulated time.
pub async fn blocking<T: Send + 'static>(
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
