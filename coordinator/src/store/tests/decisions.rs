//! What the search decides, and what it is replayed from.

use super::bench::{Bench, both, checkpoint, hash, id, trial};
use crate::{
    ids::{Hash, TrialNumber},
    search::{TrialValue, worth},
    store::{
        BlobKind, BlobRef, NewRound, NewTrial, Outcome, StoreError, TIES, WinnerRef, Wish,
        apply::PART,
        command::{Action, CollectBlobs, CommitBlob, RetryTrials},
        events, queries,
    },
    sweep::SweepState,
    trial::{TrialKind, TrialState},
};

fn round(round: u32, points: u64) -> Action {
    Action::Round(NewRound {
        round,
        points,
        rungs: vec![(1, points), (3, 1)],
        repeats: 1,
        top: None,
        box_json: "[]".to_owned(),
    })
}

#[test]
fn a_decision_is_applied_once_and_in_order() {
    both(|b| {
        b.launch();
        let actions = vec![Action::Enqueue(vec![trial(1)])];
        assert!(b.try_decide(1, actions.clone()).unwrap().applied);
        assert!(!b.try_decide(1, actions.clone()).unwrap().applied);
        assert!(matches!(
            b.try_decide(3, actions.clone()),
            Err(StoreError::Invalid(_))
        ));
        // Decided again under a new number, as after a restart: nothing happens twice.
        assert!(b.try_decide(2, actions).unwrap().applied);
        assert_eq!(b.detail().summary.counts.iter().sum::<u64>(), 1);
        assert_eq!(b.story(1).len(), 1);
    });
}

#[test]
fn a_decision_is_applied_whole_or_not_at_all() {
    both(|b| {
        b.launch();
        let prune = Action::Prune {
            trial: TrialNumber(9),
            reason: String::new(),
        };
        let bad = vec![Action::Enqueue(vec![trial(1)]), prune];
        assert!(matches!(
            b.try_decide(1, bad),
            Err(StoreError::NotFound { .. })
        ));
        let detail = b.detail();
        assert_eq!(
            (
                detail.summary.row.decisions,
                detail.summary.counts.iter().sum::<u64>(),
                detail.summary.row.queued
            ),
            (0, 0, 0)
        );
        b.decide(vec![Action::Enqueue(vec![trial(1)])]);
        assert_eq!(b.row().points, 1);
    });
}

#[test]
fn trials_wait_at_a_rung_and_are_promoted_or_pruned() {
    both(|b| {
        b.launch();
        let at_rung = |number| NewTrial {
            to_epoch: 1,
            waits_at_end: true,
            ..trial(number)
        };
        b.decide(vec![
            round(1, 2),
            Action::Enqueue(vec![at_rung(1), at_rung(2)]),
        ]);
        for n in [1, 2] {
            let granted = b.grant(1).unwrap();
            assert!(granted.trial.waits_at_end);
            b.report(&granted.attempt, 1, f64::from(n) / 10.0).unwrap();
            let outcome = Outcome::ReachedRung {
                checkpoint: Some(checkpoint(n, 1, true)),
            };
            let ended = b.finish(&granted.attempt, outcome).unwrap();
            assert_eq!(ended.state, TrialState::Waiting);
        }
        assert_eq!(b.detail().rounds[0].row.finished, 0);
        assert_eq!(b.detail().rounds[0].best, Some(0.2));
        let promote = Action::Promote {
            trial: TrialNumber(2),
            to_epoch: 3,
            wish: Wish {
                queue_order: 0,
                waits_at_end: false,
                keep_weights: true,
            },
        };
        let prune = Action::Prune {
            trial: TrialNumber(1),
            reason: "1 of 2 goes on".to_owned(),
        };
        b.decide(vec![promote.clone(), prune.clone()]);
        b.decide(vec![promote, prune]);
        assert_eq!(b.state(1), TrialState::Pruned);
        // A promoted trial keeps its point's value until it has a new one.
        let of_the_rung = |b: &Bench| {
            let best = b.detail().best.unwrap();
            (best.objective, best.trials, best.epochs)
        };
        assert_eq!(of_the_rung(b), (0.2, vec![TrialNumber(2)], 1));
        let granted = b.grant(1).unwrap();
        let trial = &granted.trial;
        assert_eq!((trial.to_epoch, trial.keep_weights), (3, true));
        assert_eq!(granted.resume, Some(checkpoint(2, 1, true)));
        b.report(&granted.attempt, 2, 0.6).unwrap();
        assert_eq!(of_the_rung(b), (0.2, vec![TrialNumber(2)], 1));
        b.report(&granted.attempt, 3, 0.5).unwrap();
        b.finish(&granted.attempt, Outcome::Completed).unwrap();
        assert_eq!(b.detail().rounds[0].row.finished, 2);
        let key = b.row().key;
        let results = events::results(b.read(), key, 0).unwrap();
        let told: Vec<_> = results
            .iter()
            .map(|r| (r.number.0, r.state, r.epoch, r.objective))
            .collect();
        assert_eq!(
            told,
            [
                (1, TrialState::Waiting, 1, Some(0.1)),
                (2, TrialState::Waiting, 1, Some(0.2)),
                (1, TrialState::Pruned, 1, Some(0.1)),
                (2, TrialState::Completed, 3, Some(0.6)),
            ]
        );
        assert_eq!(
            events::results(b.read(), key, results[2].seq)
                .unwrap()
                .len(),
            1
        );
    });
}

