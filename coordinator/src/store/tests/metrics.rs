//! Reports whose objective is missing or no number, and ends that do not fit what was reported.

use super::bench::{Bench, both, checkpoint, epoch_of, trial};
use crate::{
    ids::AttemptRef,
    store::{
        NewTrial, Outcome, StoreError,
        command::{Action, Report},
        error::Rows,
    },
    trial::TrialState,
};

fn report(b: &mut Bench, attempt: &AttemptRef, epoch: u32, metrics: &[(&str, f64)]) -> Rows<()> {
    let mut said = epoch_of(epoch, 0.0);
    said.metrics = metrics
        .iter()
        .map(|(name, value)| ((*name).to_owned(), *value))
        .collect();
    let at = b.tick();
    let report = Report {
        attempt: attempt.clone(),
        epochs: vec![said],
        at,
    };
    b.apply(report).map(|_| ())
}

fn invalid(result: Rows<()>) -> String {
    match result {
        Err(StoreError::Invalid(words)) => words,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_report_without_the_objective_is_refused_and_told_what_it_had() {
    both(|b| {
        b.with_trials(1);
        let attempt = b.grant(1).unwrap().attempt;
        let words = invalid(report(b, &attempt, 1, &[("acc", 0.9), ("loss", 0.1)]));
        for part in [
            "epochs.metrics",
            "epoch 1 of s/1",
            "`val_accuracy`",
            "`acc`, `loss`",
        ] {
            assert!(words.contains(part), "{part}: {words}");
        }
        assert!(invalid(report(b, &attempt, 1, &[])).contains("it has none"));
        let mut finish = b.finish_of(&attempt, Outcome::Completed);
        finish.epochs = (1..=3).map(|n| epoch_of(n, 0.5)).collect();
        finish.epochs[2].metrics.pop();
        assert!(invalid(b.apply(finish.clone()).map(|_| ())).contains("epoch 3 of s/1"));
        assert_eq!(b.trial(1).curve, [], "all of it or nothing");
        finish.epochs[2] = epoch_of(3, 0.5);
        assert_eq!(b.apply(finish).unwrap().state, TrialState::Completed);
    });
}

#[test]
fn a_training_that_ends_without_a_number_has_diverged() {
    for end in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        both(|b| {
            b.with_trials(1);
            let attempt = b.grant(1).unwrap().attempt;
            b.report(&attempt, 1, 0.9).unwrap();
            b.report(&attempt, 2, 0.8).unwrap();
            b.report(&attempt, 3, end).unwrap();
            assert_eq!(
                b.finish(&attempt, Outcome::Completed).unwrap().state,
                TrialState::Diverged
            );
            let trial = b.trial(1);
            assert_eq!(
                trial.summary.row.reason,
                "in epoch 3: val_accuracy is not finite"
            );
            assert_eq!((trial.summary.row.objective, trial.curve.len()), (None, 3));
            assert!(b.finish(&attempt, Outcome::Completed).unwrap().repeated);
        });
    }
}

#[test]
fn so_has_one_at_its_rung_and_one_that_ended_early() {
    both(|b| {
        b.launch();
        let waits = NewTrial {
            waits_at_end: true,
            ..trial(1)
        };
        b.decide(vec![Action::Enqueue(vec![waits, trial(2)])]);
        let rung = b.grant(1).unwrap().attempt;
        for epoch in 1..=3 {
            b.report(&rung, epoch, f64::NAN).unwrap();
        }
        let outcome = Outcome::ReachedRung {
            checkpoint: Some(checkpoint(9, 3, true)),
        };
        assert_eq!(
            b.finish(&rung, outcome).unwrap().state,
            TrialState::Diverged
        );
        let early = b.grant(1).unwrap().attempt;
        b.report(&early, 1, f64::NAN).unwrap();
        assert_eq!(
            b.finish(&early, Outcome::EndedEarly).unwrap().state,
            TrialState::Diverged
        );
    });
}

#[test]
fn what_came_before_a_value_that_is_no_number_counts_no_more() {
    both(|b| {
        b.with_trials(1);
        let attempt = b.grant(1).unwrap().attempt;
        for (epoch, value) in [(1, 0.9), (2, f64::NAN), (3, 0.7)] {
            b.report(&attempt, epoch, value).unwrap();
        }
        assert_eq!(
            b.finish(&attempt, Outcome::Completed).unwrap().state,
            TrialState::Completed
        );
        assert_eq!(b.trial(1).summary.row.objective, Some(0.7));
    });
}

#[test]
fn other_metrics_may_be_no_numbers() {
    both(|b| {
        b.with_trials(1);
        let attempt = b.grant(1).unwrap().attempt;
        for epoch in 1..=3 {
            let metrics = [("train_loss", f64::INFINITY), ("val_accuracy", 0.5)];
            report(b, &attempt, epoch, &metrics).unwrap();
        }
        assert_eq!(
            b.finish(&attempt, Outcome::Completed).unwrap().state,
            TrialState::Completed
        );
        assert!(!b.trial(1).curve[0].metrics[0].1.is_finite());
        assert_eq!(b.trial(1).summary.row.objective, Some(0.5));
    });
}

#[test]
fn an_end_must_fit_what_was_reported() {
    both(|b| {
        b.with_trials(1);
        let attempt = b.grant(1).unwrap().attempt;
        let end = |b: &mut Bench, outcome| invalid(b.finish(&attempt, outcome).map(|_| ()));
        assert!(end(b, Outcome::EndedEarly).contains("without the report of one epoch"));
        assert!(end(b, Outcome::Completed).contains("the last report is of epoch 0"));
        b.report(&attempt, 1, 0.5).unwrap();
        assert!(end(b, Outcome::Completed).contains("the last report is of epoch 1"));
        assert_eq!(
            b.finish(&attempt, Outcome::EndedEarly).unwrap().state,
            TrialState::Completed
        );
    });
}
