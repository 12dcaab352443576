//! Successive halving whose promotions do not wait for the whole rung and still come out as if they did.
//!
//! With k places on the next rung and m points of this rung still out, rank r of the finished is promoted once r + m ≤ k: whatever the m
//! turn out to be, it stays among the best k. A point with k ahead of it is out. Both only anticipate what the full rung would decide.

use std::{cmp::Ordering, collections::BTreeSet};

use super::{
    objective::Objective,
    worth::{NoWorth, TrialValue, worth},
};

/// What a point came to at a rung, better ones first. Finished values rank before pruned, diverged and failed points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Standing {
    pub outcome: PointOutcome,
    pub point: u64,
}

/// How a point fares at a rung.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum PointOutcome {
    /// The mean over its trials, turned so that smaller is better.
    Value(f64),
    /// A pruner ended it at this (turned) value.
    Pruned(f64),
    /// One of its trials diverged.
    Diverged,
    /// All of its trials failed or were cancelled.
    Failed,
}

impl PointOutcome {
    /// Of a point whose trials came to this.
    pub fn of(trials: impl IntoIterator<Item = TrialValue>, objective: &Objective) -> PointOutcome {
        match worth(trials) {
            Ok(worth) if worth.is_pruned => PointOutcome::Pruned(objective.turned(worth.mean)),
            Ok(worth) => PointOutcome::Value(objective.turned(worth.mean)),
            Err(NoWorth::Diverged) => PointOutcome::Diverged,
            Err(NoWorth::Nothing) => PointOutcome::Failed,
        }
    }

    fn class(self) -> u8 {
        match self {
            PointOutcome::Value(_) => 0,
            PointOutcome::Pruned(_) => 1,
            PointOutcome::Diverged => 2,
            PointOutcome::Failed => 3,
        }
    }

    /// Better ones first.
    pub fn compare(&self, other: &PointOutcome) -> Ordering {
        let class = self.class().cmp(&other.class());
        class.then(self.number().total_cmp(&other.number()))
    }

    /// Whether the point cannot be trained any further.
    pub fn is_over(self) -> bool {
        !matches!(self, PointOutcome::Value(_))
    }

    /// Whether there is a value to rank it by: everything but diverged and failed points.
    pub fn has_value(self) -> bool {
        self.class() < 2
    }

    /// The value as it was reported; NaN for outcomes without one.
    pub fn value(self, objective: &Objective) -> f64 {
        match self {
            PointOutcome::Value(v) | PointOutcome::Pruned(v) if objective.maximize => -v,
            PointOutcome::Value(v) | PointOutcome::Pruned(v) => v,
            PointOutcome::Diverged | PointOutcome::Failed => f64::NAN,
        }
    }

    /// What it is ranked by within its kind: smaller is better.
    pub fn number(self) -> f64 {
        match self {
            PointOutcome::Value(value) | PointOutcome::Pruned(value) => value,
            PointOutcome::Diverged | PointOutcome::Failed => 0.0,
        }
    }
}

impl Eq for Standing {}

impl PartialOrd for Standing {
    fn partial_cmp(&self, other: &Standing) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Standing {
    fn cmp(&self, other: &Standing) -> Ordering {
        let outcomes = self.outcome.compare(&other.outcome);
        outcomes.then(self.point.cmp(&other.point))
    }
}

/// One rung of a bracket.
#[derive(Debug)]
pub(super) struct RungState {
    expected: u64,
    places: u64,
    promoted: u64,
    arrived: Vec<Standing>,
    best: Option<Standing>,
    /// Neither promoted nor out yet: at most as many as there are places left.
    undecided: BTreeSet<Standing>,
}

/// What one arrival settles.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Settled {
    pub promoted: Vec<Standing>,
    pub eliminated: Vec<Standing>,
}

impl RungState {
    /// `expected` points come here; the best `places` go on (0 on the top rung).
    pub fn new(expected: u64, places: u64) -> RungState {
        RungState {
            expected,
            places,
            promoted: 0,
            arrived: Vec::new(),
            best: None,
            undecided: BTreeSet::new(),
        }
    }

