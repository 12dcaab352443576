//! Leases: who may write what, and what repeating does.

use std::collections::BTreeSet;

use super::bench::{Bench, both, checkpoint, digits, epoch_of, fenced, hash, id, trial};
use crate::{
    ids::{AttemptNumber, AttemptRef, RequestId, SessionId, Token, TrialNumber},
    store::{
        BlobKind, BlobRef, Outcome, StoreError,
        command::{
            Action, CancelTrial, ChangeSweep, CommitBlob, Finish, Lines, Log, ReturnSession,
            SweepChange, TakeBack,
        },
    },
    trial::{AttemptState, TrialState},
};

#[test]
fn a_trial_is_granted_reported_and_completed() {
    both(|b| {
        b.with_trials(2);
        let granted = b.complete(1, 0.9);
        assert_eq!(granted.attempt.trial, TrialNumber(1));
        assert!(granted.pinned_data && granted.data == Some(digits(7)));
        let trial = b.trial(1);
        assert_eq!(trial.summary.row.state, TrialState::Completed);
        assert_eq!(trial.summary.row.objective, Some(0.9));
        assert_eq!(
            (trial.summary.row.epoch, trial.summary.row.images),
            (3, 300)
        );
        assert_eq!(trial.summary.row.weights_hash, Some(hash(3)));
        assert_eq!(trial.curve.len(), 3);
        assert_eq!(trial.curve[0].metrics[0], ("train_loss".to_owned(), 1.0));
        let detail = b.detail();
        assert_eq!(detail.summary.counts, [1, 0, 0, 1, 0, 0, 0, 0]);
        assert_eq!(
            (
                detail.summary.row.epochs_trained,
                detail.summary.row.images_trained
            ),
            (3, 300)
        );
        assert_eq!(detail.best.unwrap().objective, 0.9);
        assert_eq!(
            b.story(1),
            [
                "queued >queued",
                "granted queued>running",
                "completed running>completed"
            ]
        );
    });
}

#[test]
fn the_same_request_gets_the_same_lease() {
    both(|b| {
        b.with_trials(2);
        let first = b.grant_again(1, 200).unwrap();
        let again = b.grant_again(1, 200).unwrap();
        assert_eq!(first.attempt, again.attempt);
        assert!(again.repeated && !first.repeated);
        assert_eq!(b.state(2), TrialState::Queued);
    });
}

#[test]
fn several_epochs_of_one_call_are_recorded_all_or_none_and_once() {
    both(|b| {
        b.with_trials(1);
        let attempt = b.grant(1).unwrap().attempt;
        let mut report = b.report_of(&attempt, 1, 0.5);
        report.epochs = vec![epoch_of(1, 0.5), epoch_of(4, 0.5)];
        assert!(matches!(
            b.apply(report.clone()),
            Err(StoreError::Invalid(_))
        ));
        assert_eq!(b.trial(1).summary.row.epoch, 0, "nor is its first epoch");

        let blob = checkpoint(9, 2, false);
        report.epochs = vec![epoch_of(1, 0.5), epoch_of(2, 0.6)];
        report.epochs[1].checkpoint = Some(blob);
        assert_eq!(b.apply(report.clone()).unwrap().repeated, 0);
        assert_eq!(b.trial(1).blobs, [blob]);
        // The answer was lost, and meanwhile there is one more.
        report.epochs.push(epoch_of(3, 0.4));
        assert_eq!(b.apply(report.clone()).unwrap().repeated, 2);
        assert_eq!(b.trial(1).curve.len(), 3);
        assert_eq!(b.row().epochs_trained, 3);

        report.epochs.clear();
        assert!(matches!(b.apply(report), Err(StoreError::Invalid(_))));
    });
}

