//! One sweep under way: results go in, decisions come out as one numbered command at a time. No clock, no store.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    SweepPlan,
    actions::{action, check_trial, plan_actions, test_trial},
    results::{event, findings, test_accuracy},
    spec::NoSuchPlace,
};
use crate::{
    ids::{SweepId, TrialNumber},
    search::{self, Decision, DefinitionError, Search, TrialEvent, Winner},
    store::{
        TrialResult, WinnerRef,
        command::{Action, Decide},
    },
    trial::{TrialKind, TrialState},
};

/// Trials that must all fail at a sweep's start before it is given up.
const FIRST_TRIALS: u32 = 5;

/// A sweep under way.
#[derive(Debug)]
pub struct ActiveSweep {
    id: SweepId,
    plan: SweepPlan,
    search: Search,
    /// Number of the newest applied decision.
    decisions: u64,
    /// The newest result that was taken in.
    seen: u64,
    planned: bool,
    check: Check,
    /// Search trials that ended, and how many of them failed.
    ended: u32,
    failed: u32,
    best: Option<WinnerRef>,
    end: Option<End>,
    /// Objective so far of trials whose epochs are compared.
    running: BTreeMap<TrialNumber, f64>,
    /// Results of test trials.
    tests: BTreeMap<TrialNumber, Option<f64>>,
}

#[derive(Debug)]
enum Check {
    Awaited,
    Found(Value),
    Over,
}

/// The search is done; tests may still be to come.
#[derive(Clone, Debug)]
struct End {
    winner: Option<Winner>,
    reason: String,
    tests_queued: bool,
}

impl ActiveSweep {
    /// A sweep as the store has it, before its results are taken in. `checked`: it has no check, or passed it.
    pub fn new(
        id: SweepId,
        plan: SweepPlan,
        decisions: u64,
        checked: bool,
    ) -> Result<Self, DefinitionError> {
        Ok(Self {
            id,
            search: Search::new(plan.search.clone())?,
            plan,
            decisions,
            seen: 0,
            planned: false,
            check: if checked { Check::Over } else { Check::Awaited },
            ended: 0,
            failed: 0,
            best: None,
            end: None,
            running: BTreeMap::new(),
            tests: BTreeMap::new(),
        })
    }

    /// Sequence number of the newest result taken in.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// A trial that the store has already: it is not handed out again.
    pub fn known(&mut self, number: TrialNumber) {
        self.search.apply(&search::TrialResult {
            trial: number.0,
            event: TrialEvent::Known,
        });
    }

    /// The metric whose value after each epoch the search compares; `None`: only ends count.
    pub fn reports(&self) -> Option<String> {
        let rounds = &self.search.plan().rounds;
        let compares = rounds
            .iter()
            .any(|round| round.pruner != search::Pruner::None);
        compares.then(|| self.plan.search.objective.metric.clone())
    }

    /// Takes in the value after one epoch. Epochs of a trial come in order.
    pub fn epoch(&mut self, trial: TrialNumber, epoch: u32, value: f64) {
        let objective = &self.plan.search.objective;
        let values = self.running.entry(trial).or_insert(value);
        *values = objective.of_curve([*values, value]).unwrap_or(value);
        let event = TrialEvent::Report {
            epoch,
            objective: *values,
        };
        self.search.apply(&search::TrialResult {
            trial: trial.0,
            event,
        });
    }

    /// Takes in one result.
    pub fn apply(&mut self, result: &TrialResult) {
        self.seen = self.seen.max(result.seq);
        match result.kind {
            TrialKind::Check if result.state.is_terminal() => {
                let found = serde_json::from_str(&result.result_json).unwrap_or(Value::Null);
                if matches!(self.check, Check::Awaited) {
                    self.check = Check::Found(found);
                }
            }
            TrialKind::Test if result.state.is_terminal() => {
                let accuracy = test_accuracy(&result.result_json);
                self.tests.insert(result.number, accuracy);
            }
            TrialKind::Check | TrialKind::Test => {}
            TrialKind::Search => self.apply_search(result),
        }
    }

    fn apply_search(&mut self, result: &TrialResult) {
        if result.state.is_terminal() {
            self.ended += 1;
            self.failed += u32::from(result.state == TrialState::Failed);
        }
        if let Some(event) = event(result) {
            // A retry's number lies outside the plan: the search ignores it, and people read it.
            self.search.apply(&search::TrialResult {
                trial: result.number.0,
                event,
            });
        }
    }

    /// What is to be done now, as one command; `None`: nothing before more results. `want`: how many new trials the
    /// queue has room for.
    ///
    /// The search says each decision once, so the caller applies this very command, repeating it until the store has
    /// taken it, and then calls [`decided`](Self::decided).
    pub fn decide(&mut self, want: usize, at: i64) -> Option<Decide> {
        let actions = self.actions(want).unwrap_or_else(|error| {
            vec![Action::Fail {
                reason: error.to_string(),
            }]
        });
        (!actions.is_empty()).then(|| Decide {
            sweep: self.id.clone(),
            number: self.decisions + 1,
            actions,
            at,
        })
    }

    /// A decision of this number was applied, now or before a restart.
    pub fn decided(&mut self, number: u64) {
        self.decisions = self.decisions.max(number);
    }

