//! One sweep under way: results go in, decisions come out as one numbered command at a time. No clock, no store.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    actions::{action, check_trial, plan_actions},
    ending::End,
    losses::Losses,
    results::{event, findings, test_accuracy},
    retries::Retries,
};
use crate::{
    definition::{self, DefinitionError, SweepDefinition, epochs_of_minutes},
    ids::{Hash, SweepId, TrialNumber},
    search::{self, Decision, Plan, Search, TrialEvent, Winner},
    store::{
        TIES, TrialResult, WinnerRef,
        command::{Action, Decide},
    },
    trial::TrialKind,
};

/// Trials that must all fail at a sweep's start before it is given up.
const FIRST_TRIALS: u64 = 5;

/// A sweep under way.
#[derive(Debug)]
pub struct ActiveSweep {
    pub(super) id: SweepId,
    pub(super) sweep: SweepDefinition,
    /// Encoded, as it is stored.
    pub(super) stored: Vec<u8>,
    /// `None` until a budget in minutes is known in epochs.
    pub(super) search: Option<Search>,
    /// Number of the newest applied decision.
    decisions: u64,
    /// The newest result that was taken in.
    seen: u64,
    planned: bool,
    check: Check,
    /// Which trials were tried again, as far as the store had it when this was made.
    pub(super) retries: Retries,
    /// How search trials ended.
    pub(super) losses: Losses,
    /// And the points that cannot be told from it.
    best: Option<(WinnerRef, Vec<WinnerRef>)>,
    pub(super) end: Option<End>,
    /// Objective so far of trials whose epochs are compared.
    running: BTreeMap<TrialNumber, f64>,
    /// Results of test trials.
    pub(super) tests: BTreeMap<TrialNumber, Option<f64>>,
}

/// What a decision depends on beside the results.
#[derive(Clone, Copy, Debug)]
pub struct Around {
    /// How many new trials the queue has room for.
    pub want: usize,
    /// Slots of the connected workers.
    pub slots: u32,
    /// Hash of the data set that the sweep is pinned to.
    pub data: Option<Hash>,
}

#[derive(Debug)]
enum Check {
    Awaited,
    Found(Value),
    Over,
}