#[test]
fn an_end_brings_the_epochs_and_lines_that_were_not_sent_before() {
    both(|b| {
        b.with_trials(2);
        let attempt = b.grant(1).unwrap().attempt;
        b.report(&attempt, 1, 0.5).unwrap();
        let mut finish = b.finish_of(&attempt, Outcome::Completed);
        // The first of them has been reported, but nobody has read the answer.
        finish.epochs = vec![epoch_of(1, 0.5), epoch_of(2, 0.6)];
        finish.lines = Lines {
            first: 0,
            lines: vec!["the last words".to_owned()],
        };
        let refused = b.apply(finish.clone());
        assert!(
            matches!(refused, Err(StoreError::Invalid(_))),
            "{refused:?}"
        );
        assert_eq!(b.trial(1).summary.row.epoch, 1, "refused with its epochs");

        finish.epochs.push(epoch_of(3, 0.4));
        assert!(!b.apply(finish.clone()).unwrap().repeated);
        assert!(b.apply(finish).unwrap().repeated);
        let trial = b.trial(1);
        assert_eq!(trial.summary.row.state, TrialState::Completed);
        assert_eq!(
            (trial.summary.row.epoch, trial.summary.row.objective),
            (3, Some(0.6))
        );
        let key = b.row().key;
        assert_eq!(
            crate::store::logs::of_trial(b.read(), (key, TrialNumber(1)))
                .unwrap()
                .len(),
            1
        );

        // Of a late worker too: nobody has its trial since.
        let late = b.grant(1).unwrap().attempt;
        b.expire(&late).unwrap();
        let mut finish = b.finish_of(&late, Outcome::Completed);
        finish.epochs = (1..=3).map(|epoch| epoch_of(epoch, 0.7)).collect();
        assert_eq!(b.apply(finish).unwrap().state, TrialState::Completed);
    });
}

#[test]
fn repeated_reports_and_finishes_have_one_effect() {
    both(|b| {
        b.with_trials(1);
        let granted = b.grant(1).unwrap();
        assert_eq!(b.report(&granted.attempt, 1, 0.5).unwrap().repeated, 0);
        assert_eq!(b.report(&granted.attempt, 1, 0.5).unwrap().repeated, 1);
        b.report(&granted.attempt, 2, 0.6).unwrap();
        b.report(&granted.attempt, 3, 0.4).unwrap();
        assert!(
            !b.finish(&granted.attempt, Outcome::Completed)
                .unwrap()
                .repeated
        );
        assert!(
            b.finish(&granted.attempt, Outcome::Completed)
                .unwrap()
                .repeated
        );
        // Late duplicates of reports are acknowledged after the end, too.
        assert_eq!(b.report(&granted.attempt, 2, 0.6).unwrap().repeated, 1);
        fenced(b.finish(&granted.attempt, Outcome::EndedEarly));
        fenced(b.report(&granted.attempt, 4, 0.9));
        assert_eq!(b.row().epochs_trained, 3);
        assert_eq!(b.trial(1).summary.row.objective, Some(0.6));
        assert_eq!(b.story(1).len(), 3);
    });
}

#[test]
fn another_report_of_the_same_epoch_is_refused() {
    both(|b| {
        b.with_trials(1);
        let granted = b.grant(1).unwrap();
        b.report(&granted.attempt, 1, 0.5).unwrap();
        let mut other = b.report_of(&granted.attempt, 1, 0.5);
        other.epochs[0].weights_hash = Some(hash(99));
        assert!(matches!(b.apply(other), Err(StoreError::Invalid(_))));
        let other = b.report_of(&granted.attempt, 1, 0.25);
        let refused = b.apply(other).unwrap_err().to_string();
        assert!(
            refused.contains("0.5") && refused.contains("0.25"),
            "{refused}"
        );
        let gap = b.report(&granted.attempt, 3, 0.5).unwrap_err().to_string();
        assert!(gap.contains("epoch 3 after one of epoch 1"), "{gap}");
        assert_eq!(b.trial(1).curve.len(), 1);
        assert!(matches!(
            b.report(&granted.attempt, 4, 0.5),
            Err(StoreError::Invalid(_))
        ));
    });
}

#[test]
fn only_the_token_of_the_attempt_opens_it() {
    both(|b| {
        b.with_trials(1);
        let granted = b.grant(1).unwrap();
        let wrong = AttemptRef {
            token: Token([0; 16]),
            ..granted.attempt.clone()
        };
        fenced(b.report(&wrong, 1, 0.5));
        fenced(b.finish(&wrong, Outcome::Completed));
        fenced(b.release(&wrong, None));
        let unknown = AttemptRef {
            attempt: AttemptNumber(2),
            ..granted.attempt
        };
        fenced(b.report(&unknown, 1, 0.5));
    });
}

