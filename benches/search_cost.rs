//! What a decision costs in a sweep of a million points, and what a point keeps in memory: counted, since timings differ by machine.
//!
//! The plan has 1,000,000 points; results of 100,000 of them come in. Shown for each tenth: the slowest call of `apply` + `decide`, their
//! mean, and the resident bytes a point (Linux).

#![allow(clippy::print_stdout, reason = "a bench prints its results")]

use std::time::Instant;

use hone_coordinator::search::{
    Decision, Definition, Domain, Kind, Objective, Pruner, Range, RoundPoints, Sampler, Scale,
    Search, Space, Strategy, TrialEvent, TrialResult, WrittenRound,
};

const POINTS: u64 = 1_000_000;
const RESULTS: u64 = 100_000;

fn main() {
    let before = resident();
    let mut search = Search::new(definition()).expect("the sweep is sound");
    println!("results   mean µs   most µs   bytes a point");
    let tenth = RESULTS / 10;
    let (mut sum, mut most) = (0.0, 0.0f64);
    for i in 1..=RESULTS {
        #[expect(clippy::disallowed_methods, reason = "a bench measures time")]
        let start = Instant::now();
        let decisions = search.decide(1);
        for decision in decisions {
            if let Decision::Enqueue(trial) = decision {
                let objective = (trial.number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11) as f64;
                let event = TrialEvent::Completed {
                    epoch: trial.to_epoch,
                    objective,
                };
                search.apply(&TrialResult {
                    trial: trial.number,
                    event,
                });
            }
        }
        let micros = start.elapsed().as_secs_f64() * 1e6;
        sum += micros;
        most = most.max(micros);
        if i % tenth == 0 {
            println!(
                "{i:7} {:9.1} {most:9.0} {:15.0}",
                sum / tenth as f64,
                (resident() - before) / POINTS as f64,
            );
            (sum, most) = (0.0, 0.0);
        }
    }
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

fn definition() -> Definition {
    let range = |path: &str| Domain::new(path, Kind::Range(Range::new(Scale::Log, 1e-4, 1.0)));
    let round = |points| WrittenRound {
        points,
        epochs: 9,
        repeats: 1,
        pruner: Pruner::None,
    };
    Definition {
        seed: 7,
        space: Space::new(["a", "b", "c", "d", "e"].map(range).into()).expect("five ranges"),
        objective: Objective {
            metric: "val_accuracy".into(),
            maximize: true,
            at_best: true,
            target: None,
        },
        strategy: Strategy::Written(vec![
            round(RoundPoints::Drawn(POINTS)),
            round(RoundPoints::Top(3)),
        ]),
        sampler: Sampler::Sobol,
        folds: 1,
        start: Vec::new(),
        earlier: Vec::new(),
        extensions: Vec::new(),
    }
}
