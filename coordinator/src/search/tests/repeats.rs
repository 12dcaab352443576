//! Spaces in which a sampler gives the same set of params again.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{prelude::*, strategy::Strategy as _};
use serde_json::json;

use super::{
    outcomes::{definition, written, zoom},
    simulated::{Outcome, World, run},
};
use crate::search::{
    Condition, Definition, Domain, EarlierPoint, Extension, Finish, Kind, NewTrial, Params,
    Planned, PlannedKind, Range, RoundPoints::*, Sampler, Scale, Search, Space, Strategy,
};

const CALM: World = World {
    workers: 1,
    seed: 1,
    kills: 0,
    restarts: 0,
};

fn choice(path: &str, count: u64) -> Domain {
    Domain::new(path, Kind::Choice((0..count).map(|v| json!(v)).collect()))
}

fn integer(path: &str, low: f64, high: f64) -> Domain {
    let range = Range {
        integer: true,
        ..Range::new(Scale::Linear, low, high)
    };
    Domain::new(path, Kind::Range(range))
}

fn of(space: Vec<Domain>, strategy: Strategy) -> Definition {
    Definition {
        space: Space::new(space).unwrap(),
        ..definition(strategy)
    }
}

fn four_sets(strategy: Strategy) -> Definition {
    of(vec![choice("a", 2), choice("b", 2)], strategy)
}

fn planned(kind: PlannedKind, epochs: u64, full_epochs: u32) -> Strategy {
    Strategy::Planned(Planned {
        kind,
        ..zoom(epochs, full_epochs)
    })
}

fn mixed(numbers: impl IntoIterator<Item = u64>) -> f64 {
    let hash = numbers.into_iter().fold(7, |hash: u64, number| {
        (hash ^ number)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(31)
    });
    (hash >> 40) as f64 / (1_u64 << 24) as f64
}

/// What params are worth, a little noise of each training, more of early epochs.
fn noisy(trial: &NewTrial, epoch: u32) -> Option<f64> {
    let text = json!(trial.params).to_string();
    let own = mixed(text.bytes().map(u64::from));
    let key = [
        trial.round.into(),
        trial.point,
        trial.repeat.into(),
        trial.fold.into(),
    ];
    let noise = mixed(key.into_iter().chain([epoch.into()]));
    Some(own + 0.1 * noise / f64::from(epoch))
}

/// Every (round, point, repeat, fold) once; of each point all repeats from 0 on in the order of their numbers; different points of one
/// length have different params.
fn check_keys(definition: &Definition, outcome: &Outcome) {
    let mut trainings: BTreeMap<(u32, u64), Vec<u32>> = BTreeMap::new();
    let mut params: BTreeMap<(u32, u64), &Params> = BTreeMap::new();
    let mut keys = BTreeSet::new();
    for trial in outcome.trials.values() {
        let place = (trial.round, trial.point);
        assert!(keys.insert((place, trial.repeat, trial.fold)), "{trial:?}");
        assert_eq!(**params.entry(place).or_insert(&trial.params), trial.params);
        if trial.fold == 0 {
            trainings.entry(place).or_default().push(trial.repeat);
        }
    }
    for (place, repeats) in &trainings {
        let expected: Vec<u32> = (0..repeats.len() as u32).collect();
        // An earlier sweep has trained its points once.
        let first = u32::from(place.0 == 0);
        let expected: Vec<u32> = expected.into_iter().map(|repeat| repeat + first).collect();
        assert_eq!(*repeats, expected, "{place:?}");
    }
    let tops: BTreeSet<u32> = match &definition.strategy {
        Strategy::Written(rounds) => (1..)
            .zip(rounds)
            .filter(|(_, round)| matches!(round.points, Top(_)))
            .map(|(number, _)| number)
            .collect(),
        Strategy::Planned(_) => BTreeSet::new(),
    };
    let full = |place: &(u32, u64)| {
        let mut trials = outcome.trials.values();
        trials
            .find(|trial| (trial.round, trial.point) == *place)
            .unwrap()
            .full_epochs
    };
    let mut sets = BTreeSet::new();
    for (place, params) in params {
        if place.0 > 0 && !tops.contains(&place.0) {
            let set = (full(&place), json!(params).to_string());
            assert!(
                sets.insert(set),
                "{place:?} has the params of another point"
            );
        }
    }
}