#[test]
fn a_newer_grant_fences_the_old_attempt() {
    both(|b| {
        b.with_trials(1);
        let old = b.grant(1).unwrap();
        b.report(&old.attempt, 1, 0.5).unwrap();
        b.expire(&old.attempt).unwrap();
        let new = b.grant(2).unwrap();
        assert_eq!(new.attempt.attempt, AttemptNumber(2));
        fenced(b.report(&old.attempt, 2, 0.5));
        fenced(b.finish(&old.attempt, Outcome::Completed));
        let take_back = TakeBack {
            attempt: old.attempt.clone(),
            at: 5,
        };
        fenced(b.apply(take_back));
        // Begun anew: the epoch that is trained again is seen once and counted once.
        b.report(&new.attempt, 1, 0.5).unwrap();
        b.report(&new.attempt, 2, 0.6).unwrap();
        let trial = b.trial(1);
        assert_eq!(trial.curve.len(), 2);
        assert!(trial.curve.iter().all(|point| point.attempt.0 == 2));
        assert_eq!(b.row().epochs_trained, 2);
    });
}

#[test]
fn a_late_worker_that_nobody_replaced_is_taken_back() {
    both(|b| {
        b.with_trials(1);
        let granted = b.grant(1).unwrap();
        b.report(&granted.attempt, 1, 0.5).unwrap();
        b.expire(&granted.attempt).unwrap();
        assert_eq!(b.state(1), TrialState::Queued);
        let reported = b.report(&granted.attempt, 2, 0.6).unwrap();
        assert!(reported.taken_back.is_some());
        assert_eq!(b.state(1), TrialState::Running);
        assert_eq!(b.trial(1).attempts[0].state, AttemptState::Running);
        b.expire(&granted.attempt).unwrap();
        let take_back = TakeBack {
            attempt: granted.attempt.clone(),
            at: 5,
        };
        b.apply(take_back).unwrap();
        b.report(&granted.attempt, 3, 0.7).unwrap();
        b.expire(&granted.attempt).unwrap();
        b.finish(&granted.attempt, Outcome::Completed).unwrap();
        assert_eq!(b.state(1), TrialState::Completed);
        assert_eq!(b.trial(1).summary.row.attempts, 1);
    });
}

#[test]
fn a_released_trial_resumes_from_its_checkpoint() {
    both(|b| {
        b.with_trials(1);
        let first = b.grant(1).unwrap();
        b.report(&first.attempt, 1, 0.5).unwrap();
        b.report(&first.attempt, 2, 0.8).unwrap();
        let blob = checkpoint(50, 1, true);
        b.release(&first.attempt, Some(blob)).unwrap();
        assert!(b.release(&first.attempt, Some(blob)).unwrap().repeated);
        let second = b.grant(2).unwrap();
        assert_eq!(second.resume, Some(blob));
        // What lay beyond the checkpoint was lost with its attempt.
        let trial = b.trial(1).summary;
        assert_eq!((trial.row.epoch, trial.row.objective), (1, Some(0.5)));
        b.report(&second.attempt, 2, 0.8).unwrap();
        b.report(&second.attempt, 3, 0.7).unwrap();
        let trial = b.trial(1);
        let joined: Vec<_> = trial.curve.iter().map(|p| (p.epoch, p.attempt.0)).collect();
        assert_eq!(joined, [(1, 1), (2, 2), (3, 2)]);
        assert_eq!(trial.summary.row.objective, Some(0.8));
        assert_eq!(b.row().epochs_trained, 3);
    });
}

#[test]
fn a_worker_that_cannot_use_the_checkpoint_begins_anew() {
    both(|b| {
        b.with_trials(1);
        let first = b.grant(1).unwrap();
        b.report(&first.attempt, 1, 0.5).unwrap();
        b.release(&first.attempt, Some(checkpoint(50, 1, true)))
            .unwrap();
        let second = b.grant(2).unwrap();
        assert!(second.resume.is_some());
        b.report(&second.attempt, 1, 0.5).unwrap();
        b.report(&second.attempt, 2, 0.6).unwrap();
        assert_eq!(b.trial(1).attempts[1].from_epoch, 0);
        assert_eq!(b.trial(1).curve.len(), 2);
    });
}