#[test]
fn a_point_is_the_mean_of_its_repeats() {
    both(|b| {
        b.launch();
        let repeat = |number, repeat| NewTrial {
            point: 0,
            repeat,
            ..trial(number)
        };
        b.decide(vec![
            round(1, 1),
            Action::Enqueue(vec![repeat(1, 0), repeat(2, 1), repeat(3, 2)]),
        ]);
        for value in [0.9, 0.6] {
            b.complete(1, value);
        }
        assert_eq!(b.detail().rounds[0].row.finished, 0);
        let granted = b.grant(1).unwrap();
        let outcome = Outcome::Failed {
            message: "no such class".to_owned(),
        };
        b.finish(&granted.attempt, outcome).unwrap();
        assert_eq!(b.detail().rounds[0].row.finished, 1);
        let best = b.detail().best.unwrap();
        assert_eq!((best.repeats, best.trials.len(), best.epochs), (2, 2, 3));
        assert!((best.objective - 0.75).abs() < 1e-12);
        // sqrt(2 * 0.15^2 / 1)
        assert!((best.spread.unwrap() - 0.212_132_034).abs() < 1e-6);
        let retry = RetryTrials {
            sweep: id(),
            trials: vec![TrialNumber(3)],
            hinged: Vec::new(),
            actor: "user".to_owned(),
            at: 6,
        };
        assert_eq!(b.apply(retry.clone()).unwrap(), [TrialNumber(4)]);
        assert_eq!(b.apply(retry).unwrap(), [TrialNumber(4)]);
        assert_eq!(b.detail().rounds[0].row.finished, 0);
        b.complete(1, 0.75);
        let detail = b.detail();
        assert_eq!(detail.rounds[0].row.finished, 1);
        assert_eq!(detail.best.unwrap().repeats, 3);
        assert_eq!(b.trial(4).summary.row.retry_of, Some(TrialNumber(3)));
        assert_eq!(b.trial(4).summary.row.seed, b.trial(3).summary.row.seed);
    });
}

#[test]
fn a_point_with_a_diverged_trial_has_no_value() {
    both(|b| {
        b.launch();
        let second = NewTrial {
            point: 0,
            repeat: 1,
            ..trial(2)
        };
        b.decide(vec![round(1, 1), Action::Enqueue(vec![trial(1), second])]);
        b.complete(1, 0.9);
        assert_eq!(b.detail().summary.best, Some(0.9));
        let granted = b.grant(1).unwrap();
        let outcome = Outcome::Diverged {
            epoch: 1,
            reason: "loss is NaN".to_owned(),
        };
        b.finish(&granted.attempt, outcome).unwrap();
        assert_eq!(b.detail().summary.best, None);
        assert_eq!(b.detail().rounds[0].row.finished, 1);
    });
}

#[test]
fn the_search_names_the_winner_and_ends_the_sweep() {
    both(|b| {
        b.with_trials(3);
        b.complete(1, 0.5);
        b.complete(1, 0.9);
        let granted = b.grant(1).unwrap();
        let winner = WinnerRef { round: 1, point: 0 };
        let complete = Action::Complete {
            winner: Some(winner),
            reason: "the plan is done".to_owned(),
        };
        let warn = Action::Warn {
            key: "edge".to_owned(),
            text: "the best rate lies at the edge".to_owned(),
        };
        b.decide(vec![
            warn.clone(),
            warn,
            Action::TestAccuracy(0.4),
            complete,
        ]);
        let detail = b.detail();
        assert_eq!(detail.summary.row.state, SweepState::Completed);
        let best = detail.best.unwrap();
        assert_eq!((best.place, best.objective), (winner, 0.5));
        assert_eq!(best.test_accuracy, Some(0.4));
        assert_eq!(detail.warnings.len(), 1);
        // What still ran is asked to end, and its report is taken.
        assert!(b.report(&granted.attempt, 1, 0.1).unwrap().asked.is_some());
        b.finish(&granted.attempt, Outcome::Ended).unwrap();
        assert_eq!(b.state(3), TrialState::Pruned);
        assert!(b.grant(1).is_none());
    });
}