    /// Takes in one point; each point arrives once.
    pub fn arrive(&mut self, standing: Standing) -> Settled {
        let mut settled = Settled::default();
        self.wait(standing);
        if self.places == 0 {
            return settled;
        }
        self.undecided.insert(standing);
        let still_out = self.expected - self.arrived.len() as u64;
        while self.promoted + still_out < self.places {
            let Some(best) = self.undecided.pop_first() else {
                break;
            };
            self.promoted += 1;
            settled.promoted.push(best);
        }
        while self.promoted + self.undecided.len() as u64 > self.places {
            let Some(worst) = self.undecided.pop_last() else {
                break;
            };
            settled.eliminated.push(worst);
        }
        settled
    }

    /// Takes in one point of a rung where nothing is settled before all have come.
    pub fn wait(&mut self, standing: Standing) {
        self.arrived.push(standing);
        if !standing.outcome.is_over() && self.best.is_none_or(|best| standing < best) {
            self.best = Some(standing);
        }
    }

    /// Settles the full rung in this order.
    pub fn settle(&mut self, mut ranked: Vec<Standing>) -> Settled {
        if self.places == 0 {
            return Settled::default();
        }
        let eliminated = ranked.split_off(ranked.len().min(self.places as usize));
        self.promoted = ranked.len() as u64;
        Settled {
            promoted: ranked,
            eliminated,
        }
    }

    /// Whether every point that comes here has come.
    pub fn is_full(&self) -> bool {
        self.arrived.len() as u64 == self.expected
    }

    /// Fewer points come than planned. For rungs without places: others would have promoted by the wrong count.
    pub fn limit(&mut self, points: u64) {
        self.expected = self.expected.min(points);
    }

    /// The best that has come with a value.
    pub fn best(&self) -> Option<Standing> {
        self.best
    }

    /// Those that have come, in order of arrival.
    pub fn arrived(&self) -> &[Standing] {
        &self.arrived
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn outcome() -> impl Strategy<Value = PointOutcome> {
        prop_oneof![
            4 => (0..20u8).prop_map(|v| PointOutcome::Value(f64::from(v))),
            1 => Just(PointOutcome::Diverged),
            1 => Just(PointOutcome::Failed),
        ]
    }

    proptest! {
        #[test]
        fn any_order_of_arrival_promotes_what_the_full_rung_would(
            (outcomes, order) in prop::collection::vec(outcome(), 1..40).prop_flat_map(|outcomes| {
                let order = Just((0..outcomes.len()).collect::<Vec<_>>()).prop_shuffle();
                (Just(outcomes), order)
            }),
            places in 1..20u64,
        ) {
            let places = places.min(outcomes.len() as u64);
            let standing = |i: usize| Standing { outcome: outcomes[i], point: i as u64 };
            let mut full: Vec<Standing> = (0..outcomes.len()).map(standing).collect();
            full.sort();
            let mut rung = RungState::new(outcomes.len() as u64, places);
            let (mut promoted, mut eliminated) = (Vec::new(), Vec::new());
            for i in order {
                let settled = rung.arrive(standing(i));
                promoted.extend(settled.promoted);
                eliminated.extend(settled.eliminated);
            }
            promoted.sort();
            eliminated.sort();
            prop_assert_eq!(&promoted[..], &full[..places as usize]);
            prop_assert_eq!(&eliminated[..], &full[places as usize..]);
        }
    }

    #[test]
    fn a_point_that_cannot_miss_its_place_goes_on_before_the_rung_is_full() {
        let mut rung = RungState::new(3, 2);
        let at = |value, point| Standing {
            outcome: PointOutcome::Value(value),
            point,
        };
        assert_eq!(rung.arrive(at(1.0, 0)), Settled::default());
        assert_eq!(rung.arrive(at(2.0, 1)).promoted, vec![at(1.0, 0)]);
        let last = rung.arrive(at(3.0, 2));
        assert_eq!(
            (last.promoted, last.eliminated),
            (vec![at(2.0, 1)], vec![at(3.0, 2)])
        );
    }
}
