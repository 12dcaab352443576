//! Requests that make no sense are refused with the field's name, and with a code that nobody repeats.

use hone_proto::v1;
use tonic::{Code, Status};

use super::harness::{TestCoordinator, id, toy_sweep};

fn refuses(status: &Status, field: &str) {
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    assert!(status.message().starts_with(field), "{status}");
}

#[tokio::test]
async fn missing_and_wrong_fields_are_named() {
    let coordinator = TestCoordinator::start().await;
    let mut leases = coordinator.leases();
    let worker = coordinator.worker("one").await;
    let status = leases
        .finish(v1::FinishRequest::default())
        .await
        .unwrap_err();
    refuses(&status, "outcome");
    let status = leases
        .report(v1::ReportRequest::default())
        .await
        .unwrap_err();
    refuses(&status, "attempt");
    let attempt = v1::AttemptRef {
        trial: Some(v1::TrialId {
            sweep: "toy".to_owned(),
            trial: 1,
        }),
        attempt: 1,
        token: vec![1, 2, 3].into(),
    };
    let request = v1::ReleaseRequest {
        attempt: Some(attempt),
        ..Default::default()
    };
    refuses(&leases.release(request).await.unwrap_err(), "attempt.token");
    let request = v1::AcquireRequest {
        session: worker.session.clone().into(),
        ..Default::default()
    };
    refuses(&leases.acquire(request).await.unwrap_err(), "request_id");
    let request = v1::RegisterRequest {
        session: id().into(),
        ..Default::default()
    };
    refuses(&leases.register(request).await.unwrap_err(), "trainers");
}

#[tokio::test]
async fn what_is_no_protobuf_is_the_callers_mistake() {
    let coordinator = TestCoordinator::start().await;
    let mut raw = tonic::client::Grpc::new(coordinator.channel());
    raw.ready().await.unwrap();
    // A number where bytes are due.
    let request = v1::RegisterReply {
        heartbeat_ms: 7,
        ..Default::default()
    };
    let path = tonic::codegen::http::uri::PathAndQuery::from_static("/hone.v1.Leases/Leave");
    let codec = tonic_prost::ProstCodec::<v1::RegisterReply, v1::LeaveReply>::default();
    let status = raw
        .unary(tonic::Request::new(request), path, codec)
        .await
        .unwrap_err();
    refuses(&status, "failed to decode Protobuf message");
}

#[tokio::test]
async fn an_unknown_session_is_told_to_register() {
    let coordinator = TestCoordinator::start().await;
    let request = v1::AcquireRequest {
        session: id().into(),
        request_id: id().into(),
        ..Default::default()
    };
    let status = coordinator.leases().acquire(request).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    assert!(status.message().contains("register"), "{status}");
}

#[tokio::test]
async fn a_sweep_that_cannot_be_searched_is_not_stored() {
    let coordinator = TestCoordinator::start().await;
    let launch = async |sweep: v1::SweepDefinition| {
        let request = v1::LaunchRequest {
            sweep: Some(sweep),
            request_id: id().into(),
            ..v1::LaunchRequest::default()
        };
        coordinator.sweeps().launch(request).await.unwrap_err()
    };
    let mut reversed = toy_sweep("toy", 4);
    if let Some(v1::domain::Kind::Range(range)) = &mut reversed.domains[0].kind {
        range.low = 2.0;
    }
    refuses(&launch(reversed).await, "params.x");
    let mut nameless = toy_sweep("toy", 4);
    nameless.name = "a/b".to_owned();
    refuses(&launch(nameless).await, "sweep.name");
    let mut aimless = toy_sweep("toy", 4);
    aimless.objective = None;
    refuses(&launch(aimless).await, "sweep.objective");
    let mut placeless = toy_sweep("toy", 4);
    placeless.domains[0].path = "params.layers.0".to_owned();
    refuses(&launch(placeless).await, "params.layers.0");
    let mut another = toy_sweep("toy", 4);
    another.identity = toy_sweep("toy", 5).identity;
    refuses(&launch(another).await, "sweep.identity");
    let mut endless = toy_sweep("toy", 4);
    endless.objective.as_mut().unwrap().target = Some(f64::NAN);
    refuses(&launch(endless).await, "sweep.objective.target");
    let mut textual = toy_sweep("toy", 4);
    textual.canonical_json = "{".to_owned();
    refuses(&launch(textual).await, "sweep.canonical_json");
    let mut rows = coordinator
        .history()
        .list_sweeps(v1::ListSweepsRequest {})
        .await
        .unwrap()
        .into_inner();
    assert!(
        rows.message().await.unwrap().is_none(),
        "nothing was stored"
    );
}

#[tokio::test]
async fn a_data_set_has_three_sides_and_a_class() {
    let coordinator = TestCoordinator::start().await;
    let sweep = v1::SweepDefinition {
        data_source: "digits".to_owned(),
        ..toy_sweep("toy", 4)
    };
    let launch = async |shape: &[u32], classes: u32| {
        let pin = v1::DataPin {
            hash: vec![2; 32].into(),
            shape: shape.to_vec(),
            classes,
        };
        let request = v1::LaunchRequest {
            sweep: Some(sweep.clone()),
            data: Some(pin),
            request_id: id().into(),
            ..Default::default()
        };
        coordinator.sweeps().launch(request).await
    };
    for bad in [&[8, 8][..], &[8, 8, 1, 1], &[8, 0, 1], &[8, u32::MAX, 1]] {
        refuses(&launch(bad, 10).await.unwrap_err(), "data.shape");
        let offer = v1::DataOffer {
            name: "digits".to_owned(),
            hash: vec![2; 32].into(),
            shape: bad.to_vec(),
            classes: 10,
            error: String::new(),
        };
        let request = v1::RegisterRequest {
            session: id().into(),
            name: "one".to_owned(),
            trainers: vec!["toy".to_owned()],
            slots: 1,
            data: vec![offer],
            ..Default::default()
        };
        let refused = coordinator.leases().register(request).await.unwrap_err();
        refuses(&refused, "data.shape");
    }
    for bad in [0, u32::MAX] {
        refuses(&launch(&[8, 8, 1], bad).await.unwrap_err(), "data.classes");
    }
    launch(&[8, 8, 1], 10).await.unwrap();
}

#[tokio::test]
async fn health_says_serving() {
    let coordinator = TestCoordinator::start().await;
    let channel = coordinator.channel();
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel);
    let request = tonic_health::pb::HealthCheckRequest {
        service: "hone.v1.Leases".to_owned(),
    };
    let reply = health.check(request).await.unwrap().into_inner();
    assert_eq!(
        reply.status(),
        tonic_health::pb::health_check_response::ServingStatus::Serving
    );
}
