//! `hone admin`: a database is checked, copied and brought back.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::hone::{Hone, TINY};

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    files
}

/// Where `hone.db` keeps its blobs: by its incarnation, the only one.
fn folder(hone: &Hone) -> PathBuf {
    files(&hone.path().join("blobs/hone.db")).remove(0)
}

/// Files that are named by a hash.
fn blobs(folder: &Path) -> Vec<PathBuf> {
    let mut files = files(folder);
    files.retain(|file| file.file_name().is_some_and(|name| name.len() == 64));
    files
}

#[test]
fn a_database_is_verified_copied_and_brought_back() {
    let hone = Hone::with(TINY);
    hone.good(&["run", "sweep.toml"]);
    let verified = &hone.json(&["admin", "verify", "--json"])[0];
    assert_eq!(verified["whole"], true, "{verified}");
    assert_eq!(verified["findings"], serde_json::json!([]));
    // 14 of the plan, the check and the test trials.
    assert!(verified["trials"].as_u64() > Some(14), "{verified}");
    let kept = verified["blobs"].as_u64().expect("nobody serves it");
    assert!(kept >= 2, "the finalists' weights: {verified}");

    hone.good(&["admin", "backup", "copy.db"]);
    assert_eq!(blobs(&hone.path().join("copy.db.blobs")).len() as u64, kept);
    // A backup is whole as it lies there, with its own files.
    let copied = &hone.json(&["admin", "verify", "--json", "--db", "copy.db"])[0];
    assert_eq!(copied["whole"], true, "{copied}");
    assert_eq!(copied["blobs"], kept);
    let again = hone.run(&["admin", "backup", "copy.db"]);
    assert_eq!(again.code, Some(2), "{}", again.err);
    assert!(
        again.err.contains("copy.db: it is there already"),
        "{}",
        again.err
    );

    fs::create_dir(hone.path().join("new")).expect("a folder");
    hone.good(&["admin", "restore", "copy.db", "--db", "new/hone.db"]);
    let of = |db| hone.good(&["trials", "--all", "--json", "--db", db]);
    assert_eq!(of("new/hone.db"), of("hone.db"));
    let restored = &hone.json(&["admin", "verify", "--json", "--db", "new/hone.db"])[0];
    assert_eq!(restored["whole"], true, "{restored}");
    assert_eq!(restored["blobs"], kept);
    // The weights came along: the net can be written out.
    hone.good(&[
        "model",
        "export",
        "--db",
        "new/hone.db",
        "-o",
        "net.safetensors",
    ]);
}

#[test]
fn databases_in_one_folder_keep_their_own_weights() {
    let hone = Hone::with(TINY);
    hone.good(&["run", "sweep.toml"]);
    hone.good(&["run", "sweep.toml", "--db", "other.db"]);
    for db in ["hone.db", "other.db"] {
        hone.good(&["model", "export", "--db", db, "-o", "net.safetensors"]);
    }
}

#[test]
fn damage_is_found() {
    let hone = Hone::with(TINY);
    hone.good(&["run", "sweep.toml"]);
    let blob = &blobs(&folder(&hone))[0];
    let mut bytes = fs::read(blob).expect("a blob");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(blob, bytes).expect("written");
    let found = hone.run(&["admin", "verify"]);
    assert_eq!(found.code, Some(1), "{}", found.out);
    let name = blob.file_name().expect("a name").to_string_lossy();
    for part in ["1 violation found", &*name, "a stored blob is whole"] {
        assert!(found.out.contains(part), "{part:?}: {}", found.out);
    }
    let object = hone.run(&["admin", "verify", "--json"]);
    assert_eq!(object.code, Some(1));
    assert!(object.out.contains("\"whole\":false"), "{}", object.out);
}

