//! What a worker does with a lease when nothing goes wrong around it.

use hone_proto::v1::{self as wire, finish_request::Outcome};

use super::{
    coordinator::lease,
    curve_trainer::{CurveTrainer, Gate},
    pair,
};

fn outcome(finish: &wire::FinishRequest) -> &Outcome {
    finish.outcome.as_ref().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn trials_are_trained_reported_and_finished_one_after_the_other() {
    let (coordinator, worker, _scratch) = pair(CurveTrainer::default()).await;
    coordinator.with(|state| {
        for trial in 1..=3 {
            state.leases.push_back(lease(trial, 4, "{}"));
        }
    });
    coordinator.until(|state| state.finishes.len() == 3).await;
    worker.drain().await;
    coordinator.with(|state| {
        for trial in 1..=3 {
            let of_trial = state.reports.iter().filter(|told| told.trial == trial);
            assert_eq!(of_trial.map(|r| r.epoch).collect::<Vec<_>>(), [1, 2, 3, 4]);
        }
        assert!(
            state
                .finishes
                .iter()
                .all(|finish| *outcome(finish) == Outcome::Completed(wire::Completed {}))
        );
        assert_eq!(state.leaves.len(), 1);
        assert!(state.releases.is_empty());
        // Each call is a commit of the coordinator's, and these twelve epochs take no time: on a machine that is not too
        // busy the three ends bring them all.
        assert!(state.order.len() <= 6, "{:?}", state.order);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_a_training_ends_is_told() {
    let (coordinator, worker, _scratch) = pair(CurveTrainer::default()).await;
    let acts = ["diverge", "nan", "fail", "panic", "silent", "patience"];
    coordinator.with(|state| {
        for (trial, act) in acts.iter().enumerate() {
            let spec = format!(r#"{{"act": "{act}", "at": 2}}"#);
            state.leases.push_back(lease(trial as u64, 3, &spec));
        }
        state.leases.push_back(lease(90, 1, "{}"));
    });
    coordinator.until(|state| state.finishes.len() == 7).await;
    worker.drain().await;
    coordinator.with(|state| {
        // Deliveries of different attempts may overtake each other.
        state.finishes.sort_by_key(|finish| {
            finish.attempt.as_ref().unwrap().trial.as_ref().unwrap().trial
        });
        let outcomes: Vec<_> = state.finishes.iter().map(outcome).collect();
        let diverged = |outcome: &Outcome| matches!(outcome, Outcome::Diverged(d) if d.epoch == 2);
        assert!(diverged(outcomes[0]) && diverged(outcomes[1]));
        let failed = |outcome: &Outcome, crashed, part: &str| {
            matches!(outcome, Outcome::Failed(f) if f.crashed == crashed && f.message.contains(part))
        };
        assert!(failed(outcomes[2], false, "planted"));
        assert!(failed(outcomes[3], true, "panicked: planted"));
        assert!(failed(outcomes[4], false, "val_accuracy"));
        assert_eq!(*outcomes[5], Outcome::EndedEarly(wire::EndedEarly {}));
        assert_eq!(*outcomes[6], Outcome::Completed(wire::Completed {}), "the slot survived the panic");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn weights_and_the_state_at_a_rung_are_committed_before_the_finish() {
    let (coordinator, worker, _scratch) = pair(CurveTrainer::default()).await;
    coordinator.with(|state| {
        let mut rung = lease(1, 2, "{}");
        rung.waits_at_end = true;
        rung.keep_weights = true;
        state.leases.push_back(rung);
    });
    coordinator.until(|state| !state.finishes.is_empty()).await;
    let (finish, order) = coordinator.with(|state| {
        let finish = state.finishes[0].clone();
        let weights = finish.weights.as_ref().unwrap();
        assert_eq!(weights.size, (5 << 20) / 2);
        assert!(state.committed.contains(&weights.hash.to_vec()));
        (finish, state.order.clone())
    });
    let puts = order.iter().filter(|call| **call == "put").count();
    assert_eq!(
        puts, 4,
        "one piece of state and three of weights: {order:?}"
    );
    assert_eq!(order.last(), Some(&"finish"));
    let Some(Outcome::ReachedRung(rung)) = finish.outcome else {
        panic!("{finish:?}");
    };
    let checkpoint = rung.checkpoint.unwrap();
    assert_eq!(checkpoint.epoch, 2);

    // The promotion goes on from it: here from the local file, which the next acquire names.
    coordinator.with(|state| {
        let mut promoted = lease(1, 4, "{}");
        promoted.attempt.as_mut().unwrap().attempt = 2;
        promoted.resume = Some(checkpoint.clone());
        state.leases.push_back(promoted);
        // And an undisturbed twin.
        state.leases.push_back(lease(1, 4, "{}"));
    });
    coordinator.until(|state| state.finishes.len() == 3).await;
    worker.drain().await;
    coordinator.with(|state| {
        let hashes = |attempt: u32, from: usize| -> Vec<_> {
            state.reports[from..]
                .iter()
                .filter(|told| told.attempt == attempt)
                .map(|told| (told.epoch, told.weights_hash.clone()))
                .collect()
        };
        let resumed = hashes(2, 2);
        assert_eq!(
            resumed.iter().map(|(epoch, _)| *epoch).collect::<Vec<_>>(),
            [3, 4]
        );
        assert_eq!(resumed, hashes(1, 2)[2..]);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_that_is_not_here_is_fetched_and_one_that_is_nowhere_means_beginning_anew() {
    let (coordinator, worker, _scratch) = pair(CurveTrainer::default()).await;
    let state_of_epoch_3 = [&3u32.to_le_bytes()[..], &[9; 32]].concat();
    let blob = |content: &[u8], epoch| wire::Blob {
        hash: blake3::hash(content).as_bytes().to_vec().into(),
        size: content.len() as u64,
        kind: wire::BlobKind::Checkpoint.into(),
        epoch,
    };
    coordinator.with(|state| {
        let fetched = blob(&state_of_epoch_3, 3);
        state
            .blobs
            .insert(fetched.hash.to_vec(), state_of_epoch_3.clone());
        let damaged = blob(b"what was there once", 3);
        state
            .blobs
            .insert(damaged.hash.to_vec(), b"what is there to-day".to_vec());
        let nowhere = blob(b"gone", 3);
        for (trial, blob) in [(1, fetched), (2, damaged), (3, nowhere)] {
            let mut lease = lease(trial, 4, "{}");
            lease.resume = Some(blob);
            state.leases.push_back(lease);
        }
    });
    coordinator.until(|state| state.finishes.len() == 3).await;
    worker.drain().await;
    coordinator.with(|state| {
        // The next trial trains while the last reports of one are delivered.
        let epochs_of = |trial: u64| -> Vec<u32> {
            let reports = state.reports.iter().filter(|told| told.trial == trial);
            reports.map(|told| told.epoch).collect()
        };
        assert_eq!(epochs_of(1), [4]);
        assert_eq!(epochs_of(2), [1, 2, 3, 4]);
        assert_eq!(epochs_of(3), [1, 2, 3, 4]);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_trial_evaluates_the_weights_it_is_sent_and_a_check_tells_its_findings() {
    let (coordinator, worker, _scratch) = pair(CurveTrainer::default()).await;
    coordinator.with(|state| {
        let weights = vec![3; 1_500_000];
        let hash = blake3::hash(&weights).as_bytes().to_vec();
        let mut test = lease(1, 1, "{}");
        test.kind = wire::TrialKind::Test.into();
        test.weights = Some(wire::Blob {
            hash: hash.clone().into(),
            size: weights.len() as u64,
            kind: wire::BlobKind::Weights.into(),
            epoch: 1,
        });
        state.blobs.insert(hash, weights);
        let mut check = lease(2, 1, "{}");
        check.kind = wire::TrialKind::Check.into();
        state.leases.extend([test, check]);
    });
    coordinator.until(|state| state.finishes.len() == 2).await;
    worker.drain().await;
    coordinator.with(|state| {
        let results: Vec<serde_json::Value> = state
            .finishes
            .iter()
            .map(|finish| serde_json::from_str(&finish.result_json).unwrap())
            .collect();
        assert!(results.contains(&serde_json::json!({"test_accuracy": 1_500_000.0})));
        assert!(results.contains(&serde_json::json!({"passed": true, "findings": []})));
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_gives_the_trial_back_with_its_state() {
    let (open, gate) = Gate::new();
    let (coordinator, worker, _scratch) = pair(CurveTrainer { gate: Some(gate) }).await;
    coordinator.with(|state| state.leases.push_back(lease(1, 9, "{}")));
    open.send(()).unwrap();
    open.send(()).unwrap();
    coordinator.until(|state| state.reports.len() == 2).await;
    worker.drain().await;
    coordinator.with(|state| {
        assert_eq!(state.epochs(), [1, 2]);
        let checkpoint = state.releases[0].checkpoint.as_ref().unwrap();
        assert_eq!(checkpoint.epoch, 2);
        assert!(state.committed.contains(&checkpoint.hash.to_vec()));
        assert!(state.finishes.is_empty());
        assert_eq!(state.leaves.len(), 1);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_trial_is_asked_for_in_the_last_moments_of_the_one_before() {
    let (open, gate) = Gate::new();
    let (coordinator, worker, _scratch) = pair(CurveTrainer { gate: Some(gate) }).await;
    coordinator.with(|state| {
        for trial in 1..=3 {
            state.leases.push_back(lease(trial, 2, "{}"));
        }
    });
    open.send(()).unwrap();
    // Epoch 2 of trial 1 waits at the gate, and trial 2 has been granted. Trial 3 has not.
    coordinator.until(|state| state.leases.len() == 1).await;
    coordinator.until(|state| state.epochs().len() == 1).await;
    coordinator.with(|state| assert!(state.finishes.is_empty()));
    for _ in 0..2 {
        open.send(()).unwrap();
    }
    // Trial 1 is done and trial 2 in its last epoch. A drain gives back both that and what was granted ahead; the answer
    // that brings the latter may still be under way, and then the leave gives it back.
    coordinator.until(|state| state.leases.is_empty()).await;
    coordinator.until(|state| state.finishes.len() == 1).await;
    worker.drain().await;
    coordinator.with(|state| {
        let trial = |attempt: &Option<wire::AttemptRef>| {
            attempt.as_ref().unwrap().trial.as_ref().unwrap().trial
        };
        let finished = state.finishes.iter().map(|finish| trial(&finish.attempt));
        assert_eq!(finished.collect::<Vec<_>>(), [1]);
        let released = state.releases.iter().map(|release| trial(&release.attempt));
        assert!(released.clone().any(|trial| trial == 2));
        assert!(released.clone().all(|trial| trial == 2 || trial == 3));
        assert_eq!(state.leaves.len(), 1);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn directives_end_an_attempt_each_in_its_way() {
    for (directive, in_heartbeat) in [
        (wire::Directive::Prune, true),
        (wire::Directive::Stop, false),
        (wire::Directive::Release, true),
        (wire::Directive::Fenced, true),
    ] {
        let (open, gate) = Gate::new();
        let (coordinator, worker, _scratch) = pair(CurveTrainer { gate: Some(gate) }).await;
        coordinator.with(|state| {
            if in_heartbeat {
                state.directive = directive.into();
            } else {
                state.report_directive = directive.into();
            }
            state.leases.push_back(lease(1, 1_000_000, "{}"));
        });
        match directive {
            wire::Directive::Fenced => {
                // Nothing is said any more; the attempt is gone from the heartbeats.
                coordinator
                    .until(|state| {
                        let mut beats = state.heartbeats.iter();
                        beats.any(|beat| !beat.attempts.is_empty())
                            && state.heartbeats.last().unwrap().attempts.is_empty()
                    })
                    .await;
                coordinator.with(|state| assert!(state.order.is_empty(), "{:?}", state.order));
            }
            wire::Directive::Release => {
                coordinator.until(|state| !state.releases.is_empty()).await;
            }
            _ => {
                // Epochs of no length: the directive must be on its way before they begin, or what they report would
                // keep the delivery busy for longer than anybody waits.
                if in_heartbeat {
                    coordinator
                        .until(|state| state.heartbeats.iter().any(|b| !b.attempts.is_empty()))
                        .await;
                }
                // The stop of a report's answer holds from the next epoch's start on.
                drop(open);
                coordinator.until(|state| !state.finishes.is_empty()).await;
                coordinator.with(|state| {
                    let ended = outcome(&state.finishes[0]);
                    assert_eq!(*ended, Outcome::Ended(wire::Ended {}));
                });
            }
        }
        worker.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_before_the_first_epoch_is_stopped_too_and_nobody_calls_it_stuck() {
    for kind in [wire::TrialKind::Search, wire::TrialKind::Check] {
        for directive in [
            wire::Directive::Continue,
            wire::Directive::Stop,
            wire::Directive::Release,
        ] {
            let (coordinator, worker, _scratch) = pair(CurveTrainer::default()).await;
            coordinator.with(|state| {
                let mut lease = lease(1, 9, r#"{"act": "prepare"}"#);
                lease.kind = kind.into();
                state.leases.push_back(lease);
            });
            let steps = |beat: &wire::HeartbeatRequest| {
                beat.attempts.first().map_or(0, |progress| progress.steps)
            };
            coordinator
                .until(|state| state.heartbeats.iter().any(|beat| steps(beat) > 0))
                .await;
            coordinator.with(|state| state.directive = directive.into());
            match directive {
                // A drain of the worker itself.
                wire::Directive::Continue => {}
                wire::Directive::Stop => {
                    coordinator.until(|state| !state.finishes.is_empty()).await;
                    coordinator.with(|state| {
                        let ended = outcome(&state.finishes[0]);
                        assert_eq!(*ended, Outcome::Ended(wire::Ended {}));
                    });
                }
                _ => coordinator.until(|state| !state.releases.is_empty()).await,
            }
            worker.drain().await;
            coordinator.with(|state| {
                let released = directive != wire::Directive::Stop;
                assert_eq!(
                    (state.releases.len(), state.finishes.len()),
                    (released.into(), (!released).into())
                );
            });
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_while_a_worker_drains_is_no_crash() {
    for kind in [wire::TrialKind::Search, wire::TrialKind::Check] {
        let (coordinator, worker, _scratch) = pair(CurveTrainer::default()).await;
        coordinator.with(|state| {
            let mut lease = lease(1, 9, r#"{"act": "prepare", "breaks": true}"#);
            lease.kind = kind.into();
            state.leases.push_back(lease);
        });
        let steps = |beat: &wire::HeartbeatRequest| {
            beat.attempts.first().map_or(0, |progress| progress.steps)
        };
        coordinator
            .until(|state| state.heartbeats.iter().any(|beat| steps(beat) > 0))
            .await;
        worker.drain().await;
        coordinator.with(|state| {
            assert_eq!((state.releases.len(), state.finishes.len()), (1, 0));
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_ends_at_once_says_so() {
    let (_open, gate) = Gate::new();
    let (coordinator, worker, _scratch) = pair(CurveTrainer { gate: Some(gate) }).await;
    coordinator.with(|state| state.leases.push_back(lease(1, 9, "{}")));
    let held = |beat: &wire::HeartbeatRequest| !beat.attempts.is_empty();
    coordinator
        .until(|state| state.heartbeats.iter().any(held))
        .await;
    worker.shutdown.now();
    worker.ended.await.unwrap().unwrap();
    coordinator.with(|state| {
        assert_eq!((state.leaves.len(), state.leaves[0].crashed), (1, false));
        assert!(state.finishes.is_empty() && state.releases.is_empty());
    });
}
