//! The fold itself: results in, decisions out.
//!
//! Here: its state, `apply` and `decide`. What follows when a round is complete is in `closing`, which points narrow the space in `elites`,
//! what teaches proposals in `lessons`, the finishes in `finish`, which points are one set of params in `repeats`, who is ahead in `ranking`,
//! which trial is next and what its values are in `next_trial`, who wins in `recommend`.

mod closing;
mod elites;
mod finish;
mod hinges;
mod lessons;
mod next_trial;
mod ranking;
mod recommend;
mod repeats;

use std::collections::VecDeque;

use serde_json::Value;

use super::{
    decision::{Decision, Promotion, TrialEvent, TrialResult, Warning, priority},
    definition::{Definition, EarlierPoint, Pruner, Sampler},
    definition_error::DefinitionError,
    generations::Generations,
    plan::{Plan, PointSource, TrialKey},
    pruner::PrunerState,
    round::{Move, RoundState},
    sampler,
    search_box::SearchBox,
    sets::{Place, Sets},
    tpe::{self, Observation},
};

use finish::Finishing;

/// The state of one sweep's search.
#[derive(Debug)]
pub struct Search {
    definition: Definition,
    plan: Plan,
    grid: Vec<Vec<Value>>,
    rounds: Vec<RoundState>,
    /// The box of each drawn round, once it is known.
    boxes: Vec<Option<SearchBox>>,
    /// The points of each `top` round, once they are known.
    tops: Vec<Option<Vec<Place>>>,
    /// Which of the points that are known have the same params.
    sets: Sets,
    /// Which part of the plan is under way: 0 as launched, then one for each extension.
    segment: usize,
    /// Position of the round under way; past the segment's last one in its finish.
    current: usize,
    /// One per round whose points are proposed, by TPE or by zoom's model.
    generations: Vec<Option<Generations>>,
    /// One per round with a pruner.
    pruners: Vec<Option<PrunerState>>,
    /// One per segment.
    finishes: Vec<Finishing>,
    warnings: Vec<Warning>,
    outbox: VecDeque<Decision>,
    target_reached: bool,
    finished: bool,
}

impl Search {
    /// Follows a plan that was made of this definition.
    pub(crate) fn along(definition: Definition, plan: Plan) -> Result<Search, DefinitionError> {
        let mut search = Search::of_plan(definition, plan);
        if search.definition.sampler == Sampler::Grid {
            search.grid = sampler::grid(&search.definition.space)?;
        }
        search.watch_for_repeats();
        Ok(search)
    }

    /// A search that follows a plan made elsewhere, every point of which is taken for another.
    pub(super) fn of_plan(definition: Definition, plan: Plan) -> Search {
        let rounds: Vec<RoundState> = plan
            .rounds
            .iter()
            .map(|round| RoundState::new(round, plan.folds, round.points()))
            .collect();
        let mut boxes = vec![None; rounds.len()];
        boxes[0] = Some(SearchBox::whole(&definition.space));
        let proposes = definition.sampler == Sampler::Tpe;
        let generations = plan.rounds.iter().map(|round| {
            let size = u64::from(definition.parallel());
            match round.source {
                PointSource::Proposed { from_whole } => Some(Generations::of_model(
                    &definition,
                    round.number,
                    size,
                    from_whole,
                )),
                PointSource::Drawn { .. } if proposes => {
                    // Coordinates are those of the box, which later rounds do not know yet.
                    let earlier = match round.number {
                        1 => earlier_of_tpe(&definition),
                        _ => Vec::new(),
                    };
                    Some(Generations::of_tpe(round.number, size, earlier))
                }
                PointSource::Drawn { .. } | PointSource::Top(_) => None,
            }
        });
        let pruners = plan.rounds.iter().map(|round| {
            let prunes = round.pruner != Pruner::None;
            prunes.then(|| PrunerState::new(round.pruner, round.full_epochs))
        });
        Search {
            generations: generations.collect(),
            pruners: pruners.collect(),
            grid: Vec::new(),
            boxes,
            tops: vec![None; rounds.len()],
            sets: Sets::default(),
            rounds,
            segment: 0,
            current: 0,
            finishes: Finishing::of_plan(&plan),
            warnings: Vec::new(),
            outbox: VecDeque::new(),
            target_reached: false,
            finished: false,
            definition,
            plan,
        }
    }

