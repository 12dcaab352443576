//! Budgets, and what the planner makes of them.

use proptest::{prelude::*, strategy::Strategy as _};

use super::{
    outcomes::{curve, definition, zoom},
    simulated::{World, run, run_patient},
};
use crate::search::{
    Definition, EarlierPoint, Extension, Finish, NewTrial, Params, Planned, PlannedKind, Sampler,
    Search, Strategy, shares_used,
};

const CALM: World = World {
    workers: 1,
    seed: 1,
    kills: 0,
    restarts: 0,
};

fn sweep(planned: Planned) -> Definition {
    definition(Strategy::Planned(planned))
}

#[test]
fn zoom_spends_its_budget_and_recommends_a_finalist() {
    let outcome = run(&sweep(zoom(540, 9)), CALM, &curve);
    assert!(outcome.epochs <= 540, "{}", outcome.epochs);
    assert!(outcome.epochs > 450, "{}", outcome.epochs);
    let winner = outcome.winner.unwrap();
    assert_eq!(
        (winner.repeats, winner.epochs, winner.trials.len()),
        (3, 9, 3)
    );
    assert!(winner.objective > 0.9, "{winner:?}");
    let rate = winner.params["train.learning_rate"].as_f64().unwrap();
    assert!((0.003..0.03).contains(&rate), "{rate}");
}

#[test]
fn two_to_four_workers_are_kept_busy() {
    let search = Search::new(sweep(zoom(540, 9))).unwrap();
    assert_eq!(search.plan().rounds.len(), 3);
    let shares = shares_used(&search, &[1, 2, 4, 8, 16]);
    let of = |i: usize| shares[i].1;
    assert!((of(0) - 1.0).abs() < 1e-9, "{shares:?}");
    assert!(of(1) > 0.95 && of(2) > 0.9 && of(4) < of(2), "{shares:?}");
}

#[test]
fn each_later_round_draws_from_a_smaller_box_around_the_best_rate() {
    let outcome = run(&sweep(zoom(540, 9)), CALM, &curve);
    let space = crate::search::tests::outcomes::space();
    let axis = space.position("train.learning_rate").unwrap();
    let ends = |round: u32| {
        let axes = outcome.boxes[&round].axes();
        axes[axis].ends(&space.domains()[axis]).unwrap()
    };
    for round in [2, 3] {
        let (low, high) = ends(round);
        assert!(low < 0.01 && 0.01 < high, "round {round}: {low} to {high}");
        assert!(
            (high / low).log10() < 2.5,
            "round {round}: {low} to {high} of four decades"
        );
        let inside = outcome
            .trials
            .values()
            .filter(|trial| trial.round == round)
            .filter(|trial| {
                let rate = trial.params["train.learning_rate"].as_f64().unwrap();
                low * 0.999 <= rate && rate <= high * 1.001
            })
            .count();
        let all = outcome.trials.values().filter(|t| t.round == round).count();
        // Round 2 begins with three points of the whole space; the finish's repeats are of any round.
        assert!(inside + 3 >= all, "round {round}: {inside} of {all}");
    }
}

fn earlier(rate: f64, dropout: f64, objective: Option<f64>) -> EarlierPoint {
    let params = Params::from([
        ("train.learning_rate".to_owned(), rate.into()),
        ("model.dropout".to_owned(), dropout.into()),
    ]);
    EarlierPoint { params, objective }
}

const ROUGH: World = World {
    workers: 4,
    seed: 5,
    kills: 5,
    restarts: 3,
};

#[test]
fn a_fold_that_ends_by_itself_leaves_no_choice_to_the_order_of_arrival() {
    let mut definition = sweep(zoom(720, 9));
    definition.folds = 2;
    // One of a point's two trainings ends before its point is ranked, of every third point.
    let patience = |trial: &NewTrial| match (trial.point % 3, trial.fold) {
        (0, 0) => 1,
        _ => u32::MAX,
    };
    let calm = run_patient(&definition, CALM, &curve, &patience);
    assert!(!calm.boxes.is_empty() && !calm.pruned.is_empty());
    for seed in 0..8 {
        let world = World {
            workers: 1 + seed as usize % 6,
            seed,
            ..ROUGH
        };
        assert_eq!(
            run_patient(&definition, world, &curve, &patience),
            calm,
            "seed {seed}"
        );
    }
}

#[test]
fn an_earlier_sweep_teaches_the_proposals() {
    let mut definition = sweep(zoom(180, 9));
    let alone = run(&definition, CALM, &curve);
    definition.earlier = vec![
        earlier(3e-3, 0.1, Some(0.89)),
        earlier(1e-2, 0.05, Some(0.895)),
        earlier(5e-2, 0.3, Some(0.87)),
        earlier(0.9, 0.2, None),
    ];
    let taught = run(&definition, CALM, &curve);
    assert_ne!(taught.boxes[&2], alone.boxes[&2]);
    assert_eq!(taught, run(&definition, ROUGH, &curve));
}