#[test]
fn a_checkpoint_on_a_worker_is_named_to_that_worker_alone() {
    both(|b| {
        b.with_trials(2);
        let first = b.grant(1).unwrap();
        let commit = CommitBlob {
            attempt: first.attempt.clone(),
            blob: checkpoint(50, 1, false),
            at: 3,
        };
        b.report(&first.attempt, 1, 0.5).unwrap();
        b.apply(commit).unwrap();
        b.expire(&first.attempt).unwrap();
        let mut holder = b.ask(1);
        holder.local_checkpoints = vec![hash(49), hash(50)];
        // Another worker would have got trial 1 without a checkpoint.
        let other = b.ask(2);
        let granted = b.apply(holder).unwrap().unwrap();
        assert_eq!(granted.resume.map(|blob| blob.hash), Some(hash(50)));
        let granted = b.apply(other).unwrap().unwrap();
        assert_eq!(
            (granted.attempt.trial, granted.resume),
            (TrialNumber(2), None)
        );
    });
}

#[test]
fn a_size_that_a_worker_said_gives_way_to_what_was_counted() {
    both(|b| {
        b.with_trials(1);
        let first = b.grant(1).unwrap();
        b.report(&first.attempt, 1, 0.5).unwrap();
        let said = BlobRef {
            size: u64::from(u32::MAX),
            ..checkpoint(50, 1, false)
        };
        for blob in [said, checkpoint(50, 1, true), said] {
            let commit = CommitBlob {
                attempt: first.attempt.clone(),
                blob,
                at: 3,
            };
            b.apply(commit).unwrap();
        }
        b.release(&first.attempt, Some(said)).unwrap();
        assert_eq!(b.grant(2).unwrap().resume, Some(checkpoint(50, 1, true)));
        assert_eq!(b.findings(), []);
    });
}

#[test]
fn three_crashes_without_a_new_epoch_poison_a_trial() {
    both(|b| {
        b.with_trials(2);
        let crashed = |message: &str| Outcome::Crashed {
            message: message.to_owned(),
            others_connected: false,
        };
        for round in 0..3 {
            let granted = b.grant(1).unwrap();
            assert_eq!(granted.attempt.trial, TrialNumber(1));
            // A release between two crashes neither counts nor forgives.
            b.release(&granted.attempt, None).unwrap();
            let granted = b.grant(1).unwrap();
            let state = match round {
                0 => b.expire(&granted.attempt).unwrap().state,
                _ => {
                    b.finish(&granted.attempt, crashed("no memory"))
                        .unwrap()
                        .state
                }
            };
            let poisoned = round == 2;
            assert_eq!(state == TrialState::Failed, poisoned, "crash {round}");
        }
        let trial = b.trial(1).summary;
        assert!(
            trial.row.reason.contains("poisoned"),
            "{}",
            trial.row.reason
        );
        assert_eq!(b.grant(1).unwrap().attempt.trial, TrialNumber(2));
    });
}

#[test]
fn a_new_epoch_between_crashes_forgives() {
    both(|b| {
        b.with_trials(1);
        for epoch in 1..=3 {
            let granted = b.grant(1).unwrap();
            for known in 1..=epoch {
                b.report(&granted.attempt, known, 0.5).unwrap();
            }
            assert_eq!(
                b.expire(&granted.attempt).unwrap().state,
                TrialState::Queued
            );
        }
    });
}

#[test]
fn crashes_on_one_worker_count_twice_while_others_are_connected() {
    both(|b| {
        b.with_trials(1);
        for _ in 0..4 {
            let granted = b.grant(1).unwrap();
            let outcome = Outcome::Crashed {
                message: "a bad host".to_owned(),
                others_connected: true,
            };
            assert_eq!(
                b.finish(&granted.attempt, outcome).unwrap().state,
                TrialState::Queued
            );
        }
        let granted = b.grant(2).unwrap();
        let outcome = Outcome::Crashed {
            message: "here too".to_owned(),
            others_connected: true,
        };
        assert_eq!(
            b.finish(&granted.attempt, outcome).unwrap().state,
            TrialState::Failed
        );
    });
}

