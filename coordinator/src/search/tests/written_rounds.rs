//! Rounds as a person writes them.

use proptest::prelude::*;

use super::{
    outcomes::{curve, definition, written},
    simulated::{World, run},
};
use crate::search::{AxisBox, RoundPoints::*, Strategy};

const CALM: World = World {
    workers: 1,
    seed: 1,
    kills: 0,
    restarts: 0,
};

fn lecture() -> Strategy {
    written(&[(Drawn(24), 1, 1), (Drawn(12), 4, 1), (Top(3), 6, 3)])
}

#[test]
fn three_rounds_run_to_a_winner_among_the_last() {
    let outcome = run(&definition(lecture()), CALM, &curve);
    assert_eq!(outcome.trials.len(), 24 + 12 + 9);
    assert_eq!(
        outcome.trials.keys().copied().collect::<Vec<_>>(),
        (1..=45).collect::<Vec<_>>()
    );
    let winner = outcome.winner.unwrap();
    assert_eq!((winner.round, winner.repeats, winner.epochs), (3, 3, 6));
    assert!(
        winner.trials.iter().all(|&n| (37..=45).contains(&n)),
        "{:?}",
        winner.trials
    );
    assert!(winner.objective > 0.85, "{winner:?}");
    assert_eq!(outcome.reason, "the plan is done");
}

#[test]
fn the_second_round_draws_from_a_smaller_box_around_the_best() {
    let definition = definition(lecture());
    let outcome = run(&definition, CALM, &curve);
    let AxisBox::Range { low, high } = outcome.boxes[&2].axes()[1] else {
        panic!("a rate is a range")
    };
    assert!(high - low < 0.8, "{low} {high}");
    assert!(
        low < 0.5 && high > 0.5,
        "the best rate, 0.01, is in the middle: {low} {high}"
    );
    for trial in outcome.trials.values().filter(|trial| trial.round == 2) {
        let shares = definition.space.shares(&trial.params);
        let rate = shares[1].unwrap();
        assert!(rate >= low - 1e-9 && rate <= high + 1e-9);
    }
}

#[test]
fn the_last_round_trains_the_best_three_afresh() {
    let outcome = run(&definition(lecture()), CALM, &curve);
    let mut second: Vec<_> = outcome
        .trials
        .values()
        .filter(|trial| trial.round == 2)
        .collect();
    second.sort_by(|a, b| curve(b, 4).unwrap().total_cmp(&curve(a, 4).unwrap()));
    for point in 0..3 {
        let trials = outcome
            .trials
            .values()
            .filter(|t| t.round == 3 && t.point == point);
        for trial in trials {
            assert_eq!(trial.params, second[point as usize].params);
            assert!(trial.keep_weights);
        }
    }
}

#[test]
fn points_that_diverge_are_no_elites_and_cannot_win() {
    let definition = definition(written(&[(Drawn(8), 3, 1), (Drawn(4), 3, 1)]));
    let all_diverge = |_: &_, _| None;
    let outcome = run(&definition, CALM, &all_diverge);
    assert_eq!(outcome.winner, None);
    assert_eq!(outcome.reason, "no trial has a value");
    assert_eq!(
        outcome.trials.len(),
        8,
        "nothing is drawn after a round that has shown nothing"
    );
    assert!(
        outcome
            .warnings
            .iter()
            .any(|text| text.contains("8 of the 8 points of round 1 diverged"))
    );
}

#[test]
fn the_search_ends_at_the_first_round_that_reaches_the_target() {
    let mut definition = definition(lecture());
    definition.objective.target = Some(0.7);
    let outcome = run(&definition, CALM, &curve);
    assert_eq!(outcome.trials.len(), 24);
    assert_eq!(outcome.reason, "the target 0.7 is reached");
    assert_eq!(outcome.winner.unwrap().round, 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn workers_order_kills_and_restarts_change_nothing(seed: u64, workers in prop::sample::select(vec![1usize, 4, 64])) {
        let definition = definition(lecture());
        let rough = World { workers, seed, kills: 5, restarts: 3 };
        prop_assert_eq!(run(&definition, CALM, &curve), run(&definition, rough, &curve));
    }
}