#[test]
fn a_file_of_another_sort_is_named_as_what_it_is() {
    let hone = Hone::with(TINY);
    let refused = |name: &str, part: &str| {
        let ended = hone.run(&["admin", "verify", "--db", name]);
        assert_eq!(ended.code, Some(2), "{name}: {}", ended.err);
        let words = format!("{name}: {part}");
        assert!(ended.err.contains(&words), "{words}: {}", ended.err);
        assert!(ended.out.is_empty(), "{name}: {}", ended.out);
    };
    let write = |name: &str, bytes: &[u8]| fs::write(hone.path().join(name), bytes).expect(name);
    write("empty.db", b"");
    refused("empty.db", "it is empty");
    write(
        "text.db",
        "a letter, long enough to have a header "
            .repeat(40)
            .as_bytes(),
    );
    refused("text.db", "it is not an SQLite database");
    fs::create_dir(hone.path().join("folder.db")).expect("a folder");
    refused("folder.db", "it is a directory");
    refused("none.db", "there is no database");

    hone.good(&["run", "sweep.toml"]);
    let whole = fs::read(hone.path().join("hone.db")).expect("a database");
    let changed = |name: &str, at: usize, bytes: &[u8]| {
        let mut file = whole.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        write(name, &file);
    };
    // The header, https://www.sqlite.org/fileformat.html: user_version at 60, application_id at 68.
    changed("newer.db", 60, &[0, 0, 0, 99]);
    refused(
        "newer.db",
        "it was written by a newer hone (schema version 99",
    );
    changed("other.db", 68, b"gpkg");
    refused("other.db", "it is an SQLite database of another program");
}

#[test]
fn every_finding_says_where_it_is_and_what_would_be_right() {
    let hone = Hone::with(TINY);
    hone.good(&["run", "sweep.toml"]);
    let mut file = fs::read(hone.path().join("hone.db")).expect("a database");
    // The name of its data set, wherever it stands: the definition and the column are not equal any more.
    let column = b"cnnval_accuracy";
    let at = file
        .windows(column.len())
        .position(|window| window == column)
        .expect("trainer and metric, side by side in their row");
    file[at..at + 3].copy_from_slice(b"cnm");
    fs::write(hone.path().join("hone.db"), file).expect("written");
    let found = hone.run(&["admin", "verify"]);
    assert_eq!(found.code, Some(1), "{}", found.err);
    let words =
        "tiny: sweeps.trainer (1) is cnm, right would be cnn: a sweep is what its definition says";
    for part in ["1 violation found", words] {
        assert!(found.out.contains(part), "{part:?}: {}", found.out);
    }
    let json = hone.run(&["admin", "verify", "--json"]);
    assert_eq!(json.code, Some(1));
    let object: serde_json::Value = serde_json::from_str(&json.out).expect("one object");
    let finding = &object["findings"][0];
    let told = ["of", "table", "key", "column", "stored", "right"].map(|key| &finding[key]);
    assert_eq!(told, ["tiny", "sweeps", "1", "trainer", "cnm", "cnn"]);
}

#[test]
fn files_that_no_row_names_are_told_and_no_fault() {
    let hone = Hone::with(TINY);
    hone.good(&["run", "sweep.toml"]);
    let blobs = folder(&hone);
    fs::write(blobs.join("upload-7.part"), b"half").expect("written");
    fs::write(blobs.join("notes.txt"), b"somebody's own").expect("written");
    let ended = hone.run(&["admin", "verify"]);
    assert_eq!(ended.code, Some(0), "{}", ended.out);
    assert!(
        ended.out.contains("upload-7.part: no row names it"),
        "{}",
        ended.out
    );
    assert!(!ended.out.contains("notes.txt"), "{}", ended.out);
}

#[test]
fn a_blob_that_is_gone_or_cut_is_found() {
    let hone = Hone::with(TINY);
    hone.good(&["run", "sweep.toml"]);
    let kept = blobs(&folder(&hone));
    fs::remove_file(&kept[0]).expect("removed");
    let bytes = fs::read(&kept[1]).expect("a blob");
    fs::write(&kept[1], &bytes[..bytes.len() / 2]).expect("written");
    let ended = hone.run(&["admin", "verify"]);
    assert_eq!(ended.code, Some(1), "{}", ended.out);
    for part in ["2 violations found", "blobs.stored (", "blobs.hash ("] {
        assert!(ended.out.contains(part), "{part:?}: {}", ended.out);
    }
}

