//! What is said of a sweep is what happened to it: programs that fail, diverge, or are mended.

use serde_json::Value;

use crate::{
    cluster::within,
    hone::{Ended, Hone},
};

/// One round over one hyperparameter of a program.
const SWEEP: &str = r#"
name = "own"
trainer = "mine"

[params]
x = { uniform = [0.0, 1.0] }

[objective]
metric = "score"
direction = "maximize"

[[search.round]]
points = 6
epochs = 2
"#;

/// Fails at its import until it is mended; `once` lies there after the first trial that found it so.
const PROGRAM: &str = r#"
if [ -e broken ]; then
  echo "Traceback (most recent call last):" >&2
  echo "ModuleNotFoundError: No module named 'torch'" >&2
  exit 1
fi
if [ -e nan ]; then score=NaN; else score=0.$(tr -dc 0-9 < "$HONE_TRIAL" | head -c 6); fi
if [ -e unlucky ] && mkdir once 2>/dev/null; then exit 4; fi
if [ -e slow ]; then echo $$ > pid.new; mv pid.new pid; exec sleep 1000; fi
if [ -e wordy ]; then key=accuracy; else key=score; fi
echo "{\"epoch\": 1, \"$key\": 0.1}"
echo "{\"epoch\": 2, \"$key\": $score}"
"#;

fn own() -> Hone {
    let hone = Hone::with(SWEEP);
    hone.write("train.sh", PROGRAM);
    hone
}

fn run(hone: &Hone, more: &[&str]) -> Ended {
    let mut arguments = vec!["run", "sweep.toml", "--exec", "mine=sh train.sh"];
    arguments.extend(more);
    hone.run(&arguments)
}

fn expect(ended: &Ended, code: i32, parts: &[&str]) {
    assert_eq!(ended.code, Some(code), "{}\n{}", ended.out, ended.err);
    for part in parts {
        let told = ended.out.contains(part) || ended.err.contains(part);
        assert!(told, "{part:?} in\n{}\n{}", ended.out, ended.err);
    }
}

fn object(ended: &Ended) -> Value {
    serde_json::from_str(&ended.out).unwrap_or_else(|e| panic!("{e}: {:?}", ended.out))
}

#[test]
fn a_program_that_fails_fails_its_sweep_and_the_same_command_mends_it() {
    let hone = own();
    hone.write("broken", "");
    let why = "ended with exit code 1: ModuleNotFoundError: No module named 'torch'";
    expect(&run(&hone, &[]), 1, &["own failed", why, "hone logs own/"]);
    // It is no wrong name.
    let best = hone.run(&["best", "own"]);
    expect(
        &best,
        1,
        &["own has failed, and none of its trials has a value"],
    );
    let told = hone.good(&["sweeps"]);
    assert!(
        told.contains("failed") && told.contains("trials failed"),
        "{told}"
    );
    assert!(
        hone.json(&["sweeps", "--json"])[0]["reason"]
            .as_str()
            .unwrap()
            .contains(why)
    );

    // The same, still broken: nothing new is named, and programs hear of it.
    let ended = run(&hone, &["--json"]);
    expect(&ended, 1, &["6 trials will be tried again"]);
    let told = object(&ended);
    assert_eq!(
        (told["state"].as_str(), &told["best"]),
        (Some("failed"), &Value::Null)
    );
    assert!(told["reason"].as_str().unwrap().contains(why), "{told}");
    assert!(told["counts"]["failed"].as_u64().unwrap() >= 5, "{told}");

    std::fs::remove_file(hone.path().join("broken")).unwrap();
    let ended = run(&hone, &["--json"]);
    expect(&ended, 0, &["6 trials will be tried again"]);
    let told = object(&ended);
    assert_eq!(told["state"], "completed");
    assert_eq!(
        (&told["counts"]["completed"], &told["counts"]["failed"]),
        (&6.into(), &0.into())
    );
    assert!(
        told["objective"].is_f64() && told["sweep"] == "own",
        "{told}"
    );
    assert_eq!(hone.json(&["sweeps", "--json"]).len(), 1);
    let why = hone.good(&["why", "own"]);
    assert!(why.contains("retry (failed → running)"), "{why}");
    hone.good(&["admin", "verify"]);
    // And now there is nothing to mend.
    expect(&run(&hone, &[]), 0, &["this very sweep has ended"]);
}

#[test]
fn a_program_whose_scores_are_no_numbers_diverges_and_is_tried_again() {
    let hone = own();
    hone.write("nan", "");
    let why = "6 of 6 trials diverged: in epoch 2: score is NaN";
    expect(&run(&hone, &[]), 1, &["own failed", why, "(6 diverged)"]);
    std::fs::remove_file(hone.path().join("nan")).unwrap();
    expect(
        &run(&hone, &[]),
        0,
        &["6 trials will be tried again", "own completed"],
    );
}