#[test]
fn a_failed_fold_leaves_the_mean_to_the_other_trials() {
    both(|b| {
        b.launch();
        let of = |number, repeat, fold| NewTrial {
            point: 0,
            repeat,
            fold,
            ..trial(number)
        };
        let all = vec![of(1, 0, 0), of(2, 0, 1), of(3, 1, 0), of(4, 1, 1)];
        b.decide(vec![round(1, 1), Action::Enqueue(all)]);
        for value in [0.9, 0.5, 0.8] {
            b.complete(1, value);
        }
        let granted = b.grant(1).unwrap();
        let outcome = Outcome::Failed {
            message: "no such class".to_owned(),
        };
        b.finish(&granted.attempt, outcome).unwrap();
        let best = b.detail().best.unwrap();
        // What the search ranks by: `crate::search::worth` of the same values.
        let values = [1, 2, 3].map(|number| b.trial(number).summary.row.objective.unwrap());
        let values = values.map(TrialValue::Value);
        let worth = worth(values.into_iter().chain([TrialValue::Nothing])).unwrap();
        assert_eq!(best.objective, worth.mean);
        assert_eq!(
            (best.spread, best.half_width),
            (worth.spread, worth.half_width)
        );
        assert_eq!((best.repeats, best.trials.len()), (2, 3));
    });
}

#[test]
fn what_a_rung_ended_is_no_part_of_a_points_mean() {
    both(|b| {
        b.launch();
        let of = |number, repeat| NewTrial {
            point: 0,
            repeat,
            ..trial(number)
        };
        let at_rung = NewTrial {
            to_epoch: 1,
            waits_at_end: true,
            ..of(1, 0)
        };
        b.decide(vec![round(1, 1), Action::Enqueue(vec![at_rung, of(2, 1)])]);
        let granted = b.grant(1).unwrap();
        b.report(&granted.attempt, 1, 0.9).unwrap();
        let outcome = Outcome::ReachedRung {
            checkpoint: Some(checkpoint(1, 1, true)),
        };
        b.finish(&granted.attempt, outcome).unwrap();
        b.decide(vec![Action::Prune {
            trial: TrialNumber(1),
            reason: String::new(),
        }]);
        assert_eq!(b.detail().best.unwrap().objective, 0.9);
        b.complete(1, 0.6);
        let best = b.detail().best.unwrap();
        assert_eq!((best.objective, best.trials), (0.6, vec![TrialNumber(2)]));
    });
}

#[test]
fn the_greatest_objectives_have_a_mean() {
    both(|b| {
        b.launch();
        let of = |number, repeat| NewTrial {
            point: 0,
            repeat,
            ..trial(number)
        };
        b.decide(vec![
            round(1, 1),
            Action::Enqueue((0..4).map(|i| of(i + 1, i as u32)).collect()),
        ]);
        for value in [5e307, 5.4e307, 5.2e307, 5.6e307] {
            b.complete(1, value);
        }
        let detail = b.detail();
        let best = detail.best.unwrap();
        assert!(
            (best.objective / 5.3e307 - 1.0).abs() < 1e-12,
            "{}",
            best.objective
        );
        assert!(best.spread.unwrap().is_finite() && best.half_width.unwrap().is_finite());
        assert_eq!(detail.summary.best, Some(best.objective));
    });
}

#[test]
fn a_family_of_findings_takes_the_place_of_the_one_before() {
    both(|b| {
        b.launch();
        b.decide(vec![round(1, 1), Action::Enqueue(vec![trial(1)])]);
        b.complete(1, 0.5);
        let edges = |keys: &[&str]| Action::WarnInstead {
            family: "edge ",
            warnings: keys
                .iter()
                .map(|key| ((*key).to_owned(), format!("about {key}")))
                .collect(),
        };
        let other = Action::Warn {
            key: "edgewise".to_owned(),
            text: "stays".to_owned(),
        };
        b.decide(vec![edges(&["edge a low", "edge b low"]), other]);
        b.decide(vec![edges(&["edge b high"])]);
        assert_eq!(b.detail().warnings, ["stays", "about edge b high"]);
        // Ties are findings about the best point, and no warnings.
        let tie = WinnerRef { round: 2, point: 7 };
        b.decide(vec![Action::WarnInstead {
            family: TIES,
            warnings: vec![(tie.tie_key(), "round 2, point 7".to_owned())],
        }]);
        let detail = b.detail();
        assert_eq!(detail.best.unwrap().tied, [tie]);
        assert_eq!(detail.warnings.len(), 2);
    });
}

