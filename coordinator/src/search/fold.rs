//! The fold itself: results in, decisions out.

use std::collections::{HashSet, VecDeque};

use serde_json::Value;

use super::{
    decision::{Decision, NewTrial, Promotion, TrialEvent, TrialResult, Warning, priority},
    definition::{Definition, DefinitionError, Pruner, Sampler},
    edge,
    generations::{Generations, Lesson},
    halving::{PointOutcome, Standing},
    narrow,
    plan::{Plan, PointSource, TrialKey},
    planner,
    pruner::PrunerState,
    round::{Move, RoundState},
    sampler,
    search_box::SearchBox,
    space::Params,
    winner::{self, Candidate, Winner},
};

/// With fewer results on the top rung, proposals learn from the lower rungs too.
const LEAST_SURVIVORS: usize = 5;

/// A point: position of its round among the rounds (not its number), and its index there.
type Place = (usize, u64);

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
    /// Position of the round under way; past the last one in the finish.
    current: usize,
    /// One per round whose points TPE proposes.
    generations: Vec<Option<Generations>>,
    /// One per round with a pruner.
    pruners: Vec<Option<PrunerState>>,
    finish: Option<RoundState>,
    finalists: Option<Vec<Place>>,
    warnings: Vec<Warning>,
    outbox: VecDeque<Decision>,
    target_reached: bool,
    finished: bool,
}

/// A round as people see it.
#[derive(Clone, Debug, PartialEq)]
pub struct RoundView {
    /// From 1.
    pub number: u32,
    /// Points that enter it.
    pub points: u64,
    /// Points that are through with it: at its top rung, out, diverged, failed or cancelled.
    pub points_finished: u64,
    /// Its box; `None` until the rounds before have earned it, and for `top` rounds.
    pub within: Option<SearchBox>,
    /// The best mean of a point so far, at the highest rung that any point of the round has reached.
    pub best: Option<f64>,
}

impl Search {
    /// Makes the plan.
    ///
    /// # Errors
    ///
    /// What cannot be searched, with the path in the sweep file and what would be right.
    pub fn new(definition: Definition) -> Result<Search, DefinitionError> {
        let plan = planner::plan(&definition)?;
        let mut search = Search::of_plan(definition, plan);
        if search.definition.sampler == Sampler::Grid {
            search.grid = sampler::grid(&search.definition.space)?;
        }
        Ok(search)
    }