#[test]
fn what_comes_again_is_a_repeat_of_the_earliest_point_with_these_params() {
    let definition = four_sets(planned(PlannedKind::Random, 40, 1));
    let plan = Search::new(definition.clone()).unwrap();
    assert_eq!(plan.plan().rounds[0].points(), 34);
    assert_eq!(definition.space.combinations(), Some(4));
    let outcome = run(&definition, CALM, &noisy);
    check_keys(&definition, &outcome);
    // The budget is spent, on four points.
    assert_eq!((outcome.trials.len(), outcome.epochs), (40, 40));
    let places: BTreeSet<(u32, u64)> = outcome
        .trials
        .values()
        .map(|trial| (trial.round, trial.point))
        .collect();
    assert_eq!(places.len(), 4);
    assert_eq!(outcome.own_points[&1], 4);
    // The finish trains three different sets twice more.
    let finish: Vec<&NewTrial> = outcome.trials.range(35..).map(|(_, trial)| trial).collect();
    let finalists: BTreeSet<u64> = finish.iter().map(|trial| trial.point).collect();
    assert_eq!((finish.len(), finalists.len()), (6, 3));
    // The winner is the mean over all its trainings, and the best one.
    let winner = outcome.winner.unwrap();
    let trainings = |point: u64| {
        let of_point = outcome
            .trials
            .values()
            .filter(move |trial| trial.point == point);
        of_point
            .map(|trial| noisy(trial, 1).unwrap())
            .collect::<Vec<f64>>()
    };
    let mean = |point: u64| trainings(point).iter().sum::<f64>() / trainings(point).len() as f64;
    assert_eq!(winner.trials.len(), trainings(winner.point).len());
    assert!((winner.objective - mean(winner.point)).abs() < 1e-12);
    // A better one has fewer trainings and cannot be told from it.
    for point in finalists {
        assert!(
            mean(point) <= mean(winner.point) || winner.tied.contains(&(1, point)),
            "{winner:?}"
        );
    }
}

#[test]
fn a_rung_takes_every_set_once_before_one_twice_and_goes_by_all_trainings() {
    let definition = four_sets(planned(PlannedKind::Zoom, 100, 9));
    let outcome = run(&definition, CALM, &noisy);
    check_keys(&definition, &outcome);
    let rungs = &Search::new(definition).unwrap().plan().rounds[0].brackets[0]
        .rungs
        .clone();
    assert!(rungs[0].points > 8 && rungs[1].points >= 4, "{rungs:?}");
    let promoted = |epoch: u32| -> Vec<u64> {
        let of_rung = outcome.promoted.iter().filter(move |(_, to)| *to == epoch);
        of_rung
            .map(|(trial, _)| outcome.trials[trial].point)
            .collect()
    };
    let different = |points: &[u64]| points.iter().collect::<BTreeSet<_>>().len();
    assert_eq!(different(&promoted(3)), 4, "{:?}", promoted(3));
    assert_eq!(
        different(&promoted(9)),
        promoted(9).len(),
        "{:?}",
        promoted(9)
    );
    // By the mean over all that was trained for one epoch the last one is not among them.
    let mean = |point: u64| {
        let of_point = outcome
            .trials
            .range(..=rungs[0].points)
            .map(|(_, trial)| trial);
        let values: Vec<f64> = of_point
            .filter(|t| t.point == point)
            .map(|t| noisy(t, 1).unwrap())
            .collect();
        values.iter().sum::<f64>() / values.len() as f64
    };
    let mut points: Vec<u64> = outcome
        .trials
        .values()
        .map(|t| t.point)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    points.sort_by(|a, b| mean(*b).total_cmp(&mean(*a)));
    let first: BTreeSet<u64> = promoted(3).into_iter().collect();
    assert!(first.contains(&points[0]));
}

