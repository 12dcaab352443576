//! What ends bad trials of written rounds. Both look at what others have reported by then, so both depend on the order of arrival.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{definition::Pruner, objective::Objective};

/// The median pruner waits until so many trials have ended.
const START: usize = 5;
/// ASHA keeps one in so many at each rung.
const KEPT: u32 = 3;

/// What the trials of a round have reported.
#[derive(Debug)]
pub(super) struct PrunerState {
    pruner: Pruner,
    epochs: u32,
    /// Values by epoch, best first.
    reports: BTreeMap<u32, Vec<f64>>,
    seen: HashSet<(u64, u32)>,
    last: HashMap<u64, (u32, f64)>,
    ended: usize,
}

impl PrunerState {
    /// For a round whose trials have so many epochs.
    pub fn new(pruner: Pruner, epochs: u32) -> PrunerState {
        PrunerState {
            pruner,
            epochs,
            reports: BTreeMap::new(),
            seen: HashSet::new(),
            last: HashMap::new(),
            ended: 0,
        }
    }

    /// Takes in a report; whether the trial is to be pruned.
    pub fn report(&mut self, trial: u64, epoch: u32, value: f64, objective: &Objective) -> bool {
        if value.is_nan() || epoch >= self.epochs || !self.seen.insert((trial, epoch)) {
            return false;
        }
        let newest = self.last.entry(trial).or_insert((epoch, value));
        if epoch >= newest.0 {
            *newest = (epoch, value);
        }
        let values = self.reports.entry(epoch).or_default();
        let better = values.partition_point(|v| objective.compare(*v, value).is_lt());
        let out = match self.pruner {
            Pruner::None => false,
            // Worse than half of the others.
            Pruner::Median => {
                self.ended >= START && !values.is_empty() && better * 2 > values.len()
            }
            Pruner::Asha => {
                is_rung(epoch, self.epochs) && better >= (values.len() + 1).div_ceil(KEPT as usize)
            }
        };
        values.insert(better, value);
        out
    }

    /// A trial has ended; its last value.
    pub fn end(&mut self, trial: u64) -> Option<f64> {
        self.ended += 1;
        self.last.remove(&trial).map(|(_, value)| value)
    }
}

/// ⌈R/3⌉, ⌈R/9⌉, … down to 1.
fn is_rung(epoch: u32, epochs: u32) -> bool {
    let mut rung = epochs;
    while rung > 1 {
        rung = rung.div_ceil(KEPT);
        if rung == epoch {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objective() -> Objective {
        Objective {
            metric: "val_loss".into(),
            maximize: false,
            at_best: true,
            target: None,
        }
    }

    #[test]
    fn median_prunes_the_worse_half_once_five_have_ended() {
        let mut state = PrunerState::new(Pruner::Median, 9);
        for trial in 0..5 {
            assert!(!state.report(trial, 1, trial as f64, &objective()));
            state.end(trial);
        }
        assert!(!state.report(5, 1, 1.5, &objective()));
        assert!(state.report(6, 1, 3.5, &objective()));
    }

    #[test]
    fn asha_keeps_the_best_third_at_a_rung_and_looks_nowhere_else() {
        let mut state = PrunerState::new(Pruner::Asha, 9);
        assert!(
            !state.report(0, 1, 1.0, &objective()),
            "the first has nobody ahead"
        );
        assert!(state.report(1, 1, 2.0, &objective()));
        assert!(!state.report(2, 1, 0.5, &objective()));
        assert!(
            !state.report(2, 2, 99.0, &objective()),
            "epoch 2 is no rung of 9"
        );
    }

    #[test]
    fn a_report_told_twice_counts_once() {
        let mut state = PrunerState::new(Pruner::Asha, 9);
        for _ in 0..5 {
            assert!(!state.report(0, 1, 1.0, &objective()));
        }
        assert_eq!(state.reports[&1].len(), 1);
    }
}
