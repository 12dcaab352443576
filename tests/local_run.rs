//! `hone run`: from start to end, interrupted and continued, with any number of workers.

use std::collections::BTreeMap;

use crate::hone::{Hone, TINY};

#[test]
fn a_sweep_runs_prints_a_line_a_trial_and_a_report() {
    let hone = Hone::with(TINY);
    let run = hone.run(&["run", "sweep.toml"]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    let lines: Vec<&str> = run
        .err
        .lines()
        .filter(|l| l.starts_with("val_acc: "))
        .collect();
    assert_eq!(lines.len(), 14, "{}", run.err);
    assert!(
        lines[0].contains("learning_rate: ") && lines[0].ends_with("( 1 / 14)"),
        "{}",
        lines[0]
    );
    for part in [
        "tiny completed",
        "val_accuracy",
        "test_accuracy",
        "train.learning_rate",
        "round 2",
        "images a second",
    ] {
        assert!(
            run.out.contains(part),
            "{part:?} is missing in\n{}",
            run.out
        );
    }
    // The same command again prints the report and trains nothing.
    let again = hone.run(&["run", "sweep.toml"]);
    assert_eq!(again.code, Some(0), "{}", again.err);
    assert!(
        again.err.contains("has ended") && again.out.contains("tiny completed"),
        "{}",
        again.err
    );
    assert_eq!(hone.json(&["sweeps", "--json"]).len(), 1);
    // Other content under the same name is another sweep.
    hone.write("sweep.toml", &TINY.replace("seed = 3", "seed = 4"));
    let other = hone.run(&["run", "sweep.toml"]);
    assert_eq!(other.code, Some(0), "{}", other.err);
    assert!(other.err.contains("this one is tiny-2"), "{}", other.err);
}

/// What must not depend on how a sweep was run.
fn results(hone: &Hone) -> BTreeMap<u64, (String, String, String)> {
    let trials = hone.json(&["trials", "--json"]);
    trials
        .iter()
        .map(|t| {
            let number = t["trial"].as_u64().expect("a number");
            (
                number,
                (
                    t["params"].to_string(),
                    t["objective"].to_string(),
                    t["weights_hash"].to_string(),
                ),
            )
        })
        .collect()
}

#[test]
fn workers_and_slots_change_nothing() {
    let reference = Hone::with(TINY);
    reference.good(&["run", "sweep.toml", "--workers", "1", "--slots", "1"]);
    let expected = results(&reference);
    for arguments in [
        ["--workers", "1", "--slots", "2"],
        ["--workers", "3", "--slots", "1"],
    ] {
        let other = Hone::with(TINY);
        other.good(&[&["run", "sweep.toml"], &arguments[..]].concat());
        assert_eq!(results(&other), expected, "{arguments:?}");
    }
}

#[test]
fn an_interrupted_sweep_goes_on_and_ends_with_the_same_results() {
    // Long enough to be interrupted in the middle.
    let file = TINY.replace("epochs = 1\n", "epochs = 60\n");
    let undisturbed = Hone::with(&file);
    undisturbed.good(&["run", "sweep.toml", "--slots", "1"]);

    let hone = Hone::with(&file);
    let mut run = hone.start(&["run", "sweep.toml", "--slots", "1"]);
    run.read_until("val_acc: ");
    run.terminate();
    let ended = run.wait();
    assert_eq!(ended.code, Some(3), "{}", ended.err);
    assert!(
        ended.out.contains("tiny paused"),
        "a report of what there is:\n{}",
        ended.out
    );

    let mut run = hone.start(&["run", "sweep.toml", "--slots", "1"]);
    run.read_until("val_acc: ");
    run.kill();
    let ended = hone.run(&["run", "sweep.toml", "--slots", "1"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(results(&hone), results(&undisturbed));
}

/// A lost terminal is an early end like any other; the kernel and the shell both tell of it.
#[test]
fn a_lost_terminal_pauses_and_nohup_does_not() {
    let hangup = |run: &crate::hone::Background| {
        let pid = run.id().to_string();
        let sent = std::process::Command::new("kill")
            .args(["-s", "HUP", &pid])
            .status();
        assert!(sent.expect("kill").success());
    };
    let file = TINY.replace("epochs = 1\n", "epochs = 9000\n");
    let hone = Hone::with(&file);
    let mut run = hone.start(&["run", "sweep.toml"]);
    run.read_until("round 1");
    hangup(&run);
    hangup(&run);
    let ended = run.wait();
    assert_eq!(ended.code, Some(3), "{}", ended.err);
    assert!(
        ended.err.contains("pausing: workers hand back"),
        "{}",
        ended.err
    );
    assert_eq!(hone.json(&["sweeps", "--json"])[0]["state"], "paused");

    let hone = Hone::with(TINY);
    let mut ignoring = std::process::Command::new("sh");
    let program = env!("CARGO_BIN_EXE_hone");
    let script = format!("trap '' HUP; exec {program} run sweep.toml");
    let mut run = hone.start_as(ignoring.args(["-c", &script]));
    run.read_until("round 1");
    hangup(&run);
    let ended = run.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(hone.json(&["sweeps", "--json"])[0]["state"], "completed");
}

#[test]
fn a_coordinator_and_a_worker_end_in_order_when_their_terminal_is_lost() {
    let hone = Hone::with(&TINY.replace("epochs = 1\n", "epochs = 9000\n"));
    let mut coordinator = hone.start(&["coordinator", "--listen", "127.0.0.1:0"]);
    let said = coordinator.read_until(", database");
    let (_, address) = said.split_once("http://").expect("an address");
    let url = format!("http://{}", address.trim_end_matches(", database"));
    let worker = [
        "worker",
        "--coordinator",
        &url,
        "--scratch",
        "scratch",
        "--slots",
        "1",
    ];
    let worker = hone.start(&worker);
    let mut watch = hone.start(&["launch", "sweep.toml", "--watch"]);
    watch.read_until("round 1");
    let hangup = |pid: u32| {
        let pid = pid.to_string();
        let sent = std::process::Command::new("kill")
            .args(["-s", "HUP", &pid])
            .status();
        assert!(sent.expect("kill").success());
    };
    hangup(watch.id());
    let watched = watch.wait();
    assert_eq!(watched.code, Some(3), "{}", watched.err);
    assert!(watched.err.contains("the sweep goes on"), "{}", watched.err);
    hangup(worker.id());
    assert_eq!(worker.wait().code, Some(0));
    hangup(coordinator.id());
    let ended = coordinator.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
}

#[test]
fn max_time_pauses() {
    let hone = Hone::with(&TINY.replace("epochs = 1\n", "epochs = 9000\n"));
    let arguments = ["run", "sweep.toml", "--max-time", "1s", "--json", "--again"];
    let run = hone.run(&arguments);
    assert_eq!(run.code, Some(3), "{}", run.err);
    for words in [
        "what they train; Ctrl-C ends at once",
        "the same command without --again goes on",
    ] {
        assert!(run.err.contains(words), "{words}: {}", run.err);
    }
    assert_eq!(hone.json(&["sweeps", "--json"])[0]["state"], "paused");
}
