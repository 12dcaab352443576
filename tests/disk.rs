//! Files that may not grow any more: a limit on a process is as good as a full disk, and needs no privilege.

use std::sync::OnceLock;

use crate::{
    cluster::{Cluster, Results, results, within},
    hone::{Hone, TINY},
};

/// A rung to wait at, with a checkpoint that the coordinator must take; its nets are large enough to tell a checkpoint from
/// the database.
const SWEEP: &str = r#"
name = "disk"
seed = 8

[data]
source = "digits"
limit = 300

[model]
hidden = [700, 400]
batch_norm = false

[train]
learning_rate = { log = [1e-3, 1e-1] }

[search]
budget = "20 epochs"
full_epochs = 4
finish = { top = 1, repeats = 1 }
"#;

/// Larger than the database of this sweep, smaller than a checkpoint (330 thousand weights of 4 bytes, three times).
const BETWEEN: u64 = 3 << 20;

fn undisturbed() -> &'static Results {
    static RESULTS: OnceLock<Results> = OnceLock::new();
    RESULTS.get_or_init(|| {
        let hone = Hone::with(SWEEP);
        hone.good(&["run", "sweep.toml"]);
        results(&hone.json(&["trials", "--json"]))
    })
}

#[test]
fn a_coordinator_that_cannot_store_a_checkpoint_goes_on_when_there_is_room_again() {
    let mut cluster = Cluster::start(SWEEP, 0);
    cluster.limit_coordinator(Some(BETWEEN));
    cluster.start_worker();
    cluster.hears("does not take a call");
    // It serves reads meanwhile, and nothing was acknowledged that it does not have.
    let waiting = cluster
        .trials()
        .iter()
        .filter(|trial| trial["state"] == "waiting")
        .count();
    assert_eq!(waiting, 0, "a trial waits at its rung without a checkpoint");
    cluster.limit_coordinator(None);
    assert_eq!(cluster.results(), *undisturbed());
    cluster.verify();
}

#[test]
fn a_search_that_waits_for_the_disk_says_so_to_whoever_asks() {
    let sweep = TINY.replace("points = 6\n", "points = 400\n");
    let mut cluster = Cluster::over(Hone::with(&sweep));
    let launch = ["launch", "sweep.toml", "--no-check"];
    cluster.hone().good(&launch);
    let waits = |cluster: &Cluster| {
        let shown = cluster.hone().json(&["show", "--json"]).remove(0);
        shown["waiting_for"].as_str().expect("words").to_owned()
    };
    within("trials are queued", || {
        waits(&cluster).contains("for a worker").then_some(())
    });
    cluster.limit_coordinator(Some(4096));
    // For these more trials are to be queued than there are.
    cluster.start_worker_of(40, &[]);
    let words = "its search cannot go on: ";
    within("it is said", || {
        waits(&cluster).contains(words).then_some(())
    });
    let shown = cluster.hone().good(&["show"]);
    assert!(shown.contains(words) && shown.contains("disk"), "{shown}");
    cluster.kill_worker();
    cluster.limit_coordinator(None);
    within("it goes on", || {
        (!waits(&cluster).contains(words)).then_some(())
    });
}

#[test]
fn a_worker_that_can_write_no_file_trains_and_delivers_all_the_same() {
    let mut cluster = Cluster::start(SWEEP, 1);
    cluster.limit_worker(Some(64));
    cluster.progress(0);
    cluster.kill_coordinator();
    cluster.hears("reports are kept in memory alone");
    cluster.start_coordinator();
    assert_eq!(cluster.results(), *undisturbed());
    cluster.hears("no checkpoint of epoch");
    cluster.verify();
}

#[test]
fn a_budget_without_room_costs_checkpoints_and_nobody_waits_for_it() {
    let mut cluster = Cluster::start(SWEEP, 0);
    cluster.kill_coordinator();
    cluster.start_coordinator_with(&["--disk", "0"]);
    cluster.start_worker();
    assert_eq!(cluster.results(), *undisturbed());
    cluster.hears("is left out: no room for");
    cluster.verify();
}
