//! PURE: a sweep's search once more, from what is stored: with the same seed and the same results it must have proposed
//! the same trials and promoted the same ones.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    SweepPlan,
    active::{ActiveSweep, Around},
    retries::Retries,
};
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

/// Something that the search was told.
#[derive(Debug)]
enum Told {
    Epoch(TrialNumber, u32, f64),
    Result(TrialResult),
    GivenUp(TrialNumber),
}

/// A search that is told the stored results in their order. With every retry it is made anew, as the driver does.
#[derive(Debug)]
pub struct Replay {
    id: SweepId,
    plan: SweepPlan,
    definition: Vec<u8>,
    sweep: ActiveSweep,
    retries: Retries,
    told: Vec<Told>,
    /// Results may end the search before everything that it would have proposed was asked for.
    ends_early: bool,
    /// A retry came since the search was made.
    stale: bool,
    decisions: u64,
    proposed: BTreeMap<TrialNumber, NewTrial>,
    /// By the search as it is now, and by those before it.
    promoted: Promotions,
    promoted_before: Promotions,
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
        Ok(Some(Self {
            sweep: make(&id, &plan, definition, Retries::default())?,
            ends_early: plan.search.objective.target.is_some(),
            id,
            plan,
            definition: definition.to_vec(),
            retries: Retries::default(),
            told: Vec::new(),
            stale: false,
            decisions: 0,
            proposed: BTreeMap::new(),
            promoted: Promotions::new(),
            promoted_before: Promotions::new(),
        }))
    }

    /// The metric whose epochs the search compares, if it does.
    pub fn reports(&self) -> Option<String> {
        self.sweep.reports()
    }

    /// Takes in the value after one epoch. Epochs of a trial come in order, before its result.
    pub fn epoch(&mut self, trial: TrialNumber, epoch: u32, value: f64) {
        self.tell(Told::Epoch(trial, epoch, value));
    }

    /// Takes in one result, in the order of their events.
    pub fn result(&mut self, result: &TrialResult) {
        self.tell(Told::Result(result.clone()));
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
                self.tell(Told::GivenUp(number));
            }
        }
        Ok(())
    }

    /// Trial `of` was tried again: what came of it is forgotten, until the retry has ended in its place.
    pub fn retried(&mut self, retry: TrialNumber, of: TrialNumber) {
        if !self.stale {
            self.decide();
            self.promoted_before.append(&mut self.promoted);
            self.stale = true;
        }
        self.retries.add(retry, of);
    }

    /// The trial of the plan that this one is, or tries again.
    pub fn original(&self, trial: TrialNumber) -> TrialNumber {
        self.retries.original(trial)
    }

    /// The trial of this number as the search proposes it after the results so far; `None`: it does not.
    pub fn proposal(&mut self, number: TrialNumber) -> Option<NewTrial> {
        self.renew();
        loop {
            if let Some(trial) = self.proposed.remove(&number) {
                return Some(trial);
            }
            if self.decide() == 0 {
                return None;
            }
        }
    }

    /// (trial of the plan, up to which epoch) of all promotions that the results amount to, and of those that they amounted
    /// to before trials were tried again.
    pub fn promotions(mut self) -> (Promotions, Promotions) {
        self.decide();
        (self.promoted, self.promoted_before)
    }

    fn tell(&mut self, told: Told) {
        self.renew();
        hear(&mut self.sweep, &told);
        self.told.push(told);
    }

    /// Makes the search anew if a trial was tried again since.
    fn renew(&mut self) {
        if !std::mem::take(&mut self.stale) {
            return;
        }
        // It was made once of the same definition.
        let Ok(sweep) = make(&self.id, &self.plan, &self.definition, self.retries.clone()) else {
            return;
        };
        self.sweep = sweep;
        self.proposed.clear();
        for told in &self.told {
            hear(&mut self.sweep, told);
        }
    }

    /// The number of new trials.
    fn decide(&mut self) -> usize {
        self.renew();
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
                    self.promoted
                        .insert((self.retries.original(trial), to_epoch));
                }
                _ => {}
            }
        }
        new
    }
}

/// (trial, up to which epoch).
pub type Promotions = BTreeSet<(TrialNumber, u32)>;

fn make(
    id: &SweepId,
    plan: &SweepPlan,
    definition: &[u8],
    retries: Retries,
) -> Result<ActiveSweep, Error> {
    let (plan, checked) = (plan.clone(), !plan.check);
    ActiveSweep::new(id.clone(), plan, definition.to_vec(), 0, checked, retries)
        .map_err(|error| Error::Broken(error.to_string()))
}

fn hear(sweep: &mut ActiveSweep, told: &Told) {
    match told {
        Told::Epoch(trial, epoch, value) => sweep.epoch(*trial, *epoch, *value),
        Told::Result(result) => sweep.apply(result),
        Told::GivenUp(number) => sweep.give_up(*number),
    }
}
