//! What follows from a sweep's results: one numbered command at a time.

use serde_json::Value;

use super::{
    actions::{action, check_trial, place, plan_actions},
    active::{ActiveSweep, Check, End},
    results::findings,
};
use crate::{
    definition::{self, DefinitionError, epochs_of_minutes},
    ids::{Hash, TrialNumber},
    search::{Decision, Search, Winner},
    store::{
        TIES, WinnerRef,
        command::{Action, Decide},
    },
};

/// Trials that must all fail at a sweep's start before it is given up.
const FIRST_TRIALS: u64 = 5;

/// What a decision depends on beside the results.
#[derive(Clone, Copy, Debug)]
pub struct DecisionInput {
    /// How many new trials the queue has room for.
    pub want: usize,
    /// Slots of the connected workers.
    pub slots: u32,
    /// Hash of the data set that the sweep is pinned to.
    pub data: Option<Hash>,
}

impl ActiveSweep {
    /// What is to be done now, as one command; `None`: nothing before more results.
    ///
    /// The search says each decision once, so the caller applies this very command, repeating it until the store has
    /// taken it, and then calls [`decided`](Self::decided).
    pub fn decide(&mut self, given: DecisionInput, at: i64) -> Option<Decide> {
        let actions = self.actions(given).unwrap_or_else(|error| {
            vec![Action::Fail {
                reason: error.to_string(),
            }]
        });
        self.decision(actions, at)
    }

    /// Which point is the best, where that has changed, while nothing is to be done.
    pub fn decide_best(&mut self, at: i64) -> Option<Decide> {
        let mut actions = Vec::new();
        self.take_best(&mut actions);
        self.decision(actions, at)
    }

    fn decision(&self, actions: Vec<Action>, at: i64) -> Option<Decide> {
        (!actions.is_empty()).then(|| Decide {
            sweep: self.key,
            number: self.decisions + 1,
            actions,
            at,
        })
    }

    fn actions(&mut self, given: DecisionInput) -> Result<Vec<Action>, DefinitionError> {
        let mut actions = Vec::new();
        if !self.planned {
            self.planned = true;
            let mut check = TrialNumber(1);
            if let Some(search) = &self.search {
                actions.extend(plan_actions(&self.sweep, search));
                check = self.sweep.check_number(search.plan());
            }
            if !matches!(self.check, Check::Over) {
                let check = check_trial(&self.sweep, check)?;
                actions.push(Action::Enqueue(vec![check]));
            }
        }
        if !self.pass_check(given.slots, &mut actions) {
            return Ok(actions);
        }
        if let (Some(then), Some(now)) = (self.sweep.earlier_data, given.data)
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
        self.take_decisions(given.want, &mut actions)?;
        self.take_best(&mut actions);
        self.take_end(&mut actions)?;
        Ok(actions)
    }

    /// Whether the search may go on. Only a check that says so itself stops a sweep.
    fn pass_check(&mut self, slots: u32, actions: &mut Vec<Action>) -> bool {
        let Check::Found(found, reason) = &self.check else {
            return matches!(self.check, Check::Over);
        };
        let (found, gave_up) = (found.clone(), found.is_null().then(|| reason.clone()));
        self.check = Check::Over;
        if found.get("passed") == Some(&Value::Bool(false)) {
            actions.push(Action::Fail {
                reason: format!("the check failed: {}", findings(&found)),
            });
            return false;
        }
        let sweep = &self.id;
        if let (Some(reason), None) = (&gave_up, &self.search) {
            let reason = format!(
                "the budget in minutes is turned into epochs by what the check measures, and the check came to nothing ({reason}): \
                 `hone retry {sweep}` tries it again; or give epochs or trainings"
            );
            actions.push(Action::Fail { reason });
            return false;
        }
        actions.push(Action::CheckPassed);
        if let Some(reason) = gave_up {
            actions.push(Action::Warn {
                key: "unchecked".to_owned(),
                text: format!(
                    "the check came to nothing ({reason}), so the first trials go unchecked"
                ),
            });
        }
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
        actions.extend(plan_actions(&self.sweep, &search));
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
        self.losses.of_first(&self.id)
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