#[test]
fn written_rounds_repeat_points_of_their_own_length_and_top_takes_different_ones() {
    let strategy = written(&[
        (Drawn(8), 2, 2),
        (Drawn(6), 3, 1),
        (Drawn(6), 3, 1),
        (Top(3), 5, 2),
    ]);
    let definition = four_sets(strategy);
    let outcome = run(&definition, CALM, &noisy);
    check_keys(&definition, &outcome);
    assert_eq!(outcome.trials.len(), 16 + 6 + 6 + 6);
    let rounds: BTreeSet<u32> = outcome.trials.values().map(|trial| trial.round).collect();
    // Round 3 has the length of round 2: where all its sets were there, it has no points of its own.
    assert!(rounds.contains(&1) && rounds.contains(&2) && rounds.contains(&4));
    let tops: BTreeSet<String> = outcome
        .trials
        .values()
        .filter(|trial| trial.round == 4)
        .map(|trial| json!(trial.params).to_string())
        .collect();
    assert_eq!(tops.len(), 3);
    assert_eq!(outcome.winner.unwrap().repeats, 2);
}

#[test]
fn where_all_sets_were_tried_the_budget_goes_to_those_that_may_still_be_best() {
    let space = vec![choice("a", 3), choice("b", 3)];
    let definition = of(space, planned(PlannedKind::Zoom, 270, 9));
    let outcome = run(&definition, CALM, &noisy);
    check_keys(&definition, &outcome);
    let first = Search::new(definition.clone()).unwrap().plan().rounds[0].points();
    let proposed: BTreeSet<u64> = outcome
        .trials
        .range(first + 1..)
        .map(|(_, trial)| trial.point)
        .collect();
    assert!(proposed.len() >= 3, "{proposed:?}");
}

/// The whole-space points of the second round are tried by no round before it, and with them all sets are.
#[test]
fn a_box_does_not_hinge_on_which_of_its_rounds_points_were_handed_out_early() {
    let width = Range {
        integer: true,
        ..Range::new(Scale::PowerOfTwo, 8.0, 64.0)
    };
    let space = vec![choice("a", 3), Domain::new("width", Kind::Range(width))];
    let strategy = Strategy::Planned(Planned {
        hedge: true,
        finish: None,
        ..zoom(49, 1)
    });
    for seed in 0..20 {
        let definition = Definition {
            seed,
            ..of(space.clone(), strategy.clone())
        };
        let boxes = |workers| run(&definition, World { workers, ..CALM }, &noisy).boxes;
        assert_eq!(boxes(1), boxes(64), "seed {seed}");
    }
}

#[test]
fn equal_start_points_of_a_space_without_end_are_one() {
    let mut definition = definition(planned(PlannedKind::Random, 60, 3));
    let start = |dropout: f64| {
        Params::from([
            ("train.learning_rate".to_owned(), json!(0.01)),
            ("model.dropout".to_owned(), json!(dropout)),
        ])
    };
    definition.start = vec![start(0.0), start(0.25), start(-0.0), start(0.25)];
    let outcome = run(&definition, CALM, &noisy);
    check_keys(&definition, &outcome);
    let key = |number: u64| {
        let trial = &outcome.trials[&number];
        (trial.point, trial.repeat)
    };
    assert_eq!(
        [1, 2, 3, 4, 5].map(key),
        [(0, 0), (1, 0), (0, 1), (1, 1), (4, 0)]
    );
}

#[test]
fn of_a_conditional_space_only_the_part_without_numbers_repeats() {
    let mut momentum = Domain::new("momentum", Kind::Range(Range::new(Scale::Linear, 0.5, 1.0)));
    momentum.conditions = vec![Condition {
        path: "optimizer".into(),
        values: vec![json!(0)],
    }];
    let definition = of(
        vec![choice("optimizer", 2), momentum],
        planned(PlannedKind::Random, 30, 1),
    );
    assert_eq!(definition.space.combinations(), None);
    let outcome = run(&definition, CALM, &noisy);
    check_keys(&definition, &outcome);
    let without: BTreeSet<u64> = outcome
        .trials
        .values()
        .filter(|trial| !trial.params.contains_key("momentum"))
        .map(|trial| trial.point)
        .collect();
    assert_eq!(without.len(), 1);
}

