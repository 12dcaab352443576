//! The file: who may open it, what is refused, and that reading changes nothing.

use std::{fs, path::Path};

use sqlx::{ConnectOptions as _, Connection as _, sqlite::SqliteConnectOptions};

use super::bench::{Bench, id};
use crate::{
    store::{OpenError, Reader, Store, StoreError, backup, restore, serving_address},
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
    let error = open(&other).await.unwrap_err().to_string();
    assert!(error.contains("another program"), "{error}");
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
    backup(&database, &copy).unwrap();
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
    let again = backup(&database, &copy).unwrap_err().to_string();
    assert!(again.contains("there already"), "{again}");
    restore(&copy, &restored).unwrap();
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