#[test]
fn a_point_of_an_earlier_sweep_wins_by_what_the_finish_trains_of_it() {
    let finish = Some(Finish { top: 2, repeats: 3 });
    let mut definition = sweep(Planned {
        finish,
        ..zoom(162, 9)
    });
    // The second is where `curve` is at its best.
    definition.earlier = vec![
        earlier(3e-1, 0.4, Some(0.6)),
        earlier(1e-2, 0.0, Some(0.93)),
        earlier(0.9, 0.2, None),
    ];
    let outcome = run(&definition, CALM, &curve);
    let winner = outcome.winner.as_ref().unwrap();
    assert_eq!((winner.round, winner.point), (0, 2));
    assert_eq!(winner.params, definition.earlier[1].params);
    assert!(winner.objective != 0.93 && !winner.trials.is_empty());
    for number in &winner.trials {
        assert_eq!(outcome.trials[number].params, winner.params);
    }
    assert_eq!(outcome, run(&definition, ROUGH, &curve));
}

#[test]
fn one_lucky_training_of_a_small_extension_does_not_win() {
    let mut definition = sweep(zoom(180, 9));
    let before = run(&definition, CALM, &curve).winner.unwrap();
    let first_trial = Search::new(definition.clone()).unwrap().plan().last_trial() + 1;
    let epochs = 9;
    definition.extensions = vec![Extension {
        epochs,
        first_trial,
    }];
    let with_luck = |luck: f64| {
        let lucky = move |trial: &NewTrial, epoch: u32| {
            let value = if trial.number < first_trial {
                curve(trial, epoch)?
            } else {
                before.objective + luck
            };
            Some(value)
        };
        run(&definition, CALM, &lucky).winner.unwrap()
    };
    let winner = with_luck(0.001);
    assert_eq!((winner.round, winner.point), (before.round, before.point));
    assert!(winner.repeats > 1, "{winner:?}");
    // What is far better than the noise wins by one training, too.
    assert_eq!(with_luck(0.5).trials, [first_trial]);
}

#[test]
fn every_planned_strategy_keeps_to_its_budget() {
    for kind in [
        PlannedKind::Zoom,
        PlannedKind::Random,
        PlannedKind::EarlyCut,
    ] {
        for (budget, folds, hedge) in [
            (9, 1, false),
            (100, 1, false),
            (180, 2, true),
            (540, 1, true),
            (541, 3, false),
        ] {
            let mut definition = sweep(Planned {
                kind,
                hedge,
                ..zoom(budget, 9)
            });
            definition.folds = folds;
            if budget < 9 * u64::from(folds) {
                continue;
            }
            let outcome = run(&definition, CALM, &curve);
            assert!(
                outcome.epochs <= budget,
                "{kind:?} {budget} {folds}: {}",
                outcome.epochs
            );
            let planned = Search::new(definition).unwrap().plan().epochs;
            assert!(outcome.epochs <= planned && planned <= budget);
        }
    }
}

#[test]
fn a_promotion_resumes_and_early_cut_keeps_a_ninth() {
    let outcome = run(
        &sweep(Planned {
            kind: PlannedKind::EarlyCut,
            finish: None,
            ..zoom(180, 9)
        }),
        CALM,
        &curve,
    );
    let points = outcome.trials.len();
    // n + 8 × ⌊n / 9⌋ ≤ 180.
    assert_eq!(points, 98);
    assert_eq!(outcome.promoted.len(), 10);
    assert_eq!(outcome.pruned.len() + 10, points);
}

fn any_planned() -> impl proptest::strategy::Strategy<Value = Definition> {
    let kinds = prop::sample::select(vec![
        PlannedKind::Zoom,
        PlannedKind::Random,
        PlannedKind::EarlyCut,
    ]);
    let samplers = prop::sample::select(vec![Sampler::Random, Sampler::Sobol]);
    (
        kinds,
        samplers,
        30u64..400,
        1u32..12,
        2u32..5,
        any::<bool>(),
        1u32..3,
        0u64..9,
    )
        .prop_map(|(kind, sampler, budget, full, eta, hedge, folds, seed)| {
            let budget = budget.max(u64::from(full * folds));
            let mut definition = sweep(Planned {
                kind,
                eta,
                hedge,
                ..zoom(budget, full)
            });
            definition.sampler = sampler;
            definition.folds = folds;
            definition.seed = seed;
            definition
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn workers_order_kills_and_restarts_change_nothing(
        definition in any_planned(),
        seed: u64,
        workers in prop::sample::select(vec![1usize, 4, 64]),
    ) {
        let rough = World { workers, seed, kills: 5, restarts: 3 };
        prop_assert_eq!(run(&definition, CALM, &curve), run(&definition, rough, &curve));
    }

    #[test]
    fn every_value_lies_within_the_box_of_its_round(definition in any_planned()) {
        let outcome = run(&definition, CALM, &curve);
        for trial in outcome.trials.values() {
            prop_assert!(definition.space.contains(&trial.params));
        }
    }
}

#[test]
fn where_every_finalist_diverges_the_best_of_the_others_wins() {
    let finish = Some(Finish { top: 1, repeats: 3 });
    let definition = sweep(Planned {
        finish,
        ..zoom(180, 9)
    });
    let diverges =
        |trial: &NewTrial, epoch: u32| (trial.repeat != 1).then(|| curve(trial, epoch)).flatten();
    let outcome = run(&definition, CALM, &diverges);
    let winner = outcome.winner.as_ref().unwrap();
    let finalist = outcome.trials.values().find(|trial| trial.repeat > 0);
    let finalist = finalist.map(|trial| (trial.round, trial.point));
    assert_ne!(Some((winner.round, winner.point)), finalist);
    assert_eq!(winner.trials.len(), 1);
    assert_eq!(outcome.reason, "the plan is done");
    assert_eq!(outcome, run(&definition, ROUGH, &diverges));
}
