//! The file: who may open it, what is refused, and that reading changes nothing.

use std::{fs, path::Path};

use sqlx::{ConnectOptions as _, Connection as _, sqlite::SqliteConnectOptions};

use super::bench::{Bench, id};
use crate::{
    blob_folder::{backup_folder_of, folder_of},
    ids::Hash,
    store::{
        BlobKind, BlobRef, OpenError, Reader, Store, StoreError, backup, command::CommitBlob, lock,
        restore, serving_address, sqlite,
    },
    verify::verify,
};

async fn open(path: &Path) -> Result<Store, OpenError> {
    Store::open(path, "127.0.0.1:7700").await
}

/// What somebody else does to a file.
async fn script(path: &Path, sql: &'static str) {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_second_coordinator_is_told_who_holds_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hone.db");
    assert_eq!(serving_address(&path), None);
    let store = open(&path).await.unwrap();
    assert_eq!(serving_address(&path).as_deref(), Some("127.0.0.1:7700"));
    let error = open(&path).await.unwrap_err().to_string();
    assert!(error.contains("127.0.0.1:7700"), "{error}");
    assert!(error.contains(&std::process::id().to_string()), "{error}");
    store.close().await;
    let incarnation = store.incarnation();
    drop(store);
    assert_eq!(serving_address(&path), None);
    let again = open(&path).await.unwrap();
    assert_eq!(again.incarnation(), incarnation);
}

#[tokio::test]
async fn files_of_others_and_of_a_newer_hone_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.db");
    fs::write(
        &text,
        "not a database, but long enough to have a header of one".repeat(20),
    )
    .unwrap();
    let error = open(&text).await.unwrap_err().to_string();
    assert!(error.contains("not an SQLite database"), "{error}");
    let other = folder.path().join("other.db");
    script(&other, "CREATE TABLE t (a)").await;
    let with_log = folder.path().join("with-log.db");
    script(&with_log, "PRAGMA journal_mode = WAL; CREATE TABLE t (a)").await;
    for other in [&other, &with_log] {
        let error = open(other).await.unwrap_err().to_string();
        assert!(error.contains("another program"), "{error}");
    }
    let newer = folder.path().join("newer.db");
    drop(open(&newer).await.unwrap());
    script(&newer, "PRAGMA user_version = 99").await;
    for error in [
        open(&newer).await.unwrap_err(),
        Reader::open(&newer).await.unwrap_err(),
    ] {
        let error = error.to_string();
        assert!(
            error.contains("newer hone") && error.contains("99"),
            "{error}"
        );
    }
    let missing = Reader::open(&folder.path().join("none.db")).await;
    assert!(matches!(missing, Err(OpenError::Missing { .. })));
    let nowhere = open(&folder.path().join("no/such/hone.db")).await;
    assert!(matches!(nowhere, Err(OpenError::Io { .. })));
}

#[tokio::test]
async fn reading_needs_no_coordinator_and_changes_nothing() {
    let mut bench = Bench::new();
    let folder_path = bench.folder.path().to_owned();
    bench.with_trials(3);
    bench.complete(1, 0.5);
    let files = |folder: &Path| -> Vec<(String, Vec<u8>)> {
        let mut files: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap())
            .filter(|entry| !entry.file_name().to_string_lossy().ends_with("-shm"))
            .map(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                (name, fs::read(entry.path()).unwrap())
            })
            .collect();
        files.sort();
        files
    };
    // A copy taken under the writer: the newest changes are in the -wal file alone.
    let copy = tempfile::tempdir().unwrap();
    for (name, bytes) in files(&folder_path) {
        fs::write(copy.path().join(name), bytes).unwrap();
    }
    let before = files(copy.path());
    assert!(before.iter().any(|(name, _)| name == "hone.db-wal"));
    let reader = Reader::open(&copy.path().join("hone.db")).await.unwrap();
    let detail = reader.sweep(&id()).await.unwrap();
    assert_eq!(detail.summary.counts[3], 1);
    assert_eq!(reader.find_sweep(None).await.unwrap(), id());
    drop(reader);
    assert_eq!(files(copy.path()), before);
}

#[tokio::test]
async fn a_damaged_row_is_named_and_not_a_panic() {
    let mut bench = Bench::new();
    let path = bench.path();
    bench.with_trials(1);
    script(
        &path,
        "PRAGMA ignore_check_constraints = ON; UPDATE trials SET state = 'lost in space';
         UPDATE sweeps SET counts_json = '[1,';",
    )
    .await;
    let reader = Reader::open(&path).await.unwrap();
    let error = reader.trial(&id(), crate::ids::TrialNumber(1)).await;
    let error = error.unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    let error = reader.sweep(&id()).await.unwrap_err().to_string();
    assert!(error.contains("sweeps.counts_json"), "{error}");
}

