//! What a terminal gets is text: whatever files, programs, workers and people call things.

use std::process::Command;

use serde_json::{Value, json};

use crate::hone::{Ended, Hone};

/// A title, a cleared screen, a step back, a turned direction, a hidden letter, line ends of every sort.
const HOSTILE: &str = "a\u{1b}]0;t\u{7}\u{1b}[2J\u{8}\u{9b}1A\u{202e}\u{2066}\u{200b}\u{feff}\u{e0041}\r\tb\u{2028}c\ncompleted: all is well";

/// Spelt out as TOML has it.
fn toml(text: &str) -> String {
    let spelt = text.chars().map(|c| format!("\\U{:08X}", u32::from(c)));
    format!("\"{}\"", spelt.collect::<String>())
}

/// Everything that can be called by a program's author is called so.
fn sweep() -> String {
    let name = toml(HOSTILE);
    format!(
        r#"
name = "own"
trainer = "mine"
[params]
{name} = {{ uniform = [0.0, 1.0] }}
other = {{ choice = [{name}, "plain"] }}
constant = {name}
[objective]
metric = "score"
direction = "maximize"
[[search.round]]
points = 3
epochs = 2
[[search.round]]
points = 2
epochs = 2
"#
    )
}

fn program(hone: &Hone) -> String {
    let raw = format!("{HOSTILE}\n");
    hone.write("raw.txt", &raw);
    // A metric of such a name is refused where it comes in.
    let one = json!({"epoch": 1, "score": 0.25});
    let two = json!({"epoch": 2, "score": 0.5});
    hone.write("lines.txt", &format!("{one}\n{two}\n"));
    hone.write(
        "train.sh",
        "cat raw.txt >&2\ncat lines.txt\nif [ -e fail ]; then cat raw.txt >&2; exit 3; fi\n",
    );
    format!("mine=sh {}", hone.path().join("train.sh").display())
}

/// Nothing but letters and line ends came out.
#[track_caller]
fn harmless(ended: &Ended, what: &str) {
    let steers = |c: char| {
        let hides = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        c != '\n' && (c.is_control() || hides || ('\u{e0000}'..='\u{e0fff}').contains(&c))
    };
    for text in [&ended.out, &ended.err] {
        let at = text.char_indices().find(|(_, c)| steers(*c));
        assert_eq!(at, None, "{what}: {text:?}");
        // Of a log every line is somebody else's.
        assert!(
            what.starts_with("logs")
                || !text.lines().any(|line| line
                    .trim_start()
                    .starts_with("completed: all is well")
                    && !line.starts_with("    ")),
            "{what}: a line that somebody else wrote stands at its beginning:\n{text}"
        );
    }
}

