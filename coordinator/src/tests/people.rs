//! Pause, resume, stop, cancel, retry, remove; two sweeps at once.

use std::time::Duration;

use hone_proto::v1::{self, finish_request::Outcome};
use tonic::Code;

use super::{
    harness::{TestCoordinator, toy_sweep},
    retries::zoom,
};

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
    let reply = coordinator.sweeps().stop(named("")).await.unwrap();
    assert_eq!(reply.into_inner().state(), v1::SweepState::Stopping);
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
async fn a_sweep_that_stops_is_not_begun_again_by_anybody() {
    let mut coordinator = TestCoordinator::start().await;
    let sweep = coordinator.launch(toy_sweep("toy", 4)).await;
    let worker = coordinator.worker("one").await;
    let lease = worker.acquire().await;
    let number = lease
        .attempt
        .as_ref()
        .unwrap()
        .trial
        .as_ref()
        .unwrap()
        .trial;
    coordinator.sweeps().stop(named(&sweep)).await.unwrap();

    let launch = v1::LaunchRequest {
        sweep: Some(toy_sweep("toy", 4)),
        again: false,
        request_id: super::harness::id().into(),
        ..Default::default()
    };
    let launched = coordinator.sweeps().launch(launch).await.unwrap();
    assert_eq!(launched.into_inner().launched(), v1::Launched::Stopping);
    let by = v1::Budget {
        amount: Some(v1::budget::Amount::Epochs(9)),
    };
    let extend = v1::ExtendRequest {
        sweep: sweep.clone(),
        by: Some(by),
    };
    let mut sweeps = coordinator.sweeps();
    for refused in [
        sweeps.resume(named(&sweep)).await.unwrap_err(),
        sweeps.pause(named(&sweep)).await.unwrap_err(),
        sweeps.extend(extend).await.unwrap_err(),
        sweeps.remove(named(&sweep)).await.unwrap_err(),
    ] {
        assert_eq!(refused.code(), Code::FailedPrecondition);
        assert!(
            refused.message().contains("is stopping")
                || refused.message().contains("stopping sweep"),
            "{refused}"
        );
    }
    assert_eq!(worker.directive(&lease).await, v1::Directive::Stop);
    assert_eq!(coordinator.state(&sweep).await, v1::SweepState::Stopping);

    // Another coordinator on the same file still stops it, without a word of the worker.
    coordinator.restart().await;
    assert_eq!(coordinator.state(&sweep).await, v1::SweepState::Stopping);
    let other = coordinator.worker("two").await;
    assert!(other.finds_nothing().await);
    coordinator
        .turn_until(&sweep, number, v1::TrialState::Cancelled)
        .await;
    assert_eq!(coordinator.state(&sweep).await, v1::SweepState::Stopped);
}

#[tokio::test]
async fn what_completes_while_a_sweep_stops_or_is_paused_counts() {
    for pauses in [false, true] {
        let coordinator = TestCoordinator::start().await;
        let sweep = coordinator.launch(toy_sweep("toy", 4)).await;
        let worker = coordinator.worker("one").await;
        let (early, late) = (worker.acquire().await, worker.acquire().await);
        let completes = async |lease: &v1::Lease, score| {
            worker.report(lease, 1, score).await.unwrap();
            let completed = Outcome::Completed(v1::Completed {});
            worker.finish(lease, completed).await.unwrap();
            coordinator
                .eventually(async || {
                    let best = coordinator.sweep(&sweep).await.best?.objective;
                    (best == score).then_some(())
                })
                .await;
        };
        completes(&early, 0.5).await;
        let mut sweeps = coordinator.sweeps();
        match pauses {
            true => sweeps.pause(named(&sweep)).await.unwrap(),
            false => sweeps.stop(named(&sweep)).await.unwrap(),
        };
        completes(&late, 0.9).await;
        let state = coordinator.state(&sweep).await;
        let right = match pauses {
            true => v1::SweepState::Paused,
            false => v1::SweepState::Stopped,
        };
        assert_eq!(state, right);
        assert_eq!(coordinator.findings().await, []);
    }
}

#[tokio::test]
async fn a_trial_that_was_cancelled_is_not_told_to_go_on_when_its_sweep_does() {
    let coordinator = TestCoordinator::start().await;
    let sweep = coordinator.launch(toy_sweep("toy", 4)).await;
    let worker = coordinator.worker("one").await;
    let lease = worker.acquire().await;
    let trial = lease.attempt.as_ref().unwrap().trial.clone();
    coordinator
        .sweeps()
        .cancel(v1::TrialRequest { trial })
        .await
        .unwrap();
    for _ in 0..2 {
        coordinator.sweeps().pause(named(&sweep)).await.unwrap();
        assert_eq!(worker.directive(&lease).await, v1::Directive::Stop);
        coordinator.sweeps().resume(named(&sweep)).await.unwrap();
        assert_eq!(worker.directive(&lease).await, v1::Directive::Stop);
    }
}

