//! When a loss has left the range of sense.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::cnn::tensor_file::exact::Exact;

/// Steps whose mean is looked at.
const WINDOW: usize = 50;

/// Watches the data loss step by step; part of a checkpoint, so that a resumed training diverges at the same step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Divergence {
    first: Option<Exact>,
    recent: VecDeque<Exact>,
}

impl Divergence {
    /// Takes the loss of a step; the reason when the training is to end: a loss that is no number, or the mean of the last
    /// 50 steps above both 3 × the first loss and 3 ln(classes).
    pub fn observe(&mut self, loss: f64, classes: usize, step: usize) -> Option<String> {
        if !loss.is_finite() {
            return Some(format!("loss is {loss} at step {step}"));
        }
        let first = self.first.get_or_insert(Exact(loss)).0;
        self.recent.push_back(Exact(loss));
        if self.recent.len() > WINDOW {
            self.recent.pop_front();
        }
        let mean = self.recent.iter().map(|loss| loss.0).sum::<f64>() / WINDOW as f64;
        let chance = (classes as f64).ln();
        let limit = 3.0 * first.max(chance);
        (self.recent.len() == WINDOW && mean > limit).then(|| {
            format!(
                "mean loss of {WINDOW} steps is {mean:.2} at step {step}: above 3 × the first loss ({first:.2}) and 3 × \
                 ln({classes}) ({chance:.2})"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_reason(losses: impl Iterator<Item = f64>) -> Option<(usize, String)> {
        let mut watch = Divergence::default();
        losses
            .enumerate()
            .find_map(|(step, loss)| watch.observe(loss, 10, step).map(|reason| (step, reason)))
    }

    #[test]
    fn nan_ends_at_its_step() {
        let (step, reason) = first_reason([2.3, 2.5, f64::NAN].into_iter()).unwrap();
        assert_eq!(step, 2);
        assert_eq!(reason, "loss is NaN at step 2");
        assert!(first_reason([2.3, f64::INFINITY].into_iter()).is_some());
    }

    #[test]
    fn a_spike_is_forgiven_and_fifty_bad_steps_are_not() {
        let spike = (0..200).map(|step| if step == 20 { 100.0 } else { 2.0 });
        assert_eq!(first_reason(spike), None);
        let (step, _) =
            first_reason((0..200).map(|step| if step < 10 { 2.3 } else { 8.0 })).unwrap();
        assert!((50..60).contains(&step), "{step}");
    }

    #[test]
    fn a_high_start_is_no_divergence() {
        assert_eq!(first_reason((0..200).map(|_| 9.0)), None);
    }
}