#[test]
fn a_program_that_never_prints_the_metric_is_told_what_it_prints() {
    let hone = own();
    hone.write("wordy", "");
    let why = "epoch 1 was reported without the objective's metric \"score\"; it has \"accuracy\"";
    expect(&run(&hone, &[]), 1, &["own failed", why]);
}

#[test]
fn a_program_that_counts_from_0_is_told_so_at_once() {
    let hone = own();
    hone.write(
        "train.sh",
        r#"echo '{"epoch": 0, "score": 0.1}'; sleep 1000"#,
    );
    let why = "trials failed: epoch 0: they count from 1";
    expect(&run(&hone, &[]), 1, &["own failed: ", why]);
}

#[test]
fn a_signal_to_everything_at_once_gives_the_trial_back() {
    let hone = own();
    hone.write("slow", "");
    let arguments = [
        "run",
        "sweep.toml",
        "--exec",
        "mine=sh train.sh",
        "--slots",
        "1",
    ];
    // Three crashes would fail the trial for good.
    for _ in 0..4 {
        let started = hone.start(&arguments);
        let read = |name: &str| std::fs::read_to_string(hone.path().join(name)).ok();
        let program = within("the program runs", || read("pid"));
        std::fs::remove_file(hone.path().join("pid")).unwrap();
        let workers = read("hone.db.work/workers").unwrap();
        let worker = workers.split(' ').next().unwrap();
        let all = [program.trim(), worker, &started.id().to_string()];
        let kill = std::process::Command::new("kill").args(all).status();
        assert!(kill.unwrap().success());
        expect(&started.wait(), 3, &[]);
    }
    std::fs::remove_file(hone.path().join("slow")).unwrap();
    expect(&run(&hone, &[]), 0, &["own completed"]);
    let trials = hone.json(&["trials", "--json"]);
    assert!(
        trials.iter().any(|trial| trial["attempts"] == 5),
        "{trials:?}"
    );
    for trial in trials {
        let why = hone.good(&["why", &format!("own/{}", trial["trial"])]);
        assert!(!why.contains("crashed") && !why.contains("lost"), "{why}");
    }
    hone.good(&["admin", "verify"]);
}

#[test]
fn one_failure_among_good_trials_is_told_and_can_be_mended() {
    let hone = own();
    hone.write("unlucky", "");
    let ended = run(&hone, &["--slots", "1"]);
    expect(
        &ended,
        0,
        &[
            "1 of 6 trials failed: the program ended with exit code 4",
            "`hone retry own/1`",
        ],
    );
    expect(
        &hone.run(&["retry", "own/1"]),
        0,
        &[": queued; own/1 again"],
    );
    let ended = run(&hone, &["--json"]);
    expect(&ended, 0, &[]);
    let told = object(&ended);
    assert_eq!(
        (&told["counts"]["completed"], &told["counts"]["failed"]),
        (&6.into(), &0.into())
    );
    assert_eq!(told["reason"], "the plan is done");
    // The listing has the trial and its retry.
    assert_eq!(hone.good(&["trials", "--json"]).lines().count(), 7);
    let cut = hone.run(&["trials", "--json", "--limit", "6"]);
    expect(&cut, 0, &["6 of 7 trials"]);
    hone.good(&["admin", "verify"]);
}

#[test]
fn the_built_in_trainer_would_only_repeat_itself() {
    let hone = Hone::with(
        r#"
name = "wild"
[data]
source = "digits"
[model]
hidden = [8]
[train]
learning_rate = { log = [1e4, 1e6] }
optimizer = "sgd"
[[search.round]]
points = 2
epochs = 1
[[search.round]]
points = 2
epochs = 1
"#,
    );
    let run = |more: &[&str]| hone.run(&[&["run", "sweep.toml", "--no-check"], more].concat());
    expect(&run(&[]), 1, &["wild failed: 2 of 2 trials diverged"]);
    let again = run(&["--json"]);
    let words = [
        "repeat them to the bit",
        "--again",
        "upper end of `train.learning_rate`",
    ];
    expect(&again, 1, &words);
    assert_eq!(object(&again)["counts"]["diverged"], 2);
    assert_eq!(hone.json(&["sweeps", "--json"]).len(), 1);
}

#[test]
fn what_a_program_says_steers_no_terminal() {
    let hone = own();
    hone.write(
        "train.sh",
        "printf '\\033]0;mine\\007\\033[31mred\\033[0m\\n' >&2\nexit 1\n",
    );
    let ended = run(&hone, &["--json"]);
    expect(&ended, 1, &["\\u{1b}[31mred", "WARN trial{trial=own/"]);
    let reason = object(&ended)["reason"].to_string();
    assert!(reason.contains("\\u001b[31mred"), "whole: {reason}");
    let mut told = ended.err;
    for verb in ["show", "sweeps", "why", "logs own/1", "show own/1", "best"] {
        let ended = hone.run(&verb.split(' ').collect::<Vec<_>>());
        told += &(ended.out + &ended.err);
    }
    assert!(told.contains("red"), "{told}");
    assert!(
        !told.contains(|c: char| c.is_control() && c != '\n'),
        "{told:?}"
    );
}