#[tokio::test]
async fn a_backup_is_whole_and_a_restored_one_takes_no_old_lease() {
    let mut bench = Bench::new();
    let folder = bench.folder.path().to_owned();
    let at = |name: &str| folder.join(name);
    let (database, copy, restored) = (at("hone.db"), at("copy.db"), at("restored.db"));
    bench.with_trials(2);
    let granted = bench.grant(1).unwrap();
    backup(&database, &copy, false).unwrap();
    bench.report(&granted.attempt, 1, 0.5).unwrap();
    let reader = Reader::open(&copy).await.unwrap();
    assert_eq!(
        reader
            .sweep(&id())
            .await
            .unwrap()
            .summary
            .row
            .epochs_trained,
        0
    );
    let again = backup(&database, &copy, false).unwrap_err().to_string();
    assert!(again.contains("there already"), "{again}");
    restore(&copy, &restored, false).unwrap();
    let store = open(&restored).await.unwrap();
    assert_ne!(
        store.incarnation(),
        open(&copy).await.unwrap().incarnation()
    );
    let report = bench.report_of(&granted.attempt, 1, 0.5);
    assert_eq!(store.apply(report).await, Err(StoreError::Fenced));
    let mut checked = verify(&restored).await.unwrap();
    // This sweep was made by hand: nobody has a definition of it.
    checked
        .findings
        .retain(|finding| finding.column != "definition");
    assert_eq!((checked.trials, checked.findings), (2, Vec::new()));
}

#[tokio::test]
async fn a_link_leads_to_the_file_itself_and_what_is_no_file_of_its_own_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let store = open(&at("hone.db")).await.unwrap();
    std::os::unix::fs::symlink(at("hone.db"), at("link.db")).unwrap();
    let error = open(&at("link.db")).await.unwrap_err().to_string();
    assert!(error.contains("served by another coordinator"), "{error}");
    assert_eq!(
        serving_address(&at("link.db")).as_deref(),
        Some("127.0.0.1:7700")
    );
    store.close().await;
    drop(store);
    fs::hard_link(at("hone.db"), at("twin.db")).unwrap();
    for name in ["hone.db", "twin.db", "link.db"] {
        let error = open(&at(name)).await.unwrap_err().to_string();
        assert!(error.contains("2 names"), "{error}");
        let error = Reader::open(&at(name)).await.unwrap_err().to_string();
        assert!(error.contains("2 names"), "{error}");
    }
    fs::remove_file(at("twin.db")).unwrap();
    std::os::unix::fs::symlink(at("nowhere.db"), at("dangling.db")).unwrap();
    let error = open(&at("dangling.db")).await.unwrap_err().to_string();
    assert!(error.contains("which is not there"), "{error}");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        at("pipe.db"),
        rustix::fs::FileType::Fifo,
        0o600.into(),
        0,
    )
    .unwrap();
    for (name, words) in [("pipe.db", "a pipe"), ("", "a directory")] {
        let error = open(&at(name)).await.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
        let error = Reader::open(&at(name)).await.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

/// What stands for a blob's file, under its hash.
fn blob(folder: &Path, content: &[u8]) -> Hash {
    let hash = Hash(*blake3::hash(content).as_bytes());
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(hash.to_string()), content).unwrap();
    hash
}

#[tokio::test]
async fn a_backup_takes_its_blobs_with_it_or_is_not_there() {
    let mut bench = Bench::new();
    let folder = bench.folder.path().to_owned();
    let at = |name: &str| folder.join(name);
    let (database, copy, restored) = (at("hone.db"), at("copy.db"), at("restored.db"));
    bench.with_trials(1);
    let granted = bench.grant(1).unwrap();
    bench.report(&granted.attempt, 1, 0.5).unwrap();
    let incarnation = sqlite::incarnation(bench.read()).unwrap();
    let own = folder_of(&database, &incarnation);
    let hash = blob(&own, b"weights");
    let at_ms = bench.tick();
    bench
        .apply(CommitBlob {
            attempt: granted.attempt.clone(),
            blob: BlobRef {
                hash,
                size: 7,
                kind: BlobKind::Checkpoint,
                epoch: 1,
                stored: true,
            },
            at: at_ms,
        })
        .unwrap();
    let whole = own.join(hash.to_string());
    fs::write(&whole, b"damaged").unwrap();
    let error = backup(&database, &copy, false).unwrap_err().to_string();
    assert!(error.contains("not whole") && !copy.exists(), "{error}");
    fs::remove_file(&whole).unwrap();
    let error = backup(&database, &copy, false).unwrap_err().to_string();
    assert!(error.contains("not whole") && !copy.exists(), "{error}");
    // What one that was killed has left is no hindrance.
    fs::write(at("copy.db.part"), b"half").unwrap();
    blob(&own, b"weights");
    fs::create_dir(backup_folder_of(&copy)).unwrap();
    fs::write(backup_folder_of(&copy).join(format!("{hash}.part")), b"wei").unwrap();
    blob(&backup_folder_of(&copy), b"of an earlier try");
    assert_eq!(backup(&database, &copy, false).unwrap().blobs, 1);
    let blobs = fs::read_dir(backup_folder_of(&copy)).unwrap();
    let blobs = blobs.filter(|entry| entry.as_ref().unwrap().file_name() != "keep");
    assert_eq!(blobs.count(), 1);
    let kept = backup_folder_of(&copy).join(hash.to_string());
    let checked = verify(&copy).await.unwrap();
    assert!(checked.findings.iter().all(|found| found.table != "blobs"));

    fs::write(&kept, b"damaged").unwrap();
    let error = restore(&copy, &restored, false).unwrap_err().to_string();
    assert!(error.contains("not whole") && !restored.exists(), "{error}");
    fs::write(&kept, b"weights").unwrap();
    assert_eq!(restore(&copy, &restored, false).unwrap().blobs, 1);
    let path = Reader::open(&restored).await.unwrap().blob_path(hash).await;
    assert_eq!(fs::read(path.unwrap()).unwrap(), b"weights");
}

