//! Breaks things for a while and counts: `cargo bench --bench soak -- --hours 1`; without `--hours` for a minute or two.
//!
//! Real binaries, a real file, small leases. Each episode trains one sweep to its end while its processes are killed,
//! stopped, drained and paused, its coordinator is out of reach or out of room, other sweeps come and go beside it, its database is
//! copied, or its disk is full, compares every trial's bits with those of the undisturbed sweep, and checks every invariant over
//! what is stored. A fault that was never made, or a transition that was never seen, fails the whole: it would have proven nothing.
//! `--seed 2` makes other choices.
//!
//! A failure prints the story of the trials that went wrong and what the processes said, and keeps the database.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program of its own: it prints its counts and measures its time"
)]

mod beside;
#[path = "../../tests/cluster.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod cluster;
mod count;
mod disk;
mod fault;
#[path = "../../tests/hone.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod hone;
mod local;
mod luck;

use std::time::{Duration, Instant};

use cluster::{Cluster, Results, results};
use count::Counts;
use fault::Fault;
use hone::Hone;
use hone_proto::v1::Event;
use luck::Luck;

/// Rungs to wait at, points to prune, rates that diverge.
const ZOOM: &str = r#"
name = "soak"
seed = 11
[data]
source = "digits"
[model]
conv = [{ filters = 8, pool = 2 }]
hidden = [24]
batch_norm = false
output_gain = 1
[train]
learning_rate = { log = [1e-3, 1e3] }
weight_decay = 0.3
[search]
budget = "240 epochs"
full_epochs = 27
finish = { top = 1, repeats = 2 }
"#;

/// Rounds by hand: every trial ends as planned whatever the order.
const ROUNDS: &str = r#"
name = "soak"
seed = 12
[data]
source = "digits"
[model]
conv = [{ filters = 8, pool = 2 }]
hidden = [24]
dropout = { uniform = [0.1, 0.4] }
[train]
learning_rate = { log = [1e-3, 1e-1] }
[[search.round]]
points = 6
epochs = 20
[[search.round]]
top = 2
epochs = 20
repeats = 2
"#;

/// A sweep to its end, disturbed again and again.
fn episode(sweep: &str, expected: &Results, luck: &mut Luck, counts: &mut Counts) {
    let mut cluster = Cluster::start(sweep, 2);
    let mut before = cluster.epochs();
    while !cluster.has_ended() {
        // An epoch between two faults: three deaths in a row without one would rightly give the trial up.
        cluster.progress(before);
        before = cluster.epochs();
        if cluster.has_ended() {
            break;
        }
        std::thread::sleep(Duration::from_millis(luck.below(120)));
        let fault = counts.rarest(&Fault::ALL, luck);
        if fault.happens_to(&mut cluster, luck, counts) {
            counts.fault(&format!("{fault:?}"));
        }
    }
    judge(&cluster, expected, counts);
}

/// What must hold at a sweep's end, whatever was done to it. `false`: a trial met three deaths in a row without an epoch
/// between them and was rightly given up (the checker looks whether rightly), after which the search goes another way.
fn judge(cluster: &Cluster, expected: &Results, counts: &mut Counts) -> bool {
    let found = cluster.results();
    cluster.verify();
    let events = cluster.events();
    let given_up = |event: &Event| event.to_state == "failed" && event.from_state == "running";
    let whole = !events.iter().any(given_up);
    if whole && found != *expected {
        tell(cluster, &found, expected);
    }
    if !whole {
        counts.fault("(a trial given up after three deaths in a row)");
    }
    counts.events(&events);
    whole
}

/// Prints what happened to the trials whose results have changed, and fails.
fn tell(cluster: &Cluster, found: &Results, expected: &Results) -> ! {
    for event in cluster.events() {
        let trial = event.trial.unwrap_or_default();
        if found.get(&trial) != expected.get(&trial) {
            let Event {
                attempt,
                actor,
                event,
                from_state,
                to_state,
                reason,
                ..
            } = event;
            println!(
                "{trial} attempt {attempt:?}: {event} {from_state} -> {to_state}, {actor}: {reason}"
            );
        }
    }
    let kept = std::env::temp_dir().join(format!("hone-soak-{}.db", std::process::id()));
    let copied = std::fs::copy(cluster.hone().path().join("hone.db"), &kept);
    println!(
        "the database (without its log): {} ({copied:?})",
        kept.display()
    );
    let changed = expected
        .iter()
        .filter(|(trial, result)| found.get(trial) != Some(result));
    let changed: Vec<_> = changed
        .map(|(trial, result)| (trial, result, found.get(trial)))
        .collect();
    panic!("results have changed (trial, expected, found): {changed:#?}");
}

fn undisturbed(sweep: &str) -> Results {
    let hone = Hone::with(sweep);
    hone.good(&["run", "sweep.toml"]);
    results(&hone.json(&["trials", "--json"]))
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut duration = Duration::from_secs(40);
    let mut seed = 1;
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().and_then(|text| text.parse::<f64>().ok());
        match argument.as_str() {
            "--hours" => {
                duration =
                    Duration::from_secs_f64(3600.0 * value().expect("--hours takes a number"));
            }
            "--seed" => seed = value().expect("--seed takes a number") as u64,
            // What `cargo bench` adds.
            _ => {}
        }
    }
    let mut luck = Luck::new(seed);
    let mut counts = Counts::default();
    let expected = [ZOOM, ROUNDS].map(|sweep| (sweep, undisturbed(sweep)));
    let mut disks = true;
    let begun = Instant::now();
    let mut episodes = 0;
    // Eight are one of each kind.
    while begun.elapsed() < duration || episodes < 8 {
        let (sweep, expected) = &expected[episodes % 2];
        match episodes % 8 {
            2 | 5 => local::episode(sweep, expected, &mut luck, &mut counts),
            3 => disks = disk::episode(sweep, expected, &mut luck, &mut counts),
            _ => episode(sweep, expected, &mut luck, &mut counts),
        }
        episodes += 1;
    }
    counts.print(episodes, begun.elapsed());
    let mut faults = Fault::ALL.map(|(fault, _)| format!("{fault:?}")).to_vec();
    if disks {
        faults.extend(disk::Fault::ALL.map(|(fault, _)| format!("{fault:?}")));
    } else {
        println!("this user may not mount: no disk was full, and none read-only");
    }
    counts.fail_if_vacuous(&faults);
}
