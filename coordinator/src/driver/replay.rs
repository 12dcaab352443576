//! PURE: a sweep's search once more, from what is stored: with the same seed and the same results it must have proposed
//! the same trials and promoted the same ones.

use std::collections::{BTreeMap, BTreeSet};

use super::active::{ActiveSweep, Around};
use crate::{
    Error,
    ids::{SweepId, TrialNumber},
    rpc,
    store::{NewTrial, StoreError, TrialResult, command::Action},
};

/// What is asked of the search at once: new trials, as many as there are soon.
const AROUND: Around = Around {
    want: 1024,
    slots: 0,
    data: None,
};

/// A search that is told the stored results in their order.
#[derive(Debug)]
pub struct Replay {
    sweep: ActiveSweep,
    /// Results may end the search before everything that it would have proposed was asked for.
    ends_early: bool,
    decisions: u64,
    proposed: BTreeMap<TrialNumber, NewTrial>,
    promoted: BTreeSet<(TrialNumber, u32)>,
}

impl Replay {
    /// The search of a stored definition, before any result; `None` where another version decided, which alone could replay it.
    ///
    /// # Errors
    /// A definition that cannot be read.
    pub fn new(id: SweepId, definition: &[u8]) -> Result<Option<Self>, Error> {
        let stored = rpc::convert::definition::stored(definition)?;
        if !rpc::convert::definition::versions(&stored).same_search() {
            return Ok(None);
        }
        let (_, plan) = rpc::convert::definition::parse(stored)?;
        let (ends_early, checked) = (plan.search.objective.target.is_some(), !plan.check);
        let sweep = ActiveSweep::new(id, plan, definition.to_vec(), 0, checked)
            .map_err(|error| Error::Broken(error.to_string()))?;
        Ok(Some(Self {
            sweep,
            ends_early,
            decisions: 0,
            proposed: BTreeMap::new(),
            promoted: BTreeSet::new(),
        }))
    }

    /// The metric whose epochs the search compares, if it does.
    pub fn reports(&self) -> Option<String> {
        self.sweep.reports()
    }

    /// Takes in the value after one epoch. Epochs of a trial come in order, before its result.
    pub fn epoch(&mut self, trial: TrialNumber, epoch: u32, value: f64) {
        self.sweep.epoch(trial, epoch, value);
    }

    /// Takes in one result, in the order of their events.
    pub fn result(&mut self, result: &TrialResult) {
        self.sweep.apply(result);
        if self.ends_early {
            self.decide();
        }
    }

    /// The sweep was extended: of what had been planned before, the trials for which `is_there` is false are never trained.
    pub fn extended(
        &mut self,
        is_there: impl Fn(TrialNumber) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        for number in self.sweep.closed_trials() {
            if !is_there(number)? {
                self.sweep.give_up(number);
            }
        }
        Ok(())
    }

    /// The trial of this number as the search proposes it after the results so far; `None`: it does not.
    pub fn proposal(&mut self, number: TrialNumber) -> Option<NewTrial> {
        loop {
            if let Some(trial) = self.proposed.remove(&number) {
                return Some(trial);
            }
            if self.decide() == 0 {
                return None;
            }
        }
    }

    /// (trial, up to which epoch) of all promotions that the results so far amount to.
    pub fn promotions(mut self) -> BTreeSet<(TrialNumber, u32)> {
        self.decide();
        self.promoted
    }

    /// The number of new trials.
    fn decide(&mut self) -> usize {
        let Some(decide) = self.sweep.decide(AROUND, 0) else {
            return 0;
        };
        self.decisions += 1;
        self.sweep.decided(self.decisions);
        let mut new = 0;
        for action in decide.actions {
            match action {
                Action::Enqueue(trials) => {
                    new += trials.len();
                    let numbered = trials.into_iter().map(|trial| (trial.number, trial));
                    self.proposed.extend(numbered);
                }
                Action::Promote {
                    trial, to_epoch, ..
                } => {
                    self.promoted.insert((trial, to_epoch));
                }
                _ => {}
            }
        }
        new
    }
}
