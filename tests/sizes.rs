//! Sizes at the edge: refused at once, with file, key, value and bound, before anything is allocated for them.

use std::process::{Command, Stdio};

use crate::hone::{Ended, Hone};

/// A sweep over one hyperparameter of a program.
fn sweep(params: &str, search: &str) -> String {
    format!(
        "name = \"own\"\ntrainer = \"mine\"\n[params]\n{params}\n[objective]\nmetric = \"score\"\ndirection = \"maximize\"\n{search}\n"
    )
}

const ONE: &str = "x = { uniform = [0, 1] }";
const ROUND: &str = "[[search.round]]\npoints = 2\nepochs = 1";

/// Runs it with what it may use: less than a second of a release build, a debug build is given some more. What takes more is killed.
#[track_caller]
fn soon(hone: &Hone, arguments: &[&str]) -> Ended {
    let mut command = Command::new("prlimit");
    let hone_alone = hone.command(&[]);
    command
        .args(["--as=4000000000", "--cpu=10"])
        .arg(hone_alone.get_program())
        .args(arguments);
    command.current_dir(hone.path()).stdin(Stdio::null());
    command.env_remove("HONE_COORDINATOR");
    let output = command.output().expect("prlimit of util-linux");
    Ended {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[track_caller]
fn refused(hone: &Hone, arguments: &[&str], parts: &[&str]) {
    let ended = soon(hone, arguments);
    assert_eq!(
        ended.code,
        Some(2),
        "{arguments:?}: {}{}",
        ended.out,
        ended.err
    );
    for part in parts {
        assert!(
            ended.err.contains(part),
            "{arguments:?} must say {part:?}: {}",
            ended.err
        );
    }
    assert!(
        ended.err.len() < 20_000,
        "{arguments:?} says {} bytes",
        ended.err.len()
    );
    assert!(
        !hone.path().join("hone.db").exists(),
        "nothing may be stored"
    );
}

#[test]
fn numbers_that_no_machine_could_serve_are_refused_with_their_bound() {
    let budget = |line: &str| format!("[search]\n{line}\nfull_epochs = 2");
    let plan = "budget = \"60 epochs\"\n";
    for (params, search, parts) in [
        (
            ONE,
            "[[search.round]]\npoints = 10000000000\nepochs = 1".to_owned(),
            &["search.round", "10000000000 trials", "at most 10000000"][..],
        ),
        (
            ONE,
            "[[search.round]]\npoints = 2\nepochs = 1\nrepeats = 4294967295".to_owned(),
            &["repeats", "4294967295", "at most 10000"],
        ),
        (
            ONE,
            "[[search.round]]\npoints = 2\nepochs = 4294967295".to_owned(),
            &["epochs", "4294967295", "at most 10000000"],
        ),
        (
            ONE,
            budget("budget = \"99999999999 epochs\""),
            &["search.budget", "at most 10000000"],
        ),
        (
            ONE,
            budget("budget = \"1e300 epochs\""),
            &["search.budget", "1e300"],
        ),
        (
            ONE,
            budget(&format!("budget = \"{} trainings\"", "9".repeat(400))),
            &["search.budget", "above 0 and at most"],
        ),
        (
            ONE,
            budget(&format!("{plan}parallel = 4294967295")),
            &["search.parallel", "4294967295", "at most 1000000"],
        ),
        (
            ONE,
            budget(&format!("{plan}eta = 4294967295")),
            &["search.eta", "4294967295", "at most 1000000"],
        ),
        (
            ONE,
            budget(&format!(
                "{plan}finish = {{ top = 4294967295, repeats = 4294967295 }}"
            )),
            &["search.finish", "4294967295", "at most 10000"],
        ),
        (
            "x = { int = [1, 9000000000000000] }",
            "[search]\nsampler = \"grid\"\n[[search.round]]\nepochs = 1".to_owned(),
            &["at most 1000000"],
        ),
        (
            "x = { uniform = [0, 1], step = 1e-300 }",
            "[search]\nsampler = \"grid\"\n[[search.round]]\nepochs = 1".to_owned(),
            &["at most 1000000"],
        ),
    ] {
        let hone = Hone::with(&sweep(params, &search));
        let parts = [&["sweep.toml:"], parts].concat();
        for verb in ["plan", "run", "launch"] {
            refused(&hone, &[verb, "sweep.toml"], &parts);
        }
    }
}

#[test]
fn files_without_end_are_refused() {
    let hone = Hone::new();
    let long = hone.path().join("long.toml");
    let file = std::fs::File::create(&long).expect("a file");
    file.set_len(1 << 30).expect("a gigabyte without blocks");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        hone.path().join("fifo"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .expect("a pipe");
    for verb in [
        &["plan"][..],
        &["run"],
        &["launch"],
        &["model", "summary"],
        &["model", "check"],
    ] {
        let of = |file| [verb, &[file]].concat();
        refused(
            &hone,
            &of("long.toml"),
            &["long.toml", "more than 1048576 bytes"],
        );
        refused(&hone, &of("/dev/zero"), &["/dev/zero", "this is a device"]);
        refused(&hone, &of("fifo"), &["fifo", "this is a pipe"]);
        refused(&hone, &of("."), &["it is a folder", "hone init"]);
    }
    for data in ["long.toml", "/dev/zero", "fifo"] {
        refused(&hone, &["init", data], &[data, "is no folder"]);
    }
}

#[test]
fn depth_and_number_of_keys_are_refused_at_once() {
    let list = format!("x = {}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let dotted = format!("{}x = 1", "a.".repeat(100_000));
    let table = format!("x = {}1{}", "{ a = ".repeat(50_000), " }".repeat(50_000));
    for params in [&list, &dotted, &table] {
        let hone = Hone::with(&sweep(params, ROUND));
        refused(&hone, &["plan", "sweep.toml"], &["not TOML", "recurs"]);
    }
    let open: String = (0..40_000)
        .map(|i| format!("a{i} = {{int=[1,2]}}\n"))
        .collect();
    let hone = Hone::with(&sweep(&open, ROUND));
    refused(
        &hone,
        &["plan", "sweep.toml"],
        &["40000 entries", "at most 1000"],
    );
    let values: Vec<String> = (0..100_000).map(|i| i.to_string()).collect();
    let choice = format!("x = {{ choice = [{}] }}", values.join(","));
    let hone = Hone::with(&sweep(&choice, ROUND));
    refused(
        &hone,
        &["plan", "sweep.toml"],
        &["100000 values", "at most 10000"],
    );
    let unknown: String = (0..100_000).map(|i| format!("a{i}=1\n")).collect();
    let hone = Hone::with(&format!(
        "name = \"x\"\n[data]\nsource = \"digits\"\n[train]\n{unknown}"
    ));
    refused(
        &hone,
        &["plan", "sweep.toml"],
        &["train.a0: unknown key", "more of that sort"],
    );
    let twice = format!("x = {{ choice = [{}] }}", "1,".repeat(100_000));
    let hone = Hone::with(&sweep(&twice, ROUND));
    refused(
        &hone,
        &["plan", "sweep.toml"],
        &["stands twice", "more of that sort"],
    );
    let many = (0..900)
        .map(|i| format!("a{i} = {{int=[1,2]}}\n"))
        .chain((0..20_000).map(|i| format!("b{i} = {i}\n")));
    let hone = Hone::with(&sweep(&many.collect::<String>(), ROUND));
    assert_eq!(soon(&hone, &["plan", "sweep.toml"]).code, Some(0));
}

#[test]
fn flags_have_bounds_too() {
    let hone = Hone::with(&sweep(ONE, ROUND));
    let run = ["run", "sweep.toml", "--exec", "mine=true"];
    for (flag, value) in [
        ("--slots", "4000000000"),
        ("--slots", "99999999999999999999"),
        ("--workers", "4000000000"),
        ("--threads", "4000000000"),
        ("--max-time", "99999999999999999999h"),
        ("--lease", "99999999999999999999h"),
    ] {
        refused(&hone, &[&run[..], &[flag, value]].concat(), &[flag, value]);
    }
    refused(
        &hone,
        &["plan", "sweep.toml", "--slots", "4000000000"],
        &["--slots"],
    );
    let deep = format!("params.{}x=1", "a.".repeat(50_000));
    hone.good(&[
        "run",
        "sweep.toml",
        "--exec",
        "mine=printf '{\"epoch\": 1, \"score\": 1}\\n'",
        "--max-time",
        "10000000000h",
    ]);
    let fork = hone.run(&["fork", "--set", &deep]);
    assert_eq!(fork.code, Some(2), "{}", fork.err);
    let fork = hone.run(&[
        "fork",
        "--set",
        "full_epochs=1",
        "--set",
        "x={ uniform = [0, 1e999] }",
    ]);
    assert_eq!(fork.code, Some(2), "{}", fork.err);
}

#[test]
fn ten_million_points_are_planned() {
    let hone = Hone::with(&sweep(
        ONE,
        "[[search.round]]\npoints = 10000000\nepochs = 1",
    ));
    let ended = soon(&hone, &["plan", "sweep.toml"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.out.contains("10 000 000 trials"), "{}", ended.out);
}