#[test]
fn a_served_database_is_checked_and_copied_and_never_replaced() {
    let hone = Hone::with(TINY);
    hone.good(&["run", "sweep.toml"]);
    let mut coordinator = hone.start(&["coordinator", "--listen", "127.0.0.1:0"]);
    coordinator.read_until("listening on");
    let verified = hone.run(&["admin", "verify"]);
    assert_eq!(verified.code, Some(0), "{}", verified.err);
    assert!(
        verified.out.contains("every invariant holds"),
        "{}",
        verified.out
    );
    hone.good(&["admin", "backup", "copy.db"]);
    let refused = hone.run(&["admin", "restore", "copy.db"]);
    assert_eq!(refused.code, Some(1), "{}", refused.err);
    let process = format!("process {}", coordinator.id());
    for part in [
        "hone.db is served by another coordinator",
        &process,
        "127.0.0.1:",
    ] {
        assert!(refused.err.contains(part), "{part:?}: {}", refused.err);
    }
    coordinator.terminate();
    assert_eq!(coordinator.wait().code, Some(0));
    // Not served any more, and still not overwritten.
    let refused = hone.run(&["admin", "restore", "copy.db"]);
    assert_eq!(refused.code, Some(2), "{}", refused.err);
    assert!(
        refused.err.contains("it is there already"),
        "{}",
        refused.err
    );
}

#[test]
fn what_is_no_database_is_no_backup() {
    let hone = Hone::with(TINY);
    let wrong = |arguments: &[&str], part: &str| {
        let ended = hone.run(arguments);
        assert_eq!(ended.code, Some(2), "{arguments:?}: {}", ended.err);
        assert!(ended.err.contains(part), "{arguments:?}: {}", ended.err);
        assert!(!hone.path().join("hone.db").exists(), "{arguments:?}");
    };
    wrong(
        &["admin", "restore", "nothing.db"],
        "nothing.db: there is no",
    );
    wrong(
        &["admin", "restore", "sweep.toml"],
        "not an SQLite database",
    );
    wrong(
        &["admin", "backup", "copy.db"],
        "hone.db: there is no database",
    );
    wrong(&["admin", "verify"], "hone.db: there is no database");
}

/// How often each is killed: `HONE_KILLS=100` for more than a habit.
#[expect(
    clippy::disallowed_methods,
    reason = "whoever runs the tests says how long"
)]
fn kills() -> u32 {
    let asked = std::env::var("HONE_KILLS").ok();
    asked.map_or(15, |count| count.parse().expect("HONE_KILLS is a number"))
}

/// Kills it at moments all over the time that it takes, and once lets it end. What it has made is whole or not there, each time.
#[expect(
    clippy::disallowed_methods,
    reason = "a stopwatch says when there is something to kill"
)]
fn killed_again_and_again(hone: &Hone, arguments: &[&str], made: &str, blobs: &str) {
    let is_whole = |when: &str| {
        let verified = &hone.json(&["admin", "verify", "--json", "--db", made])[0];
        assert_eq!(verified["whole"], true, "{when}: {verified}");
    };
    let forget = || {
        fs::remove_file(hone.path().join(made)).expect("removed");
        fs::remove_dir_all(hone.path().join(blobs)).expect("removed");
    };
    let begun = std::time::Instant::now();
    hone.good(arguments);
    let takes = begun.elapsed();
    let left = names(hone.path());
    is_whole("undisturbed");
    forget();
    let kills = kills();
    for kill in 0..kills {
        let after = takes * kill / kills;
        let mut child = hone.command(arguments).spawn().expect("a process");
        std::thread::sleep(after);
        child.kill().expect("a signal");
        child.wait().expect("its end");
        if hone.path().join(made).exists() {
            is_whole(&format!("after {after:?}"));
            forget();
        }
    }
    hone.good(arguments);
    is_whole("at last");
    assert_eq!(names(hone.path()), left, "nothing else is left of them");
}

