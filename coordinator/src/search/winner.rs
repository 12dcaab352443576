//! Which point is recommended.

use std::collections::BTreeSet;

use super::{
    objective::Objective,
    space::Params,
    statistics,
    worth::{TrialValue, worth},
};

/// A point and what its trials say.
#[derive(Clone, Debug, PartialEq)]
pub struct Winner {
    /// From 1; 0 for a point of the sweep named in `from` that the finish has trained.
    pub round: u32,
    /// From 0, within the round; in round 0 from 1.
    pub point: u64,
    /// By full path.
    pub params: Params,
    /// Mean over its trials.
    pub objective: f64,
    /// Standard deviation over its trials (n − 1); `None` for one trial.
    pub spread: Option<f64>,
    /// Half the width of the mean's 95 % confidence interval (Student's t); `None` for one trial.
    pub half_width: Option<f64>,
    /// Trainings of the point that count, folds apart.
    pub repeats: u32,
    /// Numbers of the trials that count, ascending.
    pub trials: Vec<u64>,
    /// Epochs of one trial.
    pub epochs: u32,
    /// Points (round, point) whose mean cannot be told from this one's.
    pub tied: Vec<(u32, u64)>,
}

/// A point that may be recommended.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub round: u32,
    pub point: u64,
    /// In the order of their numbers.
    pub trials: Vec<CandidateTrial>,
    pub epochs: u32,
}

/// A trial of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct CandidateTrial {
    pub number: u64,
    /// Which training it is a fold of: the number of that one's first trial.
    pub training: u64,
    pub value: TrialValue,
}

impl Candidate {
    fn values(&self) -> Vec<f64> {
        let value = |trial: &CandidateTrial| match trial.value {
            TrialValue::Value(value) => Some(value),
            _ => None,
        };
        self.trials.iter().filter_map(value).collect()
    }
}

/// The best mean; on equal means the one named first. A point with more trials goes before it when nobody can tell the two apart, so that one
/// lucky trial does not win over a mean of several.
pub(super) fn choose(
    candidates: &[Candidate],
    objective: &Objective,
    params: impl Fn(u32, u64) -> Params,
) -> Option<Winner> {
    let worth_of = |candidate: &Candidate| worth(candidate.trials.iter().map(|trial| trial.value));
    let candidates: Vec<&Candidate> = candidates.iter().filter(|c| worth_of(c).is_ok()).collect();
    let groups: Vec<Vec<f64>> = candidates
        .iter()
        .map(|candidate| candidate.values())
        .collect();
    let best = (0..groups.len()).min_by(|&a, &b| {
        objective.compare(statistics::mean(&groups[a]), statistics::mean(&groups[b]))
    })?;
    let best = better_proven(&groups, best, objective);
    let chosen = candidates[best];
    let worth = worth_of(chosen).ok()?;
    let counting = chosen.trials.iter();
    let counting = counting.filter(|trial| matches!(trial.value, TrialValue::Value(_)));
    let trainings: BTreeSet<u64> = counting.clone().map(|trial| trial.training).collect();
    let mut trials: Vec<u64> = counting.map(|trial| trial.number).collect();
    trials.sort_unstable();
    Some(Winner {
        round: chosen.round,
        point: chosen.point,
        params: params(chosen.round, chosen.point),
        objective: worth.mean,
        spread: worth.spread,
        half_width: worth.half_width,
        repeats: trainings.len() as u32,
        trials,
        epochs: chosen.epochs,
        tied: statistics::ties(&groups, best)
            .into_iter()
            .map(|i| (candidates[i].round, candidates[i].point))
            .collect(),
    })
}

/// Of the groups that cannot be told from group `best` and have more values the one with the most values, the best of those; else `best`.
fn better_proven(groups: &[Vec<f64>], best: usize, objective: &Objective) -> usize {
    let tied = statistics::ties(groups, best).into_iter();
    let proven = tied.filter(|&i| groups[i].len() > groups[best].len());
    let order = |&a: &usize, &b: &usize| {
        let (mean, other) = (statistics::mean(&groups[a]), statistics::mean(&groups[b]));
        let by_count = groups[b].len().cmp(&groups[a].len());
        by_count.then(objective.compare(mean, other))
    };
    proven.min_by(order).unwrap_or(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(groups: &[&[f64]]) -> u64 {
        let objective = Objective {
            metric: "val_accuracy".into(),
            maximize: true,
            at_best: true,
            target: None,
        };
        let candidate = |(point, values): (usize, &&[f64])| Candidate {
            round: 1,
            point: point as u64,
            trials: (1..)
                .zip(values.iter())
                .map(|(number, value)| CandidateTrial {
                    number,
                    training: number,
                    value: TrialValue::Value(*value),
                })
                .collect(),
            epochs: 9,
        };
        let candidates: Vec<Candidate> = groups.iter().enumerate().map(candidate).collect();
        let winner = choose(&candidates, &objective, |_, _| Params::new());
        winner.unwrap().point
    }

    #[test]
    fn one_lucky_trial_does_not_win_over_a_mean_of_several() {
        let (proven, other) = ([0.90, 0.91, 0.92], [0.88, 0.89, 0.90]);
        assert_eq!(chosen(&[&other, &proven, &[0.925]]), 1);
        assert_eq!(chosen(&[&other, &proven, &[0.99]]), 2, "clearly better");
        assert_eq!(chosen(&[&[0.90], &[0.91]]), 1, "nothing is known of noise");
    }
}
