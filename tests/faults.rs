//! Whatever dies: no trial is lost, and each ends with the bits of the undisturbed one.

use std::{collections::BTreeSet, sync::OnceLock};

use crate::{
    cluster::{Cluster, Results, results},
    hone::Hone,
};

/// Long enough to be hit in the middle of a trial, in epochs of more than 0.1 s, which are reported one by one.
pub const SWEEP: &str = r#"
name = "faulty"
seed = 5

[data]
source = "digits"
validation = 360

[model]
conv = [{ filters = 64 }, { filters = 64, pool = 2 }]
hidden = [32]
dropout = { uniform = [0.1, 0.4] }

[train]
learning_rate = { log = [1e-3, 1e-1] }

[[search.round]]
points = 4
epochs = 6
[[search.round]]
top = 2
epochs = 6
repeats = 2
"#;

/// The same sweep without a fault, once for all tests.
fn undisturbed() -> &'static Results {
    static RESULTS: OnceLock<Results> = OnceLock::new();
    RESULTS.get_or_init(|| {
        let hone = Hone::with(SWEEP);
        hone.good(&["run", "sweep.toml"]);
        results(&hone.json(&["trials", "--json"]))
    })
}

#[test]
fn killed_workers_cost_time_and_change_no_result() {
    let mut cluster = Cluster::start(SWEEP, 2);
    for _ in 0..4 {
        let before = cluster.epochs();
        cluster.progress(before);
        cluster.kill_worker();
        cluster.start_worker();
    }
    assert_eq!(cluster.results(), *undisturbed());
    cluster.verify();
    let attempts = cluster
        .trials()
        .iter()
        .filter_map(|t| t["attempts"].as_u64())
        .sum::<u64>();
    assert!(attempts > undisturbed().len() as u64, "no kill hit a trial");
}

#[test]
fn a_killed_coordinator_expires_nobody_and_loses_nothing() {
    let mut cluster = Cluster::start(SWEEP, 2);
    for _ in 0..3 {
        let before = cluster.epochs();
        cluster.progress(before);
        let acknowledged = cluster.epochs();
        cluster.kill_coordinator();
        cluster.start_coordinator();
        assert!(
            cluster.epochs() >= acknowledged,
            "an acknowledged report is missing"
        );
    }
    assert_eq!(cluster.results(), *undisturbed());
    cluster.verify();
    let attempts = cluster
        .trials()
        .iter()
        .filter_map(|t| t["attempts"].as_u64())
        .max();
    assert_eq!(attempts, Some(1), "a worker that was alive was expired");
}

/// Names of what happened to trials.
fn happened(cluster: &Cluster) -> BTreeSet<String> {
    let events = cluster.events();
    events.into_iter().map(|event| event.event).collect()
}

#[test]
fn a_worker_that_hangs_past_its_lease_loses_its_trial_and_changes_no_result() {
    let mut cluster = Cluster::start(SWEEP, 1);
    cluster.progress(0);
    cluster.start_worker();
    cluster.hang_worker();
    assert_eq!(cluster.results(), *undisturbed());
    cluster.verify();
    assert!(
        happened(&cluster).contains("lost"),
        "{:?}",
        cluster.events()
    );
}

#[test]
fn a_drained_worker_gives_its_trial_back_which_is_no_crash() {
    let mut cluster = Cluster::start(SWEEP, 1);
    for _ in 0..3 {
        let before = cluster.epochs();
        cluster.progress(before);
        cluster.signal_worker("TERM");
        assert_eq!(cluster.worker_ends(), Some(0));
        cluster.start_worker();
    }
    assert_eq!(cluster.results(), *undisturbed());
    cluster.verify();
    let happened = happened(&cluster);
    assert!(happened.contains("released"), "{happened:?}");
    assert!(
        !happened.contains("lost") && !happened.contains("crashed"),
        "{happened:?}"
    );
}
