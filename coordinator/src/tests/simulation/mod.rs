//! Coordinator, workers and a person in one thread, over real tonic on turmoil's simulated network, with commands applied in it too:
//! processes that die, partitions, delays, repeated calls, clocks that jump, everything drawn from one seed, so that a
//! failure can be repeated.
//!
//! Many more seeds: `HONE_SEEDS=2000 cargo test --release -p hone-coordinator simulation -- --nocapture`.

mod calls;
mod faults;
mod host;
mod judge;
mod machine;
mod network;
mod worker;
mod world;

use std::time::Duration;

use host::Bug;
use judge::Outcome;
use machine::Counts;
use world::run;

use crate::trial::TrialState;

/// Faults and transitions without which nothing is shown.
const EXPECTED: [&str; 27] = [
    "begun anew",
    "call of a dead process handed over",
    "call repeated",
    "call tried again",
    "calls joined",
    "clock jumped",
    "coordinator killed",
    "grant unread",
    "heartbeat lost",
    "messages delayed",
    "partition",
    "partition, one way",
    "paused",
    "refused",
    "released",
    "resumed from its own disk",
    "resumed from the coordinator's",
    "worker killed",
    "granted: queued -> running",
    "completed: running -> completed",
    "diverged: running -> diverged",
    "lost: running -> queued",
    "promoted: waiting -> queued",
    "pruned: waiting -> pruned",
    "reached_rung: running -> waiting",
    "released: running -> queued",
    "taken_back: queued -> running",
];

/// How many worlds are simulated.
#[expect(
    clippy::disallowed_methods,
    reason = "how long a test goes on is said in the environment"
)]
fn seeds() -> u64 {
    std::env::var("HONE_SEEDS").map_or(60, |seeds| seeds.parse().unwrap())
}

/// Writes what a whole sweep stores in a world of faults to a new file.
pub fn disturbed(path: &std::path::Path) {
    let world = run(1, true, None);
    world.disk.lock().unwrap().write_to(path);
}

#[test]
fn whatever_dies_every_trial_ends_and_the_search_takes_the_same_way() {
    let seeds = seeds();
    let undisturbed = run(0, false, None).outcome;
    let mut seen = Counts::new();
    let mut simulated = Duration::ZERO;
    for seed in 1..=seeds {
        let world = run(seed, true, None);
        // A trial that met three dead workers in a row is given up; then the search rightly goes another way.
        let is_failed = |outcome: &Outcome| outcome.2 == TrialState::Failed;
        if world.outcome.iter().any(is_failed) {
            *seen.entry("trials given up".to_owned()).or_default() += 1;
        } else {
            assert_eq!(world.outcome, undisturbed, "seed {seed}");
        }
        for (what, count) in world.ledger.counts {
            *seen.entry(what).or_default() += count;
        }
        simulated += world.simulated;
    }
    let hours = simulated.as_secs_f64() / 3600.0;
    println!("{seeds} seeds, {hours:.1} simulated hours: {seen:#?}");
    let missing: Vec<_> = EXPECTED
        .into_iter()
        .filter(|what| !seen.contains_key(*what))
        .collect();
    assert!(
        missing.is_empty(),
        "never seen: {missing:?}; seen: {seen:#?}"
    );
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in [3, 4, 5] {
        assert_eq!(
            run(seed, true, None).trace,
            run(seed, true, None).trace,
            "seed {seed}"
        );
    }
    assert_ne!(run(3, true, None).trace, run(4, true, None).trace);
}

/// Worlds with a bug in their coordinator, until one of them is found out.
fn plant(bug: Bug) {
    for seed in 1..=20 {
        run(seed, true, Some(bug));
    }
}

#[test]
#[should_panic(expected = "expired right after boot")]
fn an_expiry_right_after_boot_is_found() {
    plant(Bug::ExpiryAfterBoot);
}

#[test]
#[should_panic(expected = "the sweep has not ended in time")]
fn an_adoption_by_worker_name_is_found() {
    plant(Bug::AdoptionByName);
}