#[test]
fn a_cancel_is_a_request_that_survives_expiry() {
    both(|b| {
        b.with_trials(3);
        let cancel = |trial| CancelTrial {
            sweep: id(),
            trial: TrialNumber(trial),
            actor: "user".to_owned(),
            at: 9,
        };
        let granted = b.grant(1).unwrap();
        assert_eq!(b.apply(cancel(1)).unwrap(), TrialState::Running);
        assert_eq!(b.apply(cancel(1)).unwrap(), TrialState::Running);
        assert!(b.report(&granted.attempt, 1, 0.5).unwrap().asked.is_some());
        assert_eq!(
            b.expire(&granted.attempt).unwrap().state,
            TrialState::Cancelled
        );
        fenced(b.report(&granted.attempt, 2, 0.5));
        assert_eq!(b.apply(cancel(2)).unwrap(), TrialState::Cancelled);
        // A result is never thrown away.
        let granted = b.grant(1).unwrap();
        b.apply(cancel(3)).unwrap();
        for epoch in 1..=3 {
            b.report(&granted.attempt, epoch, 0.5).unwrap();
        }
        let ended = b.finish(&granted.attempt, Outcome::Completed).unwrap();
        assert_eq!(ended.state, TrialState::Completed);
    });
}

#[test]
fn a_session_that_leaves_gives_everything_back() {
    both(|b| {
        b.with_trials(3);
        b.grant(1).unwrap();
        b.grant(1).unwrap();
        b.grant(2).unwrap();
        let left = ReturnSession {
            session: SessionId([1; 16]),
            crashed: false,
            excused: false,
            elsewhere: BTreeSet::from([id()]),
            reason: "drained".to_owned(),
            at: 7,
        };
        let returned = b.apply(left.clone()).unwrap();
        assert_eq!(returned.len(), 2);
        assert!(returned.iter().all(|r| r.state == TrialState::Queued));
        assert!(b.apply(left).unwrap().is_empty());
        assert_eq!(b.row().running, 1);
    });
}

#[test]
fn an_outcome_before_the_last_report_is_refused() {
    both(|b| {
        b.with_trials(1);
        let granted = b.grant(1).unwrap();
        b.report(&granted.attempt, 1, 0.5).unwrap();
        assert!(matches!(
            b.finish(&granted.attempt, Outcome::Completed),
            Err(StoreError::Invalid(_))
        ));
        assert_eq!(b.state(1), TrialState::Running);
        b.finish(&granted.attempt, Outcome::EndedEarly).unwrap();
        assert_eq!(b.state(1), TrialState::Completed);
    });
}

#[test]
fn an_end_that_cannot_be_is_refused() {
    both(|b| {
        b.launch();
        let mut waits = trial(1);
        waits.waits_at_end = true;
        b.decide(vec![Action::Enqueue(vec![waits, trial(2)])]);
        let (rung, last) = (b.grant(1).unwrap(), b.grant(2).unwrap());
        for epoch in 1..=3 {
            b.report(&rung.attempt, epoch, 0.5).unwrap();
            b.report(&last.attempt, epoch, 0.5).unwrap();
        }
        let refused = |b: &mut Bench, finish: Finish| match b.apply(finish) {
            Err(StoreError::Invalid(words)) => words,
            other => panic!("{other:?}"),
        };
        let finish = b.finish_of(&rung.attempt, Outcome::Completed);
        let words = refused(b, finish);
        assert!(words.contains("reached_rung is due"), "{words}");
        let reached = Outcome::ReachedRung { checkpoint: None };
        let finish = b.finish_of(&last.attempt, reached.clone());
        let words = refused(b, finish);
        assert!(words.contains("completed is due"), "{words}");
        let beyond = Outcome::Diverged {
            epoch: 4,
            reason: "NaN".to_owned(),
        };
        let finish = b.finish_of(&last.attempt, beyond);
        let words = refused(b, finish);
        assert!(words.contains("granted epochs 1 to 3"), "{words}");
        let mut announced = b.finish_of(&last.attempt, Outcome::Completed);
        announced.weights = Some(BlobRef {
            hash: hash(7),
            size: 3,
            kind: BlobKind::Weights,
            epoch: 3,
            stored: true,
        });
        let words = refused(b, announced);
        assert!(words.contains("were not sent"), "{words}");
        b.finish(&rung.attempt, reached).unwrap();
        b.finish(&last.attempt, Outcome::Completed).unwrap();
        assert_eq!(
            (b.state(1), b.state(2)),
            (TrialState::Waiting, TrialState::Completed)
        );
    });
}