    fn actions(&mut self, want: usize) -> Result<Vec<Action>, NoSuchPlace> {
        let mut actions = Vec::new();
        if !self.planned {
            self.planned = true;
            let reserve = TrialNumber(self.check_number().0 + self.most_tests());
            actions.extend(plan_actions(&self.plan, self.search.plan(), reserve));
            if !matches!(self.check, Check::Over) {
                let check = check_trial(&self.plan, self.check_number())?;
                actions.push(Action::Enqueue(vec![check]));
            }
        }
        if !self.pass_check(&mut actions) {
            return Ok(actions);
        }
        if let Some(reason) = self.hopeless() {
            actions.push(Action::Fail { reason });
            return Ok(actions);
        }
        self.take_decisions(want, &mut actions)?;
        self.take_best(&mut actions);
        self.take_end(&mut actions)?;
        Ok(actions)
    }

    /// Whether the search may go on. Only a check that says so itself stops a sweep.
    fn pass_check(&mut self, actions: &mut Vec<Action>) -> bool {
        let found = match std::mem::replace(&mut self.check, Check::Over) {
            Check::Over => return true,
            Check::Awaited => {
                self.check = Check::Awaited;
                return false;
            }
            Check::Found(found) => found,
        };
        if found.get("passed") == Some(&Value::Bool(false)) {
            actions.push(Action::Fail {
                reason: format!("the check failed: {}", findings(&found)),
            });
            return false;
        }
        actions.push(Action::CheckPassed);
        true
    }

    fn hopeless(&self) -> Option<String> {
        (self.ended == self.failed && self.failed >= FIRST_TRIALS).then(|| {
            format!(
                "the first {} trials all failed; `hone logs {}/1` says more",
                self.failed, self.id
            )
        })
    }

    fn take_decisions(
        &mut self,
        want: usize,
        actions: &mut Vec<Action>,
    ) -> Result<(), NoSuchPlace> {
        if self.end.is_some() {
            return Ok(());
        }
        let mut new = Vec::new();
        for decision in self.search.decide(want) {
            match action(&self.plan, self.search.plan(), &decision)? {
                Some(Action::Enqueue(trials)) => new.extend(trials),
                Some(other) => actions.push(other),
                None => {}
            }
            if let Decision::Finish { winner, reason } = decision {
                self.end = Some(End {
                    winner,
                    reason,
                    tests_queued: false,
                });
            }
        }
        if !new.is_empty() {
            actions.push(Action::Enqueue(new));
        }
        Ok(())
    }

    fn take_best(&mut self, actions: &mut Vec<Action>) {
        let best = self.search.best().as_ref().and_then(place);
        if best != self.best
            && let Some(place) = best
        {
            self.best = best;
            actions.push(Action::Best(place));
        }
    }

    /// After the search's end: the tests, then the sweep's completion.
    fn take_end(&mut self, actions: &mut Vec<Action>) -> Result<(), NoSuchPlace> {
        let Some(end) = self.end.clone() else {
            return Ok(());
        };
        let numbers = self.test_numbers(end.winner.as_ref());
        if let (false, Some(winner)) = (end.tests_queued, &end.winner) {
            let tests = numbers
                .iter()
                .map(|(number, of)| {
                    let fold = self.search.trial(of.0).map_or(0, |trial| trial.fold);
                    test_trial(&self.plan, *number, *of, fold, &winner.params)
                })
                .collect::<Result<Vec<_>, _>>()?;
            if !tests.is_empty() {
                actions.push(Action::Enqueue(tests));
            }
        }
        if let Some(end) = &mut self.end {
            end.tests_queued = true;
        }
        let results: Vec<_> = numbers
            .iter()
            .map(|(number, _)| self.tests.get(number))
            .collect();
        if results.iter().any(Option::is_none) {
            return Ok(());
        }
        let accuracies: Vec<f64> = results.into_iter().flatten().copied().flatten().collect();
        if !accuracies.is_empty() {
            let mean = accuracies.iter().sum::<f64>() / accuracies.len() as f64;
            actions.push(Action::TestAccuracy(mean));
        }
        actions.push(Action::Complete {
            winner: end.winner.as_ref().and_then(place),
            reason: end.reason,
        });
        Ok(())
    }

    /// Test trials' numbers and whose weights they evaluate: after the plan and the check, in order of trial.
    fn test_numbers(&self, winner: Option<&Winner>) -> Vec<(TrialNumber, TrialNumber)> {
        let Some(winner) = winner.filter(|winner| self.plan.test && winner.round > 0) else {
            return Vec::new();
        };
        let first = self.check_number().0 + 1;
        (first..)
            .map(TrialNumber)
            .zip(winner.trials.iter().copied().map(TrialNumber))
            .collect()
    }

    fn check_number(&self) -> TrialNumber {
        TrialNumber(self.search.plan().last_trial() + 1)
    }

    /// Trials that one point can have, at most.
    fn most_tests(&self) -> u64 {
        let plan = self.search.plan();
        let rounds = plan.rounds.iter().map(|round| round.repeats);
        let finish = plan.finish.map_or(0, |finish| finish.extra);
        u64::from(rounds.max().unwrap_or(1) + finish) * u64::from(plan.folds)
    }
}

fn place(winner: &Winner) -> Option<WinnerRef> {
    (winner.round > 0).then_some(WinnerRef {
        round: winner.round,
        point: winner.point,
    })
}
