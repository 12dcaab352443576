//! Leases: granting, fencing, expiry, taking back.

use std::time::Duration;

use hone_proto::v1::{self, finish_request::Outcome};
use tonic::Code;

use super::harness::{FakeWorker, HEARTBEAT, LEASE, TestCoordinator, epoch_of, id, toy_sweep};

fn completed() -> Outcome {
    Outcome::Completed(v1::Completed {})
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
async fn repeated_calls_have_one_effect_and_the_same_answer() {
    let coordinator = TestCoordinator::start().await;
    let sweep = coordinator.launch(toy_sweep("toy", 4)).await;
    let worker = coordinator.worker("one").await;
    let request = id();
    let wait = Duration::from_secs(10);
    let first = worker.ask(request.clone(), wait).await.unwrap().lease;
    let again = worker.ask(request, wait).await.unwrap().lease;
    assert_eq!(first, again, "the same request gets the same lease");
    let lease = first.unwrap();
    worker.report(&lease, 1, 0.5).await.unwrap();
    worker.report(&lease, 1, 0.5).await.unwrap();
    worker.finish(&lease, completed()).await.unwrap();
    worker.finish(&lease, completed()).await.unwrap();
    let trial = coordinator.trial(&sweep, number(&lease)).await;
    assert_eq!(trial.curve.len(), 1);
    assert_eq!(trial.attempts.len(), 1);
}

#[tokio::test]
async fn a_silent_worker_loses_its_trial_after_the_lease_and_is_fenced_once_another_has_it() {
    let coordinator = TestCoordinator::start().await;
    let sweep = coordinator.launch(toy_sweep("toy", 1)).await;
    let late = coordinator.worker("late").await;
    let lease = late.acquire().await;
    let took = coordinator
        .turn_until(&sweep, number(&lease), v1::TrialState::Queued)
        .await;
    assert!(took >= LEASE, "expired after {took:?}");
    // There is no upper bound to assert: the clock runs on while the loss is written, however busy the machine is.
    let other = coordinator.worker("other").await;
    let second = other.acquire().await;
    assert_eq!(number(&second), number(&lease));
    assert_eq!(second.attempt.as_ref().unwrap().attempt, 2);
    let refused = late.report(&lease, 1, 0.5).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert_eq!(late.directive(&lease).await, v1::Directive::Fenced);
    let refused = late.finish(&lease, completed()).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn a_late_worker_that_nobody_replaced_is_taken_back() {
    let coordinator = TestCoordinator::start().await;
    let sweep = coordinator.launch(toy_sweep("toy", 1)).await;
    let late = coordinator.worker("late").await;
    let lease = late.acquire().await;
    coordinator
        .turn_until(&sweep, number(&lease), v1::TrialState::Queued)
        .await;
    assert_eq!(late.directive(&lease).await, v1::Directive::Continue);
    let trial = coordinator.trial(&sweep, number(&lease)).await;
    assert_eq!(trial.summary.unwrap().state(), v1::TrialState::Running);
    assert_eq!(trial.attempts.len(), 1, "the same attempt goes on");
    late.report(&lease, 1, 0.5).await.unwrap();
    late.finish(&lease, completed()).await.unwrap();
}

#[tokio::test]
async fn heartbeats_keep_a_trial_beyond_its_lease() {
    let coordinator = TestCoordinator::start().await;
    let sweep = coordinator.launch(toy_sweep("toy", 1)).await;
    let worker = coordinator.worker("one").await;
    let lease = worker.acquire().await;
    for step in 1..=12 {
        for _ in 0..3 {
            coordinator.hand.advance(HEARTBEAT / 3);
            tokio::task::yield_now().await;
        }
        assert_eq!(
            worker.beat(&[&lease], step).await.attempts[0].directive(),
            v1::Directive::Continue
        );
    }
    let trial = coordinator.trial(&sweep, number(&lease)).await;
    assert_eq!(trial.summary.unwrap().state(), v1::TrialState::Running);
}

#[tokio::test]
async fn a_coordinator_that_was_held_up_expires_nobody_at_once() {
    let coordinator = TestCoordinator::start().await;
    let sweep = coordinator.launch(toy_sweep("toy", 1)).await;
    let worker = coordinator.worker("one").await;
    let lease = worker.acquire().await;
    // As after a suspend: the clock has jumped far past every lease.
    coordinator.hand.advance(10 * LEASE);
    for _ in 0..10 {
        coordinator.trial(&sweep, number(&lease)).await;
    }
    assert_eq!(worker.directive(&lease).await, v1::Directive::Continue);
    let trial = coordinator.trial(&sweep, number(&lease)).await;
    assert_eq!(trial.attempts[0].state, "running");
    assert_eq!(trial.attempts.len(), 1);
}

#[tokio::test]
async fn a_restarted_coordinator_gives_running_attempts_fresh_time() {
    let mut coordinator = TestCoordinator::start().await;
    let sweep = coordinator.launch(toy_sweep("toy", 1)).await;
    let worker = coordinator.worker("one").await;
    let lease = worker.acquire().await;
    coordinator.restart().await;
    let worker = coordinator.reconnect(&worker);
    let reply = worker.beat(&[&lease], 1).await;
    assert!(reply.unknown_session, "it must register again");
    assert_eq!(reply.attempts[0].directive(), v1::Directive::Continue);
    worker.register().await;
    worker.report(&lease, 1, 0.5).await.unwrap();
    let took = coordinator
        .turn_until(&sweep, number(&lease), v1::TrialState::Queued)
        .await;
    assert!(took >= LEASE, "expired after {took:?}");
}

#[tokio::test]
async fn an_attempt_that_comes_back_by_a_report_after_a_restart_expires_again() {
    let mut coordinator = TestCoordinator::start().await;
    let sweep = coordinator.launch(toy_sweep("toy", 1)).await;
    let worker = coordinator.worker("one").await;
    let lease = worker.acquire().await;
    let (trial, queued) = (number(&lease), v1::TrialState::Queued);
    coordinator.turn_until(&sweep, trial, queued).await;
    coordinator.restart().await;
    // As from a dead worker's spool: a report, and not one heartbeat after it.
    let worker = coordinator.reconnect(&worker);
    worker.report(&lease, 1, 0.5).await.unwrap();
    let summary = coordinator.trial(&sweep, trial).await.summary.unwrap();
    assert_eq!(summary.state(), v1::TrialState::Running);
    coordinator.turn_until(&sweep, trial, queued).await;
    // And a checkpoint's piece does as much.
    coordinator.restart().await;
    let worker = coordinator.reconnect(&worker);
    let content = b"a state";
    let blob = v1::Blob {
        hash: blake3::hash(content).as_bytes().to_vec().into(),
        size: content.len() as u64,
        kind: v1::BlobKind::Checkpoint.into(),
        epoch: 1,
    };
    let reply = worker.put(&lease, &blob, 0, content).await.unwrap();
    assert!(reply.committed);
    coordinator.turn_until(&sweep, trial, queued).await;
    // Unless somebody else was granted the trial.
    let other = coordinator.worker("other").await;
    other.acquire().await;
    let refused = worker.put(&lease, &blob, 0, content).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn a_finish_brings_the_epochs_that_were_not_reported() {
    let coordinator = TestCoordinator::start().await;
    let sweep = coordinator.launch(toy_sweep("toy", 1)).await;
    let worker = coordinator.worker("one").await;
    let lease = worker.acquire().await;
    let finish = v1::FinishRequest {
        attempt: lease.attempt.clone(),
        outcome: Some(completed()),
        epochs: (1..=lease.to_epoch)
            .map(|epoch| epoch_of(epoch, 0.5))
            .collect(),
        log: Some(v1::Lines {
            lines: vec!["all of it".to_owned()],
            first: 0,
        }),
        ..Default::default()
    };
    coordinator.leases().finish(finish).await.unwrap();
    let trial = coordinator.trial(&sweep, number(&lease)).await;
    assert_eq!(trial.curve.len(), lease.to_epoch as usize);
    assert_eq!(trial.summary.unwrap().state(), v1::TrialState::Completed);
}

#[tokio::test]
async fn a_worker_that_is_gone_gives_its_trials_back_at_once() {
    let coordinator = TestCoordinator::start().await;
    let sweep = coordinator.launch(toy_sweep("toy", 1)).await;
    let worker = coordinator.worker("one").await;
    let lease = worker.acquire().await;
    worker.leave(true).await;
    let trial = coordinator.trial(&sweep, number(&lease)).await;
    assert_eq!(trial.summary.unwrap().state(), v1::TrialState::Queued);
    assert_eq!(trial.attempts[0].state, "crashed");
}

#[tokio::test]
async fn a_released_trial_wakes_a_worker_that_waits() {
    let coordinator = TestCoordinator::start().await;
    coordinator.launch(toy_sweep("toy", 1)).await;
    let worker = coordinator.worker("one").await;
    let lease = worker.acquire().await;
    let other = coordinator.worker("other").await;
    let (second, released) = tokio::join!(other.acquire(), worker.release(&lease));
    released.unwrap();
    assert_eq!(number(&second), number(&lease));
    assert_eq!(second.attempt.unwrap().attempt, 2);
}

#[tokio::test]
async fn workers_are_asked_for_the_data_that_a_sweep_wants_and_pinned_to_its_hash() {
    let coordinator = TestCoordinator::start().await;
    let mut definition = toy_sweep("toy", 4);
    definition.data_source = "flowers".to_owned();
    let sweep = coordinator.launch(definition).await;
    let worker = coordinator.worker("one").await;
    let reply = coordinator
        .eventually(async || {
            let reply = worker.ask(id(), Duration::ZERO).await.unwrap();
            (!reply.wanted_data.is_empty()).then_some(reply)
        })
        .await;
    assert_eq!(reply.wanted_data, ["flowers"]);
    assert!(reply.lease.is_none());
    let offer = |hash: u8| v1::DataOffer {
        name: "flowers".to_owned(),
        hash: vec![hash; 32].into(),
        shape: vec![8, 8, 1],
        classes: 10,
        error: String::new(),
    };
    worker.offer(vec![offer(1)]).await;
    let lease = worker.acquire().await;
    assert_eq!(lease.data_source, "flowers");
    let stranger = coordinator.worker("stranger").await;
    stranger.offer(vec![offer(2)]).await;
    assert!(
        stranger.finds_nothing().await,
        "another content under the same name"
    );
    worker.leave(false).await;
    let waiting = coordinator.sweep(&sweep).await.summary.unwrap().waiting_for;
    assert!(
        waiting.contains("flowers") && waiting.contains("stranger"),
        "{waiting}"
    );
}

#[tokio::test]
async fn a_blob_arrives_in_pieces_and_is_served_to_the_next_attempt() {
    let coordinator = TestCoordinator::start().await;
    coordinator.launch(toy_sweep("toy", 1)).await;
    let worker = coordinator.worker("one").await;
    let lease = worker.acquire().await;
    let content: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
    let blob = v1::Blob {
        hash: blake3::hash(&content).as_bytes().to_vec().into(),
        size: content.len() as u64,
        kind: v1::BlobKind::Checkpoint.into(),
        epoch: 1,
    };
    worker.report(&lease, 1, 0.5).await.unwrap();
    let half = content.len() / 2;
    let reply = worker
        .put(&lease, &blob, 0, &content[..half])
        .await
        .unwrap();
    assert_eq!((reply.received, reply.committed), (half as u64, false));
    // A piece that was sent twice, and one that leaves a gap, change nothing.
    let reply = worker
        .put(&lease, &blob, 0, &content[..half])
        .await
        .unwrap();
    assert_eq!(reply.received, half as u64);
    let reply = worker
        .put(&lease, &blob, half as u64 + 1, &content[half + 1..])
        .await
        .unwrap();
    assert_eq!((reply.received, reply.committed), (half as u64, false));
    let reply = worker
        .put(&lease, &blob, half as u64, &content[half..])
        .await
        .unwrap();
    assert!(reply.committed);
    worker.release(&lease).await.unwrap();
    let next = coordinator.worker("next").await;
    let lease = next.acquire().await;
    let resume = lease.resume.clone().expect("the checkpoint");
    assert_eq!((resume.hash.clone(), resume.epoch), (blob.hash.clone(), 1));
    let piece = next.get(&lease, &blob.hash, 10).await.unwrap();
    assert_eq!(piece.size, content.len() as u64);
    assert_eq!(piece.data, &content[10..]);
}

/// Blobs in the folder, whole or under way.
fn files(coordinator: &TestCoordinator) -> usize {
    let files = std::fs::read_dir(coordinator.blobs()).unwrap();
    let names = files.map(|file| file.unwrap().file_name());
    names.filter(|name| name != "keep").count()
}

#[tokio::test]
async fn a_blob_with_another_content_than_announced_is_refused_and_leaves_nothing() {
    let coordinator = TestCoordinator::start().await;
    coordinator.launch(toy_sweep("toy", 1)).await;
    let worker = coordinator.worker("one").await;
    let lease = worker.acquire().await;
    let blob = v1::Blob {
        hash: vec![3; 32].into(),
        size: 4,
        kind: v1::BlobKind::Weights.into(),
        epoch: 1,
    };
    let refused = worker.put(&lease, &blob, 0, b"abcd").await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(files(&coordinator), 0);
}

#[tokio::test]
async fn a_lease_that_nobody_can_have_granted_spoils_its_own_answer_alone() {
    let coordinator = TestCoordinator::start().await;
    coordinator.launch(toy_sweep("toy", 1)).await;
    let worker = coordinator.worker("one").await;
    let lease = worker.acquire().await;
    let mut absurd = lease.clone();
    if let Some(trial) = absurd.attempt.as_mut().and_then(|held| held.trial.as_mut()) {
        trial.sweep = "x".repeat(102);
    }
    let reply = worker.beat(&[&absurd, &lease], 1).await;
    let directives: Vec<_> = reply.attempts.iter().map(|of| of.directive()).collect();
    assert_eq!(directives, [v1::Directive::Fenced, v1::Directive::Continue]);
}

/// A worker with four slots, all of which train.
async fn with_four(coordinator: &TestCoordinator, name: &str) -> (FakeWorker, Vec<v1::Lease>) {
    let worker = coordinator.worker(name).await;
    let announced = v1::RegisterRequest {
        slots: 4,
        ..Default::default()
    };
    worker.announce(announced).await;
    let mut leases = Vec::new();
    for _ in 0..4 {
        leases.push(worker.acquire().await);
    }
    (worker, leases)
}

/// Everybody is silent until every trial has been given up for lost.
async fn outage(coordinator: &TestCoordinator, sweep: &str) {
    let running = |trials: &[v1::TrialSummary]| {
        let mut trials = trials.iter();
        trials.any(|trial| trial.state() == v1::TrialState::Running)
    };
    while running(&coordinator.trials(sweep).await) {
        coordinator.hand.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_outage_of_the_network_is_held_against_nobody() {
    let coordinator = TestCoordinator::start().await;
    let sweep = coordinator.launch(toy_sweep("toy", 60)).await;
    let mut fleet = Vec::new();
    for n in 0..10 {
        fleet.push(with_four(&coordinator, &format!("w{n}")).await);
    }
    // More often than a trial may crash or a worker may lose.
    for _ in 0..6 {
        outage(&coordinator, &sweep).await;
        for (worker, leases) in &fleet {
            let held: Vec<_> = leases.iter().collect();
            let reply = worker.beat(&held, 1).await;
            let goes_on = |of: &v1::AttemptDirective| of.directive() == v1::Directive::Continue;
            assert!(reply.attempts.iter().all(goes_on), "{reply:?}");
        }
    }
    assert_eq!(quarantined(&coordinator).await, Vec::<String>::new());
    for (worker, leases) in &fleet {
        for lease in leases {
            worker.report(lease, 1, 0.5).await.unwrap();
            worker.finish(lease, completed()).await.unwrap();
        }
    }
}

async fn quarantined(coordinator: &TestCoordinator) -> Vec<String> {
    let mut workers = coordinator
        .history()
        .list_workers(v1::ListWorkersRequest {})
        .await
        .unwrap()
        .into_inner();
    let mut names = Vec::new();
    while let Some(worker) = workers.message().await.unwrap() {
        if worker.quarantined {
            names.push(worker.name);
        }
    }
    names
}

#[tokio::test]
async fn a_worker_that_crashes_each_time_is_quarantined_for_a_while_and_a_success_ends_that() {
    let coordinator = TestCoordinator::start().await;
    let sweep = coordinator.launch(toy_sweep("toy", 60)).await;
    let good = coordinator.worker("good").await;
    let (bad, leases) = with_four(&coordinator, "bad").await;
    let crashed = Outcome::Failed(v1::Failed {
        crashed: true,
        message: "out of memory".to_owned(),
    });
    let crash_next = async || {
        let lease = bad.acquire().await;
        bad.finish(&lease, crashed.clone()).await.unwrap();
    };
    for lease in &leases[1..] {
        bad.finish(lease, crashed.clone()).await.unwrap();
    }
    for _ in 0..2 {
        crash_next().await;
    }
    assert_eq!(quarantined(&coordinator).await, ["bad"]);
    assert!(bad.finds_nothing().await);
    bad.report(&leases[0], 1, 0.5).await.unwrap();
    bad.finish(&leases[0], completed()).await.unwrap();
    assert_eq!(quarantined(&coordinator).await, Vec::<String>::new());
    for _ in 0..5 {
        crash_next().await;
    }
    assert_eq!(quarantined(&coordinator).await, ["bad"]);
    let waited = coordinator.hand.now();
    while !quarantined(&coordinator).await.is_empty() {
        coordinator.hand.advance(Duration::from_secs(1));
        good.beat(&[], 0).await;
        bad.beat(&[], 0).await;
    }
    let waited = coordinator.hand.now() - waited;
    assert!(waited >= Duration::from_secs(300), "{waited:?}");
    // One more, and it is out again.
    crash_next().await;
    assert_eq!(quarantined(&coordinator).await, ["bad"]);
    coordinator
        .sweeps()
        .stop(v1::SweepRequest { sweep })
        .await
        .unwrap();
}

#[tokio::test]
async fn the_only_worker_that_has_the_data_is_not_sent_away() {
    let coordinator = TestCoordinator::start().await;
    let mut definition = toy_sweep("toy", 60);
    definition.data_source = "digits".to_owned();
    coordinator.launch(definition).await;
    let digits = v1::DataOffer {
        name: "digits".to_owned(),
        hash: vec![4; 32].into(),
        shape: vec![8, 8, 1],
        classes: 10,
        error: String::new(),
    };
    let without = v1::DataOffer {
        name: "digits".to_owned(),
        error: "no such files".to_owned(),
        ..Default::default()
    };
    let only = coordinator.worker("only").await;
    only.offer(vec![digits]).await;
    let other = coordinator.worker("other").await;
    other.offer(vec![without]).await;
    let crashed = Outcome::Failed(v1::Failed {
        crashed: true,
        message: "out of memory".to_owned(),
    });
    for _ in 0..6 {
        let lease = only.acquire().await;
        only.finish(&lease, crashed.clone()).await.unwrap();
    }
    assert_eq!(quarantined(&coordinator).await, Vec::<String>::new());
    // Nobody else can show that the host is at fault: each of its crashes counts.
    assert_eq!(
        coordinator.trial("toy", 1).await.summary.unwrap().state(),
        v1::TrialState::Failed
    );
}

#[tokio::test]
async fn names_that_would_move_a_terminal_are_refused_where_they_come_in() {
    let coordinator = TestCoordinator::start().await;
    coordinator.launch(toy_sweep("toy", 4)).await;
    let evil = "a\u{1b}[2Jb".to_owned();
    let request = v1::RegisterRequest {
        session: id().into(),
        name: "plain".to_owned(),
        trainers: vec!["toy".to_owned()],
        slots: 1,
        ..Default::default()
    };
    let offer = v1::DataOffer {
        name: evil.clone(),
        error: "no such files".to_owned(),
        ..Default::default()
    };
    for request in [
        v1::RegisterRequest {
            name: evil.clone(),
            ..request.clone()
        },
        v1::RegisterRequest {
            trainers: vec![evil.clone()],
            ..request.clone()
        },
        v1::RegisterRequest {
            data: vec![offer],
            ..request
        },
    ] {
        let refused = coordinator.leases().register(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        let words = refused.message();
        assert!(words.contains("control character '\\u{1b}'"), "{words}");
        assert!(!words.contains('\u{1b}'), "{words:?}");
    }
    let worker = coordinator.worker("one").await;
    let lease = worker.acquire().await;
    let metrics = ["score".to_owned(), evil].map(|name| v1::Metric { name, value: 0.5 });
    let refused = worker
        .report_metrics(&lease, 1, metrics.to_vec())
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(
        refused.message().starts_with("epochs.metrics.name: "),
        "{refused}"
    );
}

#[tokio::test]
async fn a_sweep_whose_only_worker_gets_nothing_says_why() {
    let coordinator = TestCoordinator::start().await;
    let sweep = coordinator.launch(toy_sweep("toy", 60)).await;
    let good = coordinator.worker("good").await;
    let bad = coordinator.worker("bad").await;
    let crashed = Outcome::Failed(v1::Failed {
        crashed: true,
        message: "out of memory".to_owned(),
    });
    for _ in 0..5 {
        let lease = bad.acquire().await;
        bad.finish(&lease, crashed.clone()).await.unwrap();
    }
    good.leave(false).await;
    let waits = coordinator.sweep(&sweep).await.summary.unwrap().waiting_for;
    assert!(
        waits.contains("bad is quarantined: it lost or crashed 5"),
        "{waits}"
    );
}

#[tokio::test]
async fn a_coordinator_ends_with_what_expires_its_leases() {
    /// Told to the process that is to end.
    const CHILD: &str = "HONE_TEST_REAPER_ENDS";
    if std::env::var_os(CHILD).is_some() {
        let coordinator = TestCoordinator::start().await;
        // There is no time after this one.
        coordinator.hand.advance(Duration::MAX);
        return tokio::time::sleep(LEASE).await;
    }
    let name = "tests::leasing::a_coordinator_ends_with_what_expires_its_leases";
    let ended = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(70), "{said}");
    let words = "hone: what expires leases has come to grief";
    assert!(said.contains(words), "{said}");
}

#[tokio::test]
async fn an_upload_under_way_goes_with_its_worker() {
    let coordinator = TestCoordinator::start().await;
    coordinator.launch(toy_sweep("toy", 1)).await;
    let worker = coordinator.worker("one").await;
    let blob = v1::Blob {
        hash: vec![3; 32].into(),
        size: 4,
        kind: v1::BlobKind::Weights.into(),
        epoch: 1,
    };
    let parts = || files(&coordinator);
    for crashed in [false, true] {
        worker.register().await;
        let lease = worker.acquire().await;
        worker.put(&lease, &blob, 0, b"ab").await.unwrap();
        assert_eq!(parts(), 1);
        worker.leave(crashed).await;
        assert_eq!(parts(), 0, "its file is left, and open");
    }
}
