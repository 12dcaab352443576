//! Room for checkpoints and weights: what counts, who makes it, and who is told that there is none.

use std::time::Duration;

use hone_proto::v1::{self, BlobKind, finish_request::Outcome};
use tokio_stream::StreamExt as _;

use super::harness::{TestCoordinator, toy_sweep};

fn completed() -> Outcome {
    Outcome::Completed(v1::Completed {})
}

/// Content of so many bytes, and what it is announced as.
fn blob(of: u8, size: usize, kind: BlobKind) -> (v1::Blob, Vec<u8>) {
    let content = vec![of; size];
    let blob = v1::Blob {
        hash: blake3::hash(&content).as_bytes().to_vec().into(),
        size: size as u64,
        kind: kind.into(),
        epoch: 1,
    };
    (blob, content)
}

/// What the listing says of the only sweep.
async fn shortage(coordinator: &TestCoordinator) -> String {
    let request = v1::ListSweepsRequest {};
    let listed = coordinator.history().list_sweeps(request).await.unwrap();
    listed.into_inner().next().await.unwrap().unwrap().shortage
}

#[tokio::test]
async fn uploads_under_way_count_and_a_full_budget_is_in_every_listing() {
    let coordinator = TestCoordinator::with_room(1_000).await;
    let sweep = coordinator.launch(toy_sweep("toy", 4)).await;
    let worker = coordinator.worker("one").await;
    let (first, second) = (worker.acquire().await, worker.acquire().await);
    for lease in [&first, &second] {
        worker.report(lease, 1, 0.5).await.unwrap();
    }
    let (large, content) = blob(1, 600, BlobKind::Checkpoint);
    let begun = worker.put(&first, &large, 0, &content[..10]).await.unwrap();
    assert_eq!((begun.received, begun.committed), (10, false));
    assert_eq!(shortage(&coordinator).await, "");

    let (other, content) = blob(2, 500, BlobKind::Checkpoint);
    let refused = worker.put(&second, &other, 0, &content).await.unwrap_err();
    let words = refused.message();
    assert!(words.contains("take 600 of the 1000"), "{words}");
    let short = shortage(&coordinator).await;
    assert!(
        short.contains("disk budget") && short.contains("--disk"),
        "{short}"
    );
    assert_eq!(coordinator.sweep(&sweep).await.warnings, [short]);

    // What was begun is not wanted any more.
    worker.release(&first).await.unwrap();
    let taken = worker.put(&second, &other, 0, &content).await.unwrap();
    assert!(taken.committed);
    assert_eq!(shortage(&coordinator).await, "");
}

#[tokio::test]
async fn room_is_made_by_what_ended_trials_have_left_at_once_for_weights() {
    let coordinator = TestCoordinator::with_room(1_000).await;
    coordinator.launch(toy_sweep("toy", 4)).await;
    let worker = coordinator.worker("one").await;
    let next = async |number| {
        let lease = worker.acquire().await;
        worker.report(&lease, 1, 0.5).await.unwrap();
        (lease, blob(number, 600, BlobKind::Checkpoint))
    };
    let is_kept = |blob: &v1::Blob| {
        let hash = blake3::Hash::from_bytes(blob.hash.to_vec().try_into().unwrap());
        coordinator.blobs().join(hash.to_hex().as_str()).exists()
    };
    let (first, (blob_of_first, content)) = next(1).await;
    assert!(
        worker
            .put(&first, &blob_of_first, 0, &content)
            .await
            .unwrap()
            .committed
    );
    // Nothing is to be had from a trial that goes on.
    let (second, (blob_of_second, content)) = next(2).await;
    worker
        .put(&second, &blob_of_second, 0, &content)
        .await
        .unwrap_err();
    worker.finish(&first, completed()).await.unwrap();
    coordinator.hand.advance(Duration::from_secs(6));
    assert!(
        worker
            .put(&second, &blob_of_second, 0, &content)
            .await
            .unwrap()
            .committed
    );
    assert!(!is_kept(&blob_of_first) && is_kept(&blob_of_second));

    worker.finish(&second, completed()).await.unwrap();
    coordinator.hand.advance(Duration::from_secs(1));
    let (third, (blob_of_third, content)) = next(3).await;
    // Looked for a moment ago: a checkpoint is left out, weights are needed for good.
    worker
        .put(&third, &blob_of_third, 0, &content)
        .await
        .unwrap_err();
    assert!(is_kept(&blob_of_second));
    let (weights, content) = blob(4, 600, BlobKind::Weights);
    assert!(
        worker
            .put(&third, &weights, 0, &content)
            .await
            .unwrap()
            .committed
    );
    assert!(!is_kept(&blob_of_second));
}
