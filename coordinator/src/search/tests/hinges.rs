//! What hinges on one trial, and a search that is told of a retry in its place.

use std::{collections::BTreeSet, ops::Range};

use super::outcomes::{curve, definition, written, zoom};
use crate::search::{
    Decision, Definition, NewTrial, RoundPoints::*, Sampler, Search, Strategy, TrialEvent,
    TrialResult,
};

/// Hands out and completes trials until `number` was handed out, and everything before it in the plan has ended. Those that
/// were handed out.
fn run_until(search: &mut Search, number: u64) -> BTreeSet<u64> {
    let mut handed_out = BTreeSet::new();
    while !handed_out.contains(&number) {
        let decisions = search.decide(1);
        assert!(!decisions.is_empty(), "{number} never comes");
        for decision in decisions {
            if let Decision::Enqueue(trial) = decision {
                handed_out.insert(trial.number);
                complete(search, &trial);
            }
        }
    }
    handed_out
}

fn complete(search: &mut Search, trial: &NewTrial) {
    let epoch = trial.to_epoch;
    let event = match curve(trial, epoch) {
        Some(objective) if trial.waits_at_end => TrialEvent::AtRung { epoch, objective },
        Some(objective) => TrialEvent::Completed { epoch, objective },
        None => TrialEvent::Diverged { epoch },
    };
    search.apply(&TrialResult {
        trial: trial.number,
        event,
    });
}

fn hinged(definition: &Definition, number: u64) -> Vec<Range<u64>> {
    Search::new(definition.clone()).unwrap().hinge_on(number)
}

/// All numbers from this one on.
fn behind(start: u64) -> Range<u64> {
    start..u64::MAX
}

#[test]
fn later_rounds_hinge_on_a_trial_and_its_own_does_not() {
    let rounds = definition(written(&[
        (Drawn(4), 1, 2),
        (Drawn(3), 2, 1),
        (Top(1), 3, 2),
    ]));
    assert_eq!(hinged(&rounds, 1), [behind(9)]);
    assert_eq!(hinged(&rounds, 8), [behind(9)]);
    assert_eq!(hinged(&rounds, 9), [behind(12)]);
    assert_eq!(hinged(&rounds, 13), [behind(14)]);
    assert!(hinged(&rounds, 14).is_empty(), "it is no trial of the plan");
}

#[test]
fn later_generations_hinge_on_a_trial_of_tpe() {
    let mut definition = definition(written(&[(Drawn(30), 1, 1)]));
    definition.sampler = Sampler::Tpe;
    // Ten plain draws, then generations of as many points as are trained at once.
    let size = u64::from(definition.parallel());
    let first = |point: u64| ((point / size + 1) * size).max(10) + 1;
    assert_eq!(hinged(&definition, 1), [first(0)..31, 31..u64::MAX]);
    assert_eq!(hinged(&definition, 30), [31..31, 31..u64::MAX]);
}

#[test]
fn a_search_without_a_trial_still_wants_everything_that_does_not_hinge_on_it() {
    let mut hedged = zoom(120, 9);
    hedged.hedge = true;
    let mut tpe = definition(written(&[(Drawn(24), 1, 1), (Drawn(4), 2, 1)]));
    tpe.sampler = Sampler::Tpe;
    for definition in [
        definition(written(&[(Drawn(6), 1, 1), (Drawn(4), 2, 1)])),
        definition(Strategy::Planned(zoom(120, 9))),
        definition(Strategy::Planned(hedged)),
        tpe,
    ] {
        for tried_again in [1, 3] {
            let mut search = Search::new(definition.clone()).unwrap();
            let mut known = Vec::new();
            // Everything but the trial that is tried again.
            loop {
                let new: Vec<NewTrial> = search
                    .decide(1)
                    .into_iter()
                    .filter_map(|decision| match decision {
                        Decision::Enqueue(trial) => Some(trial),
                        _ => None,
                    })
                    .collect();
                let Some(trial) = new.into_iter().next() else {
                    break;
                };
                if trial.number != tried_again {
                    complete(&mut search, &trial);
                }
                known.push(trial.number);
            }
            let hinged = search.hinge_on(tried_again);
            for number in known {
                assert!(
                    hinged.iter().all(|range| !range.contains(&number)),
                    "{number} came without {tried_again}, and hinges on it: {hinged:?}"
                );
            }
        }
    }
}

#[test]
fn what_came_after_a_failure_hinges_on_it() {
    let definition = definition(written(&[(Drawn(4), 1, 1), (Drawn(3), 2, 1)]));
    let mut search = Search::new(definition).unwrap();
    let handed_out = run_until(&mut search, 5);
    let hinged = search.hinge_on(2);
    assert!(
        handed_out
            .iter()
            .any(|n| hinged.iter().any(|range| range.contains(n)))
    );
}
