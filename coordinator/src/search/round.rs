//! The results of one round: values at rungs, and who goes on.

use std::collections::BTreeMap;

use super::{
    decision::TrialEvent,
    definition::Pruner,
    halving::{PointOutcome, RungState, Settled, Standing},
    objective::Objective,
    plan::RoundPlan,
    worth::TrialValue,
};

/// How a trial ended, as far as the search cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Not over.
    Open,
    /// Completed, or over by a decision of this search.
    Done,
    Pruned,
    Diverged,
    Failed,
}

/// What follows from a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// The trial with this index goes on to the rung with this index.
    Promote { trial: u64, rung: usize },
    /// The trial with this index is out.
    Prune { trial: u64 },
}

/// State of one round. Trials are counted from 0: `point * trials_per_point + repeat * folds + fold`.
#[derive(Debug)]
pub(super) struct RoundState {
    trials_per_point: u64,
    rung_count: usize,
    /// `[trial][rung]`; NaN where nothing is known.
    values: Vec<f64>,
    fates: Vec<Fate>,
    handed_out: Vec<bool>,
    /// No point from this one on has a trial that was handed out.
    untouched_from: u64,
    /// The rung that each point is on its way to; `u8::MAX` once it is through.
    on_way_to: Vec<u8>,
    brackets: Vec<BracketState>,
    cursor: u64,
    diverged_points: u64,
    /// Rounds with a pruner rank what it ended; elsewhere `pruned` only says that the search itself had ranked the trial.
    has_pruner: bool,
}

#[derive(Debug)]
struct BracketState {
    first_point: u64,
    epochs: Vec<u32>,
    rungs: Vec<RungState>,
    /// Of each point the first of the bracket with the same params; `None` where all are different.
    firsts: Option<Vec<u64>>,
}

const THROUGH: u8 = u8::MAX;

impl RoundState {
    /// A round whose brackets take the points that the plan says, or fewer: `points` of them when a `top` round found fewer.
    pub fn new(plan: &RoundPlan, folds: u32, points: u64) -> RoundState {
        let rung_count = plan
            .brackets
            .iter()
            .map(|b| b.rungs.len())
            .max()
            .unwrap_or(1);
        let trials_per_point = u64::from(plan.repeats) * u64::from(folds);
        let trials = (points * trials_per_point) as usize;
        let brackets = plan
            .brackets
            .iter()
            .map(|bracket| BracketState {
                first_point: bracket.first_point,
                epochs: bracket.rungs.iter().map(|rung| rung.epochs).collect(),
                rungs: (0..bracket.rungs.len())
                    .map(|i| {
                        let places = bracket.rungs.get(i + 1).map_or(0, |rung| rung.points);
                        RungState::new(bracket.rungs[i].points.min(points), places)
                    })
                    .collect(),
                firsts: None,
            })
            .collect();
        RoundState {
            trials_per_point,
            rung_count,
            values: vec![f64::NAN; trials * rung_count],
            fates: vec![Fate::Open; trials],
            handed_out: vec![false; trials],
            untouched_from: 0,
            on_way_to: vec![0; points as usize],
            brackets,
            cursor: 0,
            diverged_points: 0,
            has_pruner: plan.pruner != Pruner::None,
        }
    }

    /// Points of a bracket have the same params: of each the first that has them.
    pub fn group(&mut self, bracket: usize, firsts: Vec<u64>) {
        self.brackets[bracket].firsts = Some(firsts);
    }

