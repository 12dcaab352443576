//! How many durable trials a second one coordinator takes, and how soon it answers: `cargo bench --bench load`.
//!
//! `hone coordinator` as it is shipped, on a fresh database, with fsync at every commit; simulated workers with a
//! connection each acquire a trial, report five epochs, each in its own call, and finish it. First as fast as they can
//! (closed loop), then at half of that rate, started by the clock whether or not the last trial is done (open loop).
//! `--peers PYTHON` runs `optuna_load.py` and `raytune_load.py` beside it, in the same run. `--workers 1` shows what a call takes
//! that shares its commit with nobody, to be compared with the fsync that is timed before.
//!
//! `--growth` compares the cost of a trial in a database that holds 1,000 trials of an ended sweep with that in one of a
//! million (`--stored N`). `--restart` times a coordinator's start on a live sweep of 100,000 trials (`--stored N`).

#![allow(clippy::print_stdout, reason = "a bench prints its results")]

mod coordinator;
mod disk;
mod figures;
mod fill;
mod worker;

use std::{path::PathBuf, time::Duration};

use coordinator::Served;
use figures::{Latencies, median, milliseconds};
use worker::{Crowd, Done, EPOCHS, now};

/// What to do; `--name value` each.
struct Options {
    workers: usize,
    seconds: u64,
    rounds: usize,
    stored: Option<u64>,
    peers: Option<String>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let wants = |name: &str| arguments.iter().any(|a| a == name);
    let value = |name: &str| {
        let place = arguments.iter().position(|a| a == name)?;
        arguments.get(place + 1).cloned()
    };
    let number = |name: &str| value(name).and_then(|v| v.parse::<u64>().ok());
    let count = |name: &str, default| number(name).map_or(default, |n| n as usize);
    let options = Options {
        workers: count("--workers", 500),
        seconds: number("--seconds").unwrap_or(5),
        rounds: count("--rounds", if wants("--growth") { 5 } else { 1 }),
        stored: number("--stored"),
        peers: value("--peers"),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    if wants("--growth") {
        runtime.block_on(growth(&options));
    } else if wants("--restart") {
        runtime.block_on(restart(&options));
    } else {
        load(&runtime, &options);
    }
}

fn load(runtime: &tokio::runtime::Runtime, options: &Options) {
    for round in 1..=options.rounds {
        println!(
            "round {round}: {} workers, {} s each loop",
            options.workers, options.seconds
        );
        let rate = runtime.block_on(both_loops(options));
        if let Some(python) = &options.peers {
            coordinator::peers(python, rate);
        }
    }
}

/// The closed loop's rate.
async fn both_loops(options: &Options) -> f64 {
    let folder = coordinator::folder();
    let fsync = disk::fsync(folder.path());
    println!(
        "  one fsync p50 {} p99 {} ms",
        milliseconds(fsync.quantile(0.5)),
        milliseconds(fsync.quantile(0.99)),
    );
    let served = Served::start(&folder.path().join("hone.db"));
    let crowd = Crowd::connect(&served.address, options.workers).await;
    crowd.launch("load").await;
    crowd.closed_for(Duration::from_secs(1)).await;
    let (closed, cost) = closed_loop(&served, &crowd, options.seconds).await;
    let rate = closed.rate();
    println!(
        "  closed loop: {rate:.0} trials/s ({} trials with {EPOCHS} reports), coordinator {:.3} ms CPU a trial, {} MB",
        closed.trials,
        cost.milliseconds,
        cost.bytes >> 20,
    );
    print(&closed.latencies);
    let before = served.usage();
    let open = crowd
        .open_for(Duration::from_secs(options.seconds), rate / 2.0)
        .await;
    let used = served.usage().cpu_seconds - before.cpu_seconds;
    println!(
        "  open loop at {:.0} trials/s: {:.0} trials/s done, coordinator {:.3} ms CPU a trial",
        rate / 2.0,
        open.rate(),
        1000.0 * used / open.trials.max(1) as f64,
    );
    print(&open.latencies);
    let repeated = crowd.attempts_beyond_first("load").await;
    println!("  trials with a second attempt (false expiries): {repeated}");
    assert_eq!(
        repeated, 0,
        "nothing was lost, so nothing may have been granted twice"
    );
    crowd.leave().await;
    served.end();
    rate
}

/// What a trial costs the coordinator.
struct Cost {
    milliseconds: f64,
    bytes: u64,
}

async fn closed_loop(served: &Served, crowd: &Crowd, seconds: u64) -> (Done, Cost) {
    let before = served.usage();
    let done = crowd.closed_for(Duration::from_secs(seconds)).await;
    let after = served.usage();
    let used = after.cpu_seconds - before.cpu_seconds;
    let cost = Cost {
        milliseconds: 1000.0 * used / done.trials.max(1) as f64,
        bytes: after.resident_bytes,
    };
    (done, cost)
}

/// The same load on a small and on a large database, in turns.
async fn growth(options: &Options) {
    let large = options.stored.unwrap_or(1_000_000);
    let sizes = [1_000, large];
    let folder = coordinator::folder();
    let database = |stored: u64, round: usize| -> PathBuf {
        // The large one is filled once and grows by a little in each round.
        let round = if stored == large { 0 } else { round };
        folder.path().join(format!("{stored}-{round}.db"))
    };
    let begun = now();
    fill::fill(&database(large, 0), "stored", large, true).await;
    println!(
        "{large} trials stored in {:.0} s",
        begun.elapsed().as_secs_f64()
    );
    let mut costs = [Vec::new(), Vec::new()];
    for round in 1..=options.rounds {
        for (size, costs) in sizes.into_iter().zip(&mut costs) {
            let path = database(size, round);
            if size != large {
                fill::fill(&path, "stored", size, true).await;
            }
            let served = Served::start(&path);
            let crowd = Crowd::connect(&served.address, options.workers).await;
            let name = format!("load-{round}");
            crowd.launch(&name).await;
            crowd.closed_for(Duration::from_secs(1)).await;
            let (done, cost) = closed_loop(&served, &crowd, options.seconds).await;
            println!(
                "  round {round}, {size} stored: {:.0} trials/s, {:.3} ms CPU a trial, {} MB",
                done.rate(),
                cost.milliseconds,
                cost.bytes >> 20,
            );
            costs.push(cost);
            crowd.stop(&name).await;
            crowd.leave().await;
            served.end();
        }
    }
    let of = |costs: &[Cost], what: fn(&Cost) -> f64| median(costs.iter().map(what).collect());
    let cpu = costs.each_ref().map(|costs| of(costs, |c| c.milliseconds));
    let memory = costs.each_ref().map(|costs| of(costs, |c| c.bytes as f64));
    println!(
        "medians: {:.3} and {:.3} ms CPU a trial (x {:.2}), {:.0} and {:.0} MB (x {:.2})",
        cpu[0],
        cpu[1],
        cpu[1] / cpu[0],
        memory[0] / 1e6,
        memory[1] / 1e6,
        memory[1] / memory[0],
    );
}

/// From a coordinator's start to its first answer and to its first grant.
async fn restart(options: &Options) {
    let stored = options.stored.unwrap_or(100_000);
    let folder = coordinator::folder();
    let database = folder.path().join("hone.db");
    let begun = now();
    fill::fill(&database, "load", stored, false).await;
    println!(
        "{stored} trials stored in {:.0} s",
        begun.elapsed().as_secs_f64()
    );
    for round in 1..=options.rounds {
        let begun = now();
        let served = Served::start(&database);
        let crowd = Crowd::connect(&served.address, 1).await;
        let serving = begun.elapsed();
        crowd.one_trial().await;
        println!(
            "  round {round}: serving after {} ms, a trial granted, reported and finished after {} ms",
            milliseconds(serving),
            milliseconds(begun.elapsed()),
        );
        crowd.leave().await;
        served.end();
    }
}

fn print(latencies: &Latencies) {
    for (call, times) in latencies.by_call() {
        println!(
            "    {call:8} p50 {} p99 {} max {} ms over {} calls",
            milliseconds(times.quantile(0.5)),
            milliseconds(times.quantile(0.99)),
            milliseconds(times.quantile(1.0)),
            times.len(),
        );
    }
}
