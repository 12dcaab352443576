//! `--json` is an interface: keys, types, and nothing else on standard output.

use serde_json::Value;

use crate::hone::{Hone, TINY};

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(n) if n.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

#[track_caller]
fn has(object: &Value, key: &str, kinds: &[&str]) {
    let value = object
        .get(key)
        .unwrap_or_else(|| panic!("no {key} in {object}"));
    // A whole-numbered objective is a number all the same.
    let found = kind(value);
    let fits = kinds.contains(&found) || (found == "integer" && kinds.contains(&"number"));
    assert!(fits, "{key} is {found}, not {kinds:?}: {object}");
}

/// These keys, in any order, and no others.
#[track_caller]
fn has_exactly(object: &Value, keys: &[Key]) {
    for (key, kinds) in keys {
        has(object, key, kinds);
    }
    let found = object.as_object().expect("an object").keys();
    let others: Vec<_> = found
        .filter(|key| !keys.iter().any(|(k, _)| k == key))
        .collect();
    assert!(others.is_empty(), "{others:?} in {object}");
}

/// A key and the kinds of value that it may have.
type Key = (&'static str, &'static [&'static str]);

const BEST: [Key; 13] = [
    ("sweep", &["string"]),
    ("point", &["integer"]),
    ("round", &["integer"]),
    ("objective", &["number"]),
    ("metric", &["string"]),
    ("spread", &["number", "null"]),
    ("half_width", &["number", "null"]),
    ("tied", &["list"]),
    ("repeats", &["integer"]),
    ("trials", &["list"]),
    ("params", &["object"]),
    ("epochs", &["integer"]),
    ("test_accuracy", &["number", "null"]),
];

/// What `run` and `launch --watch` add to those.
const TOTALS: [Key; 10] = [
    ("state", &["string"]),
    ("reason", &["string"]),
    ("counts", &["object"]),
    ("seconds", &["number"]),
    ("wall_seconds", &["number"]),
    ("slot_seconds", &["number"]),
    ("points_total", &["integer"]),
    ("trials_total", &["integer"]),
    ("epochs_trained", &["integer"]),
    ("images_per_second", &["number"]),
];

const SWEEP: [Key; 10] = [
    ("sweep", &["string"]),
    ("state", &["string"]),
    ("reason", &["string"]),
    ("waiting_for", &["string"]),
    ("shortage", &["string"]),
    ("coordinator", &["bool"]),
    ("last_heard_seconds", &["number", "null"]),
    ("points", &["integer"]),
    ("trials", &["integer"]),
    ("best", &["number", "null"]),
];

const TRIAL: [Key; 19] = [
    ("sweep", &["string"]),
    ("trial", &["integer"]),
    ("point", &["integer"]),
    ("round", &["integer"]),
    ("repeat", &["integer"]),
    ("fold", &["integer"]),
    ("state", &["string"]),
    ("objective", &["number", "null"]),
    ("epoch", &["integer"]),
    ("weights_hash", &["string", "null"]),
    ("params", &["object"]),
    ("attempts", &["integer"]),
    ("worker", &["string", "null"]),
    ("seconds", &["number"]),
    ("cause", &["string", "null"]),
    ("diagnosed", &["string", "null"]),
    ("started_ms", &["integer", "null"]),
    ("ended_ms", &["integer", "null"]),
    ("last_heard_seconds", &["number", "null"]),
];

#[test]
fn listings_and_results_have_their_keys_with_and_without_a_server() {
    let hone = Hone::with(TINY);
    let run = hone.json(&["run", "sweep.toml", "--json", "--slots", "2"]);
    assert_eq!(run.len(), 1, "one object and nothing else");
    has_exactly(&run[0], &[&BEST[..], &TOTALS].concat());
    assert_eq!(run[0]["round"], 3);
    assert_eq!(run[0]["repeats"], 2);
    assert_eq!(run[0]["points_total"], 12);
    assert_eq!(run[0]["trials_total"], 14);
    assert!(
        run[0]["test_accuracy"].is_number(),
        "digits has a test part"
    );

    let best = &hone.json(&["best", "--json"])[0];
    has_exactly(best, &BEST);
    assert!(
        best["trials"]
            .as_array()
            .is_some_and(|all| all.len() == 2 && all.iter().all(Value::is_u64)),
        "{best}"
    );
    assert_eq!(best["params"], run[0]["params"]);

    let sweeps = hone.json(&["sweeps", "--json"]);
    assert_eq!(sweeps.len(), 1);
    assert_eq!(sweeps[0]["sweep"], "tiny");
    assert_eq!(sweeps[0]["state"], "completed");
    has_exactly(&sweeps[0], &SWEEP);
    trials(&hone);

    // The same history through a coordinator that was started afterwards.
    let mut coordinator = hone.start(&["coordinator", "--listen", "127.0.0.1:0"]);
    coordinator.read_until("listening on");
    assert_eq!(hone.json(&["best", "--json"])[0], *best);
    trials(&hone);
    coordinator.terminate();
    assert_eq!(coordinator.wait().code, Some(0));
}

fn trials(hone: &Hone) {
    let trials = hone.json(&["trials", "tiny", "--json"]);
    let numbers: Vec<u64> = trials.iter().filter_map(|t| t["trial"].as_u64()).collect();
    assert_eq!(
        numbers,
        (1..=14).collect::<Vec<_>>(),
        "numbered from 1 in the plan's order"
    );
    for trial in &trials {
        has_exactly(trial, &TRIAL);
        assert!(
            trial["params"]["train.learning_rate"].is_number(),
            "{trial}"
        );
        assert_eq!(trial["cause"], "done");
        assert!(trial["diagnosed"].is_string(), "{trial}");
        let at = |key: &str| trial[key].as_i64();
        assert!(
            at("started_ms").is_some() && at("started_ms") < at("ended_ms"),
            "{trial}"
        );
    }
    let by_objective = hone.json(&["trials", "--json", "--sort", "objective", "--limit", "3"]);
    assert_eq!(by_objective.len(), 3);
    let values: Vec<f64> = by_objective
        .iter()
        .filter_map(|t| t["objective"].as_f64())
        .collect();
    assert!(values.is_sorted_by(|a, b| a >= b), "{values:?}");
    assert_eq!(hone.json(&["trials", "--json", "--round", "2"]).len(), 4);
    assert!(
        hone.json(&["trials", "--json", "--state", "queued"])
            .is_empty()
    );
}

#[test]
fn before_anything_has_finished_what_is_not_known_is_null() {
    let hone = Hone::with(&TINY.replace("epochs = 1\n", "epochs = 9000\n"));
    let run = hone.run(&[
        "run",
        "sweep.toml",
        "--max-time",
        "1s",
        "--json",
        "--no-check",
    ]);
    assert_eq!(run.code, Some(3), "{}", run.err);
    let sweeps = hone.json(&["sweeps", "--json"]);
    has_exactly(&sweeps[0], &SWEEP);
    assert_eq!(sweeps[0]["state"], "paused");
    let trials = hone.json(&["trials", "--json"]);
    assert_eq!(trials.len(), 6, "the first round");
    for trial in &trials {
        has_exactly(trial, &TRIAL);
    }
    let waiting = &trials[5];
    for key in [
        "objective",
        "weights_hash",
        "worker",
        "cause",
        "diagnosed",
        "started_ms",
        "ended_ms",
    ] {
        assert_eq!(waiting[key], Value::Null, "{waiting}");
    }
    assert_eq!(waiting["state"], "queued");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let hone = Hone::new();
    let mut command = hone.command(&["schema"]);
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("hone starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("ends");
    assert_eq!(output.status.code(), Some(0));
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