    /// What the search was asked to do.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// Rounds, rungs and trial numbers.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Takes in what happened to one trial. The results of one trial come in their own order, trials in any.
    ///
    /// Numbers outside the plan (retries, checks, tests) are ignored.
    pub fn apply(&mut self, result: &TrialResult) {
        let folds = self.plan.folds;
        let Some(round) = self.plan.round_of(result.trial) else {
            return self.apply_to_finish(result.trial, result.event);
        };
        let index = result.trial - self.plan.rounds[round].first_trial;
        if let Some(pruner) = &mut self.pruners[round] {
            match result.event {
                TrialEvent::Known => {}
                TrialEvent::Report { epoch, objective } => {
                    if pruner.report(index, epoch, objective, &self.definition.objective) {
                        self.outbox.push_back(Decision::Prune {
                            trial: result.trial,
                        });
                    }
                }
                TrialEvent::Pruned => {
                    if let Some(last) = pruner.end(index) {
                        self.rounds[round].set_pruned_value(index, last);
                    }
                }
                _ => {
                    pruner.end(index);
                }
            }
        }
        let moves = self.rounds[round].apply(index, result.event, &self.definition.objective);
        let trials_per_point = u64::from(self.plan.rounds[round].repeats) * u64::from(folds);
        for change in moves {
            let decision = self.decision(round, trials_per_point, change);
            self.outbox.push_back(decision);
        }
        if !matches!(result.event, TrialEvent::Known | TrialEvent::Report { .. }) {
            self.advance();
        }
    }

    /// What is due: at most `want` new trials, and all promotions, prunes, boxes, warnings and the end. Each is said once.
    ///
    /// Empty when it must wait for results.
    pub fn decide(&mut self, want: usize) -> Vec<Decision> {
        let mut decisions = Vec::new();
        let mut left = want;
        loop {
            decisions.extend(self.outbox.drain(..));
            while left > 0
                && let Some(trial) = self.next_trial()
            {
                decisions.push(Decision::Enqueue(trial));
                left -= 1;
            }
            if self.outbox.is_empty() {
                return decisions;
            }
        }
    }

    /// The epochs at which a trial of this number is compared, ascending: what `AtRung` must be told for after a restart.
    pub fn rungs_of(&self, number: u64) -> Vec<u32> {
        match self.plan.round_of(number) {
            Some(round) => {
                let plan = &self.plan.rounds[round];
                let index = number - plan.first_trial;
                let point = index / (u64::from(plan.repeats) * u64::from(self.plan.folds));
                self.rounds[round].rung_epochs(point).to_vec()
            }
            None if self.plan.finish_of(number).is_some() => vec![self.plan.full_epochs],
            None => Vec::new(),
        }
    }

    /// Which trial has this number; `None` for numbers outside the plan, and for finish repeats whose point is not known yet.
    pub fn trial(&self, number: u64) -> Option<TrialKey> {
        match self.plan.round_of(number) {
            Some(round) => Some(self.key_in(round, number)),
            None => self.finish_trial_key(number),
        }
    }

    /// Whether [`Decision::Finish`] is decided.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    fn decision(&self, round: usize, trials_per_point: u64, change: Move) -> Decision {
        let plan = &self.plan.rounds[round];
        match change {
            Move::Prune { trial } => Decision::Prune {
                trial: plan.first_trial + trial,
            },
            Move::Promote { trial, rung } => {
                let epochs = self.rounds[round].rung_epochs(trial / trials_per_point);
                let is_top = rung + 1 == epochs.len();
                Decision::Promote(Promotion {
                    trial: plan.first_trial + trial,
                    to_epoch: epochs[rung],
                    waits_at_end: !is_top,
                    keep_weights: is_top && plan.keep_weights,
                    priority: priority::PROMOTED,
                })
            }
        }
    }
}

/// The sweep named in `from`, as TPE learns from it: in the file's box.
fn earlier_of_tpe(definition: &Definition) -> Vec<Observation> {
    let space = &definition.space;
    let whole = SearchBox::whole(space);
    let of_point = |(index, point): (usize, &EarlierPoint)| Observation {
        coordinates: whole.coordinates(space, &point.params),
        value: point.objective.map(|v| definition.objective.turned(v)),
        lot: tpe::lot(definition, 0, index as u64),
    };
    let fitting = definition.earlier.iter();
    fitting
        .filter(|point| space.contains(&point.params))
        .enumerate()
        .map(of_point)
        .collect()
}
