//! One sweep under way: its results go in here, what follows from them comes out in `deciding`. No clock, no store.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    losses::Losses,
    results::{event, test_accuracy, why_untested},
    retries::Retries,
};
use crate::{
    definition::{DefinitionError, SweepDefinition},
    ids::{SweepId, SweepKey, TrialNumber},
    search::{self, Plan, Search, TrialEvent, Winner},
    store::{TrialResult, WinnerRef},
    trial::TrialKind,
};

/// A sweep under way.
#[derive(Debug)]
pub struct ActiveSweep {
    pub(super) key: SweepKey,
    pub(super) id: SweepId,
    pub(super) sweep: SweepDefinition,
    /// Encoded, as it is stored.
    pub(super) stored: Vec<u8>,
    /// `None` until a budget in minutes is known in epochs.
    pub(super) search: Option<Search>,
    /// Number of the newest decision that this sweep knows of. Another one in the store: a retry or an extension came between, and
    /// the search is to be made anew.
    pub(super) decisions: u64,
    /// Sequence number of the newest result that was taken in.
    pub(super) seen: u64,
    pub(super) planned: bool,
    pub(super) check: Check,
    /// Which trials were tried again, as far as the store had it when this was made.
    pub(super) retries: Retries,
    /// How search trials ended.
    pub(super) losses: Losses,
    /// The best point so far, and those whose mean may as well be better.
    pub(super) best: Option<(WinnerRef, Vec<WinnerRef>)>,
    pub(super) end: Option<End>,
    /// The newest epoch of each trial whose epochs are compared, and its objective so far.
    pub(super) running: BTreeMap<TrialNumber, (u32, Option<f64>)>,
    /// Results of test trials.
    pub(super) tests: BTreeMap<TrialNumber, Result<f64, String>>,
}

/// The search is done; tests may still be to come.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub winner: Option<Winner>,
    pub reason: String,
    pub tests_queued: bool,
}

/// Whether the search may begin.
#[derive(Debug)]
pub(super) enum Check {
    Awaited,
    /// Its result, null without one, and how it ended.
    Found(Value, String),
    Over,
}

impl ActiveSweep {
    /// A sweep as the store has it, before its results are taken in. `checked`: it has no check, or passed it.
    /// `retries` are known from the start: a search does not forget.
    pub fn new(
        (key, id): (SweepKey, SweepId),
        sweep: SweepDefinition,
        planned: Option<Plan>,
        stored: Vec<u8>,
        decisions: u64,
        checked: bool,
        retries: Retries,
    ) -> Result<Self, DefinitionError> {
        Ok(Self {
            key,
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

    /// Takes in the value after one epoch. Epochs of a trial come in order; one that was read from the file may come from a worker too.
    pub fn epoch(&mut self, trial: TrialNumber, epoch: u32, value: f64) {
        let (newest, before) = self.running.get(&trial).copied().unwrap_or_default();
        if epoch <= newest || self.retries.replaced(trial) {
            return;
        }
        // As in the store: after what is no number, what was before it counts no more.
        let objective = self.sweep.search.objective.fold(before, Some(value));
        self.running.insert(trial, (epoch, objective));
        if let Some(objective) = objective {
            self.tell(trial, TrialEvent::Report { epoch, objective });
        }
    }

    pub fn apply(&mut self, result: &TrialResult) {
        self.seen = self.seen.max(result.seq);
        let has_ended = result.state.is_terminal();
        if has_ended && self.retries.replaced(result.number) {
            return;
        }
        match result.kind {
            TrialKind::Check if has_ended && matches!(self.check, Check::Awaited) => {
                let found = serde_json::from_str(&result.result_json).unwrap_or(Value::Null);
                let state = result.state.as_str();
                let reason = match &*result.reason {
                    "" => state.to_owned(),
                    reason => format!("{state}: {reason}"),
                };
                self.check = Check::Found(found, reason);
            }
            TrialKind::Test if has_ended => {
                let test = self.retries.original(result.number);
                let accuracy = test_accuracy(&result.result_json);
                let accuracy = accuracy.ok_or_else(|| why_untested(result));
                self.tests.insert(test, accuracy);
            }
            TrialKind::Check | TrialKind::Test => {}
            TrialKind::Search => {
                if has_ended {
                    self.losses.take(result);
                }
                if let Some(event) = event(result) {
                    self.tell(result.number, event);
                }
            }
        }
    }

    /// A decision of this number was applied, now or before a restart.
    pub fn decided(&mut self, number: u64) {
        self.decisions = self.decisions.max(number);
    }
}
