//! PURE: trials that ended without a value, in words: how many of how many, and the commonest reason.

use std::collections::BTreeMap;

use crate::{
    ids::{SweepId, TrialNumber},
    store::TrialResult,
    trial::TrialState,
};

/// Different reasons that are kept apart; of very many the first ones say enough.
const REASONS: usize = 1000;
/// Characters of a reason.
const REASON: usize = 300;

/// What became of the trials of a search, and why those without a value have none.
#[derive(Debug, Default)]
pub struct Losses {
    ended: u64,
    failed: u64,
    diverged: u64,
    reasons: BTreeMap<(TrialState, String), Alike>,
}

/// Trials that ended for the same reason.
#[derive(Clone, Copy, Debug)]
struct Alike {
    trials: u64,
    first: TrialNumber,
}

impl Losses {
    /// Takes in a trial that has ended.
    pub fn take(&mut self, result: &TrialResult) {
        self.ended += 1;
        match result.state {
            TrialState::Failed => self.failed += 1,
            TrialState::Diverged => self.diverged += 1,
            _ => return,
        }
        let reason = result.reason.chars().take(REASON).collect();
        let key = (result.state, reason);
        let one = Alike {
            trials: 0,
            first: result.number,
        };
        if self.reasons.len() < REASONS || self.reasons.contains_key(&key) {
            self.reasons.entry(key).or_insert(one).trials += 1;
        }
    }

    /// How many trials have ended, if all of them failed.
    pub fn all_failed(&self) -> Option<u64> {
        (self.ended == self.failed).then_some(self.failed)
    }

    /// Of a sweep that is given up after its first trials, which all failed: `the first 5 trials failed, 4 of them: …`. Others still run,
    /// and may fail as well.
    pub fn of_first(&self, sweep: &SweepId) -> Option<String> {
        let which = format!("the first {} trials failed", self.ended);
        let (words, _) = self.in_words(sweep, self.failed, which, |_| true)?;
        Some(words)
    }

    /// Of a sweep without one value: `40 of 40 trials failed, 38 of them: …`.
    pub fn of_all(&self, sweep: &SweepId) -> Option<String> {
        let how = match (self.failed, self.diverged) {
            (0, 0) => return None,
            (_, 0) => "failed",
            (0, _) => "diverged",
            _ => "failed or diverged",
        };
        let lost = self.failed + self.diverged;
        let (words, _) = self.in_words(sweep, lost, self.of_ended(lost, how), |_| true)?;
        Some(words)
    }

    /// Of a sweep that has a winner all the same, and one of the trials: those that failed. To diverge is a result.
    pub fn of_some(&self, sweep: &SweepId) -> Option<(String, TrialNumber)> {
        let failed = |state| state == TrialState::Failed;
        let which = self.of_ended(self.failed, "failed");
        self.in_words(sweep, self.failed, which, failed)
    }

    fn of_ended(&self, lost: u64, how: &str) -> String {
        format!("{lost} of {} trials {how}", self.ended)
    }

    fn in_words(
        &self,
        sweep: &SweepId,
        lost: u64,
        which: String,
        counts: impl Fn(TrialState) -> bool,
    ) -> Option<(String, TrialNumber)> {
        let reasons = self.reasons.iter().filter(|((state, _), _)| counts(*state));
        // The most; of equally many the one that came first in the plan.
        let ((_, reason), alike) =
            reasons.max_by_key(|(_, alike)| (alike.trials, std::cmp::Reverse(alike.first)))?;
        let some = match alike.trials {
            all if all == lost => String::new(),
            some => format!(", {some} of them"),
        };
        let reason = match reason.as_str() {
            "" => "no reason was given",
            reason => reason,
        };
        let first = alike.first;
        let words = format!("{which}{some}: {reason}; `hone logs {sweep}/{first}` says more");
        Some((words, first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::TrialKind;

    fn losses(ends: &[(TrialState, &str)]) -> Losses {
        let mut losses = Losses::default();
        for (number, (state, reason)) in (1..).zip(ends) {
            losses.take(&TrialResult {
                seq: number,
                number: TrialNumber(number),
                kind: TrialKind::Search,
                round: 1,
                point: 0,
                repeat: 0,
                fold: 0,
                state: *state,
                ended_early: false,
                to_epoch: 1,
                epoch: 0,
                objective: None,
                retry_of: None,
                reason: (*reason).to_owned(),
                result_json: String::new(),
            });
        }
        losses
    }

    #[test]
    fn the_commonest_reason_is_told_with_one_of_its_trials() {
        use TrialState::{Completed, Diverged, Failed};
        let sweep = SweepId::new("own");
        let some = losses(&[
            (Failed, "killed"),
            (Failed, "no module"),
            (Completed, ""),
            (Diverged, "NaN"),
            (Failed, "no module"),
        ]);
        assert_eq!(some.all_failed(), None);
        let (words, trial) = some.of_some(&sweep).unwrap();
        assert_eq!(
            words,
            "3 of 5 trials failed, 2 of them: no module; `hone logs own/2` says more"
        );
        assert_eq!(trial, TrialNumber(2));
        let all = losses(&[(Failed, "no module"), (Failed, "no module")]);
        assert_eq!(all.all_failed(), Some(2));
        assert_eq!(
            all.of_all(&sweep).unwrap(),
            "2 of 2 trials failed: no module; `hone logs own/1` says more"
        );
        assert_eq!(
            all.of_first(&sweep).unwrap(),
            "the first 2 trials failed: no module; `hone logs own/1` says more"
        );
        let mixed = losses(&[(Diverged, "NaN"), (Failed, "")]).of_all(&sweep);
        assert!(
            mixed
                .unwrap()
                .starts_with("2 of 2 trials failed or diverged, 1 of them: NaN")
        );
        assert_eq!(losses(&[(Completed, "")]).of_some(&sweep), None);
        assert_eq!(losses(&[]).of_all(&sweep), None);
    }

    #[test]
    fn no_number_of_reasons_fills_the_memory() {
        let texts: Vec<String> = (0..2 * REASONS).map(|n| n.to_string()).collect();
        let ends: Vec<_> = texts
            .iter()
            .map(|text| (TrialState::Failed, text.as_str()))
            .collect();
        assert_eq!(losses(&ends).reasons.len(), REASONS);
    }
}
