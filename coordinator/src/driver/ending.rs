//! The end of a sweep: the winner's tests, then its completion.

use super::{
    actions::{place, test_trial},
    active::ActiveSweep,
};
use crate::{
    definition::DefinitionError,
    ids::TrialNumber,
    search::{self, Winner},
    store::command::Action,
};

impl ActiveSweep {
    /// After the search's end: the tests, then the sweep's completion.
    pub(super) fn take_end(&mut self, actions: &mut Vec<Action>) -> Result<(), DefinitionError> {
        let Some(end) = self.end.clone() else {
            return Ok(());
        };
        let numbers = self.test_numbers(end.winner.as_ref());
        if let (false, Some(winner)) = (end.tests_queued, &end.winner) {
            let tests = numbers
                .iter()
                .map(|(number, of)| {
                    let trial = self.search.as_ref().and_then(|s| {
                        s.trial(self.sweep.search_number(self.retries.original(*of).0))
                    });
                    let fold = trial.map_or(0, |trial| trial.fold);
                    test_trial(&self.sweep, *number, *of, fold, &winner.params)
                })
                .collect::<Result<Vec<_>, _>>()?;
            if !tests.is_empty() {
                actions.push(Action::Enqueue(tests));
            }
        }
        if let Some(end) = &mut self.end {
            end.tests_queued = true;
        }
        let results = numbers.iter().map(|(number, _)| self.tests.get(number));
        let Some(results) = results.collect::<Option<Vec<_>>>() else {
            return Ok(());
        };
        let mut lacks = results.iter().filter_map(|result| result.as_ref().err());
        let lacks = lacks.find(|reason| !reason.is_empty());
        if let Some(reason) = lacks {
            actions.push(Action::Warn {
                key: "test".to_owned(),
                text: format!("the winner is not tested with all of its trainings: {reason}"),
            });
        }
        let accuracies: Vec<f64> = results.into_iter().flatten().copied().collect();
        if !accuracies.is_empty() {
            actions.push(Action::TestAccuracy(search::mean(&accuracies)));
        }
        actions.push(match &end.winner {
            Some(winner) => Action::Complete {
                winner: Some(place(winner)),
                reason: self.reason(end.reason),
            },
            None => Action::Fail {
                reason: self.losses.of_all(&self.id).unwrap_or(end.reason),
            },
        });
        Ok(())
    }

    /// Why a sweep with a winner is complete, and what is missing in it all the same.
    fn reason(&self, end: String) -> String {
        let Some((words, trial)) = self.losses.of_some(&self.id) else {
            return end;
        };
        let id = &self.id;
        let again = if self.is_built_upon(trial) {
            "`--again` trains all of them anew".to_owned()
        } else {
            format!("`hone retry {id}/{trial}` trains it again")
        };
        format!("{end}; {words}, {again}")
    }

    /// Whether something in the plan was chosen by what came of this trial.
    fn is_built_upon(&self, trial: TrialNumber) -> bool {
        let Some(search) = &self.search else {
            return true;
        };
        let last = self.sweep.number(search.plan().last_trial()).0;
        let hinged = self.sweep.hinge_on(search, self.retries.original(trial));
        self.sweep.test
            || hinged
                .iter()
                .any(|range| range.start <= last && !range.is_empty())
    }

    /// Test trials' numbers and whose weights they evaluate: after the plan and the check, in order of trial.
    fn test_numbers(&self, winner: Option<&Winner>) -> Vec<(TrialNumber, TrialNumber)> {
        let Some(winner) = winner.filter(|_| self.sweep.test) else {
            return Vec::new();
        };
        let Some(search) = &self.search else {
            return Vec::new();
        };
        (self.sweep.first_test(search.plan()).0..)
            .map(TrialNumber)
            .zip(winner.trials.iter().map(|trial| self.sweep.number(*trial)))
            .map(|(test, of)| (test, self.retries.newest(of)))
            .collect()
    }
}
