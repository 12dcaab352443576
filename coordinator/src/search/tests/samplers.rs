//! Samplers and pruners in whole sweeps.

use proptest::prelude::*;

use super::{
    outcomes::{curve, definition, written, zoom},
    simulated::{World, run},
};
use crate::search::{
    Definition, Domain, Grid, Kind, NewTrial, Planned, PlannedKind, Pruner, Range, RoundPoints::*,
    Sampler, Scale, Search, Space, Strategy,
};

const CALM: World = World {
    workers: 1,
    seed: 1,
    kills: 0,
    restarts: 0,
};

fn tpe(points: u64) -> Definition {
    let mut definition = definition(Strategy::Planned(Planned {
        kind: PlannedKind::Random,
        finish: None,
        ..zoom(points * 3, 3)
    }));
    definition.sampler = Sampler::Tpe;
    definition
}

#[test]
fn tpe_ends_up_near_the_best_rate() {
    let outcome = run(&tpe(60), CALM, &curve);
    let near = |from: u64, to: u64| {
        let rates = outcome
            .trials
            .values()
            .filter(|t| (from..to).contains(&t.point));
        let rates = rates.map(|t| t.params["train.learning_rate"].as_f64().unwrap());
        rates.filter(|rate| (0.002..0.05).contains(rate)).count()
    };
    assert!(
        near(40, 60) >= 12,
        "{} of the last 20 are near the best rate",
        near(40, 60)
    );
    assert!(
        near(0, 10) <= 6,
        "the first ten are plain draws: {}",
        near(0, 10)
    );
}

#[test]
fn a_grid_is_the_whole_product() {
    let mut domains = super::outcomes::space().domains().to_vec();
    domains[0].grid = Some(Grid::Points(3));
    domains[1].grid = Some(Grid::Values(vec![0.001.into(), 0.01.into()]));
    let mut definition = definition(written(&[(Drawn(1), 2, 1)]));
    definition.space = Space::new(domains).unwrap();
    definition.sampler = Sampler::Grid;
    let outcome = run(&definition, CALM, &curve);
    let mut seen: Vec<(f64, f64)> = outcome
        .trials
        .values()
        .map(|t| {
            let number = |path: &str| t.params[path].as_f64().unwrap();
            (number("model.dropout"), number("train.learning_rate"))
        })
        .collect();
    seen.sort_by(|a, b| a.partial_cmp(b).unwrap());
    assert_eq!(
        seen,
        [
            (0.0, 0.001),
            (0.0, 0.01),
            (0.25, 0.001),
            (0.25, 0.01),
            (0.5, 0.001),
            (0.5, 0.01)
        ]
    );
}

#[test]
fn a_grid_keeps_to_a_step_that_misses_the_upper_end() {
    let mut range = Range::new(Scale::Linear, 0.0, 1.1);
    range.step = Some(0.3);
    assert_eq!(range.value(1.0), 0.9);
    let mut domain = Domain::new("model.dropout", Kind::Range(range));
    domain.grid = Some(Grid::Points(5));
    let mut definition = definition(written(&[(Drawn(1), 2, 1)]));
    definition.space = Space::new(vec![domain]).unwrap();
    definition.sampler = Sampler::Grid;
    let curve = |_: &NewTrial, _: u32| Some(0.5);
    let outcome = run(&definition, CALM, &curve);
    let trials = outcome.trials.values();
    let dropouts: Vec<f64> = trials
        .map(|trial| trial.params["model.dropout"].as_f64().unwrap())
        .collect();
    assert_eq!(dropouts, [0.0, 0.3, 0.6, 0.9]);
}

#[test]
fn a_grid_without_values_is_refused_by_path() {
    let mut definition = definition(written(&[(Drawn(1), 2, 1)]));
    definition.sampler = Sampler::Grid;
    let error = Search::new(definition).unwrap_err();
    assert_eq!(error.path, "model.dropout");
}

#[test]
fn pruners_save_epochs_and_still_find_a_good_point() {
    let with = |pruner: Pruner| {
        let mut strategy = written(&[(Drawn(60), 9, 1)]);
        if let Strategy::Written(rounds) = &mut strategy {
            rounds[0].pruner = pruner;
        }
        run(&definition(strategy), CALM, &curve)
    };
    let all = with(Pruner::None);
    for pruner in [Pruner::Median, Pruner::Asha] {
        let pruned = with(pruner);
        assert!(
            pruned.epochs * 10 < all.epochs * 9,
            "{pruner:?}: {} of {}",
            pruned.epochs,
            all.epochs
        );
        let (best, found) = (all.winner.clone().unwrap(), pruned.winner.unwrap());
        assert!(found.objective > best.objective - 0.02, "{pruner:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn workers_order_kills_and_restarts_change_nothing_for_tpe(
        seed: u64,
        points in 12u64..50,
        workers in prop::sample::select(vec![1usize, 4, 64]),
    ) {
        let rough = World { workers, seed, kills: 5, restarts: 3 };
        prop_assert_eq!(run(&tpe(points), CALM, &curve), run(&tpe(points), rough, &curve));
    }

    #[test]
    fn sweeps_with_pruners_end_whatever_happens(seed: u64, workers in 1usize..20, median: bool) {
        let mut strategy = written(&[(Drawn(20), 6, 2), (Drawn(10), 9, 1), (Top(2), 9, 2)]);
        if let Strategy::Written(rounds) = &mut strategy {
            for round in rounds {
                round.pruner = if median { Pruner::Median } else { Pruner::Asha };
            }
        }
        let rough = World { workers, seed, kills: 5, restarts: 3 };
        let outcome = run(&definition(strategy), rough, &curve);
        prop_assert!(outcome.winner.is_some());
    }
}
