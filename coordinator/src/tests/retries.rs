//! Sweeps in which everything fails, and trials that are tried again.

use std::time::Duration;

use hone_proto::v1::{self, finish_request::Outcome};
use tonic::Code;

use super::harness::{FakeWorker, TestCoordinator, id, toy_sweep};

/// A trial of the plan as everybody must see it, however often it was tried.
type Trained = (u32, u64, u32, String, Option<f64>);

/// What came of the trials that count.
async fn trained(coordinator: &TestCoordinator, sweep: &str) -> Vec<Trained> {
    let trials = coordinator.trials(sweep).await;
    let tried_again: Vec<u64> = trials.iter().filter_map(|trial| trial.retry_of).collect();
    let mut trained: Vec<Trained> = trials
        .into_iter()
        .filter(|trial| !tried_again.contains(&trial.trial.as_ref().unwrap().trial))
        .map(|t| (t.round, t.point, t.repeat, t.params_json, t.objective))
        .collect();
    trained.sort_by_key(|trial| (trial.0, trial.1, trial.2));
    trained
}

/// The same sweep where nothing ever failed.
async fn undisturbed(sweep: v1::SweepDefinition) -> (Vec<Trained>, v1::Best) {
    let coordinator = TestCoordinator::start().await;
    let name = coordinator.launch(sweep).await;
    coordinator
        .worker("one")
        .await
        .work(&coordinator, &name)
        .await;
    let best = coordinator.sweep(&name).await.best.unwrap();
    (trained(&coordinator, &name).await, best)
}

async fn expect_undisturbed(coordinator: &TestCoordinator, name: &str, sweep: v1::SweepDefinition) {
    let (plain, winner) = undisturbed(sweep).await;
    let detail = coordinator.sweep(name).await;
    assert_eq!(
        detail.summary.as_ref().unwrap().state(),
        v1::SweepState::Completed
    );
    assert_eq!(trained(coordinator, name).await, plain);
    let best = detail.best.unwrap();
    assert_eq!(
        (best.round, best.point, best.params_json, best.objective),
        (
            winner.round,
            winner.point,
            winner.params_json,
            winner.objective
        )
    );
    let counts = detail.trials.unwrap();
    assert_eq!(
        (counts.failed, counts.diverged, counts.cancelled),
        (0, 0, 0)
    );
    assert_eq!(coordinator.findings().await, []);
}

fn failed() -> Outcome {
    Outcome::Failed(v1::Failed {
        message: "no such module".to_owned(),
        crashed: false,
    })
}

/// Ends every trial so until the sweep has ended; its reason.
async fn end_all(
    coordinator: &TestCoordinator,
    worker: &FakeWorker,
    sweep: &str,
    how: impl AsyncFn(&v1::Lease),
) -> String {
    loop {
        let reply = worker.ask(id(), Duration::from_millis(100)).await.unwrap();
        if let Some(lease) = reply.lease {
            how(&lease).await;
            continue;
        }
        let detail = coordinator.sweep(sweep).await;
        if detail.summary.unwrap().ended_ms.is_some() {
            return detail.reason;
        }
    }
}

async fn fail_all(coordinator: &TestCoordinator, worker: &FakeWorker, sweep: &str) -> String {
    end_all(coordinator, worker, sweep, async |lease| {
        worker.finish(lease, failed()).await.unwrap();
    })
    .await
}

fn number(lease: &v1::Lease) -> u64 {
    lease
        .attempt
        .as_ref()
        .unwrap()
        .trial
        .as_ref()
        .unwrap()
        .trial
}

#[tokio::test]
async fn a_sweep_whose_first_trials_fail_says_why_and_the_same_launch_mends_it() {
    for restart in [false, true] {
        let mut coordinator = TestCoordinator::start().await;
        let sweep = coordinator.launch(toy_sweep("toy", 12)).await;
        let worker = coordinator.worker("one").await;
        let reason = fail_all(&coordinator, &worker, &sweep).await;
        // Five, or some more that had ended by then.
        let words = " trials failed: no such module; `hone logs toy/1` says more";
        assert!(reason.ends_with(words), "{reason}");
        assert_eq!(coordinator.state(&sweep).await, v1::SweepState::Failed);

        // Still broken.
        let again = coordinator.launch_again(toy_sweep("toy", 12), false).await;
        assert_eq!((again.sweep.as_str(), again.renamed), ("toy", false));
        assert_eq!(
            (again.launched(), again.retried),
            (v1::Launched::Continued, 12)
        );
        let reason = fail_all(&coordinator, &worker, &sweep).await;
        assert!(
            reason.contains(" trials failed: no such module"),
            "{reason}"
        );

        let again = coordinator.launch_again(toy_sweep("toy", 12), false).await;
        assert_eq!((again.sweep.as_str(), again.retried), ("toy", 12));
        let worker = if restart {
            let lease = worker.acquire().await;
            worker.train(&lease).await;
            coordinator.restart().await;
            let worker = coordinator.reconnect(&worker);
            worker.register().await;
            worker
        } else {
            worker
        };
        worker.work(&coordinator, &sweep).await;
        expect_undisturbed(&coordinator, &sweep, toy_sweep("toy", 12)).await;
    }
}

