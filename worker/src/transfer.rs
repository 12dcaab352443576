//! Blobs between this worker's disk and the coordinator, in pieces.

use std::{
    io::SeekFrom,
    path::{Path, PathBuf},
};

use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt},
};
use tonic::Status;

use crate::{
    backoff::Backoff,
    checkpoint::LARGEST,
    client::{self, AttemptRef, Blob, Client, PIECE},
};

/// Sends `blob` from `path` and returns once the coordinator has committed its hash.
///
/// # Errors
/// The refusal of a piece. A file that cannot be read is a permanent one: it will not come back.
pub(crate) async fn put(
    client: &Client,
    attempt: &AttemptRef,
    blob: &Blob,
    path: &Path,
) -> Result<(), Status> {
    let lost = |error: std::io::Error| Status::not_found(format!("{}: {error}", path.display()));
    let mut file = File::open(path).await.map_err(lost)?;
    let mut offset = 0;
    loop {
        let mut data = vec![0; PIECE.min(usize::try_from(blob.size - offset).unwrap_or(PIECE))];
        file.seek(SeekFrom::Start(offset)).await.map_err(lost)?;
        file.read_exact(&mut data).await.map_err(lost)?;
        let (received, committed) = client.put_piece(attempt, blob, offset, data).await?;
        if committed {
            return Ok(());
        }
        // The coordinator says where to go on: further than this piece when it had more, back when it was restarted.
        if received >= blob.size || received == offset {
            return Err(Status::aborted(format!(
                "the coordinator has {received} of {} bytes and does not commit",
                blob.size
            )));
        }
        offset = received;
    }
}

/// Fetches `blob` into `temporary`; its hash is still to be checked. Waits for a coordinator that is away as long as
/// `wanted` says.
///
/// # Errors
/// In words: a refusal, the disk, a size above the cap.
pub(crate) async fn get(
    client: &Client,
    attempt: &AttemptRef,
    blob: &Blob,
    temporary: PathBuf,
    wanted: impl Fn() -> bool,
) -> Result<PathBuf, String> {
    if blob.size > LARGEST {
        return Err(format!(
            "it has {} bytes, at most {LARGEST} are opened",
            blob.size
        ));
    }
    let disk = |error: std::io::Error| format!("{}: {error}", temporary.display());
    let mut file = File::create(&temporary).await.map_err(disk)?;
    let mut offset = 0;
    let mut backoff = Backoff::new();
    while offset < blob.size {
        match client.get_piece(attempt, blob, offset).await {
            Ok(data) if data.is_empty() || data.len() as u64 > blob.size - offset => {
                return Err(format!(
                    "a piece of {} bytes at {offset} of {}",
                    data.len(),
                    blob.size
                ));
            }
            Ok(data) => {
                file.write_all(&data).await.map_err(disk)?;
                offset += data.len() as u64;
                backoff = Backoff::new();
            }
            Err(status) => {
                let wait = backoff.after(&status, client.beats());
                let Some(wait) = wait.filter(|_| wanted()) else {
                    return Err(client::explain(&status));
                };
                tokio::time::sleep(wait).await;
            }
        }
    }
    file.flush().await.map_err(disk)?;
    Ok(temporary)
}
