//! `hone reproduce`: a stored trial, trained again from its spec, has the same weights after every epoch.

use std::fs;

use hone_worker::data::Library;
use serde_json::Value;

use crate::{
    cluster::Cluster,
    hone::{Hone, TINY},
};

/// Halving promotes: a trial is trained to a rung, waits, and goes on from its checkpoint.
const PROMOTING: &str = r#"
name = "promoting"
seed = 2

[data]
source = "digits"
validation = 360

[model]
hidden = [16]
dropout = 0.1

[train]
learning_rate = { log = [1e-3, 1e-1] }
schedule = "cosine"

[search]
budget = "60 epochs"
full_epochs = 9
"#;

fn equal(hone: &Hone, trial: &Value) {
    let name = format!(
        "{}/{}",
        trial["sweep"].as_str().expect("a name"),
        trial["trial"]
    );
    let again = &hone.json(&["reproduce", &name, "--json"])[0];
    assert_eq!(again["equal"], true, "{again}");
    assert_eq!(again["epochs"], trial["epoch"], "{again}");
    assert_eq!(again["weights_hash"], trial["weights_hash"]);
    assert_eq!(again["differs_at"], Value::Null);
}

#[test]
fn a_promoted_trial_is_the_same_without_its_wait() {
    let hone = Hone::with(PROMOTING);
    hone.good(&["run", "sweep.toml"]);
    let trials = hone.json(&["trials", "--json"]);
    let promoted = trials
        .iter()
        .filter(|t| t["attempts"].as_u64() > Some(1))
        .max_by_key(|t| t["epoch"].as_u64())
        .expect("a promoted trial");
    assert_eq!(promoted["epoch"], 9);
    equal(&hone, promoted);
    let words = hone.run(&[
        "reproduce",
        &promoted["trial"].to_string(),
        "--threads",
        "2",
    ]);
    assert_eq!(words.code, Some(0), "{}", words.err);
    assert!(
        words.out.contains("equal to the bit, 9 epochs"),
        "{}",
        words.out
    );
}

#[test]
fn a_trial_whose_worker_was_killed_is_the_same_without_the_kill() {
    let mut cluster = Cluster::start(crate::faults::SWEEP, 1);
    for _ in 0..2 {
        let before = cluster.epochs();
        cluster.progress(before);
        cluster.kill_worker();
        cluster.start_worker();
    }
    cluster.results();
    let trials = cluster.trials();
    let hit = trials.iter().find(|t| t["attempts"].as_u64() > Some(1));
    equal(cluster.hone(), hit.expect("a kill hit a trial"));
}

#[test]
fn a_trial_that_diverged_diverges_again() {
    let hone = Hone::with(&TINY.replace("log = [1e-3, 1e0]", "log = [1e3, 1e5]"));
    let ended = hone.run(&["run", "sweep.toml", "--no-check"]);
    assert_eq!(ended.code, Some(1), "all diverged: {}", ended.err);
    let trials = hone.json(&["trials", "--json", "--state", "diverged", "--limit", "1"]);
    let name = format!("tiny/{}", trials[0]["trial"]);
    let again = hone.run(&["reproduce", &name]);
    assert_eq!(again.code, Some(0), "{}{}", again.out, again.err);
    assert!(again.out.contains("diverges again"), "{}", again.out);
}

/// Replaces bytes in the database, wherever they stand.
fn tamper(hone: &Hone, from: &[u8], to: &[u8]) {
    let path = hone.path().join("hone.db");
    // A reader leaves an empty log behind.
    let log = fs::metadata(hone.path().join("hone.db-wal"));
    assert!(log.is_ok_and(|log| log.len() == 0), "all is in the file");
    let mut bytes = fs::read(&path).expect("a database");
    let mut found = 0;
    for at in 0..bytes.len() - from.len() {
        if bytes[at..].starts_with(from) {
            bytes[at..at + from.len()].copy_from_slice(to);
            found += 1;
        }
    }
    assert!(found > 0);
    fs::write(path, bytes).expect("written");
}

#[test]
fn what_differs_is_told_by_epoch_and_other_data_are_refused() {
    let hone = Hone::with(TINY);
    hone.good(&["run", "sweep.toml"]);
    let shown = &hone.json(&["show", "tiny/14", "--json"])[0];
    let hex = shown["curve"][1]["weights_hash"].as_str().expect("a hash");
    let hash: Vec<u8> = (0..hex.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).expect("hex"))
        .collect();
    tamper(&hone, &hash, &[7; 32]);
    let differs = hone.run(&["reproduce", "tiny/14"]);
    assert_eq!(differs.code, Some(1), "{}", differs.err);
    let words = format!(
        "tiny/14: differs at epoch 2: stored {}, trained here {hex}",
        "07".repeat(32)
    );
    assert!(differs.out.contains(&words), "{}", differs.out);

    let digits = Library::default().open("digits").expect("embedded");
    tamper(&hone, &digits.hash, &[9; 32]);
    let refused = hone.run(&["reproduce", "tiny/1"]);
    assert_eq!(refused.code, Some(2), "{}", refused.err);
    let words = format!("was trained on digits with hash {}", "09".repeat(32));
    assert!(refused.err.contains(&words), "{}", refused.err);
}

#[test]
fn there_is_nothing_to_reproduce() {
    let hone = Hone::with(TINY);
    hone.good(&["run", "sweep.toml"]);
    let refused = hone.run(&["reproduce", "tiny/99"]);
    assert_eq!(refused.code, Some(2), "{}", refused.err);
    assert!(refused.err.contains("tiny/99"), "{}", refused.err);
}