#[tokio::test]
async fn a_round_that_shows_nothing_fails_the_sweep() {
    let coordinator = TestCoordinator::start().await;
    // Too few to fail at the start.
    let sweep = coordinator.launch(toy_sweep("toy", 4)).await;
    let worker = coordinator.worker("one").await;
    let reason = fail_all(&coordinator, &worker, &sweep).await;
    assert!(
        reason.starts_with("4 of 4 trials failed: no such module"),
        "{reason}"
    );
    assert_eq!(
        coordinator.trials(&sweep).await.len(),
        4,
        "no second round is drawn of nothing"
    );
    let again = coordinator.launch_again(toy_sweep("toy", 4), false).await;
    assert_eq!((again.sweep.as_str(), again.retried), ("toy", 4));
    worker.work(&coordinator, &sweep).await;
    expect_undisturbed(&coordinator, &sweep, toy_sweep("toy", 4)).await;
}

#[tokio::test]
async fn what_diverged_is_tried_again_only_where_it_may_come_out_otherwise() {
    let coordinator = TestCoordinator::start().await;
    let sweep = coordinator.launch(toy_sweep("toy", 6)).await;
    let worker = coordinator.worker("one").await;
    let reason = end_all(&coordinator, &worker, &sweep, async |lease| {
        for epoch in 1..=lease.to_epoch {
            worker.report(lease, epoch, f64::NAN).await.unwrap();
        }
        let completed = Outcome::Completed(v1::Completed {});
        worker.finish(lease, completed).await.unwrap();
    })
    .await;
    assert!(
        reason.starts_with("6 of 6 trials diverged: in epoch 1: score is not finite"),
        "{reason}"
    );
    let again = coordinator.launch_again(toy_sweep("toy", 6), false).await;
    assert_eq!(
        (again.sweep.as_str(), again.launched()),
        ("toy", v1::Launched::Ended)
    );
    let again = coordinator.launch_again(toy_sweep("toy", 6), true).await;
    assert_eq!(
        (again.launched(), again.retried),
        (v1::Launched::Continued, 6)
    );
    worker.work(&coordinator, &sweep).await;
    expect_undisturbed(&coordinator, &sweep, toy_sweep("toy", 6)).await;
}

#[tokio::test]
async fn a_retry_in_time_takes_its_trials_place_and_a_late_one_is_refused() {
    let coordinator = TestCoordinator::start().await;
    let sweep = coordinator.launch(toy_sweep("toy", 8)).await;
    let worker = coordinator.worker("one").await;
    let lease = worker.acquire().await;
    worker.finish(&lease, failed()).await.unwrap();
    let (first, retried) = (
        number(&lease),
        coordinator.retry(&sweep, number(&lease)).await.unwrap(),
    );
    let again = coordinator.retried(&sweep, first).await.unwrap();
    let number_of = |reply: &v1::TrialReply| reply.trial.as_ref().unwrap().trial;
    assert_eq!(
        (number_of(&again), again.state()),
        (retried, v1::TrialState::Queued)
    );
    // All of the first round, and one trial of the second.
    for _ in 0..9 {
        let lease = worker.acquire().await;
        if number(&lease) == retried {
            let again = coordinator.retried(&sweep, first).await.unwrap();
            assert_eq!(
                (number_of(&again), again.state()),
                (retried, v1::TrialState::Running)
            );
        }
        worker.train(&lease).await;
    }
    let refused = coordinator.retry(&sweep, retried).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    worker.work(&coordinator, &sweep).await;
    expect_undisturbed(&coordinator, &sweep, toy_sweep("toy", 8)).await;

    let coordinator = TestCoordinator::start().await;
    let sweep = coordinator.launch(toy_sweep("toy", 8)).await;
    let worker = coordinator.worker("one").await;
    let lost = worker.acquire().await;
    worker.finish(&lost, failed()).await.unwrap();
    for _ in 0..8 {
        let lease = worker.acquire().await;
        worker.train(&lease).await;
    }
    let refused = coordinator.retry(&sweep, number(&lost)).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    for part in ["toy/9 was chosen by what came of it", "--again"] {
        assert!(refused.message().contains(part), "{refused}");
    }
    worker.work(&coordinator, &sweep).await;
    let detail = coordinator.sweep(&sweep).await;
    assert_eq!(
        detail.summary.as_ref().unwrap().state(),
        v1::SweepState::Completed
    );
    assert_eq!(
        detail.reason,
        "the plan is done; 1 of 12 trials failed: no such module; `hone logs toy/1` says more, `--again` trains all of \
         them anew"
    );
    assert_eq!(coordinator.findings().await, []);
}