#[test]
fn no_name_of_anybody_steers_the_terminal() {
    let hone = Hone::with(&sweep());
    let exec = program(&hone);
    let ran = hone.run(&["run", "sweep.toml", "--exec", &exec]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    harmless(&ran, "run");
    assert!(ran.out.contains("\\u{1b}]0;t\\u{7}"), "{}", ran.out);
    for verb in [
        "plan sweep.toml",
        "sweeps",
        "trials",
        "show",
        "show own/1",
        "best",
        "why",
        "why own/1",
        "logs own/1",
        "logs own/1 --json",
        "fork",
        "fork --json",
        "trials --json",
        "show own/1 --json",
        "show --json",
        "best --json",
        "plan sweep.toml --json",
        "why --json",
        "admin verify",
        "doctor",
        "stop own/1",
        "cancel own",
    ] {
        harmless(&hone.run(&verb.split(' ').collect::<Vec<_>>()), verb);
    }
    // What programs read is what was said, to the letter.
    let listed = hone.json(&["trials", "--json"]);
    assert!(
        listed[0]["params"][format!("params.{HOSTILE}")].is_f64(),
        "{}",
        listed[0]
    );
    let log = hone.json(&["logs", "own/1", "--json"]);
    assert!(
        log.iter().any(|line| line["line"]
            .as_str()
            .is_some_and(|line| line.contains("\u{1b}[2J"))),
        "{log:?}"
    );
    // A file stays one: the child is read again.
    let child = hone.good(&["fork", "own", "--name", "child"]);
    hone.write("child.toml", &child);
    let planned = hone.json(&["plan", "child.toml", "--json"]);
    assert_eq!(planned[0]["metric"], "score");
}

#[test]
fn no_failure_and_no_worker_steers_the_terminal() {
    let hone = Hone::with(&sweep());
    let exec = program(&hone);
    hone.write("fail", "");
    let mut coordinator = hone.start(&["coordinator", "--listen", "127.0.0.1:0"]);
    let said = coordinator.read_until(", database");
    let (_, rest) = said.split_once("http://").expect("an address");
    let url = format!("http://{}", rest.trim_end_matches(", database"));
    let name = HOSTILE.replace('\n', "");
    let refused = hone.run(&["worker", "--coordinator", &url, "--name", &name]);
    assert_eq!(refused.code, Some(2), "{}", refused.err);
    harmless(&refused, "worker");
    let name = HOSTILE.replace(char::is_control, "");
    let worker = [
        "worker",
        "--coordinator",
        &url,
        "--name",
        &name,
        "--exec",
        &exec,
        "--scratch",
        "scratch",
        "--slots",
        "1",
    ];
    let mut worker = hone.start(&worker);
    harmless(&hone.run(&["launch", "sweep.toml", "--watch"]), "launch");
    let told = worker.read_until("exit code 3");
    worker.terminate();
    let mut worker = worker.wait();
    worker.err = told + &worker.err;
    harmless(&worker, "worker");
    let shown = hone.run(&["show", "own/1"]);
    assert!(shown.out.contains("failed"), "{}", shown.out);
    for verb in [
        "show own/1",
        "show",
        "sweeps",
        "why own/1",
        "logs own/1",
        "trials",
        "best",
    ] {
        harmless(&hone.run(&verb.split(' ').collect::<Vec<_>>()), verb);
    }
    coordinator.terminate();
    harmless(&coordinator.wait(), "coordinator");
}

#[test]
fn no_error_steers_the_terminal() {
    let name = HOSTILE.replace(['\n', '/'], " ");
    let hone = Hone::new();
    let key = toml(HOSTILE);
    let bad = format!(
        "name = \"x\"\n[data]\nsource = \"digits\"\n[train]\n{key} = {key}\nlearning_rate = {key}\n# {}\n",
        "é\u{202e}\u{200b}"
    );
    let file = hone.write(&format!("{name}.toml"), &bad);
    let file = file.to_str().expect("UTF-8");
    for arguments in [
        &["plan", file][..],
        &["run", file],
        &["launch", file],
        &["model", "summary", file],
        &["sweeps", "--db", file],
        &["sweeps", "--db", &name],
        &["show", &name],
        &[&name],
        &["run", "x.toml", &format!("--{name}")],
        &["run", &name, "--slots", &name],
        &["run", "x.toml", "--max-time", &name],
        &["trials", "--state", &name],
        &["init", &name],
        &["rm", &name],
        &["cancel", &name],
        &["worker", "--coordinator", &name],
        &["doctor", "--data", &name],
        &["model", "eval", &name],
        &["fork", "--set", &name],
        &["admin", "verify", "--db", &name],
    ] {
        let ended = hone.run(arguments);
        assert_ne!(ended.code, Some(0), "{arguments:?}: {}", ended.out);
        harmless(&ended, &format!("{arguments:?}"));
    }
    let told = hone.run(&["plan", file]).err;
    assert!(
        told.contains("train.a\\u{1b}]0;t") && told.contains(": unknown key"),
        "{told}"
    );
}

#[test]
fn a_folder_of_images_with_such_names_makes_a_file_that_is_read() {
    let hone = Hone::new();
    let folder = format!("im{}", HOSTILE.replace(['\n', '/'], " "));
    for class in ["one\u{202e}", "two\nthree"] {
        let class = hone.path().join(&folder).join(class);
        std::fs::create_dir_all(&class).expect("a folder");
        for number in 0..8 {
            let pixel = image::Luma([number * 30]);
            let path = class.join(format!("{number}.png"));
            image::GrayImage::from_pixel(8, 8, pixel)
                .save(path)
                .expect("written");
        }
    }
    let text = hone.run(&["init", &folder]);
    assert_eq!(text.code, Some(0), "{}", text.err);
    harmless(&text, "init");
    hone.write("images.toml", &text.out);
    let planned = hone.run(&["plan", "images.toml"]);
    assert_eq!(planned.code, Some(0), "{}", planned.err);
    harmless(&planned, "plan");
    let data: Value = hone.json(&["plan", "images.toml", "--json"])[0]["data"].take();
    assert_eq!(data["classes"], 2);
}

/// On a terminal there are colours, and they are ours alone.
#[test]
fn colours_are_our_own() {
    let hone = Hone::with(&sweep());
    let exec = program(&hone);
    hone.good(&["run", "sweep.toml", "--exec", &exec]);
    // util-linux's `script` gives the command a terminal.
    let hone_command = format!("{} show own/1", env!("CARGO_BIN_EXE_hone"));
    let Ok(output) = Command::new("script")
        .current_dir(hone.path())
        .args(["-qec", &hone_command, "/dev/null"])
        .env("TERM", "xterm")
        .output()
    else {
        return;
    };
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    let ours = ["0", "1", "2", "31", "32", "33", "36"];
    let codes: Vec<&str> = shown.split('\u{1b}').skip(1).collect();
    assert!(!codes.is_empty(), "{shown:?}");
    for code in codes {
        let is_ours = code
            .strip_prefix('[')
            .and_then(|c| c.split_once('m'))
            .is_some_and(|(c, _)| ours.contains(&c));
        assert!(is_ours, "{code:?} in {shown:?}");
    }
    assert!(shown.contains("\\u{1b}[2J"), "{shown}");
}