#[test]
fn metrics_that_are_not_finite_come_back_as_nan() {
    both(|b| {
        b.with_trials(1);
        let granted = b.grant(1).unwrap();
        b.report(&granted.attempt, 1, f64::NAN).unwrap();
        let outcome = Outcome::Diverged {
            epoch: 2,
            reason: "loss is NaN".to_owned(),
        };
        b.finish(&granted.attempt, outcome).unwrap();
        let trial = b.trial(1);
        assert!(trial.curve[0].metrics[1].1.is_nan());
        assert_eq!(trial.summary.row.objective, None);
        assert_eq!(trial.summary.row.reason, "in epoch 2: loss is NaN");
        assert_eq!(b.detail().best, None);
    });
}

#[test]
fn the_last_200_lines_of_log_stay() {
    both(|b| {
        b.with_trials(1);
        let granted = b.grant(1).unwrap();
        // The second call is repeated: the answer to it was lost on its way.
        for first in [0, 150, 150] {
            let lines = (first..first + 150).map(|n| format!("line {n}")).collect();
            let attempt = granted.attempt.clone();
            let lines = Lines { first, lines };
            b.apply(Log { attempt, lines }).unwrap();
        }
        let key = b.row().key;
        let logs = crate::store::logs::of_trial(b.read(), (key, TrialNumber(1))).unwrap();
        assert_eq!(logs.len(), 200);
        assert_eq!((logs[0].number, logs[0].text.as_str()), (101, "line 100"));
        assert_eq!(logs[199].text, "line 299");
        let absurd = Log {
            attempt: granted.attempt.clone(),
            lines: Lines {
                first: u64::MAX,
                lines: vec!["x".to_owned(); 2],
            },
        };
        assert!(matches!(b.apply(absurd), Err(StoreError::Invalid(_))));
    });
}

#[test]
fn nothing_is_granted_while_paused_and_a_request_id_does_not_outlive_its_attempt() {
    both(|b| {
        b.with_trials(2);
        let granted = b.grant_again(1, 99).unwrap();
        let change = |change| ChangeSweep {
            sweep: id(),
            change,
            actor: "user".to_owned(),
            reason: String::new(),
            at: 8,
        };
        b.apply(change(SweepChange::Pause)).unwrap();
        assert!(b.grant(2).is_none());
        assert!(b.report(&granted.attempt, 1, 0.5).unwrap().paused);
        b.release(&granted.attempt, None).unwrap();
        b.apply(change(SweepChange::Resume)).unwrap();
        let mut again = b.ask(1);
        again.request = RequestId([99; 16]);
        let again = b.apply(again).unwrap().unwrap();
        assert!(!again.repeated);
        assert_eq!(again.attempt.attempt, AttemptNumber(2));
    });
}

#[test]
fn pauses_are_no_time_of_training() {
    both(|b| {
        b.with_trials(4);
        let trained = |b: &Bench| {
            let key = b.row().key;
            crate::store::attempts::trained_ms(b.read(), key).unwrap()
        };
        assert_eq!(trained(b), 0);
        let goes_on = |b: &mut Bench, at: i64| b.at = at - 1;
        goes_on(b, 10_000);
        // Two slots at once, from 10 s to 13 s and from 11 s to 14 s.
        let mut one = b.ask(1);
        one.at = 10_000;
        let one = b.apply(one).unwrap().unwrap();
        let mut two = b.ask(2);
        two.at = 11_000;
        let two = b.apply(two).unwrap().unwrap();
        goes_on(b, 13_000);
        b.release(&one.attempt, None).unwrap();
        goes_on(b, 14_000);
        b.release(&two.attempt, None).unwrap();
        assert_eq!(trained(b), 4_000);
        // A day later one that is found dead an hour after its last report.
        goes_on(b, 90_000_000);
        let dead = b.grant(1).unwrap();
        goes_on(b, 90_002_000);
        let granted = 90_000_000;
        b.report(&dead.attempt, 1, 0.5).unwrap();
        let reported = b.at;
        goes_on(b, 93_600_000);
        let running = trained(b);
        b.expire(&dead.attempt).unwrap();
        assert_eq!(trained(b), running);
        assert_eq!(running, 4_000 + u64::try_from(reported - granted).unwrap());
        let detail = b.detail();
        let wall = detail.summary.row.last_end.unwrap() - detail.summary.row.first_grant.unwrap();
        assert!(wall > 80_000_000, "{wall}");
    });
}