    /// Takes in an event of one trial (in that trial's own order); says what follows from it for this and other trials.
    pub fn apply(&mut self, trial: u64, event: TrialEvent, objective: &Objective) -> Vec<Move> {
        let index = trial as usize;
        if index >= self.fates.len() {
            return Vec::new();
        }
        self.mark_handed_out(trial);
        if self.fates[index] != Fate::Open {
            return Vec::new();
        }
        let point = trial / self.trials_per_point;
        match event {
            TrialEvent::Known | TrialEvent::Report { .. } => return Vec::new(),
            TrialEvent::AtRung { epoch, objective } => self.set_value(trial, epoch, objective),
            TrialEvent::Completed { epoch, objective } => {
                self.set_value(trial, epoch, objective);
                self.end(trial, Fate::Done);
            }
            TrialEvent::EndedEarly { objective, .. } => {
                for rung in 0..self.rung_count {
                    let slot = &mut self.values[index * self.rung_count + rung];
                    if slot.is_nan() {
                        *slot = objective;
                    }
                }
                self.end(trial, Fate::Done);
            }
            TrialEvent::Diverged { .. } => self.end(trial, Fate::Diverged),
            TrialEvent::Pruned => self.end(trial, Fate::Pruned),
            TrialEvent::Cancelled | TrialEvent::Failed => self.end(trial, Fate::Failed),
        }
        self.advance(point, objective)
    }

    /// A pruner ended the trial at this value: what its point is ranked by, behind the finished.
    pub fn set_pruned_value(&mut self, trial: u64, value: f64) {
        self.values[trial as usize * self.rung_count] = value;
    }

    fn end(&mut self, trial: u64, fate: Fate) {
        self.fates[trial as usize] = fate;
    }

    fn set_value(&mut self, trial: u64, epoch: u32, value: f64) {
        let bracket = self.bracket_of(trial / self.trials_per_point);
        let Some(rung) = self.brackets[bracket]
            .epochs
            .iter()
            .position(|&e| e == epoch)
        else {
            return;
        };
        if value.is_nan() {
            // A value that is no number is an outcome of its own, never something to rank.
            self.end(trial, Fate::Diverged);
        } else {
            self.values[trial as usize * self.rung_count + rung] = value;
        }
    }

    fn bracket_of(&self, point: u64) -> usize {
        self.brackets
            .iter()
            .rposition(|bracket| bracket.first_point <= point)
            .unwrap_or(0)
    }

    /// Moves a point, and all that its arrival lets go on, as far as the results reach.
    fn advance(&mut self, point: u64, objective: &Objective) -> Vec<Move> {
        let mut moves = Vec::new();
        let mut pending: Vec<(u64, Option<PointOutcome>)> = vec![(point, None)];
        let bracket = self.bracket_of(point);
        while let Some((point, over)) = pending.pop() {
            let rung = self.on_way_to[point as usize];
            if rung == THROUGH {
                continue;
            }
            let rung = usize::from(rung);
            let Some(outcome) = over.or_else(|| self.outcome(point, rung, objective)) else {
                continue;
            };
            self.on_way_to[point as usize] = THROUGH;
            if over.is_none() {
                self.diverged_points += u64::from(outcome == PointOutcome::Diverged);
            }
            let settled = self.arrive(bracket, rung, Standing { outcome, point }, objective);
            for standing in settled.promoted {
                self.on_way_to[standing.point as usize] = rung as u8 + 1;
                if standing.outcome.is_over() {
                    // It takes its place on the next rung, but nothing of it is trained any further.
                    moves.extend(self.prune(standing.point));
                    pending.push((standing.point, Some(standing.outcome)));
                } else {
                    moves.extend(self.promote(standing.point, rung + 1));
                    pending.push((standing.point, None));
                }
            }
            for standing in settled.eliminated {
                moves.extend(self.prune(standing.point));
            }
        }
        moves
    }

    fn arrive(
        &mut self,
        bracket: usize,
        rung: usize,
        standing: Standing,
        objective: &Objective,
    ) -> Settled {
        if self.brackets[bracket].firsts.is_none() {
            return self.brackets[bracket].rungs[rung].arrive(standing);
        }
        self.brackets[bracket].rungs[rung].wait(standing);
        if !self.brackets[bracket].rungs[rung].is_full() {
            return Settled::default();
        }
        let ranked = self.ranked_by_sets(bracket, rung, objective);
        self.brackets[bracket].rungs[rung].settle(ranked)
    }

