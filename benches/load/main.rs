//! How many durable trials a second one coordinator takes, and how soon it answers: `cargo bench --bench load`.
//!
//! A coordinator in a process of its own, on a fresh database, with fsync at every commit; simulated workers with a
//! connection each acquire a trial, report five epochs, each in its own call, and finish it. First as fast as they can
//! (closed loop), then at half of that rate, started by the clock whether or not the last trial is done (open loop).
//! `--peers PYTHON` runs `optuna_load.py` beside it, in the same run.

#![allow(clippy::print_stdout, reason = "a bench prints its results")]

mod coordinator;
mod figures;
mod worker;

use std::time::Duration;

use coordinator::Served;
use figures::{Latencies, milliseconds};
use worker::{Crowd, EPOCHS};

/// What to do; `--name value` each.
struct Options {
    workers: usize,
    seconds: u64,
    rounds: usize,
    stored: u64,
    peers: Option<String>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(place) = arguments.iter().position(|a| a == "--serve") {
        coordinator::serve(&arguments[place + 1]);
        return;
    }
    let value = |name: &str| {
        let place = arguments.iter().position(|a| a == name)?;
        arguments.get(place + 1).cloned()
    };
    let number =
        |name: &str, default: u64| value(name).and_then(|v| v.parse().ok()).unwrap_or(default);
    let options = Options {
        workers: usize::try_from(number("--workers", 500)).unwrap_or(500),
        seconds: number("--seconds", 5),
        rounds: usize::try_from(number("--rounds", 1)).unwrap_or(1),
        stored: number("--stored", 0),
        peers: value("--peers"),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    for round in 1..=options.rounds {
        println!(
            "round {round}: {} workers, {} s each loop",
            options.workers, options.seconds
        );
        runtime.block_on(measure(&options));
        if let Some(python) = &options.peers {
            coordinator::peers(python);
        }
    }
}

async fn measure(options: &Options) {
    let served = Served::start();
    let crowd = Crowd::connect(&served.address, options.workers).await;
    if options.stored > 0 {
        crowd.launch("stored").await;
        crowd.closed_until(options.stored).await;
        crowd.stop("stored").await;
    }
    crowd.launch("load").await;
    crowd.closed_for(Duration::from_secs(1)).await;
    let before = served.usage();
    let closed = crowd.closed_for(Duration::from_secs(options.seconds)).await;
    let after = served.usage();
    let rate = closed.trials as f64 / closed.seconds;
    println!(
        "  closed loop: {rate:.0} trials/s ({} trials with {EPOCHS} reports), coordinator {:.3} ms CPU a trial, {} MB",
        closed.trials,
        1000.0 * (after.cpu_seconds - before.cpu_seconds) / closed.trials.max(1) as f64,
        after.resident_bytes >> 20,
    );
    print(&closed.latencies);
    let open = crowd
        .open_for(Duration::from_secs(options.seconds), rate / 2.0)
        .await;
    println!(
        "  open loop at {:.0} trials/s: {:.0} trials/s done",
        rate / 2.0,
        open.trials as f64 / open.seconds
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