impl ActiveSweep {
    /// A sweep as the store has it, before its results are taken in. `checked`: it has no check, or passed it.
    /// `retries` are known from the start: a search cannot take back what it was told.
    pub fn new(
        id: SweepId,
        sweep: SweepDefinition,
        planned: Option<Plan>,
        stored: Vec<u8>,
        decisions: u64,
        checked: bool,
        retries: Retries,
    ) -> Result<Self, DefinitionError> {
        Ok(Self {
            id,
            search: match planned {
                _ if sweep.awaits_rate() => None,
                Some(plan) => Some(sweep.search_along(plan)?),
                None => Some(sweep.search()?),
            },
            sweep,
            stored,
            decisions,
            seen: 0,
            planned: false,
            check: if checked { Check::Over } else { Check::Awaited },
            retries,
            losses: Losses::default(),
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

    /// Number of the newest decision that this sweep knows of. Another one in the store: a retry or an extension came between, and
    /// the search is to be made anew.
    pub fn decisions(&self) -> u64 {
        self.decisions
    }

    /// A trial that the store has already: it is not handed out again.
    pub fn known(&mut self, number: TrialNumber) {
        self.tell(number, TrialEvent::Known);
    }

    /// Numbers of trials that were planned before the sweep was extended; those that the store lacks are never trained.
    pub fn closed_trials(&self) -> Vec<TrialNumber> {
        let closed = self.search.iter().flat_map(|s| s.plan().closed_trials());
        closed.map(|number| self.sweep.number(number)).collect()
    }

    /// One of the [`closed_trials`](Self::closed_trials) that the store lacks.
    pub fn give_up(&mut self, number: TrialNumber) {
        let number = self.sweep.search_number(number.0);
        if let Some(search) = &mut self.search {
            search.give_up(number);
        }
    }

    fn tell(&mut self, number: TrialNumber, event: TrialEvent) {
        let trial = self.sweep.search_number(self.retries.original(number).0);
        if let Some(search) = &mut self.search {
            search.apply(&search::TrialResult { trial, event });
        }
    }

    /// The metric whose value after each epoch the search compares; `None`: only ends count.
    pub fn reports(&self) -> Option<String> {
        let rounds = &self.search.as_ref()?.plan().rounds;
        let compares = rounds
            .iter()
            .any(|round| round.pruner != search::Pruner::None);
        compares.then(|| self.sweep.search.objective.metric.clone())
    }

    /// Takes in the value after one epoch. Epochs of a trial come in order.
    pub fn epoch(&mut self, trial: TrialNumber, epoch: u32, value: f64) {
        if self.retries.replaced(trial) {
            return;
        }
        let before = self.running.get(&trial).copied();
        let Some(objective) = self.sweep.search.objective.fold(before, Some(value)) else {
            return;
        };
        self.running.insert(trial, objective);
        let event = TrialEvent::Report { epoch, objective };
        self.tell(trial, event);
    }

    /// Takes in one result.
    pub fn apply(&mut self, result: &TrialResult) {
        self.seen = self.seen.max(result.seq);
        if result.state.is_terminal() && self.retries.replaced(result.number) {
            return;
        }
        match result.kind {
            TrialKind::Check if result.state.is_terminal() => {
                let found = serde_json::from_str(&result.result_json).unwrap_or(Value::Null);
                if matches!(self.check, Check::Awaited) {
                    self.check = Check::Found(found);
                }
            }
            TrialKind::Test if result.state.is_terminal() => {
                let accuracy = test_accuracy(&result.result_json);
                let test = self.retries.original(result.number);
                self.tests.insert(test, accuracy);
            }
            TrialKind::Check | TrialKind::Test => {}
            TrialKind::Search => self.apply_search(result),
        }
    }

    fn apply_search(&mut self, result: &TrialResult) {
        if result.state.is_terminal() {
            self.losses.take(result);
        }
        if let Some(event) = event(result) {
            self.tell(result.number, event);
        }
    }

    /// What is to be done now, as one command; `None`: nothing before more results.
    ///
    /// The search says each decision once, so the caller applies this very command, repeating it until the store has
    /// taken it, and then calls [`decided`](Self::decided).
    pub fn decide(&mut self, around: Around, at: i64) -> Option<Decide> {
        let actions = self.actions(around).unwrap_or_else(|error| {
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

    fn actions(&mut self, around: Around) -> Result<Vec<Action>, DefinitionError> {
        let mut actions = Vec::new();
        if !self.planned {
            self.planned = true;
            let mut check = TrialNumber(1);
            if let Some(search) = &self.search {
                actions.extend(plan_actions(&self.sweep, search.plan()));
                check = self.sweep.check_number(search.plan());
            }
            if !matches!(self.check, Check::Over) {
                let check = check_trial(&self.sweep, check)?;
                actions.push(Action::Enqueue(vec![check]));
            }
        }
        if !self.pass_check(around.slots, &mut actions) {
            return Ok(actions);
        }
        if let (Some(then), Some(now)) = (self.sweep.earlier_data, around.data)
            && then != now
        {
            let from = self.sweep.from.as_deref().unwrap_or_default();
            actions.push(Action::Fail {
                reason: format!(
                    "the trials of {from} were trained on data with the hash {then}, these have {now}: leave `from` out"
                ),
            });
            return Ok(actions);
        }
        if let Some(reason) = self.hopeless() {
            actions.push(Action::Fail { reason });
            return Ok(actions);
        }
        self.take_decisions(around.want, &mut actions)?;
        self.take_best(&mut actions);
        self.take_end(&mut actions)?;
        Ok(actions)
    }

    /// Whether the search may go on. Only a check that says so itself stops a sweep.
    fn pass_check(&mut self, slots: u32, actions: &mut Vec<Action>) -> bool {
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
        if self.search.is_some() {
            return true;
        }
        match self.measure(&found, slots) {
            Ok(settled) => actions.extend(settled),
            Err(reason) => actions.push(Action::Fail { reason }),
        }
        self.search.is_some()
    }

    /// Turns a budget in minutes into epochs, once, and plans.
    fn measure(&mut self, check: &Value, slots: u32) -> Result<Vec<Action>, String> {
        let Some((minutes, parallel)) = definition::minutes(&self.sweep.search) else {
            return Err("the budget is known already".to_owned());
        };
        let epochs = epochs_of_minutes(minutes, check, parallel, slots)?;
        let used = slots.min(parallel);
        let words = format!(
            "the budget of {minutes} min is {epochs} epochs: what the check has measured, on {used} slot(s)"
        );
        // The check was the first trial, and until now the only one beside its retries.
        let checks = self.retries.newest(TrialNumber(1)).0;
        self.stored = definition::with_budget(&self.stored, epochs, checks)
            .map_err(|error| error.to_string())?;
        let measured = definition::stored(&self.stored).map_err(|error| error.to_string())?;
        let refused = |error| format!("{words}. {error}");
        self.sweep = definition::parse(&measured).map_err(refused)?;
        let search = self.sweep.search().map_err(refused)?;
        let mut actions = vec![Action::Settle {
            definition: self.stored.clone(),
        }];
        actions.extend(plan_actions(&self.sweep, search.plan()));
        actions.push(Action::Warn {
            key: "budget".to_owned(),
            text: words,
        });
        self.search = Some(search);
        Ok(actions)
    }

    fn hopeless(&self) -> Option<String> {
        self.losses
            .all_failed()
            .filter(|failed| *failed >= FIRST_TRIALS)?;
        self.losses.of_all(&self.id)
    }

    fn take_decisions(
        &mut self,
        want: usize,
        actions: &mut Vec<Action>,
    ) -> Result<(), DefinitionError> {
        if self.end.is_some() {
            return Ok(());
        }
        let Some(search) = &mut self.search else {
            return Ok(());
        };
        let mut new = Vec::new();
        for decision in search.decide(want) {
            match action(&self.sweep, search.plan(), &decision)? {
                Some(Action::Enqueue(trials)) => new.extend(trials),
                Some(mut other) => {
                    if let Action::Promote { trial, .. } | Action::Prune { trial, .. } = &mut other
                    {
                        *trial = self.retries.newest(*trial);
                    }
                    actions.push(other);
                }
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
        let best = self.search.as_ref().and_then(Search::best);
        let best = best.as_ref().map(|winner| (place(winner), ties(winner)));
        if best != self.best
            && let Some((place, tied)) = &best
        {
            actions.push(Action::Best(*place));
            actions.push(Action::WarnInstead {
                family: TIES,
                warnings: tied
                    .iter()
                    .map(|tie| (tie.tie_key(), tie_words(*tie)))
                    .collect(),
            });
            self.best = best;
        }
    }
}

fn ties(winner: &Winner) -> Vec<WinnerRef> {
    let tied = winner.tied.iter();
    tied.map(|&(round, point)| WinnerRef { round, point })
        .collect()
}

fn tie_words(tie: WinnerRef) -> String {
    let WinnerRef { round, point } = tie;
    format!("round {round}, point {point} cannot be told from the best point (95 %)")
}

/// Where the winner stands.
pub(super) fn place(winner: &Winner) -> WinnerRef {
    WinnerRef {
        round: winner.round,
        point: winner.point,
    }
}