#[test]
fn a_space_of_one_point_trains_it_again_and_again() {
    let definition = of(Vec::new(), planned(PlannedKind::Zoom, 40, 1));
    assert_eq!(definition.space.combinations(), Some(1));
    let outcome = run(&definition, CALM, &noisy);
    check_keys(&definition, &outcome);
    assert_eq!(outcome.winner.unwrap().repeats, 36);
}

#[test]
fn an_extension_counts_on() {
    let mut definition = four_sets(planned(PlannedKind::Zoom, 60, 2));
    let first_trial = Search::new(definition.clone()).unwrap().plan().last_trial() + 3;
    definition.extensions = vec![Extension {
        epochs: 40,
        first_trial,
    }];
    let outcome = run(&definition, CALM, &noisy);
    check_keys(&definition, &outcome);
    assert!(
        outcome
            .trials
            .range(first_trial..)
            .all(|(_, trial)| trial.repeat > 0)
    );
}

#[test]
fn a_set_of_an_earlier_sweep_is_one_finalist() {
    let mut definition = four_sets(planned(PlannedKind::Zoom, 40, 1));
    let set =
        |a: u64, b: u64| Params::from([("a".to_owned(), json!(a)), ("b".to_owned(), json!(b))]);
    let point = |(a, b)| EarlierPoint {
        params: set(a, b),
        objective: Some(9.0),
    };
    definition.earlier = [(0, 0), (0, 1), (1, 0), (1, 1)]
        .into_iter()
        .map(point)
        .collect();
    let outcome = run(&definition, CALM, &noisy);
    check_keys(&definition, &outcome);
    assert!(outcome.trials.values().all(|trial| trial.round > 0));
}

#[test]
fn combinations_are_counted_with_their_conditions() {
    let count = |domains: Vec<Domain>| Space::new(domains).unwrap().combinations();
    let mut layers = choice("layers", 3);
    layers.conditions = vec![Condition {
        path: "kind".into(),
        values: vec![json!(1), json!(2)],
    }];
    // Of four kinds two have three layers each.
    assert_eq!(
        count(vec![choice("kind", 4), layers, integer("n", 1.0, 5.0)]),
        Some(8 * 5)
    );
    let power = Domain::new(
        "width",
        Kind::Range(Range::new(Scale::PowerOfTwo, 16.0, 256.0)),
    );
    let stepped = Range {
        step: Some(0.1),
        ..Range::new(Scale::Linear, 0.0, 0.5)
    };
    assert_eq!(
        count(vec![power, Domain::new("dropout", Kind::Range(stepped))]),
        Some(5 * 6)
    );
    let real = Domain::new("rate", Kind::Range(Range::new(Scale::Log, 1e-4, 1.0)));
    assert_eq!(count(vec![choice("kind", 4), real]), None);
}

#[test]
fn what_was_said_about_ends_of_ranges_is_in_the_end_about_the_winner() {
    let mut definition = definition(written(&[(Drawn(12), 1, 1), (Top(2), 2, 1)]));
    // Alone the first round likes the upper end of dropout, the second one the lower rate.
    definition.objective.target = None;
    let likes_the_end = |trial: &NewTrial, epoch: u32| {
        let dropout = trial.params["model.dropout"].as_f64()?;
        Some(if epoch == 1 { dropout } else { -dropout })
    };
    let outcome = run(&definition, CALM, &likes_the_end);
    let winner = outcome.winner.unwrap();
    let dropout = winner.params["model.dropout"].as_f64().unwrap();
    let short = crate::search::edge::short(dropout);
    for edge in &outcome.edges {
        assert!(
            !edge.key.contains("dropout")
                || edge.text.contains(&format!("the best value, {short},")),
            "{edge:?} of {dropout}"
        );
    }
    let near = dropout > 0.475;
    assert_eq!(
        outcome
            .edges
            .iter()
            .any(|edge| edge.key == "edge model.dropout upper"),
        near
    );
}

