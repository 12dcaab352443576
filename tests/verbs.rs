//! Verbs that order and tell: their words, their bounds in time, what they leave behind.

use crate::hone::{Hone, TINY};

fn signal(pid: u32, name: &str) {
    let status = std::process::Command::new("kill")
        .args(["-s", name, &pid.to_string()])
        .status();
    assert!(status.expect("kill").success());
}

#[test]
fn an_attempt_has_a_log() {
    let hone = Hone::with(TINY);
    let ran = hone.run(&["run", "sweep.toml"]);
    let counted = ran.err.lines().filter(|line| line.ends_with(" / 14)"));
    let counted: Vec<&str> = counted.collect();
    assert!(counted[0].ends_with("( 1 / 14)"), "{}", ran.err);
    assert!(counted[13].ends_with("(14 / 14)"), "{}", ran.err);
    let log = hone.good(&["logs", "tiny/14"]);
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines[0], "--- attempt 1", "{log}");
    for (line, part) in [
        (1, "epochs 1 to 2 of 2, seed "),
        (1, "data digits; worker worker-1"),
        (2, "1140 training and 360 validation images of 8×8×1"),
        (3, "completed after "),
    ] {
        assert!(
            lines[line].contains(part),
            "{part:?} in line {line}:\n{log}"
        );
    }
    assert_eq!(lines.len(), 4, "{log}");
    what_is_not_there_ends_with_2(&hone);
}

/// Whoever notices it: the command, the coordinator, or the store in the command's process.
fn what_is_not_there_ends_with_2(hone: &Hone) {
    hone.write("other.db", &"no database ".repeat(100));
    std::fs::create_dir(hone.path().join("folder")).expect("a folder");
    for (command, words) in [
        ("logs tiny/500", "no trial `tiny/500`"),
        ("logs tiny/0", "they count from 1"),
        ("show tiny/0", "they count from 1"),
        ("why tiny/500", "no trial `tiny/500`"),
        ("model export tiny/500", "no trial `tiny/500`"),
        (
            "model export tiny -o nowhere/net",
            "there is no folder nowhere",
        ),
        (
            "model eval tiny",
            "hone model export tiny -o net.safetensors",
        ),
        (
            "model eval n.safetensors",
            "hone model export SWEEP -o n.safetensors",
        ),
        ("model eval folder", "folder is a folder"),
        ("model eval other.db", "other.db is no network"),
        ("model predict nothing x.png", "nothing is no file"),
        ("admin verify --db none.db", "none.db: there is no database"),
        ("admin verify --db other.db", "not an SQLite database"),
        ("sweeps --db other.db", "not an SQLite database"),
        ("run sweep.toml --db other.db", "not an SQLite database"),
        (
            "run sweep.toml --db nowhere/h.db",
            "there is no folder nowhere",
        ),
        ("run sweep.toml --db folder", "it is a folder"),
        (
            "coordinator --listen 127.0.0.1:0 --db nowhere/h.db",
            "there is no folder nowhere",
        ),
    ] {
        let ended = hone.run(&command.split(' ').collect::<Vec<_>>());
        assert_eq!(ended.code, Some(2), "{command}: {}", ended.err);
        assert!(ended.err.contains(words), "{command}: {}", ended.err);
    }
}

