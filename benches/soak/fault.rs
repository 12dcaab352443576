//! Faults of a sweep's processes.

use std::{thread, time::Duration};

use serde_json::Value;

use crate::{
    beside,
    cluster::{Cluster, within},
    count::Counts,
    luck::Luck,
};

/// What is done to a sweep that is under way, or beside it.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    KillWorker,
    KillCoordinator,
    /// SIGSTOP past the lease, then SIGCONT, while another worker may have taken the trial.
    HangBesideAnother,
    /// The same with nobody to take it: the late worker is taken back.
    HangAlone,
    Drain,
    PauseAndResume,
    /// The coordinator stands still past the lease while several workers train.
    Outage,
    /// No checkpoint has room for a while.
    FullBudget,
    /// Another sweep is launched, stopped, removed and launched again under one name.
    Namesake,
    /// A backup of the served database is killed, and sometimes a restore.
    KilledBackup,
}

impl Fault {
    /// Each with how often it is made beside the others: kills are quick, and what a release wants thousands of.
    pub const ALL: [(Self, u64); 10] = [
        (Self::KillWorker, 8),
        (Self::KillCoordinator, 3),
        (Self::HangBesideAnother, 1),
        (Self::HangAlone, 1),
        (Self::Drain, 1),
        (Self::PauseAndResume, 1),
        (Self::Outage, 1),
        (Self::FullBudget, 1),
        (Self::Namesake, 1),
        (Self::KilledBackup, 1),
    ];

    /// Whether it could be made: a sweep that is about to end has no use for some.
    pub fn happens_to(self, cluster: &mut Cluster, luck: &mut Luck, counts: &mut Counts) -> bool {
        match self {
            Self::KillWorker => {
                cluster.kill_worker();
                cluster.start_worker();
            }
            Self::KillCoordinator => restart(cluster, &[]),
            Self::HangBesideAnother => {
                cluster.start_worker();
                cluster.hang_worker();
                cluster.kill_worker();
            }
            Self::HangAlone => {
                while cluster.workers() > 1 {
                    cluster.kill_worker();
                }
                cluster.hang_worker();
                cluster.start_worker();
            }
            Self::Drain => {
                cluster.start_worker();
                drain(cluster);
            }
            Self::PauseAndResume => return pause_and_resume(cluster),
            Self::Outage => {
                cluster.start_worker_of(2, &[]);
                let made = outage(cluster, counts);
                cluster.kill_worker();
                return made;
            }
            Self::FullBudget => return full_budget(cluster, luck),
            Self::Namesake => beside::namesake(cluster, luck),
            Self::KilledBackup => return beside::killed_backup(cluster.hone(), luck),
        }
        true
    }
}

fn restart(cluster: &mut Cluster, flags: &[&str]) {
    let acknowledged = cluster.events();
    cluster.kill_coordinator();
    cluster.start_coordinator_with(flags);
    assert!(
        cluster.events().starts_with(&acknowledged),
        "an acknowledged transition is missing"
    );
}

fn drain(cluster: &mut Cluster) {
    cluster.signal_worker("TERM");
    assert_eq!(cluster.worker_ends(), Some(0), "a drained worker ends well");
}

fn pause_and_resume(cluster: &Cluster) -> bool {
    // A sweep that has just ended can be neither.
    if cluster.hone().run(&["pause"]).code != Some(0) {
        return false;
    }
    // It may end paused: a trial that was in its last steps is completed, and it was the last one.
    let resumed = cluster.hone().run(&["resume"]);
    assert!(
        resumed.code == Some(0) || cluster.has_ended(),
        "not resumed: {}",
        resumed.err
    );
    true
}

/// Whoever trained before it trains on afterwards, and nobody is blamed.
fn outage(cluster: &Cluster, counts: &mut Counts) -> bool {
    let Some(before) = training(cluster) else {
        return false;
    };
    let (quarantined, events) = (cluster.quarantined(), cluster.events().len());
    cluster.hang_coordinator();
    for trial in &before {
        within("all train on after an outage", || {
            let trials = cluster.trials();
            let now = trials.iter().find(|now| now["trial"] == trial["trial"])?;
            let is_open = now["state"] == "running" || now["state"] == "queued";
            assert_ne!(now["state"], "failed", "after an outage: {now}");
            (!is_open || epoch(now) > epoch(trial)).then_some(())
        });
    }
    let mut blamed = cluster.quarantined();
    blamed.retain(|worker| !quarantined.contains(worker));
    assert!(
        blamed.is_empty(),
        "quarantined after an outage: {blamed:?}\n{}",
        cluster.log().join("\n")
    );
    // On a machine with much else to do a worker may be late once more; that it costs nothing is checked above.
    for event in &cluster.events()[events..] {
        if event.event == "lost"
            && before
                .iter()
                .any(|row| row["trial"].as_u64() == event.trial)
        {
            counts.fault("(a lease that expired after an outage)");
        }
    }
    true
}

/// The running trials, once several workers hold them and all of these have just been heard; `None` when it does not come to that.
fn training(cluster: &Cluster) -> Option<Vec<Value>> {
    (0..50).find_map(|_| {
        thread::sleep(Duration::from_millis(50));
        let mut trials = cluster.trials();
        trials.retain(|trial| trial["state"] == "running");
        let heard = |trial: &Value| {
            trial["last_heard_seconds"]
                .as_f64()
                .is_some_and(|ago| ago < 0.7)
        };
        let several = trials
            .iter()
            .any(|one| one["worker"] != trials[0]["worker"]);
        (several && trials.iter().all(heard)).then_some(trials)
    })
}

fn epoch(trial: &Value) -> u64 {
    trial["epoch"].as_u64().unwrap_or(0)
}

/// The listings say that there is no room, and nobody waits for it.
fn full_budget(cluster: &mut Cluster, luck: &mut Luck) -> bool {
    restart(cluster, &["--disk", "0"]);
    // What a drained worker leaves has no room.
    cluster.progress(cluster.epochs());
    drain(cluster);
    cluster.start_worker();
    let told = within("the listings warn of a full disk budget", || {
        let hone = cluster.hone();
        let is_told = |verb| hone.good(&[verb]).contains("disk budget");
        let row = &hone.json(&["sweeps", "--json"])[0];
        let shortage = row["shortage"].as_str().unwrap_or_default();
        if shortage.contains("disk budget") && is_told("sweeps") && is_told("show") {
            return Some(true);
        }
        cluster.has_ended().then_some(false)
    });
    thread::sleep(Duration::from_millis(luck.below(1000)));
    // What is interrupted now begins further back.
    cluster.kill_worker();
    cluster.start_worker();
    cluster.progress(cluster.epochs());
    restart(cluster, &[]);
    told
}