#[test]
fn a_copy_spares_what_was_ever_served_and_never_has_a_moment_without_its_unfinished_file() {
    let mut bench = Bench::new();
    let folder = bench.folder.path().to_owned();
    let at = |name: &str| folder.join(name);
    let (database, copy) = (at("hone.db"), at("copy.db"));
    bench.with_trials(1);
    backup(&database, &copy, false).unwrap();
    // Somebody works with a database that is called as an unfinished restore is.
    let (theirs, lock) = (at("new.db.restored.part"), at("new.db.restored.part.lock"));
    fs::copy(&copy, &theirs).unwrap();
    fs::write(&lock, "").unwrap();
    let refused = restore(&copy, &at("new.db"), false).unwrap_err();
    assert!(refused.to_string().contains("restored.part"), "{refused}");
    assert!(theirs.exists() && !at("new.db").exists());
    fs::remove_file(&lock).unwrap();
    restore(&copy, &at("new.db"), false).unwrap();
    assert!(!theirs.exists());
}

#[tokio::test]
async fn two_restores_into_one_file_are_told_apart_from_a_coordinator() {
    let mut bench = Bench::new();
    let folder = bench.folder.path().to_owned();
    let at = |name: &str| folder.join(name);
    let (database, copy, restored) = (at("hone.db"), at("copy.db"), at("restored.db"));
    bench.with_trials(1);
    backup(&database, &copy, false).unwrap();
    let under_way = lock::Lock::take_to_restore(&restored).unwrap();
    assert_eq!(serving_address(&restored), None);
    for refused in [
        restore(&copy, &restored, false).unwrap_err(),
        open(&restored).await.unwrap_err(),
    ] {
        assert!(matches!(refused, OpenError::Foreign { .. }), "{refused}");
        let words = refused.to_string();
        let process = format!("(process {})", std::process::id());
        assert!(
            words.contains("a restore into it is under way") && words.contains(&process),
            "{words}"
        );
    }
    drop(under_way);
    restore(&copy, &restored, false).unwrap();
    assert!(!at("restored.db.lock").exists());
}

#[tokio::test]
async fn what_a_killed_restore_has_left_goes_with_the_next_one() {
    let mut bench = Bench::new();
    let folder = bench.folder.path().to_owned();
    let at = |name: &str| folder.join(name);
    let (database, copy, restored) = (at("hone.db"), at("copy.db"), at("restored.db"));
    bench.with_trials(1);
    backup(&database, &copy, false).unwrap();
    restore(&copy, &restored, false).unwrap();
    let killed = Reader::open(&restored).await.unwrap();
    let killed = killed.read(sqlite::incarnation).await.unwrap();
    blob(&folder_of(&restored, &killed), b"copied already");
    fs::rename(&restored, at("restored.db.restored.part")).unwrap();
    fs::write(at("restored.db.part"), b"half").unwrap();
    restore(&copy, &restored, false).unwrap();
    assert!(!folder_of(&restored, &killed).exists());
    for left in ["part", "restored.part", "lock"] {
        assert!(!at(&format!("restored.db.{left}")).exists(), "{left}");
    }
}

#[tokio::test]
async fn a_clean_end_leaves_no_log_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hone.db");
    let store = open(&path).await.unwrap();
    let launch = crate::store::command::LaunchSweep {
        name: "s".to_owned(),
        sweep: super::bench::sweep("s"),
        data: None,
        data_before: Vec::new(),
        again: false,
        request: crate::ids::RequestId([1; 16]),
        at: 1,
    };
    store.apply(launch.clone()).await.unwrap();
    assert_eq!(store.read().sweeps().await.unwrap().len(), 1);
    store.close().await;
    assert_eq!(store.apply(launch).await, Err(StoreError::Closed));
    let log = fs::metadata(folder.path().join("hone.db-wal"));
    assert!(log.is_err() || log.unwrap().len() == 0);
}
