//! The plan: rounds, rungs and trial numbers, all known before anything is trained.

use super::definition::Pruner;

/// Rounds and finish of a sweep. Trial numbers follow from it: 1, 2, … in order of (round, point, repeat, fold), then the finish.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// In order; numbered from 1.
    pub rounds: Vec<RoundPlan>,
    /// Repeats of the best points at the end.
    pub finish: Option<FinishPlan>,
    /// Trials of a point and repeat: one a fold.
    pub folds: u32,
    /// The horizon of schedules for planned strategies; written rounds have their own.
    pub full_epochs: u32,
    /// Epochs of the whole plan when nothing diverges.
    pub epochs: u64,
    /// The rounds were written by hand: the last one names the winner.
    pub is_written: bool,
    /// What the planner has to say about it, in words.
    pub notes: Vec<String>,
}

/// One round: a batch of points on one box.
#[derive(Clone, Debug, PartialEq)]
pub struct RoundPlan {
    /// From 1.
    pub number: u32,
    /// Where its points come from.
    pub source: PointSource,
    /// Points are ranked and promoted within their bracket; the points of one follow those of the one before.
    pub brackets: Vec<Bracket>,
    /// Trials of a point, apart from folds.
    pub repeats: u32,
    /// Epochs that its schedules are laid out for.
    pub full_epochs: u32,
    /// What ends its trials before their time.
    pub pruner: Pruner,
    /// The number of its first trial.
    pub first_trial: u64,
    /// Weights of trials that reach the top rung are kept for the test.
    pub keep_weights: bool,
}

/// Where a round's points come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointSource {
    /// Drawn: the first `from_whole` from the file's box, the others from the round's own.
    Drawn {
        /// Which no result changes, so they may start before the round before has ended.
        from_whole: u64,
    },
    /// The best so many of the round before, trained afresh.
    Top(u32),
    /// The first `from_whole` drawn from the file's box; the others proposed in generations, after what all rounds before and the
    /// generations before have shown.
    Proposed {
        /// Which no result changes, so they may start before the round before has ended.
        from_whole: u64,
    },
}

/// Points that compete with each other: one bracket of successive halving, or a plain round with one rung.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bracket {
    /// Index of its first point within the round.
    pub first_point: u64,
    /// Ascending in epochs, descending in points; at least one.
    pub rungs: Vec<Rung>,
}

/// A budget level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// Epochs after which its points are compared.
    pub epochs: u32,
    /// How many points get there.
    pub points: u64,
}

/// More trials of the best points, each from epoch 0 to `full_epochs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinishPlan {
    /// How many points.
    pub top: u32,
    /// Trials each beside the one that the point has.
    pub extra: u32,
    /// The number of its first trial.
    pub first_trial: u64,
}

/// What a trial is: the `fold`-th part of the `repeat`-th training of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrialKey {
    /// From 1.
    pub round: u32,
    /// From 0, within the round.
    pub point: u64,
    /// From 0.
    pub repeat: u32,
    /// From 0.
    pub fold: u32,
}

impl Plan {
    /// The highest number that the plan gives out; retries come after it.
    pub fn last_trial(&self) -> u64 {
        let rounds = self
            .rounds
            .last()
            .map_or(0, |round| round.first_trial - 1 + round.trials(self.folds));
        let finish = self.finish.map_or(0, |finish| {
            u64::from(finish.top) * u64::from(finish.extra) * u64::from(self.folds)
        });
        rounds + finish
    }
}

impl Plan {
    /// The finish as a round: the finalist of rank `i` is its point `i`.
    pub(super) fn finish_round(&self) -> Option<RoundPlan> {
        let finish = self.finish.filter(|finish| finish.extra > 0)?;
        Some(RoundPlan {
            number: self.rounds.len() as u32 + 1,
            source: PointSource::Top(finish.top),
            brackets: vec![Bracket {
                first_point: 0,
                rungs: vec![Rung {
                    epochs: self.full_epochs,
                    points: u64::from(finish.top),
                }],
            }],
            repeats: finish.extra,
            full_epochs: self.full_epochs,
            pruner: Pruner::None,
            first_trial: finish.first_trial,
            keep_weights: true,
        })
    }

    /// Position of the round that a trial belongs to.
    pub(super) fn round_of(&self, number: u64) -> Option<usize> {
        let round = self
            .rounds
            .partition_point(|round| round.first_trial <= number)
            .checked_sub(1)?;
        let plan = &self.rounds[round];
        (number < plan.first_trial + plan.trials(self.folds)).then_some(round)
    }

    /// What the trial of this number is; it must belong to the round at position `round`.
    pub(super) fn key_in(&self, round: usize, number: u64) -> TrialKey {
        let plan = &self.rounds[round];
        let index = number - plan.first_trial;
        let folds = u64::from(self.folds);
        let repeats = u64::from(plan.repeats);
        TrialKey {
            round: plan.number,
            point: index / (repeats * folds),
            repeat: (index / folds % repeats) as u32,
            fold: (index % folds) as u32,
        }
    }

    /// Index of a trial within the finish.
    pub(super) fn finish_index(&self, number: u64) -> Option<u64> {
        let finish = self.finish?;
        let trials = u64::from(finish.top) * u64::from(finish.extra) * u64::from(self.folds);
        let index = number.checked_sub(finish.first_trial)?;
        (index < trials).then_some(index)
    }

    /// Rank, repeat (from 1: repeat 0 is the trial that the point has) and fold of a trial of the finish.
    pub(super) fn finish_place(&self, number: u64) -> Option<(u64, u32, u32)> {
        let finish = self.finish?;
        let index = self.finish_index(number)?;
        let (folds, extra) = (u64::from(self.folds), u64::from(finish.extra));
        let rank = index / (extra * folds);
        Some((
            rank,
            1 + (index / folds % extra) as u32,
            (index % folds) as u32,
        ))
    }
}

impl RoundPlan {
    /// Points that enter the round.
    pub fn points(&self) -> u64 {
        self.brackets.iter().map(Bracket::points).sum()
    }

    /// Trials of the round: points × repeats × folds.
    pub fn trials(&self, folds: u32) -> u64 {
        self.points() * u64::from(self.repeats) * u64::from(folds)
    }
}

impl Bracket {
    /// Points that enter it.
    pub fn points(&self) -> u64 {
        self.rungs[0].points
    }

    /// Epochs that one fold of its points costs when all rungs fill.
    pub fn epochs(&self) -> u64 {
        let mut before = 0;
        let mut sum = 0;
        for rung in &self.rungs {
            sum += rung.points * u64::from(rung.epochs - before);
            before = rung.epochs;
        }
        sum
    }
}