/// One round of four points, and nothing that is chosen by them.
fn one_round() -> v1::SweepDefinition {
    let mut sweep = toy_sweep("toy", 4);
    if let Some(v1::Search {
        strategy: Some(v1::search::Strategy::Written(written)),
        ..
    }) = &mut sweep.search
    {
        written.rounds.truncate(1);
    }
    sweep
}

#[tokio::test]
async fn the_last_round_of_a_completed_sweep_can_be_mended() {
    let coordinator = TestCoordinator::start().await;
    let sweep = coordinator.launch(one_round()).await;
    let worker = coordinator.worker("one").await;
    let lease = worker.acquire().await;
    worker.finish(&lease, failed()).await.unwrap();
    worker.work(&coordinator, &sweep).await;
    let reason = coordinator.sweep(&sweep).await.reason;
    assert!(reason.contains("1 of 4 trials failed"), "{reason}");
    assert!(
        reason.contains("`hone retry toy/1` trains it again"),
        "{reason}"
    );
    coordinator.retry(&sweep, 1).await.unwrap();
    assert_eq!(coordinator.state(&sweep).await, v1::SweepState::Running);
    worker.work(&coordinator, &sweep).await;
    expect_undisturbed(&coordinator, &sweep, one_round()).await;
    assert_eq!(coordinator.sweep(&sweep).await.reason, "the plan is done");
}

/// Three rungs, a finish, and a test of the winner.
pub(super) fn zoom() -> v1::SweepDefinition {
    let planned = v1::Planned {
        strategy: v1::PlannedStrategy::Zoom.into(),
        budget: Some(v1::Budget {
            amount: Some(v1::budget::Amount::Epochs(90)),
        }),
        full_epochs: 9,
        eta: 3,
        parallel: 3,
        hedge: false,
        widen: false,
        finish: Some(v1::Finish { top: 1, repeats: 2 }),
    };
    let mut sweep = toy_sweep("toy", 1);
    if let Some(search) = &mut sweep.search {
        search.strategy = Some(v1::search::Strategy::Planned(planned));
    }
    sweep
}

#[tokio::test]
async fn a_promoted_trial_that_fails_at_its_next_rung_is_tried_again_there() {
    let coordinator = TestCoordinator::start().await;
    let sweep = coordinator.launch(zoom()).await;
    let worker = coordinator.worker("one").await;
    let promoted = loop {
        let lease = worker.acquire().await;
        if lease.attempt.as_ref().unwrap().attempt > 1 {
            break lease;
        }
        worker.train(&lease).await;
    };
    worker.finish(&promoted, failed()).await.unwrap();
    let retried = coordinator.retry(&sweep, number(&promoted)).await.unwrap();
    loop {
        let lease = worker.acquire().await;
        if number(&lease) == retried {
            assert_eq!(lease.to_epoch, promoted.to_epoch);
            assert!(lease.resume.is_none());
            worker.train(&lease).await;
            break;
        }
        worker.train(&lease).await;
    }
    worker.work(&coordinator, &sweep).await;
    expect_undisturbed(&coordinator, &sweep, zoom()).await;
}

#[tokio::test]
async fn a_planned_sweep_in_which_everything_failed_is_mended_too() {
    let coordinator = TestCoordinator::start().await;
    let sweep = coordinator.launch(zoom()).await;
    let worker = coordinator.worker("one").await;
    let reason = end_all(&coordinator, &worker, &sweep, async |lease| {
        let diverged = v1::Diverged {
            epoch: 1,
            reason: "loss is NaN".to_owned(),
        };
        worker
            .finish(lease, Outcome::Diverged(diverged))
            .await
            .unwrap();
    })
    .await;
    assert!(
        reason.contains("trials diverged: in epoch 1: loss is NaN"),
        "{reason}"
    );
    let again = coordinator.launch_again(zoom(), true).await;
    assert_eq!(again.sweep, "toy");
    assert!(again.retried > 0);
    worker.work(&coordinator, &sweep).await;
    expect_undisturbed(&coordinator, &sweep, zoom()).await;
}

