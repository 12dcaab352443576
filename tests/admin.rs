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

/// Kills it after each of a few short times, and once lets it end.
fn killed_again_and_again(hone: &Hone, arguments: &[&str], made: &str) {
    for milliseconds in (0..60).step_by(4) {
        let mut child = hone.command(arguments).spawn().expect("a process");
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        child.kill().expect("a signal");
        child.wait().expect("its end");
        if hone.path().join(made).exists() {
            let verified = &hone.json(&["admin", "verify", "--json", "--db", made])[0];
            assert_eq!(
                verified["whole"], true,
                "after {milliseconds} ms: {verified}"
            );
            fs::remove_file(hone.path().join(made)).expect("removed");
            let _ = fs::remove_dir_all(hone.path().join(format!("{made}.blobs")));
        }
    }
    hone.good(arguments);
    let verified = &hone.json(&["admin", "verify", "--json", "--db", made])[0];
    assert_eq!(verified["whole"], true, "{verified}");
}

#[test]
fn a_backup_or_restore_that_is_killed_is_whole_or_not_there_and_can_be_repeated() {
    let hone = Hone::with(TINY);
    hone.good(&["run", "sweep.toml"]);
    killed_again_and_again(&hone, &["admin", "backup", "copy.db"], "copy.db");
    let restore = ["admin", "restore", "copy.db", "--db", "new.db"];
    killed_again_and_again(&hone, &restore, "new.db");
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
