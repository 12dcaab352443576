//! Pause, resume, stop, cancel, retry, remove; two sweeps at once.

use hone_proto::v1::{self, finish_request::Outcome};
use tonic::Code;

use super::harness::{TestCoordinator, toy_sweep};

fn named(sweep: &str) -> v1::SweepRequest {
    v1::SweepRequest {
        sweep: sweep.to_owned(),
    }
}

fn of_sweep(lease: &v1::Lease) -> String {
    lease
        .attempt
        .as_ref()
        .unwrap()
        .trial
        .as_ref()
        .unwrap()
        .sweep
        .clone()
}

#[tokio::test]
async fn a_paused_sweep_takes_its_trials_back_and_goes_on_when_resumed() {
    let coordinator = TestCoordinator::start().await;
    let sweep = coordinator.launch(toy_sweep("toy", 4)).await;
    let worker = coordinator.worker("one").await;
    let lease = worker.acquire().await;
    let reply = coordinator
        .sweeps()
        .pause(named(&sweep))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(reply.state(), v1::SweepState::Paused);
    assert_eq!(worker.directive(&lease).await, v1::Directive::Release);
    worker.release(&lease).await.unwrap();
    assert!(worker.finds_nothing().await);
    coordinator.sweeps().resume(named(&sweep)).await.unwrap();
    worker.work(&coordinator, &sweep).await;
    assert_eq!(coordinator.state(&sweep).await, v1::SweepState::Completed);
}

#[tokio::test]
async fn a_stopped_sweep_ends_with_its_last_running_trial() {
    let coordinator = TestCoordinator::start().await;
    let sweep = coordinator.launch(toy_sweep("toy", 4)).await;
    let worker = coordinator.worker("one").await;
    let lease = worker.acquire().await;
    coordinator.sweeps().stop(named("")).await.unwrap();
    assert_eq!(worker.directive(&lease).await, v1::Directive::Stop);
    assert!(worker.finds_nothing().await);
    worker.report(&lease, 1, 0.5).await.unwrap();
    worker
        .finish(&lease, Outcome::Ended(v1::Ended {}))
        .await
        .unwrap();
    assert_eq!(coordinator.state(&sweep).await, v1::SweepState::Stopped);
}

#[tokio::test]
async fn a_cancelled_trial_is_asked_to_stop_and_its_result_is_kept_if_it_finishes() {
    let coordinator = TestCoordinator::start().await;
    let sweep = coordinator.launch(toy_sweep("toy", 4)).await;
    let worker = coordinator.worker("one").await;
    let lease = worker.acquire().await;
    let trial = lease.attempt.as_ref().unwrap().trial.clone();
    let number = trial.as_ref().unwrap().trial;
    let request = v1::TrialRequest { trial };
    let reply = coordinator
        .sweeps()
        .cancel(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        reply.state(),
        v1::TrialState::Running,
        "a request, not an end"
    );
    assert_eq!(worker.directive(&lease).await, v1::Directive::Stop);
    worker.train(&lease).await;
    let now = coordinator
        .trial(&sweep, number)
        .await
        .summary
        .unwrap()
        .state();
    assert_eq!(now, v1::TrialState::Completed);
}

#[tokio::test]
async fn a_free_slot_goes_to_the_sweep_with_the_fewest_running_trials() {
    let coordinator = TestCoordinator::start().await;
    let first = coordinator.launch(toy_sweep("first", 8)).await;
    let second = coordinator.launch(toy_sweep("second", 8)).await;
    coordinator
        .eventually(async || {
            let queued = [
                coordinator.sweep(&first).await,
                coordinator.sweep(&second).await,
            ];
            queued
                .iter()
                .all(|sweep| sweep.trials.as_ref().unwrap().queued > 0)
                .then_some(())
        })
        .await;
    let worker = coordinator.worker("one").await;
    let mut granted = Vec::new();
    for _ in 0..4 {
        granted.push(of_sweep(&worker.acquire().await));
    }
    assert_eq!(granted, [first.clone(), second.clone(), first, second]);
}

#[tokio::test]
async fn only_one_sweep_is_served_when_told_so() {
    let coordinator = TestCoordinator::start().await;
    coordinator.launch(toy_sweep("first", 8)).await;
    let second = coordinator.launch(toy_sweep("second", 8)).await;
    coordinator.coordinator().serve_only(&second);
    let worker = coordinator.worker("one").await;
    for _ in 0..3 {
        assert_eq!(of_sweep(&worker.acquire().await), second);
    }
}

#[tokio::test]
async fn the_same_file_goes_on_and_other_content_gets_another_name() {
    let coordinator = TestCoordinator::start().await;
    let launch = async |sweep: v1::SweepDefinition| {
        let request = v1::LaunchRequest {
            sweep: Some(sweep),
            request_id: super::harness::id().into(),
            ..v1::LaunchRequest::default()
        };
        coordinator
            .sweeps()
            .launch(request)
            .await
            .unwrap()
            .into_inner()
    };
    let first = launch(toy_sweep("toy", 4)).await;
    assert_eq!(
        (first.sweep.as_str(), first.launched()),
        ("toy", v1::Launched::Started)
    );
    let same = launch(toy_sweep("toy", 4)).await;
    assert_eq!(
        (same.sweep.as_str(), same.launched()),
        ("toy", v1::Launched::Continued)
    );
    let other = launch(toy_sweep("toy", 5)).await;
    assert_eq!((other.sweep.as_str(), other.renamed), ("toy-2", true));
}

#[tokio::test]
async fn a_running_sweep_is_not_removed_and_an_ended_one_is() {
    let coordinator = TestCoordinator::start().await;
    let sweep = coordinator.launch(toy_sweep("toy", 4)).await;
    let refused = coordinator
        .sweeps()
        .remove(named(&sweep))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    coordinator.sweeps().stop(named(&sweep)).await.unwrap();
    coordinator.sweeps().remove(named(&sweep)).await.unwrap();
    let request = v1::GetSweepRequest { sweep };
    let gone = coordinator.history().get_sweep(request).await.unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);
}