/// Everything in a folder and its folders; what is named by chance counts as the same.
fn names(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut left = vec![folder.to_owned()];
    while let Some(next) = left.pop() {
        for file in files(&next) {
            let name = file.strip_prefix(folder).expect("in it").to_string_lossy();
            let is_incarnation = file.file_name().is_some_and(|name| name.len() == 32);
            found.push(match is_incarnation {
                true => format!("{}/INCARNATION", next.display()),
                false => name.into_owned(),
            });
            if file.is_dir() && !file.is_symlink() && !is_incarnation {
                left.push(file);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_backup_or_restore_that_is_killed_is_whole_or_not_there_and_can_be_repeated() {
    let hone = Hone::with(TINY);
    hone.good(&["run", "sweep.toml"]);
    killed_again_and_again(
        &hone,
        &["admin", "backup", "copy.db"],
        "copy.db",
        "copy.db.blobs",
    );
    let restore = ["admin", "restore", "copy.db", "--db", "new.db"];
    killed_again_and_again(&hone, &restore, "new.db", "blobs/new.db");
    for ending in ["lock", "part", "part-wal", "part-shm", "restored.part"] {
        for of in ["copy.db", "new.db"] {
            let left = hone.path().join(format!("{of}.{ending}"));
            assert!(!left.exists(), "{}", left.display());
        }
    }
}

#[test]
fn a_refusal_leaves_nothing_behind() {
    let hone = Hone::with(TINY);
    hone.good(&["run", "sweep.toml"]);
    let at = |name: &str| hone.path().join(name);
    std::os::unix::fs::symlink("nowhere.db", at("dangling.db")).expect("a link");
    hone.write("taken.db", "somebody's own");
    hone.good(&["admin", "backup", "copy.db"]);
    let before = names(hone.path());
    for (arguments, part) in [
        (&["admin", "backup", "taken.db"][..], "it is there already"),
        (
            &["admin", "backup", "dangling.db"],
            "nowhere.db, which is not there",
        ),
        (
            &["admin", "backup", "new.db", "--db", "sweep.toml"],
            "not an SQLite database",
        ),
        (
            &["admin", "restore", "copy.db", "--db", "taken.db"],
            "it is there already",
        ),
        (
            &["admin", "restore", "copy.db", "--db", "dangling.db"],
            "which is not there",
        ),
        (
            &["admin", "restore", "sweep.toml", "--db", "new.db"],
            "not an SQLite database",
        ),
        (
            &["admin", "restore", "none.db", "--db", "new.db"],
            "there is no database",
        ),
    ] {
        let refused = hone.run(arguments);
        assert_eq!(refused.code, Some(2), "{arguments:?}: {}", refused.err);
        assert!(refused.err.contains(part), "{arguments:?}: {}", refused.err);
        assert_eq!(names(hone.path()), before, "{arguments:?}");
    }
    assert!(at("dangling.db").is_symlink());
}

#[test]
fn what_lies_beside_a_database_lies_beside_the_file_itself() {
    let hone = Hone::with(&TINY.replace("epochs = 2", "epochs = 2000"));
    fs::create_dir(hone.path().join("far")).expect("a folder");
    fs::write(hone.path().join("far/hone.db"), b"").expect("an empty file");
    std::os::unix::fs::symlink("far/hone.db", hone.path().join("link.db")).expect("a link");
    let paused = hone.run(&["run", "sweep.toml", "--db", "link.db", "--max-time", "3s"]);
    assert_eq!(paused.code, Some(3), "{}", paused.err);
    assert!(hone.path().join("far/hone.db.work").is_dir());
    hone.good(&["admin", "backup", "copy.db", "--db", "link.db"]);
    std::os::unix::fs::symlink("copy.db", hone.path().join("link-copy.db")).expect("a link");
    hone.good(&["admin", "verify", "--db", "link-copy.db"]);
    let mut beside = names(hone.path());
    beside.retain(|name| name.starts_with("link"));
    assert_eq!(beside, ["link-copy.db", "link.db"]);
}

#[test]
fn a_rotten_blob_is_named_and_a_copy_without_it_is_whole() {
    let hone = Hone::with(TINY);
    hone.good(&["run", "sweep.toml"]);
    let kept = blobs(&folder(&hone));
    fs::write(&kept[0], b"rotten").expect("written");
    let target = hone.path().join("elsewhere");
    fs::rename(&kept[1], &target).expect("moved");
    std::os::unix::fs::symlink(&target, &kept[1]).expect("a link");
    let found = hone.run(&["admin", "verify"]);
    for part in ["2 violations found", "it is a link"] {
        assert!(found.out.contains(part), "{part:?}: {}", found.out);
    }
    let before = names(hone.path());
    let refused = hone.run(&["admin", "backup", "copy.db"]);
    assert_eq!(refused.code, Some(1), "{}", refused.err);
    let named = kept[..2].iter().map(|blob| blob.display().to_string());
    for part in named.chain(["weights of tiny/", "--without-damaged"].map(str::to_owned)) {
        assert!(refused.err.contains(&part), "{part:?}: {}", refused.err);
    }
    assert_eq!(names(hone.path()), before);

    let made = hone.run(&["admin", "backup", "copy.db", "--without-damaged"]);
    assert_eq!(made.code, Some(0), "{}", made.err);
    assert_eq!(
        made.err.matches("left out: the weights of tiny/").count(),
        2,
        "{}",
        made.err
    );
    hone.good(&["admin", "restore", "copy.db", "--db", "new.db"]);
    for db in ["copy.db", "new.db"] {
        let verified = hone.good(&["admin", "verify", "--db", db]);
        for part in [
            "every invariant holds",
            "2 blobs of those that it names: not kept",
        ] {
            assert!(verified.contains(part), "{part:?}: {verified}");
        }
        let shown = hone.good(&["show", "--db", db]);
        assert!(shown.contains("left out of a copy"), "{shown}");
    }
    // And of what is damaged after it was copied the rest comes back.
    let copied = blobs(&hone.path().join("copy.db.blobs"));
    fs::write(&copied[0], b"rotten").expect("written");
    let restore = ["admin", "restore", "copy.db", "--db", "late.db"];
    let refused = hone.run(&restore);
    assert_eq!(refused.code, Some(1), "{}", refused.err);
    hone.good(&[&restore[..], &["--without-damaged"]].concat());
    hone.good(&["admin", "verify", "--db", "late.db"]);
}

#[test]
fn files_whose_database_is_not_known_are_told() {
    let hone = Hone::with(TINY);
    hone.good(&["run", "sweep.toml"]);
    let flat = hone.path().join("blobs/hone.db");
    let other = flat.join("ab".repeat(16));
    fs::create_dir(&other).expect("a folder");
    fs::write(flat.join("cd".repeat(32)), b"of an earlier version").expect("written");
    for name in ["ef", "01"] {
        fs::write(other.join(name.repeat(32)), b"of another").expect("written");
    }
    let told = hone.good(&["admin", "verify"]);
    for part in ["blobs/hone.db: 1 file (0 MB)", "abab: 2 files (0 MB)"] {
        assert!(told.contains(part), "{part:?}: {told}");
    }
    let object = &hone.json(&["admin", "verify", "--json"])[0];
    let folders = object["foreign_files"].as_array().expect("a list");
    assert_eq!(folders.len(), 2, "{object}");
    // Nobody but its owner removes anything.
    hone.good(&["run", "sweep.toml"]);
    assert_eq!(blobs(&other).len(), 2);
}

#[test]
fn a_database_that_is_moved_away_and_back_keeps_its_weights() {
    let hone = Hone::with(TINY);
    hone.good(&["run", "sweep.toml"]);
    let at = |name: &str| hone.path().join(name);
    fs::rename(at("hone.db"), at("aside.db")).expect("moved");
    hone.good(&["run", "sweep.toml"]);
    fs::remove_file(at("hone.db")).expect("removed");
    fs::rename(at("aside.db"), at("hone.db")).expect("moved back");
    let verified = &hone.json(&["admin", "verify", "--json"])[0];
    assert_eq!(verified["whole"], true, "{verified}");
    hone.good(&["model", "export", "-o", "net.safetensors"]);
}

#[test]
fn a_database_that_is_moved_while_it_is_served_is_brought_back_whole() {
    let hone = Hone::with(TINY);
    let at = |name: &str| hone.path().join(name);
    let mut coordinator = hone.start(&["coordinator", "--listen", "127.0.0.1:0"]);
    coordinator.read_until("listening on");
    hone.good(&["launch", "sweep.toml"]);
    fs::rename(at("hone.db"), at("m2.db")).expect("moved");
    let refused = |arguments: &[&str], parts: &[&str]| {
        let ended = hone.run(arguments);
        assert_eq!(ended.code, Some(2), "{arguments:?}: {}", ended.err);
        for part in parts {
            assert!(
                ended.err.contains(part),
                "{arguments:?}: {part:?}: {}",
                ended.err
            );
        }
    };
    // Its log has all that there is.
    let parts = ["m2.db: ", "hone.db-wal", "move"];
    refused(&["sweeps", "--db", "m2.db"], &parts);
    refused(&["admin", "verify", "--db", "m2.db"], &parts);
    refused(&["admin", "backup", "copy.db", "--db", "m2.db"], &parts);
    refused(&["run", "sweep.toml", "--db", "m2.db"], &parts);
    assert!(!at("m2.db.lock").exists() && !at("m2.db-wal").exists());
    let ordered = hone.run(&["launch", "sweep.toml", "--again"]);
    assert_ne!(ordered.code, Some(0), "{}", ordered.err);
    let said = coordinator.read_until("start it again");
    for part in [
        "moved or deleted while it was served",
        "hone.db-wal",
        "move it back",
    ] {
        assert!(said.contains(part), "{part:?}: {said}");
    }
    assert_eq!(coordinator.wait().code, Some(70));
    // A new one of the old name would be the end of that log.
    refused(
        &["run", "sweep.toml"],
        &["hone.db-wal", "move the database back"],
    );
    refused(&["sweeps"], &["hone.db-wal"]);
    fs::create_dir(at("far")).expect("a folder");
    fs::rename(at("m2.db"), at("far/m2.db")).expect("moved");
    refused(
        &["sweeps", "--db", "far/m2.db"],
        &["without its log", "-wal"],
    );
    refused(
        &["run", "sweep.toml", "--db", "far/m2.db"],
        &["without its log"],
    );

    fs::rename(at("far/m2.db"), at("hone.db")).expect("moved back");
    assert_eq!(hone.json(&["sweeps", "--json"])[0]["sweep"], "tiny");
    hone.good(&["run", "sweep.toml"]);
    hone.good(&["admin", "verify"]);
}

#[test]
fn a_database_that_is_replaced_while_it_is_served_ends_the_coordinator() {
    let hone = Hone::with(TINY);
    let mut coordinator = hone.start(&["coordinator", "--listen", "127.0.0.1:0"]);
    coordinator.read_until("listening on");
    fs::rename(hone.path().join("hone.db"), hone.path().join("aside.db")).expect("moved");
    let launched = hone.run(&["launch", "sweep.toml"]);
    assert_ne!(launched.code, Some(0), "{}", launched.err);
    coordinator.read_until("hone.db was moved or deleted while it was served");
    assert_eq!(coordinator.wait().code, Some(70));
}