fn any_small() -> impl proptest::strategy::Strategy<Value = Definition> {
    let spaces = prop::sample::select(vec![
        vec![choice("a", 2), choice("b", 2)],
        vec![choice("a", 5), integer("n", 1.0, 4.0)],
        vec![
            Domain::new(
                "width",
                Kind::Range(Range::new(Scale::PowerOfTwo, 8.0, 64.0)),
            ),
            choice("a", 3),
        ],
        vec![choice("a", 1)],
    ]);
    let strategies = prop_oneof![
        3 => (
            prop::sample::select(vec![PlannedKind::Zoom, PlannedKind::Random, PlannedKind::EarlyCut]),
            20u64..200,
            1u32..10,
            any::<bool>(),
            0u32..3,
        ).prop_map(|(kind, budget, full, hedge, finish)| Strategy::Planned(Planned {
            kind,
            hedge,
            finish: (finish > 0).then_some(Finish { top: 3, repeats: finish }),
            ..zoom(budget.max(u64::from(full) * 3), full)
        })),
        1 => Just(written(&[(Drawn(12), 1, 2), (Drawn(8), 3, 1), (Drawn(9), 3, 2), (Top(4), 3, 2)])),
    ];
    let samplers = prop::sample::select(vec![Sampler::Random, Sampler::Sobol, Sampler::Tpe]);
    (spaces, strategies, samplers, 1u32..4, 0u64..9).prop_map(
        |(space, strategy, sampler, folds, seed)| {
            let takes_tpe = match &strategy {
                Strategy::Planned(planned) => planned.kind == PlannedKind::Random,
                Strategy::Written(_) => true,
            };
            let sampler = if takes_tpe || sampler != Sampler::Tpe {
                sampler
            } else {
                Sampler::Sobol
            };
            Definition {
                sampler,
                folds,
                seed,
                ..of(space, strategy)
            }
        },
    )
}

/// One in twenty diverges.
fn sometimes(trial: &NewTrial, epoch: u32) -> Option<f64> {
    let key = [trial.round.into(), trial.point, trial.repeat.into(), 99];
    noisy(trial, epoch).filter(|_| mixed(key) > 0.05)
}

/// The greatest and the smallest numbers there are.
fn extreme(trial: &NewTrial, _: u32) -> Option<f64> {
    const VALUES: [f64; 8] = [1e308, -1e308, f64::MAX, f64::MIN, 1e-308, 5e-324, 0.0, 1.0];
    let text = json!(trial.params).to_string();
    let key = [trial.repeat.into(), trial.fold.into()];
    let pick = mixed(text.bytes().map(u64::from).chain(key)) * 8.0;
    Some(VALUES[pick as usize])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn workers_order_kills_and_restarts_change_nothing(
        definition in any_small(),
        seed: u64,
        workers in prop::sample::select(vec![1usize, 4, 64]),
    ) {
        let rough = World { workers, seed, kills: 5, restarts: 3 };
        for curve in [noisy, sometimes] {
            let calm = run(&definition, CALM, &curve);
            check_keys(&definition, &calm);
            prop_assert_eq!(&calm, &run(&definition, rough, &curve));
        }
    }

    #[test]
    fn the_greatest_and_the_smallest_objectives_have_a_best(definition in any_small(), continuous: bool) {
        let mut definition = definition;
        if continuous {
            definition.space = super::outcomes::space();
        }
        let winner = run(&definition, CALM, &extreme).winner;
        prop_assert!(winner.as_ref().is_some_and(|winner| {
            let widths = [winner.spread, winner.half_width];
            winner.objective.is_finite() && widths.into_iter().flatten().all(f64::is_finite)
        }), "{winner:?}");
    }
}