#[tokio::test]
async fn it_is_told_when_a_worker_was_last_heard() {
    let mut coordinator = TestCoordinator::start().await;
    let sweep = coordinator.launch(toy_sweep("toy", 4)).await;
    let idle = coordinator.sweep(&sweep).await.summary.unwrap();
    assert_eq!((idle.last_heard_ms, idle.silent), (None, false));
    let worker = coordinator.worker("one").await;
    let lease = worker.acquire().await;
    let number = lease
        .attempt
        .as_ref()
        .unwrap()
        .trial
        .as_ref()
        .unwrap()
        .trial;
    let told = async |coordinator: &TestCoordinator| {
        let of_trial = coordinator.trial(&sweep, number).await.summary.unwrap();
        let listed = coordinator.trials(&sweep).await;
        let listed = listed.into_iter().find(|t| t.trial == of_trial.trial);
        assert_eq!(listed.unwrap(), of_trial);
        let of_sweep = coordinator.sweep(&sweep).await.summary.unwrap();
        assert_eq!(
            (of_trial.last_heard_ms, of_trial.silent),
            (of_sweep.last_heard_ms, of_sweep.silent),
            "one worker trains all of it"
        );
        (of_trial.last_heard_ms, of_trial.silent)
    };
    coordinator.hand.advance(Duration::from_secs(10));
    assert_eq!(told(&coordinator).await, (Some(10_000), false));
    worker.beat(&[&lease], 1).await;
    assert_eq!(told(&coordinator).await, (Some(0), false));
    // Less than a lease, more than two heartbeats.
    coordinator.hand.advance(Duration::from_secs(31));
    assert_eq!(told(&coordinator).await, (Some(31_000), true));
    // What was stored last is known after a restart too: the grant.
    coordinator.restart().await;
    let worker = coordinator.reconnect(&worker);
    assert_eq!(told(&coordinator).await, (Some(41_000), true));
    worker.beat(&[&lease], 2).await;
    assert_eq!(told(&coordinator).await, (Some(0), false));
    worker.train(&lease).await;
    let ended = coordinator.trial(&sweep, number).await.summary.unwrap();
    assert_eq!((ended.last_heard_ms, ended.silent), (None, false));
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
async fn what_a_run_is_for_comes_first_and_then_what_was_launched_into_it() {
    let coordinator = TestCoordinator::start().await;
    let before = coordinator.launch(toy_sweep("before", 8)).await;
    let own = coordinator.launch(toy_sweep("own", 3)).await;
    coordinator.coordinator().serve_first(&own);
    let later = coordinator.launch(toy_sweep("later", 8)).await;
    for (sweep, points) in [(&own, 3), (&later, 8)] {
        coordinator
            .eventually(async || {
                let queued = coordinator.sweep(sweep).await.trials.unwrap().queued;
                (queued == points).then_some(())
            })
            .await;
    }
    let worker = coordinator.worker("one").await;
    let mut granted = Vec::new();
    for _ in 0..5 {
        granted.push(of_sweep(&worker.acquire().await));
    }
    assert_eq!(
        granted,
        [own.clone(), own.clone(), own.clone(), later.clone(), later]
    );
    let waits = coordinator
        .sweep(&before)
        .await
        .summary
        .unwrap()
        .waiting_for;
    assert!(
        waits.contains("`hone run`") && waits.contains(&own),
        "{waits}"
    );
    coordinator.sweeps().resume(named(&before)).await.unwrap();
    let waits = coordinator
        .sweep(&before)
        .await
        .summary
        .unwrap()
        .waiting_for;
    assert!(waits.contains("busy with other sweeps"), "{waits}");
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
    let request = v1::GetSweepRequest {
        sweep,
        trained: false,
    };
    let gone = coordinator.history().get_sweep(request).await.unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);
}

#[tokio::test]
async fn a_sweep_that_was_stopped_before_its_first_value_is_trained_when_it_is_extended() {
    let coordinator = TestCoordinator::start().await;
    let sweep = coordinator.launch(zoom()).await;
    while coordinator.sweep(&sweep).await.trials.unwrap().queued == 0 {
        tokio::task::yield_now().await;
    }
    coordinator.sweeps().stop(named(&sweep)).await.unwrap();
    let by = v1::Budget {
        amount: Some(v1::budget::Amount::Epochs(90)),
    };
    let extend = v1::ExtendRequest {
        sweep: sweep.clone(),
        by: Some(by),
    };
    coordinator.sweeps().extend(extend).await.unwrap();
    let worker = coordinator.worker("one").await;
    worker.work(&coordinator, &sweep).await;
    let detail = coordinator.sweep(&sweep).await;
    assert_eq!(detail.reason, "the plan is done");
    assert!(detail.epochs_trained > 80 && detail.best.is_some());
    assert_eq!(coordinator.findings().await, []);
}

#[tokio::test]
async fn a_sweep_may_have_the_name_of_one_that_was_removed() {
    let coordinator = TestCoordinator::start().await;
    let busy = coordinator.launch(toy_sweep("busy", 200)).await;
    let worker = coordinator.worker("one").await;
    // Whatever comes next goes to the other sweep, which has none running.
    assert_eq!(of_sweep(&worker.acquire().await), busy);
    let mut points = 1;
    for _ in 0..20 {
        points += 1;
        let sweep = coordinator.launch(toy_sweep("again", points)).await;
        assert_eq!(sweep, "again");
        let granted = coordinator.eventually(async || {
            let lease = worker.acquire().await;
            worker.release(&lease).await.unwrap();
            (of_sweep(&lease) == sweep).then_some(())
        });
        granted.await;
        coordinator.sweeps().stop(named(&sweep)).await.unwrap();
        coordinator.sweeps().remove(named(&sweep)).await.unwrap();
    }
    coordinator.sweeps().stop(named(&busy)).await.unwrap();
    assert_eq!(coordinator.findings().await, []);
}

#[tokio::test]
async fn a_name_that_is_taken_is_told_apart_within_its_length() {
    let coordinator = TestCoordinator::start().await;
    for length in [98, 99, 100] {
        let name = "x".repeat(length);
        for points in 1..=12 {
            let sweep = coordinator.launch(toy_sweep(&name, points)).await;
            assert!(sweep.len() <= 100, "{sweep}");
            coordinator.sweeps().stop(named(&sweep)).await.unwrap();
        }
    }
}
