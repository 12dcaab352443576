//! Whole sweeps.

use std::time::Duration;

use hone_proto::v1::{self, finish_request::Outcome};

use super::harness::{TestCoordinator, compared, id, toy_sweep};

const TICK: Duration = Duration::from_millis(100);

#[tokio::test]
async fn a_sweep_of_two_rounds_runs_to_its_winner() {
    let coordinator = TestCoordinator::start().await;
    let sweep = coordinator.launch(toy_sweep("toy", 12)).await;
    let worker = coordinator.worker("one").await;
    worker.work(&coordinator, &sweep).await;
    let detail = coordinator.sweep(&sweep).await;
    assert_eq!(
        detail.summary.as_ref().unwrap().state(),
        v1::SweepState::Completed
    );
    let counts = detail.trials.unwrap();
    assert_eq!(
        (counts.completed, counts.queued, counts.running),
        (18, 0, 0)
    );
    assert_eq!(detail.epochs_trained, 12 + 2 * 6);
    let best = detail.best.unwrap();
    assert_eq!(best.round, 2, "the winner comes from the last round");
    let params: serde_json::Value = serde_json::from_str(&best.params_json).unwrap();
    let x = params["params.x"].as_f64().unwrap();
    assert!((x - 0.3).abs() < 0.1, "x = {x}");
    // The second round's box is narrower than the first one's.
    let width = |round: &v1::RoundSummary| round.r#box[0].high_share - round.r#box[0].low_share;
    assert!(width(&detail.rounds[1]) < width(&detail.rounds[0]));
}

#[tokio::test]
async fn points_and_winner_do_not_depend_on_the_number_of_workers() {
    let mut winners = Vec::new();
    for workers in [1, 3] {
        let coordinator = TestCoordinator::start().await;
        let sweep = coordinator.launch(toy_sweep("toy", 8)).await;
        let mut crowd = Vec::new();
        for number in 0..workers {
            crowd.push(coordinator.worker(&format!("w{number}")).await);
        }
        let mut works: Vec<_> = crowd
            .iter()
            .map(|worker| Box::pin(worker.work(&coordinator, &sweep)))
            .collect();
        for work in &mut works {
            work.await;
        }
        let params: Vec<_> = coordinator
            .trials(&sweep)
            .await
            .into_iter()
            .map(|trial| trial.params_json)
            .collect();
        winners.push((params, coordinator.sweep(&sweep).await.best));
    }
    assert_eq!(winners[0], winners[1]);
}

