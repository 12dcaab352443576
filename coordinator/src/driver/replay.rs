//! PURE: a sweep's search once more, from what is stored: with the same seed and the same results it must have proposed
//! the same trials and promoted the same ones.

use std::collections::BTreeMap;

use super::{active::ActiveSweep, deciding::DecisionInput, retries::Retries};
use crate::{
    Error,
    definition::{self, SweepDefinition},
    ids::{SweepId, SweepKey, TrialNumber},
    store::{NewRound, NewTrial, StoreError, TrialResult, WinnerRef, Wish, command::Action},
};

/// What is asked of the search at once: new trials, as many as there are soon.
const MANY: DecisionInput = DecisionInput {
    want: 1024,
    slots: 0,
    data: None,
};

/// Something that a search learns.
#[derive(Debug)]
enum Input {
    Epoch(TrialNumber, u32, f64),
    Result(TrialResult),
    GivenUp(TrialNumber),
}

/// A search that is given the stored results in their order. With every retry it is made anew, as the driver does.
#[derive(Debug)]
pub struct Replay {
    sweep: ActiveSweep,
    retries: Retries,
    inputs: Vec<Input>,
    /// Results may end the search before everything that it would have proposed was asked for.
    ends_early: bool,
    /// A retry came since the search was made.
    stale: bool,
    proposed: BTreeMap<TrialNumber, NewTrial>,
    /// By the search as it is now, and by those before it.
    decided: Decided,
    promoted_before: Promotions,
}

/// Promotions by trial of the plan and up to which epoch.
pub type Promotions = BTreeMap<(TrialNumber, u32), Wish>;

/// What a search has decided beside new trials.
#[derive(Debug, Default)]
pub struct Decided {
    pub promoted: Promotions,
    /// Those that the results amounted to before trials were tried again.
    pub promoted_before: Promotions,
    /// Rounds as planned, by number.
    pub rounds: BTreeMap<u32, NewRound>,
    /// Trials and epochs of the plan.
    pub plan: Option<(u64, u64)>,
    /// The winner, or the best so far.
    pub best: Option<WinnerRef>,
    /// The sweep is to end.
    pub over: bool,
}

impl Replay {
    /// The search of a stored definition, before any result; `None` where another version decided, which alone could replay it.
    ///
    /// # Errors
    /// A definition that cannot be read.
    pub fn new(id: SweepId, stored: &[u8]) -> Result<Option<Self>, Error> {
        let message = definition::stored(stored)?;
        if !definition::versions(&message).same_search() {
            return Ok(None);
        }
        let definition = definition::parse(&message)?;
        Ok(Some(Self {
            ends_early: definition.search.objective.target.is_some(),
            sweep: make(id, definition, stored, Retries::default())?,
            retries: Retries::default(),
            inputs: Vec::new(),
            stale: false,
            proposed: BTreeMap::new(),
            decided: Decided::default(),
            promoted_before: Promotions::new(),
        }))
    }

    /// The metric whose epochs the search compares, if it does.
    pub fn reports(&self) -> Option<String> {
        self.sweep.reports()
    }

    /// Takes in the value after one epoch. Epochs of a trial come in order, before its result.
    pub fn epoch(&mut self, trial: TrialNumber, epoch: u32, value: f64) {
        self.learn(Input::Epoch(trial, epoch, value));
    }

    /// Takes in one result, in the order of their events.
    pub fn result(&mut self, result: &TrialResult) {
        self.learn(Input::Result(result.clone()));
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
                self.learn(Input::GivenUp(number));
            }
        }
        Ok(())
    }

    /// Trial `of` was tried again: what came of it is forgotten, until the retry has ended in its place.
    pub fn retried(&mut self, retry: TrialNumber, of: TrialNumber) {
        if !self.stale {
            self.decide();
            self.promoted_before
                .append(&mut std::mem::take(&mut self.decided).promoted);
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
            if self.decide().unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    /// All that the results amount to.
    pub fn decided(mut self) -> Decided {
        // Its end comes after its last trials, in a decision of its own, and is said again and again.
        while !self.decided.over && self.decide().is_some() {}
        Decided {
            promoted_before: self.promoted_before,
            ..self.decided
        }
    }

    fn learn(&mut self, input: Input) {
        self.renew();
        feed(&mut self.sweep, &input);
        self.inputs.push(input);
    }

    /// Makes the search anew if a trial was tried again since.
    fn renew(&mut self) {
        if !std::mem::take(&mut self.stale) {
            return;
        }
        let (was, retries) = (&self.sweep, self.retries.clone());
        // It was made once of the same definition.
        let Ok(sweep) = make(was.id.clone(), was.sweep.clone(), &was.stored, retries) else {
            return;
        };
        self.sweep = sweep;
        self.proposed.clear();
        for input in &self.inputs {
            feed(&mut self.sweep, input);
        }
    }

    /// The number of new trials; `None`: nothing is to be done before more results.
    fn decide(&mut self) -> Option<usize> {
        self.renew();
        let decide = self.sweep.decide(MANY, 0)?;
        self.sweep.decided(decide.number);
        let mut new = 0;
        for action in decide.actions {
            match action {
                Action::Enqueue(trials) => {
                    new += trials.len();
                    let numbered = trials.into_iter().map(|trial| (trial.number, trial));
                    self.proposed.extend(numbered);
                }
                other => self.decided.take(other, &self.retries),
            }
        }
        Some(new)
    }
}

impl Decided {
    fn take(&mut self, action: Action, retries: &Retries) {
        match action {
            Action::Promote {
                trial,
                to_epoch,
                wish,
            } => {
                self.promoted
                    .insert((retries.original(trial), to_epoch), wish);
            }
            Action::Round(round) => {
                self.rounds.insert(round.round, round);
            }
            Action::Plan { trials, epochs } => self.plan = Some((trials, epochs)),
            Action::Best(place) => self.best = Some(place),
            Action::Complete { winner, .. } => {
                self.best = winner.or(self.best);
                self.over = true;
            }
            Action::Fail { .. } => self.over = true,
            _ => {}
        }
    }
}

fn make(
    id: SweepId,
    definition: SweepDefinition,
    stored: &[u8],
    retries: Retries,
) -> Result<ActiveSweep, Error> {
    let checked = !definition.check;
    // What is replayed is asked for its decisions, which nobody applies.
    let id = (SweepKey(0), id);
    ActiveSweep::new(id, definition, None, stored.to_vec(), 0, checked, retries)
        .map_err(|error| Error::Broken(error.to_string()))
}

fn feed(sweep: &mut ActiveSweep, input: &Input) {
    match input {
        Input::Epoch(trial, epoch, value) => sweep.epoch(*trial, *epoch, *value),
        Input::Result(result) => sweep.apply(result),
        Input::GivenUp(number) => sweep.give_up(*number),
    }
}