#[test]
fn nothing_but_the_check_runs_before_it_has_passed() {
    both(|b| {
        let mut with_check = super::bench::sweep("s");
        with_check.check = true;
        b.launch_as("s", with_check);
        let check = NewTrial {
            kind: TrialKind::Check,
            round: 0,
            point: 0,
            queue_order: 0,
            ..trial(1)
        };
        b.decide(vec![Action::Enqueue(vec![check, trial(2)])]);
        let granted = b.grant(1).unwrap();
        assert_eq!(granted.trial.kind, TrialKind::Check);
        assert!(b.grant(2).is_none());
        let mut finish = b.finish_of(&granted.attempt, Outcome::Completed);
        finish.result_json = "{\"passed\":true}".to_owned();
        b.apply(finish).unwrap();
        assert_eq!(&*b.row().check_json, "{\"passed\":true}");
        assert!(b.grant(2).is_none());
        b.decide(vec![Action::CheckPassed]);
        assert_eq!(b.row().state, SweepState::Running);
        assert_eq!(b.grant(2).unwrap().attempt.trial, TrialNumber(2));
        // Check and test stand outside points and counts.
        assert_eq!(
            (
                b.detail().summary.counts.iter().sum::<u64>(),
                b.row().points
            ),
            (1, 1)
        );
    });
}

#[test]
fn at_the_end_only_the_finalists_weights_stay() {
    both(|b| {
        b.with_trials(2);
        let weights = |n| BlobRef {
            hash: hash(n),
            size: 5,
            kind: BlobKind::Weights,
            epoch: 3,
            stored: true,
        };
        for n in [1, 2] {
            let granted = b.grant(1).unwrap();
            for epoch in 1..=3 {
                b.report(&granted.attempt, epoch, f64::from(n) / 10.0)
                    .unwrap();
            }
            for blob in [weights(n), checkpoint(n + 10, 3, true)] {
                let attempt = granted.attempt.clone();
                b.apply(CommitBlob {
                    attempt,
                    blob,
                    at: 3,
                })
                .unwrap();
            }
            b.finish(&granted.attempt, Outcome::Completed).unwrap();
        }
        let collect = |b: &mut Bench, after| {
            let collect = CollectBlobs {
                sweep: id(),
                after: TrialNumber(after),
            };
            let collected = b.apply(collect).unwrap();
            assert_eq!(collected.last, None);
            collected.unneeded
        };
        assert_eq!(collect(b, 1), [hash(12)]);
        assert_eq!(collect(b, 0), [hash(11)]);
        let winner = Some(WinnerRef { round: 1, point: 1 });
        let reason = String::new();
        b.decide(vec![Action::Complete { winner, reason }]);
        assert_eq!(collect(b, 0), [hash(1)]);
        assert_eq!(collect(b, 0), []);
        let blobs = queries::trial(b.read(), b.row(), TrialNumber(2))
            .unwrap()
            .blobs;
        assert_eq!(blobs, [weights(2)]);
    });
}

#[test]
fn blobs_of_a_large_sweep_are_collected_part_by_part() {
    both(|b| {
        const TRIALS: u64 = PART + 44;
        b.with_trials(TRIALS);
        for _ in 0..TRIALS {
            let attempt = b.grant(1).unwrap().attempt;
            for epoch in [1, 2] {
                let name = format!("{} {epoch}", attempt.trial);
                let blob = BlobRef {
                    hash: Hash(*blake3::hash(name.as_bytes()).as_bytes()),
                    ..checkpoint(0, epoch, true)
                };
                let attempt = attempt.clone();
                b.apply(CommitBlob {
                    attempt,
                    blob,
                    at: 3,
                })
                .unwrap();
            }
        }
        let part = |b: &mut Bench, after| {
            let collect = CollectBlobs { sweep: id(), after };
            let collected = b.apply(collect).unwrap();
            (collected.unneeded.len() as u64, collected.last)
        };
        let last = TrialNumber(PART);
        assert_eq!(part(b, TrialNumber(0)), (PART, Some(last)));
        assert_eq!(part(b, last), (44, None));
    });
}
