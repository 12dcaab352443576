//! Databases that earlier builds of hone have written: every later one opens them. `tests/databases/version-N` has them, made by the
//! last build of that version of the database. Of version 1, whose search is the first, too: `zoom` was killed while it ran, `rounds`
//! was paused, `folder` has ended. Of version 2: `ends` has a sweep that was paused after a cancel, one that was stopped while it ran,
//! and one of a program of which a trial failed and another was poisoned.

use std::path::Path;

use crate::hone::Hone;

/// A folder with the sweep file, the database and what lies beside it, as that build has left them.
fn left(name: &str) -> Hone {
    left_by(1, name)
}

fn left_by(version: u32, name: &str) -> Hone {
    let hone = Hone::new();
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!(
        "../tests/databases/version-{version}/{name}.tar.gz"
    ));
    let file = std::fs::File::open(archive).expect("an archive");
    tar::Archive::new(flate2::read::GzDecoder::new(file))
        .unpack(hone.path())
        .expect("unpacked");
    hone
}

/// The trials, without what depends on when they are looked at.
fn trials(hone: &Hone) -> Vec<serde_json::Value> {
    let mut rows = hone.json(&["trials", "--json"]);
    for row in &mut rows {
        row["last_heard_seconds"].take();
    }
    rows
}

fn state(hone: &Hone, sweep: &str) -> String {
    let sweeps = hone.json(&["sweeps", "--json"]);
    let found = sweeps.iter().find(|row| row["sweep"] == sweep);
    found.expect("the sweep")["state"]
        .as_str()
        .expect("a state")
        .to_owned()
}

#[test]
fn history_of_earlier_versions_is_read_and_verified() {
    for (version, name, latest, count) in [
        (1, "zoom", "zoom", 46),
        (1, "rounds", "rounds", 26),
        (1, "folder", "folder", 14),
        (2, "ends", "rounds", 16),
    ] {
        let hone = left_by(version, name);
        let file = || std::fs::read(hone.path().join("hone.db")).expect("a file");
        let before = file();
        let rows = trials(&hone);
        assert_eq!(rows.len(), count, "{name}");
        assert_eq!(hone.json(&["best", "--json"])[0]["sweep"], latest);
        for verb in [
            &["sweeps"][..],
            &["show"],
            &["show", "1"],
            &["why"],
            &["why", "1"],
            &["logs", "1"],
        ] {
            assert!(!hone.good(verb).is_empty(), "{name}: {verb:?}");
        }
        hone.good(&["admin", "verify"]);
        assert_eq!(trials(&hone), rows, "{name}: reading changes nothing");
        assert!(file() == before, "{name}: reading changes nothing");
    }
}

#[test]
fn what_is_copied_to_be_read_is_said_and_removed() {
    let hone = left("folder");
    let temporary = hone.path().join("tmp");
    std::fs::create_dir(&temporary).expect("a folder");
    for verb in [&["trials"][..], &["admin", "verify"]] {
        let mut command = hone.command(verb);
        let ended = command.env("TMPDIR", &temporary).output().expect("it ends");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{verb:?}: {said}");
        assert!(said.contains("written by an earlier hone"), "{said}");
        let left = std::fs::read_dir(&temporary).expect("a folder").count();
        assert_eq!(left, 0, "{verb:?}");
    }
}

#[test]
fn a_file_of_the_second_version_goes_on_and_knows_how_its_trials_ended() {
    let hone = left_by(2, "ends");
    let causes = |sweep: &str| {
        let rows = hone.json(&["trials", sweep, "--json"]);
        let words = rows.iter().map(|row| {
            let (state, cause) = (&row["state"], &row["cause"]);
            assert_eq!(cause.is_null(), row["ended_ms"].is_null(), "{row}");
            format!(
                "{} {}",
                state.as_str().unwrap_or_default(),
                cause.as_str().unwrap_or_default()
            )
        });
        words.collect::<std::collections::BTreeSet<_>>()
    };
    let read = ["rounds", "stopped", "own"].map(causes);
    assert!(read[0].contains("cancelled cancelled"), "{read:?}");
    assert!(read[1].contains("cancelled stopped"), "{read:?}");
    assert!(read[2].contains("failed failed"), "{read:?}");
    assert!(read[2].contains("failed poisoned"), "{read:?}");
    hone.good(&["run", "sweep.toml"]);
    assert_eq!(state(&hone, "rounds"), "completed");
    assert!(causes("rounds").contains("completed done"));
    assert_eq!(read[1..], ["stopped", "own"].map(causes));
    hone.good(&["admin", "verify"]);
}

#[test]
fn what_another_version_has_begun_is_not_continued_and_says_so() {
    for (name, was) in [("zoom", "running"), ("rounds", "paused")] {
        let hone = left(name);
        let before = trials(&hone);
        let shown = hone.good(&["show"]);
        assert!(
            shown.contains("--again") && shown.contains("not continued"),
            "{shown}"
        );
        for order in [&["run", "sweep.toml"][..], &["resume"], &["retry", "1"]] {
            let refused = hone.run(order);
            assert_ne!(refused.code, Some(0), "{name}: {order:?}");
            assert!(
                refused.err.contains("--again"),
                "{order:?}: {}",
                refused.err
            );
        }
        assert_eq!(hone.run(&["run", "sweep.toml"]).code, Some(2));
        assert_eq!(state(&hone, name), was);
        assert_eq!(trials(&hone), before, "nothing is lost");
        hone.good(&["stop"]);
        // What was being trained ends with its lease, once a coordinator runs that long.
        let now = state(&hone, name);
        assert!(
            now == "stopped" || was == "running" && now == "stopping",
            "{now}"
        );
        hone.good(&["admin", "verify"]);
    }
}

#[test]
fn what_another_arithmetic_has_trained_is_not_trained_again() {
    let hone = left("folder");
    for verb in [
        &["reproduce", "1"][..],
        &["model", "train", "folder/1"],
        &["model", "train", "folder"],
    ] {
        let refused = hone.run(verb);
        assert_eq!(refused.code, Some(2), "{verb:?}: {}", refused.err);
        assert!(
            refused.err.contains("trained by arithmetic 1"),
            "{verb:?}: {}",
            refused.err
        );
    }
}

#[test]
fn a_sweep_of_another_version_is_begun_anew_with_again() {
    let hone = left("rounds");
    let row = &hone.json(&["run", "sweep.toml", "--again", "--json"])[0];
    assert_eq!(row["sweep"], "rounds-2");
    assert_eq!(state(&hone, "rounds"), "paused");
    assert_eq!(state(&hone, "rounds-2"), "completed");
    hone.good(&["admin", "verify"]);
}

#[test]
fn an_ended_sweep_of_another_version_prints_its_report() {
    let hone = left("folder");
    let ended = hone.run(&["run", "sweep.toml"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(
        ended.err.contains("this very sweep has ended"),
        "{}",
        ended.err
    );
    let extended = hone.run(&["extend", "--by", "6 epochs"]);
    assert_ne!(extended.code, Some(0));
    assert!(extended.err.contains("--again"), "{}", extended.err);
}
