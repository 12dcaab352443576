//! The plan: rounds, rungs and trial numbers, all known before anything is trained.

use super::definition::Pruner;

/// Rounds and finish of a sweep. Trial numbers follow from it: 1, 2, … in order of (round, point, repeat, fold), then the finish.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// In order; numbered from 1.
    pub rounds: Vec<RoundPlan>,
    /// Repeats of the best points at the end.
    pub finish: Option<FinishPlan>,
    /// The finish behind each round that `hone extend` added; those rounds are the last ones.
    pub extensions: Vec<Option<FinishPlan>>,
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
        self.last_trial_of(self.extensions.len())
    }

    /// The highest number of the plan as it was before anything was added.
    pub fn last_trial_at_launch(&self) -> u64 {
        self.last_trial_of(0)
    }

    /// How many trials it has.
    pub fn trials(&self) -> u64 {
        let rounds: u64 = self.rounds.iter().map(|r| r.trials(self.folds)).sum();
        let finishes = self.finishes().flatten();
        rounds + finishes.map(|f| f.trials(self.folds)).sum::<u64>()
    }

    /// Numbers of the trials that an ended sweep had planned before it was extended for the last time.
    pub fn closed_trials(&self) -> impl Iterator<Item = u64> {
        let last = self.extensions.len();
        let rounds = &self.rounds[..last.checked_sub(1).map_or(0, |s| self.segment_end(s))];
        let of_rounds = rounds
            .iter()
            .flat_map(|r| r.first_trial..r.first_trial + r.trials(self.folds));
        let finishes = self.finishes().take(last).flatten();
        of_rounds.chain(finishes.flat_map(|f| f.first_trial..f.first_trial + f.trials(self.folds)))
    }

    /// The finish of each segment: of the plan as launched, then of each extension.
    pub(super) fn finishes(&self) -> impl Iterator<Item = Option<FinishPlan>> {
        std::iter::once(self.finish).chain(self.extensions.iter().copied())
    }

    /// Where the rounds of a segment end: position behind its last one. Segment 0 is the plan as launched.
    pub(super) fn segment_end(&self, segment: usize) -> usize {
        self.rounds.len() - self.extensions.len() + segment
    }

    fn last_trial_of(&self, segment: usize) -> u64 {
        let round = &self.rounds[self.segment_end(segment) - 1];
        let rounds = round.first_trial - 1 + round.trials(self.folds);
        let finish = self.finishes().nth(segment).flatten();
        rounds + finish.map_or(0, |finish| finish.trials(self.folds))
    }

    /// A finish as a round: the point of rank `i` that it trains is its point `i`.
    pub(super) fn finish_round(&self, finish: FinishPlan) -> Option<RoundPlan> {
        (finish.extra > 0).then(|| RoundPlan {
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

    /// The segment whose finish a trial belongs to, and its index there.
    pub(super) fn finish_of(&self, number: u64) -> Option<(usize, u64)> {
        self.finishes().enumerate().find_map(|(segment, finish)| {
            let finish = finish?;
            let index = number.checked_sub(finish.first_trial)?;
            (index < finish.trials(self.folds)).then_some((segment, index))
        })
    }
}

impl FinishPlan {
    /// Trials that it adds.
    pub fn trials(&self, folds: u32) -> u64 {
        u64::from(self.top) * u64::from(self.extra) * u64::from(folds)
    }

    /// Rank, repeat (from 0, after those that the point has) and fold of a trial of this finish.
    pub(super) fn place(&self, index: u64, folds: u32) -> (usize, u32, u32) {
        let (folds, extra) = (u64::from(folds), u64::from(self.extra));
        (
            (index / (extra * folds)) as usize,
            (index / folds % extra) as u32,
            (index % folds) as u32,
        )
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