#[tokio::test]
async fn a_check_that_failed_is_made_again() {
    let coordinator = TestCoordinator::start().await;
    let mut definition = toy_sweep("toy", 4);
    definition.check = true;
    let sweep = coordinator.launch(definition.clone()).await;
    let worker = coordinator.worker("one").await;
    for _ in 0..2 {
        let reason = end_all(&coordinator, &worker, &sweep, async |lease| {
            assert_eq!(lease.kind(), v1::TrialKind::Check);
            worker
                .finish_with(lease, r#"{"passed": false, "findings": ["no gradient"]}"#)
                .await;
        })
        .await;
        assert!(reason.contains("no gradient"), "{reason}");
        let again = coordinator.launch_again(definition.clone(), false).await;
        assert_eq!((again.sweep.as_str(), again.retried), ("toy", 1));
        assert_eq!(coordinator.state(&sweep).await, v1::SweepState::Checking);
    }
    let check = worker.acquire().await;
    worker
        .finish_with(&check, r#"{"passed": true, "findings": []}"#)
        .await;
    worker.work(&coordinator, &sweep).await;
    expect_undisturbed(&coordinator, &sweep, toy_sweep("toy", 4)).await;
}

#[tokio::test]
async fn a_budget_in_minutes_that_no_check_could_measure_is_measured_again() {
    let coordinator = TestCoordinator::start().await;
    let mut definition = zoom();
    definition.check = true;
    if let Some(v1::Search {
        strategy: Some(v1::search::Strategy::Planned(planned)),
        ..
    }) = &mut definition.search
    {
        planned.budget = Some(v1::Budget {
            amount: Some(v1::budget::Amount::Minutes(1.5)),
        });
    }
    let worker = coordinator.worker("one").await;
    let sweep = coordinator.launch(definition.clone()).await;
    let reason = fail_all(&coordinator, &worker, &sweep).await;
    assert!(reason.contains("minutes"), "{reason}");
    let again = coordinator.launch_again(definition, false).await;
    assert_eq!((again.sweep.as_str(), again.retried), ("toy", 1));
    let check = worker.acquire().await;
    assert_eq!(check.kind(), v1::TrialKind::Check);
    worker
        .finish_with(&check, r#"{"passed": true, "epochs_per_second": 1.0}"#)
        .await;
    worker.work(&coordinator, &sweep).await;
    assert_eq!(coordinator.sweep(&sweep).await.reason, "the plan is done");
    assert_eq!(coordinator.state(&sweep).await, v1::SweepState::Completed);
    assert_eq!(coordinator.findings().await, []);
}

#[tokio::test]
async fn reports_are_held_to_the_objective() {
    let coordinator = TestCoordinator::start().await;
    coordinator.launch(toy_sweep("toy", 4)).await;
    let worker = coordinator.worker("one").await;
    let lease = worker.acquire().await;
    let metric = |name: &str| v1::Metric {
        name: name.to_owned(),
        value: 0.5,
    };
    for (metrics, words) in [
        (
            vec![metric("acc"), metric("loss")],
            "lacks the objective's metric `score`; it has `acc`, `loss`",
        ),
        (
            vec![metric("score"), metric("score")],
            "epochs.metrics.name: \"score\" is there twice",
        ),
        (
            vec![metric("score"), metric("")],
            "epochs.metrics.name: is missing",
        ),
    ] {
        let refused = worker.report_metrics(&lease, 1, metrics).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
        assert!(refused.message().contains(words), "{refused}");
    }
    for (outcome, words) in [
        (
            Outcome::Completed(v1::Completed {}),
            "the last report is of epoch 0",
        ),
        (
            Outcome::EndedEarly(v1::EndedEarly {}),
            "without the report of one epoch",
        ),
        (
            Outcome::Diverged(v1::Diverged {
                epoch: 0,
                reason: String::new(),
            }),
            "diverged.epoch",
        ),
    ] {
        let refused = worker.finish(&lease, outcome).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
        assert!(refused.message().contains(words), "{refused}");
    }
    worker.train(&lease).await;
}
