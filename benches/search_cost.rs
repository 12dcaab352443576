//! What a decision costs, and what a point keeps in memory: `cargo bench --bench search_cost`.
//!
//! Each call that takes in one result (`apply`) or hands out one point (`decide(1)`) is timed. A sweep is played several times, and of each
//! call the fastest counts: the calls are the same every time, the machine's pauses are not.
//!
//! First whole sweeps of zoom and of TPE; then random points of a plan of 1,000,000, results of 100,000 of them, with the resident bytes a
//! point (Linux).

#![allow(clippy::print_stdout, reason = "a bench prints its results")]

use std::{collections::VecDeque, time::Instant};

use hone_coordinator::search::{
    Budget, Decision, Definition, Domain, Finish, Kind, Objective, Planned, PlannedKind, Pruner,
    Range, RoundPoints, Sampler, Scale, Search, Space, Strategy, TrialEvent, TrialResult,
    WrittenRound,
};

const FULL_EPOCHS: u32 = 9;
const PLAYS: usize = 5;
const PLAYS_OF_MANY: usize = 3;
const POINTS: u64 = 1_000_000;
const RESULTS: usize = 100_000;

fn main() {
    println!("ms a decision                    decisions    mean     p99    most");
    for trainings in [20, 60, 600] {
        let zoom = planned(PlannedKind::Zoom, Sampler::Sobol, trainings);
        report(&format!("zoom, {trainings} trainings"), &whole(&zoom));
    }
    for trainings in [600, 6000] {
        let tpe = planned(PlannedKind::Random, Sampler::Tpe, trainings);
        report(&format!("TPE, {trainings} trainings"), &whole(&tpe));
    }
    of_many();
}

/// The calls of a whole sweep.
fn whole(definition: &Definition) -> Vec<f64> {
    let plays = (0..PLAYS).map(|_| play(definition, usize::MAX, |_, _| {}));
    plays.reduce(fastest).unwrap_or_default()
}

/// The first calls of a plan of very many points.
fn of_many() {
    println!("\n{POINTS} random points       results   bytes a point");
    let definition = definition(written(), Sampler::Sobol);
    let mut bytes = 0.0;
    let before = resident();
    let calls = (0..PLAYS_OF_MANY).map(|play_number| {
        play(&definition, RESULTS, |results, _| {
            if play_number == 0 && results % (RESULTS / 5) == 0 {
                bytes = (resident() - before) / POINTS as f64;
                println!("{results:36} {bytes:15.0}");
            }
        })
    });
    let calls = calls.reduce(fastest).unwrap_or_default();
    println!();
    let fifth = calls.len() / 5;
    for (i, part) in calls.chunks_exact(fifth).enumerate() {
        report(&format!("fifth {} of them", i + 1), part);
    }
}

fn fastest(a: Vec<f64>, b: Vec<f64>) -> Vec<f64> {
    a.into_iter().zip(b).map(|(a, b)| a.min(b)).collect()
}

fn report(name: &str, calls: &[f64]) {
    let mut sorted = calls.to_vec();
    sorted.sort_by(f64::total_cmp);
    let p99 = sorted[sorted.len() * 99 / 100];
    let mean = calls.iter().sum::<f64>() / calls.len() as f64;
    println!(
        "{name:32} {:9} {mean:7.3} {p99:7.3} {:7.3}",
        calls.len(),
        sorted[sorted.len() - 1]
    );
}

/// One worker's sweep, up to so many results: the milliseconds of each call.
fn play(definition: &Definition, results: usize, mut told: impl FnMut(usize, &Search)) -> Vec<f64> {
    let mut search = Search::new(definition.clone()).expect("the sweep is sound");
    let mut calls = Vec::new();
    let mut queue: VecDeque<(u64, u32, bool)> = VecDeque::new();
    let mut points: Vec<f64> = Vec::new();
    for count in 1..=results {
        let idle = usize::from(queue.is_empty());
        for decision in timed(&mut calls, || search.decide(idle)) {
            match decision {
                Decision::Enqueue(trial) => {
                    let squares = trial.params.values().filter_map(serde_json::Value::as_f64);
                    let distance = squares.map(|v| (v.log10() + 2.0).powi(2)).sum();
                    points.resize(points.len().max(trial.number as usize + 1), 0.0);
                    points[trial.number as usize] = distance;
                    queue.push_back((trial.number, trial.to_epoch, trial.waits_at_end));
                }
                Decision::Promote(trial) => {
                    queue.push_front((trial.trial, trial.to_epoch, trial.waits_at_end));
                }
                _ => {}
            }
        }
        let Some((trial, epoch, waits)) = queue.pop_front() else {
            break;
        };
        let noise = (trial.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11) as f64 / (1u64 << 53) as f64;
        let objective = points[trial as usize] + 3.0 / f64::from(epoch) + 0.1 * noise;
        let event = if waits {
            TrialEvent::AtRung { epoch, objective }
        } else {
            TrialEvent::Completed { epoch, objective }
        };
        timed(&mut calls, || search.apply(&TrialResult { trial, event }));
        told(count, &search);
    }
    calls
}

fn timed<T>(calls: &mut Vec<f64>, call: impl FnOnce() -> T) -> T {
    #[expect(clippy::disallowed_methods, reason = "a bench measures time")]
    let start = Instant::now();
    let result = call();
    calls.push(start.elapsed().as_secs_f64() * 1e3);
    result
}

/// Resident memory in bytes; 0 where the system does not say.
fn resident() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<f64>().ok());
    pages.unwrap_or(0.0) * 4096.0
}

fn planned(kind: PlannedKind, sampler: Sampler, trainings: u64) -> Definition {
    let planned = Planned {
        kind,
        budget: Budget::Epochs(trainings * u64::from(FULL_EPOCHS)),
        full_epochs: FULL_EPOCHS,
        eta: 3,
        parallel: 4,
        hedge: false,
        widen: false,
        finish: (kind == PlannedKind::Zoom).then_some(Finish { top: 3, repeats: 3 }),
    };
    definition(Strategy::Planned(planned), sampler)
}

fn written() -> Strategy {
    let round = |points| WrittenRound {
        points,
        epochs: FULL_EPOCHS,
        repeats: 1,
        pruner: Pruner::None,
    };
    Strategy::Written(vec![
        round(RoundPoints::Drawn(POINTS)),
        round(RoundPoints::Top(3)),
    ])
}

fn definition(strategy: Strategy, sampler: Sampler) -> Definition {
    let range = |path: &str| Domain::new(path, Kind::Range(Range::new(Scale::Log, 1e-4, 1.0)));
    Definition {
        seed: 7,
        space: Space::new(["a", "b", "c", "d", "e"].map(range).into()).expect("five ranges"),
        objective: Objective {
            metric: "loss".into(),
            maximize: false,
            at_best: false,
            target: None,
        },
        strategy,
        sampler,
        folds: 1,
        start: Vec::new(),
        earlier: Vec::new(),
        extensions: Vec::new(),
    }
}
