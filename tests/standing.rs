//! What is told of a sweep that is stopping, interrupted, or that nobody goes on with: what is so.

use serde_json::Value;

use crate::{
    cluster::{Cluster, within},
    faults::SWEEP,
    hone::{Background, Ended, Hone, TINY},
};

/// A sweep whose trials do not end by themselves while a test looks.
fn long() -> String {
    TINY.replace("epochs = 1\n", "epochs = 900000\n")
}

fn sweep(hone: &Hone) -> Value {
    hone.json(&["sweeps", "--json"]).remove(0)
}

#[track_caller]
fn says(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(ended.code, Some(code), "{}\n{}", ended.out, ended.err);
    for part in words {
        let said = ended.out.contains(part) || ended.err.contains(part);
        assert!(said, "{part:?}:\n{}\n{}", ended.out, ended.err);
    }
}

/// Waits until some trial of the latest sweep has been trained for an epoch.
fn trains(hone: &Hone) {
    within("an epoch of a trial", || {
        let trials = hone.json(&["trials", "--json"]);
        trials
            .iter()
            .any(|t| t["epoch"].as_u64() > Some(0))
            .then_some(())
    });
}

#[test]
fn an_early_end_reports_what_there_is_and_counts_no_pause() {
    let hone = Hone::with(&long());
    let first = hone.run(&["run", "sweep.toml", "--max-time", "2s", "--no-check"]);
    says(
        &first,
        3,
        &[
            "tiny paused",
            "no point has finished yet",
            "/900000",
            "the same command goes on",
        ],
    );
    let json = ["run", "sweep.toml", "--max-time", "2s", "--json"];
    let second = hone.run(&json);
    says(&second, 3, &["the same command goes on"]);
    let object: Value = serde_json::from_str(&second.out).expect("one object");
    assert_eq!(
        (&object["state"], &object["best"]),
        (&"paused".into(), &Value::Null)
    );
    let number = |key: &str| {
        object[key]
            .as_f64()
            .unwrap_or_else(|| panic!("{key}: {object}"))
    };
    assert!(number("epochs_trained") > 0.0 && number("images_per_second") > 0.0);
    // The time between the two runs, in which this one started, is in the second one alone.
    assert!(number("wall_seconds") > number("seconds"), "{object}");
    assert!(
        number("seconds") > 0.0 && number("slot_seconds") > 0.0,
        "{object}"
    );
}

#[test]
fn an_early_end_says_that_the_same_command_goes_on() {
    let hone = Hone::with(&long());
    let run = hone.start(&["run", "sweep.toml", "--exec", "none=true"]);
    within("the sweep is stored", || {
        let sweeps = hone.run(&["sweeps", "--json"]);
        (sweeps.code == Some(0) && !sweeps.out.is_empty()).then_some(())
    });
    run.terminate();
    says(&run.wait(), 3, &["tiny paused", "the same command goes on"]);
}

#[test]
fn a_run_that_ends_names_what_nobody_goes_on_with() {
    let hone = Hone::with(&long());
    hone.write(
        "other.toml",
        &long().replace("name = \"tiny\"", "name = \"other\""),
    );
    let run = hone.start(&["run", "sweep.toml", "--no-check"]);
    within("the sweep is stored", || {
        let sweeps = hone.run(&["sweeps", "--json"]);
        (sweeps.code == Some(0) && !sweeps.out.is_empty()).then_some(())
    });
    trains(&hone);
    hone.good(&["launch", "other.toml", "--no-check"]);
    hone.good(&["stop", "tiny"]);
    let ended = run.wait();
    assert!(
        ended.err.contains("tiny stopped") || ended.out.contains("tiny stopped"),
        "{}\n{}",
        ended.out,
        ended.err
    );
    let words = "other is not over: it goes on with `hone run` and its file, or with `hone coordinator --db hone.db`";
    assert!(ended.err.contains(words), "{}", ended.err);
    assert!(!ended.err.contains("tiny is not over"), "{}", ended.err);
}

/// A coordinator whose leases outlast any test, and which misses its workers soon.
fn patient(hone: &Hone) -> (Background, String) {
    let mut coordinator = hone.start(&[
        "coordinator",
        "--listen",
        "127.0.0.1:0",
        "--heartbeat",
        "200ms",
        "--lease",
        "10m",
        "--first-lease",
        "10m",
    ]);
    let said = coordinator.read_until("listening on http://127.0.0.1:");
    assert!(!said.is_empty());
    let port = coordinator.read_until("\n");
    let port: String = port.chars().take_while(char::is_ascii_digit).collect();
    (coordinator, format!("http://127.0.0.1:{port}"))
}