    /// A search that follows a plan made elsewhere.
    pub(super) fn of_plan(definition: Definition, plan: Plan) -> Search {
        let rounds: Vec<RoundState> = plan
            .rounds
            .iter()
            .map(|round| RoundState::new(round, plan.folds, round.points()))
            .collect();
        let finish = plan
            .finish_round()
            .map(|round| RoundState::new(&round, plan.folds, round.points()));
        let mut boxes = vec![None; rounds.len()];
        boxes[0] = Some(SearchBox::whole(&definition.space));
        let proposes = definition.sampler == Sampler::Tpe;
        let generations = plan.rounds.iter().map(|round| {
            let size = u64::from(definition.parallel());
            match round.source {
                PointSource::Proposed => Some(Generations::new(round.number, size, true)),
                PointSource::Drawn { .. } if proposes => {
                    Some(Generations::new(round.number, size, false))
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
            rounds,
            current: 0,
            finish,
            finalists: None,
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
            if let Some(finish) = &mut self.finish
                && let Some(index) = self.plan.finish_index(result.trial)
            {
                finish.apply(index, result.event, &self.definition.objective);
                self.advance();
            }
            return;
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
            None if self.plan.finish_index(number).is_some() => vec![self.plan.full_epochs],
            None => Vec::new(),
        }
    }

    /// Which trial has this number; `None` for numbers outside the plan, and for finish repeats whose point is not known yet.
    pub fn trial(&self, number: u64) -> Option<TrialKey> {
        if let Some(round) = self.plan.round_of(number) {
            return Some(self.plan.key_in(round, number));
        }
        let (rank, repeat, fold) = self.plan.finish_place(number)?;
        let (round, point) = *self.finalists.as_ref()?.get(rank as usize)?;
        Some(TrialKey {
            round: self.plan.rounds[round].number,
            point,
            repeat,
            fold,
        })
    }

    /// The rounds as people see them.
    pub fn rounds(&self) -> Vec<RoundView> {
        self.rounds
            .iter()
            .enumerate()
            .map(|(i, round)| RoundView {
                number: self.plan.rounds[i].number,
                points: round.points(),
                points_finished: round.finished_points(),
                within: self.boxes[i].clone(),
                best: round.best().map(|standing| self.value_of(standing)),
            })
            .collect()
    }

    /// The round under way, from 1; in the finish the last one.
    pub fn round(&self) -> u32 {
        (self.current + 1).min(self.rounds.len()) as u32
    }

    /// Warnings so far, in order.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Whether [`Decision::Finish`] is decided.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// The best point so far by the rule that the end uses: among the finalists; before that at the highest rung reached
    /// (written rounds: in the last round with a finished point). `None` before any value.
    pub fn best(&self) -> Option<Winner> {
        let candidates = match &self.finalists {
            Some(finalists) => self.finalist_candidates(finalists),
            None => self.early_candidates(),
        };
        winner::choose(
            &candidates,
            &self.definition.objective,
            self.plan.folds,
            |round, point| self.params((round as usize - 1, point)),
        )
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

    /// Closes what is complete: rounds, then the finish.
    fn advance(&mut self) {
        if self.finished {
            return;
        }
        self.propose();
        self.look_for_target();
        while !self.target_reached
            && self.current < self.rounds.len()
            && self.rounds[self.current].is_complete()
        {
            self.close_round();
            self.propose();
        }
        if !self.target_reached && self.current < self.rounds.len() {
            return;
        }
        if self.finalists.is_none() {
            self.enter_finish();
        }
        if self.finish.as_ref().is_none_or(RoundState::is_complete) {
            self.end();
        }
    }

    /// Lets TPE propose all that the results of the round under way allow.
    fn propose(&mut self) {
        if let Some(Some(generations)) = self.generations.get_mut(self.current) {
            generations.advance(&self.definition, &self.rounds[self.current]);
        }
    }

    fn look_for_target(&mut self) {
        if self.target_reached
            || self.definition.objective.target.is_none()
            || self.current >= self.rounds.len()
        {
            return;
        }
        let round = &self.rounds[self.current];
        let reached = (0..round.levels()).any(|level| {
            round.level_is_full(level)
                && round
                    .best_at_level(level)
                    .is_some_and(|best| self.definition.objective.reached(self.value_of(best)))
        });
        if !reached {
            return;
        }
        self.target_reached = true;
        let round_plan = &self.plan.rounds[self.current];
        for trial in self.rounds[self.current].open_trials() {
            self.outbox.push_back(Decision::Prune {
                trial: round_plan.first_trial + trial,
            });
        }
    }

    /// Says what the round has shown and makes the next one's box or points.
    fn close_round(&mut self) {
        let closed = self.current;
        self.current += 1;
        self.warn_of_divergence(closed);
        let elites: Vec<Params> = self
            .elites(closed)
            .into_iter()
            .map(|p| self.params(p))
            .collect();
        if let Some(best) = self.rounds[closed].best_from_top(0) {
            let best = self.params((closed, best.point));
            for edge in edge::edges(&self.definition.space, &best, &elites) {
                self.warn(edge.warning);
            }
        }
        let Some(next) = self.plan.rounds.get(self.current) else {
            return;
        };
        match next.source {
            PointSource::Drawn { .. } => {
                let previous = self.last_box();
                let within = narrow::next_box(&self.definition.space, &previous, &elites);
                self.outbox.push_back(Decision::NarrowTo {
                    round: next.number,
                    within: within.clone(),
                });
                self.boxes[self.current] = Some(within);
            }
            PointSource::Proposed => {
                let within = match self.rounds[closed].best_from_top(0) {
                    Some(best) if self.definition.widens() => {
                        let best = self.params((closed, best.point));
                        let edges = edge::edges(&self.definition.space, &best, &elites);
                        narrow::widened(&self.definition.space, &edges)
                    }
                    _ => SearchBox::whole(&self.definition.space),
                };
                self.outbox.push_back(Decision::NarrowTo {
                    round: next.number,
                    within: within.clone(),
                });
                let (earlier, survivors) = self.lessons(&within);
                if let Some(generations) = &mut self.generations[self.current] {
                    generations.learn(earlier, survivors);
                }
                self.boxes[self.current] = Some(within);
            }
            PointSource::Top(top) => {
                let best: Vec<Place> = self.rounds[closed]
                    .ranked_from_top(0)
                    .into_iter()
                    .filter(|standing| standing.outcome.has_value())
                    .take(top as usize)
                    .map(|standing| (closed, standing.point))
                    .collect();
                self.rounds[self.current].limit_points(best.len() as u64);
                self.tops[self.current] = Some(best);
            }
        }
    }

    /// What the rounds so far teach a round of proposals: coordinates in its box, and values (`None`: diverged).
    ///
    /// The top rung's results; where those are few, the lower rungs' too, each rung behind the one above. `true`: the top rung's alone.
    fn lessons(&self, within: &SearchBox) -> (Vec<Lesson>, bool) {
        let rounds = 0..self.current;
        let survivors = self.ranked(rounds.clone(), 0).len() >= LEAST_SURVIVORS;
        let levels = if survivors {
            1
        } else {
            rounds
                .clone()
                .map(|i| self.rounds[i].levels())
                .max()
                .unwrap_or(1)
        };
        let mut seen: HashSet<Place> = HashSet::new();
        let mut lessons: Vec<Lesson> = self.of_earlier_sweep(within);
        for down in 0..levels {
            let rung = rounds.clone().flat_map(|i| {
                let standings = self.rounds[i].ranked_from_top(down);
                standings.into_iter().map(move |standing| (i, standing))
            });
            for (i, standing) in rung {
                if standing.outcome == PointOutcome::Failed || !seen.insert((i, standing.point)) {
                    continue;
                }
                let params = self.params((i, standing.point));
                let coordinates = within.coordinates(&self.definition.space, &params);
                // Values of one sweep are far nearer to each other than a rung is to the next one here.
                let value = (!standing.outcome.is_over())
                    .then(|| standing.outcome.number() + 1e9 * down as f64);
                lessons.push((coordinates, value));
            }
        }
        (lessons, survivors)
    }

    /// The points of the sweep named in `from` that lie in this space.
    fn of_earlier_sweep(&self, within: &SearchBox) -> Vec<Lesson> {
        let space = &self.definition.space;
        let turn = |value: f64| {
            if self.definition.objective.maximize {
                -value
            } else {
                value
            }
        };
        let fitting = self
            .definition
            .earlier
            .iter()
            .filter(|point| space.contains(&point.params));
        fitting
            .map(|point| {
                (
                    within.coordinates(space, &point.params),
                    point.objective.map(turn),
                )
            })
            .collect()
    }

    /// The points that the next box is made of.
    fn elites(&self, closed: usize) -> Vec<Place> {
        if self.plan.is_written {
            self.elites_of_written(closed)
        } else {
            self.elites_of_planned(closed)
        }
    }

    /// The best quarter of the last round that drew points, at least four.
    fn elites_of_written(&self, closed: usize) -> Vec<Place> {
        let last_drawn = (0..=closed)
            .rev()
            .find(|&i| matches!(self.plan.rounds[i].source, PointSource::Drawn { .. }))
            .unwrap_or(0);
        let ranked = self.rounds[last_drawn].ranked_from_top(0);
        let finished = ranked
            .iter()
            .filter(|standing| !standing.outcome.is_over())
            .count();
        let count = finished.div_ceil(4).clamp(4, narrow::MOST_ELITES);
        // Pruned points fill up the four where too few were trained to the end.
        ranked
            .into_iter()
            .filter(|standing| standing.outcome.has_value())
            .take(count)
            .map(|standing| (last_drawn, standing.point))
            .collect()
    }

    /// Of all points of any round that reached the top rung the best half after round 1, the best quarter later; topped up to four from
    /// the next lower rungs.
    fn elites_of_planned(&self, closed: usize) -> Vec<Place> {
        let top = self.ranked(0..closed + 1, 0);
        let share = if closed == 0 { 2 } else { 4 };
        let count = top.len().div_ceil(share).min(narrow::MOST_ELITES);
        let mut elites: Vec<Place> = top.into_iter().take(count).collect();
        let levels = self
            .rounds
            .iter()
            .map(RoundState::levels)
            .max()
            .unwrap_or(1);
        for down in 0..levels {
            for place in self.ranked(0..closed + 1, down) {
                if elites.len() >= 4 {
                    return elites;
                }
                if !elites.contains(&place) {
                    elites.push(place);
                }
            }
        }
        elites
    }

    /// Points with a value at the `down`-th rung from the top, of several rounds, best first.
    fn ranked(&self, rounds: std::ops::Range<usize>, down: usize) -> Vec<Place> {
        let mut ranked: Vec<(Standing, usize)> = rounds
            .flat_map(|i| {
                let standings = self.rounds[i].ranked_from_top(down);
                standings.into_iter().map(move |standing| (standing, i))
            })
            .filter(|(standing, _)| !standing.outcome.is_over())
            .collect();
        ranked.sort_unstable_by(|(a, i), (b, j)| {
            let order = a.outcome.number().total_cmp(&b.outcome.number());
            order.then((i, a.point).cmp(&(j, b.point)))
        });
        ranked
            .into_iter()
            .map(|(standing, i)| (i, standing.point))
            .collect()
    }

    fn last_box(&self) -> SearchBox {
        self.boxes
            .iter()
            .rev()
            .find_map(Clone::clone)
            .unwrap_or_else(|| SearchBox::whole(&self.definition.space))
    }

    fn warn_of_divergence(&mut self, round: usize) {
        let (diverged, points) = (
            self.rounds[round].diverged_points(),
            self.rounds[round].points(),
        );
        if diverged * 2 > points {
            let number = self.plan.rounds[round].number;
            self.warn(Warning {
                key: format!("diverged {number}"),
                text: format!(
                    "{diverged} of the {points} points of round {number} diverged: the learning rates may reach too high"
                ),
            });
        }
    }

    fn warn(&mut self, warning: Warning) {
        if self.warnings.iter().all(|known| known.key != warning.key) {
            self.warnings.push(warning.clone());
            self.outbox.push_back(Decision::Warn(warning));
        }
    }

    fn enter_finish(&mut self) {
        let Some(finish) = self.plan.finish else {
            return;
        };
        let mut finalists = self.ranked(0..self.rounds.len(), 0);
        finalists.truncate(finish.top as usize);
        if let Some(state) = &mut self.finish {
            state.limit_points(finalists.len() as u64);
        }
        self.finalists = Some(finalists);
    }

    fn end(&mut self) {
        self.finished = true;
        let winner = self.best();
        let reason = match (
            &winner,
            self.target_reached,
            self.definition.objective.target,
        ) {
            (None, ..) => "no trial has a value".to_owned(),
            (Some(_), true, Some(target)) => {
                format!("the target {} is reached", edge::short(target))
            }
            _ => "the plan is done".to_owned(),
        };
        if let Some(winner) = &winner {
            for edge in edge::edges(&self.definition.space, &winner.params, &[]) {
                self.warn(edge.warning);
            }
        }
        self.outbox.push_back(Decision::Finish { winner, reason });
    }

    /// The next trial to hand out, by priority.
    fn next_trial(&mut self) -> Option<NewTrial> {
        if self.finished {
            return None;
        }
        if self.target_reached || self.current >= self.rounds.len() {
            let index = self.finish.as_mut()?.hand_out(u64::MAX)?;
            return self.finish_trial(index);
        }
        let trials_per_point =
            u64::from(self.plan.rounds[self.current].repeats) * u64::from(self.plan.folds);
        self.propose();
        let limit = match &self.generations[self.current] {
            Some(generations) => generations.proposed() * trials_per_point,
            None => u64::MAX,
        };
        if let Some(index) = self.rounds[self.current].hand_out(limit) {
            return Some(self.round_trial(self.current, index, priority::ROUND));
        }
        let next = self.current + 1;
        let ahead = self.plan.rounds.get(next)?;
        let PointSource::Drawn { from_whole } = ahead.source else {
            return None;
        };
        let limit = from_whole * u64::from(ahead.repeats) * u64::from(self.plan.folds);
        let index = self.rounds[next].hand_out(limit)?;
        Some(self.round_trial(next, index, priority::NEXT_ROUND))
    }

    fn round_trial(&self, round: usize, index: u64, priority: u8) -> NewTrial {
        let plan = &self.plan.rounds[round];
        let number = plan.first_trial + index;
        let key = self.plan.key_in(round, number);
        let epochs = self.rounds[round].rung_epochs(key.point);
        NewTrial {
            number,
            round: key.round,
            point: key.point,
            repeat: key.repeat,
            fold: key.fold,
            params: self.params((round, key.point)),
            to_epoch: epochs[0],
            full_epochs: plan.full_epochs,
            waits_at_end: epochs.len() > 1,
            keep_weights: epochs.len() == 1 && plan.keep_weights,
            priority,
        }
    }

    fn finish_trial(&self, index: u64) -> Option<NewTrial> {
        let number = self.plan.finish?.first_trial + index;
        let key = self.trial(number)?;
        Some(NewTrial {
            number,
            round: key.round,
            point: key.point,
            repeat: key.repeat,
            fold: key.fold,
            params: self.params((key.round as usize - 1, key.point)),
            to_epoch: self.plan.full_epochs,
            full_epochs: self.plan.full_epochs,
            waits_at_end: false,
            keep_weights: true,
            priority: priority::REPEAT,
        })
    }

    /// The values of a point: a pure function of the definition, the boxes and the `top` points before it.
    fn params(&self, (round, point): Place) -> Params {
        if let Some(top) = &self.tops[round] {
            return self.params(top[point as usize]);
        }
        let space = &self.definition.space;
        if self.definition.sampler == Sampler::Grid {
            return sampler::grid_params(space, &self.grid, point);
        }
        let from_whole = match self.plan.rounds[round].source {
            PointSource::Drawn { from_whole } => from_whole,
            PointSource::Proposed | PointSource::Top(_) => 0,
        };
        let is_whole = round > 0 && point < from_whole;
        let index = if round > 0 && !is_whole {
            point - from_whole
        } else {
            point
        };
        let proposed = self.generations[round]
            .as_ref()
            .and_then(|generations| generations.coordinates(point));
        let coordinates = match proposed {
            Some(coordinates) => coordinates.clone(),
            None => sampler::coordinates(
                self.definition.sampler,
                self.definition.seed,
                self.plan.rounds[round].number,
                is_whole,
                index,
                space.dimensions(),
            ),
        };
        let within = match &self.boxes[round] {
            Some(within) if !is_whole => within.clone(),
            _ => SearchBox::whole(space),
        };
        match self.definition.start.get(point as usize) {
            Some(given) if round == 0 => {
                space.assemble(|axis, domain| match given.get(&domain.path) {
                    Some(value) => value.clone(),
                    None => within.axes()[axis].value(domain, coordinates[axis]),
                })
            }
            _ => space.params(&coordinates, &within),
        }
    }

    fn value_of(&self, standing: Standing) -> f64 {
        standing.outcome.value(&self.definition.objective)
    }

    fn early_candidates(&self) -> Vec<Candidate> {
        let levels = self
            .rounds
            .iter()
            .map(RoundState::levels)
            .max()
            .unwrap_or(1);
        if self.plan.is_written {
            let last = self
                .rounds
                .iter()
                .rposition(|round| round.best_from_top(0).is_some());
            return last.map_or_else(Vec::new, |round| self.round_candidates(round));
        }
        for down in 0..levels {
            let best: Vec<Candidate> = self
                .rounds
                .iter()
                .enumerate()
                .filter_map(|(i, round)| {
                    let best = round.best_from_top(down)?;
                    let level = round.rung_epochs(best.point).len() - 1 - down;
                    Some(self.candidate(i, best.point, level))
                })
                .collect();
            if !best.is_empty() {
                return best;
            }
        }
        Vec::new()
    }

    /// The points of a written round: all of them where repeats can make a tie, else the best alone.
    fn round_candidates(&self, round: usize) -> Vec<Candidate> {
        let plan = &self.plan.rounds[round];
        let trials_per_point = u64::from(plan.repeats) * u64::from(self.plan.folds);
        if trials_per_point > 1 && plan.points() <= narrow::MOST_ELITES as u64 {
            return self.rounds[round]
                .ranked_from_top(0)
                .into_iter()
                .filter(|standing| !standing.outcome.is_over())
                .map(|standing| self.candidate(round, standing.point, 0))
                .collect();
        }
        self.rounds[round]
            .best_from_top(0)
            .map(|best| self.candidate(round, best.point, 0))
            .into_iter()
            .collect()
    }

    fn candidate(&self, round: usize, point: u64, level: usize) -> Candidate {
        let plan = &self.plan.rounds[round];
        let state = &self.rounds[round];
        let trials_per_point = u64::from(plan.repeats) * u64::from(self.plan.folds);
        let first = plan.first_trial + point * trials_per_point;
        Candidate {
            round: plan.number,
            point,
            trials: (first..)
                .zip(state.values_at(point, level))
                .filter_map(|(number, value)| Some((Some(number), value?)))
                .collect(),
            epochs: state.rung_epochs(point)[level],
        }
    }

    /// The finalists that have not diverged, with the trials that the finish added.
    fn finalist_candidates(&self, finalists: &[Place]) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        for (rank, &(round, point)) in finalists.iter().enumerate() {
            let level = self.rounds[round].rung_epochs(point).len() - 1;
            let mut candidate = self.candidate(round, point, level);
            if let (Some(finish), Some(plan)) = (&self.finish, self.plan.finish) {
                let rank = rank as u64;
                if finish.has_diverged(rank) {
                    continue;
                }
                let extra = u64::from(plan.extra) * u64::from(self.plan.folds);
                let added = (plan.first_trial + rank * extra..).zip(finish.values_at(rank, 0));
                candidate
                    .trials
                    .extend(added.filter_map(|(number, value)| Some((Some(number), value?))));
            }
            candidates.push(candidate);
        }
        candidates
    }
}