    /// The points of a full rung in the order of their places on the next one: sets of params by the mean over all their trainings here,
    /// and one point of each set, the earliest, before a second of any; last those that cannot be trained any further.
    fn ranked_by_sets(&self, bracket: usize, rung: usize, objective: &Objective) -> Vec<Standing> {
        let BracketState {
            first_point,
            firsts,
            ..
        } = &self.brackets[bracket];
        let first = |point: u64| match firsts {
            Some(firsts) => firsts[(point - first_point) as usize],
            None => point,
        };
        let mut sets: BTreeMap<u64, Vec<Standing>> = BTreeMap::new();
        for standing in self.brackets[bracket].rungs[rung].arrived() {
            sets.entry(first(standing.point))
                .or_default()
                .push(*standing);
        }
        let mut ranked = Vec::new();
        for (set, mut members) in sets {
            let values = members
                .iter()
                .flat_map(|member| self.values_so_far(member.point, rung));
            let outcome = PointOutcome::of(values, objective);
            members.sort_by_key(|member| (member.outcome.is_over(), member.point));
            let of_set = Standing {
                outcome,
                point: set,
            };
            ranked.extend(members.into_iter().enumerate().map(|(nth, member)| {
                let is_over = member.outcome.is_over() || outcome.is_over();
                ((is_over, nth), of_set, member)
            }));
        }
        ranked.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
        ranked.into_iter().map(|(.., member)| member).collect()
    }

    fn promote(&self, point: u64, rung: usize) -> Vec<Move> {
        self.trials_of(point)
            .filter(|&trial| {
                self.fates[trial as usize] == Fate::Open
                    && self.values[trial as usize * self.rung_count + rung].is_nan()
            })
            .map(|trial| Move::Promote { trial, rung })
            .collect()
    }

    /// Ends a point here, whether or not its trials have heard of it: what it came to is no matter of when they do.
    fn prune(&mut self, point: u64) -> Vec<Move> {
        let open = self
            .trials_of(point)
            .filter(|&trial| self.fates[trial as usize] == Fate::Open);
        let open: Vec<u64> = open.collect();
        for &trial in &open {
            self.end(trial, Fate::Pruned);
        }
        open.into_iter()
            .map(|trial| Move::Prune { trial })
            .collect()
    }

    /// How the point fares at a rung; `None` while one of its trials is still out.
    pub fn outcome(&self, point: u64, rung: usize, objective: &Objective) -> Option<PointOutcome> {
        let values = self.trial_values(point, rung)?;
        Some(PointOutcome::of(values, objective))
    }

    /// What each of a point's trials came to at a rung, in order; `None` while one of them is still out.
    pub fn trial_values(&self, point: u64, rung: usize) -> Option<Vec<TrialValue>> {
        self.trials_of(point)
            .map(|trial| self.trial_value(trial, rung))
            .collect()
    }

    /// The same of those that have come so far.
    pub fn values_so_far(&self, point: u64, rung: usize) -> impl Iterator<Item = TrialValue> {
        self.trials_of(point)
            .map(move |trial| self.trial_value(trial, rung).unwrap_or(TrialValue::Nothing))
    }

    fn trial_value(&self, trial: u64, rung: usize) -> Option<TrialValue> {
        let value = self.values[trial as usize * self.rung_count + rung];
        match self.fates[trial as usize] {
            Fate::Open if value.is_nan() => None,
            Fate::Diverged if value.is_nan() => Some(TrialValue::Diverged),
            _ if value.is_nan() => Some(TrialValue::Nothing),
            Fate::Pruned if self.has_pruner => Some(TrialValue::Pruned(value)),
            _ => Some(TrialValue::Value(value)),
        }
    }

    fn trials_of(&self, point: u64) -> std::ops::Range<u64> {
        point * self.trials_per_point..(point + 1) * self.trials_per_point
    }