#[test]
fn a_silent_worker_and_a_coordinator_that_is_gone_are_told() {
    let hone = Hone::with(&long());
    let (coordinator, url) = patient(&hone);
    hone.good(&["launch", "sweep.toml", "--no-check", "--coordinator", &url]);
    let worker = hone.start(&[
        "worker",
        "--coordinator",
        &url,
        "--slots",
        "1",
        "--scratch",
        "scratch",
    ]);
    trains(&hone);
    let heard = sweep(&hone);
    assert_eq!(
        (&heard["state"], &heard["coordinator"]),
        (&"running".into(), &true.into())
    );
    assert!(heard["last_heard_seconds"].is_number(), "{heard}");
    worker.kill();
    within("its silence is noticed", || {
        hone.good(&["sweeps"])
            .contains("running, last heard ")
            .then_some(())
    });
    let running = hone
        .json(&["trials", "--json", "--state", "running"])
        .remove(0);
    assert!(
        running["last_heard_seconds"].as_f64() > Some(0.2),
        "{running}"
    );
    let trial = format!("tiny/{}", running["trial"]);
    for arguments in [
        &["trials"][..],
        &["show"],
        &["show", &trial],
        &["why"],
        &["why", &trial],
    ] {
        let out = hone.good(arguments);
        assert!(
            out.contains("running, last heard "),
            "{arguments:?}:\n{out}"
        );
    }
    let stopped = hone.run(&["stop"]);
    says(
        &stopped,
        0,
        &["tiny: stopping", "ends with its lease", "last heard "],
    );

    coordinator.kill();
    let gone = sweep(&hone);
    assert_eq!(
        (&gone["state"], &gone["coordinator"]),
        (&"stopping".into(), &false.into())
    );
    for arguments in [&["sweeps"][..], &["show"], &["why"]] {
        let out = hone.good(arguments);
        assert!(
            out.contains("stopping, no coordinator"),
            "{arguments:?}:\n{out}"
        );
    }
    let show = hone.good(&["show", &trial]);
    assert!(
        show.contains("running, last heard ") && show.contains("no coordinator runs"),
        "{show}"
    );
    // Nobody who takes this order hears that worker, and it may have a result.
    says(
        &hone.run(&["stop"]),
        0,
        &["tiny: stopping; 1 running trial", "no coordinator hears"],
    );
}

#[test]
fn a_killed_run_is_told_and_stopped_by_one_order() {
    let hone = Hone::with(&long());
    let run = hone.start(&["run", "sweep.toml", "--slots", "2", "--no-check"]);
    within("it is stored", || {
        (hone.run(&["sweeps", "--json"]).code == Some(0)
            && hone.path().join("hone.db.work/workers").is_file())
        .then_some(())
    });
    trains(&hone);
    run.kill();
    let show = hone.run(&["show"]);
    says(
        &show,
        0,
        &[
            "tiny running, no coordinator",
            "goes on with the same `hone run`",
        ],
    );
    let of_sweep = &hone.json(&["show", "--json"])[0];
    assert_eq!(
        (&of_sweep["state"], &of_sweep["coordinator"]),
        (&"running".into(), &false.into())
    );
    // Its workers are known to be dead: nothing has to be waited for.
    says(&hone.run(&["stop"]), 0, &["tiny: stopped"]);
    assert_eq!(sweep(&hone)["state"], "stopped");
}

#[test]
fn a_sweep_that_stops_says_so_to_everybody_and_stops_after_a_kill() {
    let mut cluster = Cluster::start(SWEEP, 1);
    let before = cluster.epochs();
    cluster.progress(before);
    cluster.signal_worker("STOP");
    let hone = cluster.hone();
    says(&hone.run(&["stop"]), 0, &["faulty: stopping"]);
    cluster.kill_coordinator();
    let hone = cluster.hone();
    assert_eq!(sweep(hone)["state"], "stopping");
    says(
        &hone.run(&["rm", "faulty", "--yes"]),
        2,
        &["faulty is stopping"],
    );
    says(
        &hone.run(&["extend", "--by", "9 epochs"]),
        1,
        &["faulty is stopping"],
    );
    for order in ["resume", "pause"] {
        says(&hone.run(&[order]), 1, &["it ends as stopped"]);
    }
    says(
        &hone.run(&["retry", "faulty/1"]),
        1,
        &["faulty is stopping"],
    );
    assert_eq!(sweep(hone)["state"], "stopping");
    cluster.start_coordinator();
    let launched = cluster.hone().run(&["launch", "sweep.toml", "--watch"]);
    says(
        &launched,
        0,
        &["is stopping: it ends as stopped", "faulty stopped"],
    );
    cluster.signal_worker("CONT");
    cluster.verify();
}

#[test]
fn a_limit_says_what_it_leaves_out_and_nothing_else_does() {
    let hone = Hone::with(
        &TINY
            .replace("points = 6\n", "points = 30\n")
            .replace("epochs = 1\n", "epochs = 900000\n"),
    );
    hone.run(&["run", "sweep.toml", "--max-time", "1s", "--no-check"]);
    let stored = sweep(&hone)["trials"].as_u64().expect("a number");
    assert_eq!(stored, 30);
    let cut = hone.run(&["trials", "--sort", "objective", "--limit", "20"]);
    says(&cut, 0, &[&format!("20 of {stored} trials")]);
    let cut = hone.run(&["trials", "--state", "queued", "--limit", "2", "--json"]);
    says(&cut, 0, &["2 trials, and there are more"]);
    assert_eq!(cut.out.lines().count(), 2, "{}", cut.out);
    for sort in ["number", "objective", "recent"] {
        let all = hone.run(&[
            "trials",
            "--sort",
            sort,
            "--json",
            "--limit",
            "18446744073709551615",
        ]);
        assert_eq!(
            (all.out.lines().count() as u64, all.err.as_str()),
            (stored, "")
        );
    }
    for wrong in ["0", "-1", "many", "18446744073709551616"] {
        let refused = hone.run(&["trials", &format!("--limit={wrong}")]);
        says(&refused, 2, &["--limit"]);
    }
}
