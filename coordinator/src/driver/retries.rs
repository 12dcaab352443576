//! PURE: which trials were tried again. The search knows a trial by its number in the plan, whoever trains it.

use std::collections::BTreeMap;

use crate::ids::TrialNumber;

/// Retries of a sweep's trials.
#[derive(Clone, Debug, Default)]
pub struct Retries {
    /// What each retry tries again.
    of: BTreeMap<TrialNumber, TrialNumber>,
    /// By what each was tried again.
    by: BTreeMap<TrialNumber, TrialNumber>,
}

impl Retries {
    /// A retry that is in the store.
    pub fn add(&mut self, retry: TrialNumber, of: TrialNumber) {
        // Numbers grow; anything else would be a circle.
        if of < retry {
            self.of.insert(retry, of);
            self.by.insert(of, retry);
        }
    }

    /// Whether it was tried again: then its end is the search's no more, only the rungs that it reached before.
    pub fn replaced(&self, trial: TrialNumber) -> bool {
        self.by.contains_key(&trial)
    }

    /// The trial of the plan that this one is, or tries again.
    pub fn original(&self, trial: TrialNumber) -> TrialNumber {
        last(&self.of, trial)
    }

    /// The trial that trains this trial of the plan now.
    pub fn newest(&self, trial: TrialNumber) -> TrialNumber {
        last(&self.by, trial)
    }
}

fn last(links: &BTreeMap<TrialNumber, TrialNumber>, mut trial: TrialNumber) -> TrialNumber {
    while let Some(next) = links.get(&trial) {
        trial = *next;
    }
    trial
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_of_a_retry_stands_for_the_first() {
        let [first, second, third] = [3, 41, 50].map(TrialNumber);
        let mut retries = Retries::default();
        retries.add(third, second);
        retries.add(second, first);
        assert_eq!(retries.original(third), first);
        assert_eq!(retries.newest(first), third);
        assert!(retries.replaced(first) && retries.replaced(second) && !retries.replaced(third));
        retries.add(first, third);
        assert_eq!(retries.newest(first), third, "no circle");
    }
}
