//! What the trials of a point come to together: the one place where the mean is made that the search ranks by, that is stored and that
//! people are shown.

use super::statistics;

/// What one trial came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TrialValue {
    /// Its objective.
    Value(f64),
    /// A pruner ended it at this objective.
    Pruned(f64),
    /// Whatever the others came to, the point has no value.
    Diverged,
    /// Failed, cancelled, or not there yet: the others count.
    Nothing,
}

/// The mean of trials, and what it is worth.
#[derive(Clone, Debug, PartialEq)]
pub struct Worth {
    /// Mean over the trials that count: those of all folds and repeats alike.
    pub mean: f64,
    /// Standard deviation over them (n − 1); `None` for one trial.
    pub spread: Option<f64>,
    /// Half the width of the mean's 95 % confidence interval (Student's t); `None` for one trial.
    pub half_width: Option<f64>,
    /// A pruner ended one of them.
    pub is_pruned: bool,
}

/// What these trials, in the order of their numbers, come to.
///
/// One that diverged leaves the point without a value; failed ones are left out, so that the others count.
///
/// # Errors
///
/// Why there is no mean.
pub fn worth(trials: impl IntoIterator<Item = TrialValue>) -> Result<Worth, NoWorth> {
    let mut values = Vec::new();
    let (mut diverged, mut is_pruned) = (false, false);
    for trial in trials {
        match trial {
            TrialValue::Value(value) => values.push(value),
            TrialValue::Pruned(value) => {
                is_pruned = true;
                values.push(value);
            }
            TrialValue::Diverged => diverged = true,
            TrialValue::Nothing => {}
        }
    }
    match (diverged, values.is_empty()) {
        (true, _) => Err(NoWorth::Diverged),
        (false, true) => Err(NoWorth::Nothing),
        (false, false) => Ok(Worth {
            mean: statistics::mean(&values),
            spread: statistics::spread(&values),
            half_width: statistics::half_width(&values),
            is_pruned,
        }),
    }
}

/// Why trials have no mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoWorth {
    /// One of them diverged.
    Diverged,
    /// None of them has a value.
    Nothing,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::{
        RoundPoints::Drawn,
        Search, TrialEvent, TrialResult,
        tests::outcomes::{definition, written},
    };

    const VALUES: [f64; 3] = [0.9, 0.5, 0.8];

    /// Two trainings of two folds, the last fold of which ends so.
    fn best_of(last: TrialEvent) -> Option<crate::search::Winner> {
        let mut definition = definition(written(&[(Drawn(1), 2, 2)]));
        definition.folds = 2;
        let mut search = Search::new(definition).unwrap();
        assert_eq!(search.decide(9).len(), 4);
        let completed = VALUES.map(|objective| TrialEvent::Completed {
            epoch: 2,
            objective,
        });
        for (trial, event) in (1..).zip(completed.into_iter().chain([last])) {
            search.apply(&TrialResult { trial, event });
        }
        search.best()
    }

    #[test]
    fn the_winner_is_worth_what_its_trials_are_but_for_failed_ones() {
        for left_out in [TrialEvent::Failed, TrialEvent::Cancelled] {
            let winner = best_of(left_out).unwrap();
            let values = VALUES.map(TrialValue::Value).into_iter();
            let worth = worth(values.chain([TrialValue::Nothing])).unwrap();
            assert_eq!(winner.objective, worth.mean);
            assert_eq!(
                (winner.spread, winner.half_width),
                (worth.spread, worth.half_width)
            );
            assert_eq!((winner.repeats, winner.trials), (2, vec![1, 2, 3]));
            assert!((worth.mean - 2.2 / 3.0).abs() < 1e-12);
        }
    }

    #[test]
    fn a_point_with_a_diverged_trial_has_no_mean() {
        assert_eq!(best_of(TrialEvent::Diverged { epoch: 1 }), None);
        let values = [TrialValue::Value(0.9), TrialValue::Diverged];
        assert_eq!(worth(values), Err(NoWorth::Diverged));
        assert_eq!(worth([TrialValue::Nothing]), Err(NoWorth::Nothing));
    }
}