#[test]
fn nothing_is_left_beside_the_database_when_all_is_done() {
    let hone = Hone::with(&TINY.replace("epochs = 1\n", "epochs = 900\n"));
    let paused = hone.run(&["run", "sweep.toml", "--max-time", "2s"]);
    assert_eq!(paused.code, Some(3), "{}", paused.err);
    let work = hone.path().join("hone.db.work");
    assert!(work.is_dir(), "what is needed to go on stays");
    hone.write("other.toml", &TINY.replace("\"tiny\"", "\"other\""));
    hone.good(&["run", "other.toml"]);
    assert!(work.is_dir(), "the paused sweep may go on");
    hone.good(&["stop", "tiny"]);
    hone.good(&["run", "other.toml"]);
    assert!(!work.exists());
    // Taken along with the whole folder.
    let left: Vec<String> = std::fs::read_dir(hone.path())
        .expect("a folder")
        .map(|e| {
            e.expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| name.starts_with("hone.db"))
        .collect();
    assert!(
        left.iter().all(|n| n == "hone.db" || n == "hone.db.lock"),
        "{left:?}"
    );
}

#[test]
fn what_hone_has_not_made_stays() {
    let hone = Hone::with(TINY);
    let work = hone.path().join("hone.db.work");
    std::fs::create_dir_all(work.join("sessions/mine")).expect("a folder");
    let mine = [work.join("thesis.tex"), work.join("sessions/mine/notes")];
    for path in &mine {
        std::fs::write(path, "mine").expect("written");
    }
    hone.good(&["run", "sweep.toml"]);
    for path in &mine {
        assert!(path.exists(), "{}", path.display());
    }
    let left: Vec<_> = std::fs::read_dir(&work)
        .expect("a folder")
        .map(|e| e.expect("an entry").file_name())
        .collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn an_empty_file_is_told_and_is_nothing_to_read() {
    let hone = Hone::with(TINY);
    hone.write("hone.db", "");
    for verb in [
        &["sweeps"][..],
        &["show", "--db", "hone.db"],
        &["stop"],
        &["retry", "tiny/1"],
        &["fork"],
    ] {
        let ended = hone.run(verb);
        assert_eq!(ended.code, Some(2), "{verb:?}: {}", ended.err);
        assert!(
            ended.err.contains("hone.db is empty, no database"),
            "{verb:?}: {}",
            ended.err
        );
    }
    let ran = hone.run(&["run", "sweep.toml"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(
        ran.err
            .contains("hone.db is empty: a new database begins in it"),
        "{}",
        ran.err
    );
    assert!(!hone.run(&["run", "sweep.toml"]).err.contains("is empty"));
}

#[test]
fn other_tools_words_and_mixed_up_names_are_told_as_hone_has_them() {
    let hone = Hone::with(TINY);
    for (command, right) in [
        ("status", "`hone sweeps`"),
        ("ls", "`hone sweeps`"),
        ("kill tiny/3", "`hone cancel SWEEP/TRIAL`"),
        ("delete tiny", "`hone rm SWEEP`"),
        ("tail tiny/3", "`hone logs SWEEP/TRIAL`"),
        ("agent", "`hone worker`"),
        ("run --n-trials 20 sweep.toml", "budget = \"20 trainings\""),
        ("run sweep.toml --epochs=3", "full_epochs in [search]"),
        ("run --config sweep.toml", "`hone run SWEEP.toml`"),
        ("run sweep.toml --gpus 1", "trains on the CPU"),
        ("run digits", "`hone init digits > sweep.toml`"),
        ("stop tiny/6", "`hone cancel tiny/6` ends a trial"),
        ("stop 6 --db a.db", "`hone cancel 6 --db a.db` ends a trial"),
        ("pause tiny/6", "`hone pause tiny`"),
        (
            "resume tiny/6 --coordinator h:1",
            "`hone retry tiny/6 --coordinator h:1`",
        ),
        ("rm tiny/6 --yes", "`hone rm tiny`"),
        ("best tiny/6", "`hone show tiny/6`"),
        ("trials tiny/6", "`hone show tiny/6`"),
        ("fork tiny/6", "`hone fork tiny`"),
        (
            "cancel tiny --db a.db",
            "`hone stop tiny --db a.db` ends the whole sweep",
        ),
        ("retry tiny", "`hone trials tiny --state failed`"),
        ("logs tiny", "`hone trials tiny`"),
        ("reproduce tiny", "`hone trials tiny`"),
    ] {
        let ended = hone.run(&command.split(' ').collect::<Vec<_>>());
        assert_eq!(ended.code, Some(2), "{command}: {}", ended.err);
        assert!(ended.err.contains(right), "{command}: {}", ended.err);
        assert!(!hone.path().join("a.db").exists() && !hone.path().join("hone.db").exists());
    }
}

/// Whoever suggests it: this command, or a reason that a coordinator stored.
#[test]
fn a_suggested_command_works_when_it_is_pasted() {
    let hone = Hone::new();
    let own = "name = \"own\"\ntrainer = \"mine\"\n[params]\nx = { uniform = [0, 1] }\n[objective]\nmetric = \"s\"\ndirection = \"maximize\"\n[[search.round]]\npoints = 3\nepochs = 1\n";
    hone.write("own.toml", own);
    let db = "my own.db";
    let ran = hone.run(&["run", "own.toml", "--db", db, "--exec", "mine=exit 3"]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    let shown = hone.good(&["show", "--db", db]);
    for told in [&ran.out, &shown] {
        let hint = told
            .split('`')
            .find(|part| part.starts_with("hone logs own/"));
        let hint = hint.unwrap_or_else(|| panic!("no hint in {told}"));
        assert!(hint.ends_with(" --db 'my own.db'"), "{hint}");
        let pasted = hint.replacen("hone", env!("CARGO_BIN_EXE_hone"), 1);
        let output = std::process::Command::new("sh")
            .current_dir(hone.path())
            .args(["-c", &pasted])
            .output();
        assert!(output.expect("sh").status.success(), "{pasted}");
    }
}

#[test]
fn a_coordinator_that_hangs_holds_up_no_reading() {
    let hone = Hone::with(TINY);
    hone.good(&["run", "sweep.toml"]);
    let expected = hone.good(&["trials", "--json"]);
    let mut coordinator = hone.start(&["coordinator", "--listen", "127.0.0.1:0"]);
    coordinator.read_until("listening on");
    signal(coordinator.id(), "STOP");
    let read = hone.run(&["trials", "--json"]);
    let ordered = hone.run(&["retry", "tiny/1"]);
    signal(coordinator.id(), "CONT");
    assert_eq!(read.code, Some(0), "{}", read.err);
    assert_eq!(read.out, expected);
    for part in ["http://127.0.0.1:", "does not answer", "hone.db itself"] {
        assert!(read.err.contains(part), "{part:?}: {}", read.err);
    }
    // An order needs somebody who takes it.
    assert_eq!(ordered.code, Some(1), "{}", ordered.err);
    assert!(
        ordered.err.contains("holds hone.db and does not answer"),
        "{}",
        ordered.err
    );
}

#[test]
fn orders_say_what_became_of_them() {
    let hone = Hone::with(&TINY.replace("epochs = 1\n", "epochs = 900\n"));
    let paused = hone.run(&["run", "sweep.toml", "--max-time", "2s"]);
    assert_eq!(paused.code, Some(3), "{}", paused.err);
    for (arguments, words) in [
        (&["cancel", "6"][..], "tiny/6: cancelled"),
        (
            &["retry", "tiny/6"],
            ": queued; tiny/6 again, but no coordinator runs",
        ),
        (&["resume"], "tiny: running, but no coordinator runs"),
        (&["pause", "tiny"], "tiny: paused"),
        (&["stop"], "tiny: stopped"),
    ] {
        let ended = hone.run(arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {}", ended.err);
        assert!(ended.err.contains(words), "{arguments:?}: {}", ended.err);
        assert!(ended.out.is_empty(), "{arguments:?}: {}", ended.out);
    }
    for (arguments, code, words) in [
        (&["cancel", "tiny/99"][..], 2, "tiny/99"),
        (&["cancel", "tiny"], 2, "write SWEEP/17"),
        (
            &["stop", "nothing"],
            2,
            "no sweep `nothing`; there are: tiny",
        ),
        (&["resume", "tiny"], 1, "stopped"),
        (&["rm", "tiny"], 2, "--yes"),
    ] {
        let ended = hone.run(arguments);
        assert_eq!(ended.code, Some(code), "{arguments:?}: {}", ended.err);
        assert!(ended.err.contains(words), "{arguments:?}: {}", ended.err);
    }
    hone.good(&["rm", "tiny", "--yes"]);
    let empty = hone.run(&["best"]);
    assert_eq!(empty.code, Some(2), "{}", empty.err);
    assert!(empty.err.contains("there is no sweep yet"), "{}", empty.err);
}