    /// The next trial that has not been handed out, below `limit`; hands it out.
    pub fn hand_out(&mut self, limit: u64) -> Option<u64> {
        let limit = limit.min(self.handed_out.len() as u64);
        while self.cursor < limit {
            let trial = self.cursor;
            self.cursor += 1;
            if !self.handed_out[trial as usize] {
                self.mark_handed_out(trial);
                return Some(trial);
            }
        }
        None
    }

    fn mark_handed_out(&mut self, trial: u64) {
        self.handed_out[trial as usize] = true;
        self.untouched_from = self.untouched_from.max(trial / self.trials_per_point + 1);
    }

    /// No point from this one on has a trial that was handed out.
    pub fn untouched_from(&self) -> u64 {
        self.untouched_from
    }

    /// Trials that were handed out and are not over.
    pub fn open_trials(&self) -> impl Iterator<Item = u64> {
        (0..self.fates.len() as u64).filter(|&trial| {
            self.fates[trial as usize] == Fate::Open && self.handed_out[trial as usize]
        })
    }

    /// Fewer points than planned enter: there were not more to take.
    pub fn limit_points(&mut self, points: u64) {
        if points >= self.points() {
            return;
        }
        let trials = (points * self.trials_per_point) as usize;
        self.values.truncate(trials * self.rung_count);
        self.fates.truncate(trials);
        self.handed_out.truncate(trials);
        self.on_way_to.truncate(points as usize);
        for bracket in &mut self.brackets {
            for rung in &mut bracket.rungs {
                rung.limit(points);
            }
        }
    }

    /// Whether a point has come to the end of its way: the top rung, or out.
    pub fn is_through(&self, point: u64) -> bool {
        self.on_way_to[point as usize] == THROUGH
    }

    /// Whether every rung of every bracket has all its points.
    pub fn is_complete(&self) -> bool {
        self.brackets
            .iter()
            .all(|bracket| bracket.rungs.iter().all(RungState::is_full))
    }

    /// Whether all points that come to rung `level` of any bracket have come.
    pub fn level_is_full(&self, level: usize) -> bool {
        self.brackets
            .iter()
            .all(|bracket| bracket.rungs.get(level).is_none_or(RungState::is_full))
    }

    /// How many rungs the longest bracket has.
    pub fn levels(&self) -> usize {
        self.rung_count
    }

    /// Points at the `down`-th rung from the top of any bracket (0: the top), best first.
    pub fn ranked_from_top(&self, down: usize) -> Vec<Standing> {
        let mut ranked: Vec<Standing> = self
            .brackets
            .iter()
            .filter_map(|bracket| {
                let rung = bracket.rungs.len().checked_sub(down + 1)?;
                Some(bracket.rungs[rung].arrived())
            })
            .flatten()
            .copied()
            .collect();
        ranked.sort_unstable();
        ranked
    }

    /// Whether any of its points has a value to rank it by.
    pub fn has_value(&self) -> bool {
        let rungs = self.brackets.iter().flat_map(|bracket| &bracket.rungs);
        let mut arrived = rungs.flat_map(RungState::arrived);
        arrived.any(|standing| standing.outcome.has_value())
    }

    /// The best point with a value at the `down`-th rung from the top.
    pub fn best_from_top(&self, down: usize) -> Option<Standing> {
        self.brackets
            .iter()
            .filter_map(|bracket| {
                let rung = bracket.rungs.len().checked_sub(down + 1)?;
                bracket.rungs[rung].best()
            })
            .min()
    }

    /// The best point with a value at rung `level` of any bracket.
    pub fn best_at_level(&self, level: usize) -> Option<Standing> {
        self.brackets
            .iter()
            .filter_map(|bracket| bracket.rungs.get(level)?.best())
            .min()
    }

    /// How many points have diverged.
    pub fn diverged_points(&self) -> u64 {
        self.diverged_points
    }

    /// The epochs at which a point's trials are compared.
    pub fn rung_epochs(&self, point: u64) -> &[u32] {
        &self.brackets[self.bracket_of(point)].epochs
    }

    /// Points that enter the round.
    pub fn points(&self) -> u64 {
        self.on_way_to.len() as u64
    }
}
