//! Programs of different versions of hone that meet.

use hone_proto::v1;
use tonic::Code;

use super::harness::{TestCoordinator, id, toy_sweep};

#[tokio::test]
async fn a_launch_of_another_arithmetic_is_refused_before_anything_is_stored() {
    let coordinator = TestCoordinator::start().await;
    for again in [false, true] {
        let mut sweep = toy_sweep("toy", 4);
        sweep.arithmetic_version = 2;
        let request = v1::LaunchRequest {
            sweep: Some(sweep),
            again,
            request_id: id().into(),
            ..Default::default()
        };
        let refused = coordinator.sweeps().launch(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::FailedPrecondition);
        let words = refused.message();
        assert!(
            words.contains("update the older") && !words.contains("--again"),
            "{words}"
        );
    }
    // The name is still free.
    assert_eq!(coordinator.launch(toy_sweep("toy", 4)).await, "toy");
}

#[tokio::test]
async fn a_worker_of_another_arithmetic_gets_nothing_and_everybody_says_why() {
    let coordinator = TestCoordinator::start().await;
    let sweep = coordinator.launch(toy_sweep("toy", 4)).await;
    let worker = coordinator.worker("newer").await;
    let announced = |arithmetic: u32| v1::RegisterRequest {
        arithmetic: [("toy".to_owned(), arithmetic)].into(),
        ..Default::default()
    };
    let reply = worker.announce(announced(2)).await;
    let why = "`toy` trains by arithmetic 2, the coordinator's is 1: update the older of the two";
    assert_eq!(reply.refused, [why]);
    assert!(worker.finds_nothing().await);
    let waiting = coordinator
        .eventually(async || {
            let waiting = coordinator.sweep(&sweep).await.summary.unwrap().waiting_for;
            (!waiting.is_empty()).then_some(waiting)
        })
        .await;
    assert!(
        waiting.contains("newer") && waiting.contains(why) && !waiting.contains("--exec"),
        "{waiting}"
    );
    let reply = worker.announce(announced(1)).await;
    assert!(reply.refused.is_empty());
    worker.work(&coordinator, &sweep).await;
}