#[tokio::test]
async fn a_restart_in_the_middle_changes_nothing() {
    let mut coordinator = TestCoordinator::start().await;
    let sweep = coordinator.launch(toy_sweep("toy", 8)).await;
    let worker = coordinator.worker("one").await;
    for _ in 0..10 {
        let lease = worker.acquire().await;
        worker.train(&lease).await;
    }
    coordinator.restart().await;
    let worker = coordinator.reconnect(&worker);
    worker.register().await;
    worker.work(&coordinator, &sweep).await;
    let interrupted = coordinator.trials(&sweep).await;

    let undisturbed = TestCoordinator::start().await;
    let sweep = undisturbed.launch(toy_sweep("toy", 8)).await;
    undisturbed
        .worker("one")
        .await
        .work(&undisturbed, &sweep)
        .await;
    let plain = undisturbed.trials(&sweep).await;
    let key = |trial: &v1::TrialSummary| {
        (
            trial.round,
            trial.point,
            trial.params_json.clone(),
            trial.objective,
        )
    };
    assert_eq!(
        interrupted.iter().map(key).collect::<Vec<_>>(),
        plain.iter().map(key).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn a_failed_check_ends_the_sweep_before_its_budget_is_spent() {
    let coordinator = TestCoordinator::start().await;
    let mut definition = toy_sweep("toy", 4);
    definition.check = true;
    let sweep = coordinator.launch(definition).await;
    let worker = coordinator.worker("one").await;
    let lease = worker.acquire().await;
    assert_eq!(lease.kind(), v1::TrialKind::Check);
    assert!(
        worker.finds_nothing().await,
        "nothing else before the check has passed"
    );
    worker
        .finish_with(&lease, r#"{"passed": false, "findings": ["no gradient"]}"#)
        .await;
    let reason = coordinator
        .eventually(async || {
            let detail = coordinator.sweep(&sweep).await;
            (detail.summary.as_ref()?.state() == v1::SweepState::Failed).then_some(detail.reason)
        })
        .await;
    assert!(reason.contains("no gradient"), "{reason}");
}

#[tokio::test]
async fn a_passed_check_lets_the_search_begin() {
    let coordinator = TestCoordinator::start().await;
    let mut definition = toy_sweep("toy", 4);
    definition.check = true;
    let sweep = coordinator.launch(definition).await;
    let worker = coordinator.worker("one").await;
    let check = worker.acquire().await;
    worker
        .finish_with(&check, r#"{"passed": true, "findings": []}"#)
        .await;
    worker.work(&coordinator, &sweep).await;
    let detail = coordinator.sweep(&sweep).await;
    assert_eq!(
        detail.trials.unwrap().completed,
        6,
        "the check is outside the counts"
    );
}

#[tokio::test]
async fn five_failures_at_the_start_fail_the_sweep() {
    let coordinator = TestCoordinator::start().await;
    let sweep = coordinator.launch(toy_sweep("toy", 40)).await;
    let worker = coordinator.worker("one").await;
    for _ in 0..5 {
        let lease = worker.acquire().await;
        let failed = v1::Failed {
            message: "no such module".to_owned(),
            crashed: false,
        };
        worker
            .finish(&lease, Outcome::Failed(failed))
            .await
            .unwrap();
    }
    coordinator
        .eventually(async || {
            (coordinator.state(&sweep).await == v1::SweepState::Failed).then_some(())
        })
        .await;
}

#[tokio::test]
async fn the_winners_trials_are_tested_and_their_mean_kept() {
    let coordinator = TestCoordinator::start().await;
    let mut definition = toy_sweep("toy", 4);
    definition.test = true;
    let sweep = coordinator.launch(definition).await;
    let worker = coordinator.worker("one").await;
    for _ in 0..6 {
        let lease = worker.acquire().await;
        worker.train(&lease).await;
    }
    let test = worker.acquire().await;
    assert_eq!(test.kind(), v1::TrialKind::Test);
    worker
        .finish_with(&test, r#"{"test_accuracy": 0.75}"#)
        .await;
    let best = coordinator
        .eventually(async || {
            let detail = coordinator.sweep(&sweep).await;
            (detail.summary.as_ref()?.state() == v1::SweepState::Completed).then_some(detail.best?)
        })
        .await;
    assert_eq!(best.test_accuracy, Some(0.75));
}

#[tokio::test]
async fn what_was_before_a_value_that_is_not_finite_saves_nothing_from_the_pruner() {
    let coordinator = TestCoordinator::start().await;
    coordinator.launch(compared(4)).await;
    let worker = coordinator.worker("one").await;
    let (good, bad) = (worker.acquire().await, worker.acquire().await);
    for (epoch, value) in [(1, 0.95), (2, 0.95), (3, 0.5)] {
        worker.report(&good, epoch, value).await.unwrap();
    }
    for (epoch, value) in [(1, 0.99), (2, f64::NAN), (3, 0.1)] {
        worker.report(&bad, epoch, value).await.unwrap();
    }
    coordinator
        .eventually(async || (worker.directive(&bad).await == v1::Directive::Prune).then_some(()))
        .await;
    assert_eq!(worker.directive(&good).await, v1::Directive::Continue);
}

#[tokio::test]
async fn a_sweep_that_is_given_up_says_what_stays_true_when_more_of_it_fails() {
    let coordinator = TestCoordinator::start().await;
    let sweep = coordinator.launch(toy_sweep("toy", 12)).await;
    let worker = coordinator.worker("one").await;
    let mut leases = Vec::new();
    for _ in 0..6 {
        leases.push(worker.acquire().await);
    }
    let failed = Outcome::Failed(v1::Failed {
        message: "no such module".to_owned(),
        crashed: false,
    });
    for lease in &leases[..5] {
        worker.finish(lease, failed.clone()).await.unwrap();
    }
    coordinator
        .eventually(async || {
            (coordinator.state(&sweep).await == v1::SweepState::Failed).then_some(())
        })
        .await;
    worker.finish(&leases[5], failed).await.unwrap();
    let detail = coordinator.sweep(&sweep).await;
    assert_eq!(detail.trials.unwrap().failed, 6);
    assert_eq!(
        detail.reason,
        "the first 5 trials failed: no such module; `hone logs toy/1` says more"
    );
}

#[tokio::test]
async fn a_check_that_came_to_nothing_is_said_and_stops_nothing() {
    let coordinator = TestCoordinator::start().await;
    let mut definition = toy_sweep("toy", 4);
    definition.check = true;
    let sweep = coordinator.launch(definition).await;
    let worker = coordinator.worker("one").await;
    let check = worker.acquire().await;
    assert_eq!(check.kind(), v1::TrialKind::Check);
    let failed = Outcome::Failed(v1::Failed {
        message: "no such module".to_owned(),
        crashed: false,
    });
    worker.finish(&check, failed).await.unwrap();
    worker.work(&coordinator, &sweep).await;
    let detail = coordinator.sweep(&sweep).await;
    assert_eq!(detail.summary.unwrap().state(), v1::SweepState::Completed);
    let words =
        "the check came to nothing (failed: no such module), so the first trials go unchecked";
    assert!(
        detail.warnings.iter().any(|warning| warning == words),
        "{:?}",
        detail.warnings
    );
}

#[tokio::test]
async fn a_winner_whose_weights_found_no_room_is_untested_and_says_why() {
    let coordinator = TestCoordinator::start().await;
    let mut definition = toy_sweep("toy", 4);
    definition.test = true;
    let sweep = coordinator.launch(definition).await;
    let worker = coordinator.worker("one").await;
    let test = loop {
        let lease = worker.acquire().await;
        if lease.kind() == v1::TrialKind::Test {
            break lease;
        }
        // The weights were refused: the end names none.
        assert!(lease.round == 1 || lease.keep_weights);
        worker.train(&lease).await;
    };
    assert_eq!(test.weights, None);
    worker
        .finish_with(&test, r#"{"untested": "its weights were not kept"}"#)
        .await;
    let detail = coordinator
        .eventually(async || {
            let detail = coordinator.sweep(&sweep).await;
            (detail.summary.as_ref()?.state() == v1::SweepState::Completed).then_some(detail)
        })
        .await;
    assert_eq!(detail.best.unwrap().test_accuracy, None);
    let words = "the winner is not tested with all of its trainings: its weights were not kept";
    assert!(
        detail.warnings.iter().any(|warning| warning == words),
        "{:?}",
        detail.warnings
    );
}

#[tokio::test]
async fn as_many_tests_as_a_winner_of_few_combinations_has_trials_take_no_other_number() {
    let coordinator = TestCoordinator::start().await;
    let mut definition = toy_sweep("toy", 12);
    let choice = v1::Choice {
        values_json: vec!["0.3".to_owned(), "0.9".to_owned()],
    };
    definition.domains[0].kind = Some(v1::domain::Kind::Choice(choice));
    if let Some(v1::search::Strategy::Written(written)) =
        definition.search.as_mut().and_then(|s| s.strategy.as_mut())
    {
        written.rounds.truncate(1);
    }
    (definition.test, definition.check) = (true, true);
    let sweep = coordinator.launch(definition).await;
    let worker = coordinator.worker("one").await;
    let check = worker.acquire().await;
    worker
        .finish_with(&check, r#"{"passed": true, "findings": []}"#)
        .await;
    let lost = worker.acquire().await;
    let failed = Outcome::Failed(v1::Failed {
        message: "no such module".to_owned(),
        crashed: false,
    });
    worker.finish(&lost, failed).await.unwrap();
    coordinator.retry(&sweep, 1).await.unwrap();
    let mut tests = 0;
    while coordinator.state(&sweep).await == v1::SweepState::Running {
        let Some(lease) = worker.ask(id(), TICK).await.unwrap().lease else {
            continue;
        };
        if lease.kind() == v1::TrialKind::Test {
            tests += 1;
            worker
                .finish_with(&lease, r#"{"test_accuracy": 0.75}"#)
                .await;
        } else {
            worker.train(&lease).await;
        }
    }
    assert_eq!(coordinator.sweep(&sweep).await.reason, "the plan is done");
    assert!(tests >= 5, "{tests} of the better one");
    assert_eq!(coordinator.findings().await, []);
}
