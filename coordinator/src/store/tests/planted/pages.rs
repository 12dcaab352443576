//! Bytes overwritten in the file itself, page by page.

use std::{fs, path::Path};

use sqlx::{ConnectOptions as _, Connection as _, Row as _, sqlite::SqliteConnectOptions};

use super::base::{Base, by_hand, simulated};
use crate::verify::{Checked, verify};

/// A file that is all in use, and where its tables and indexes begin.
async fn packed(base: &Base, folder: &Path, script: &'static str) -> (Vec<u8>, Vec<(String, i64)>) {
    let path = folder.join("packed.db");
    fs::copy(base.path(), &path).unwrap();
    let mut connection = SqliteConnectOptions::new()
        .filename(&path)
        .connect()
        .await
        .unwrap();
    for sql in [script, "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"] {
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    }
    let roots = sqlx::query("SELECT tbl_name, rootpage FROM sqlite_schema WHERE rootpage > 0");
    let roots = roots.fetch_all(&mut connection).await.unwrap();
    let roots = roots.iter().map(|row| (row.get(0), row.get(1))).collect();
    connection.close().await.unwrap();
    (fs::read(&path).unwrap(), roots)
}

fn page_size(file: &[u8]) -> usize {
    // https://www.sqlite.org/fileformat.html: two bytes, big-endian.
    usize::from(u16::from_be_bytes([file[16], file[17]]))
}

async fn overwritten(file: &[u8], folder: &Path, page: usize, byte: u8) -> Result<Checked, String> {
    let path = folder.join("overwritten.db");
    let size = page_size(file);
    let mut file = file.to_vec();
    file[(page - 1) * size..page * size].fill(byte);
    fs::write(&path, file).unwrap();
    verify(&path).await.map_err(|error| error.to_string())
}

#[test]
fn an_overwritten_page_is_found_whatever_it_holds() {
    // A simulated world has a runtime of its own.
    let bases = [simulated(), by_hand()];
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(overwrite_each(&bases));
}

async fn overwrite_each(bases: &[Base]) {
    let folder = tempfile::tempdir().unwrap();
    for base in bases {
        let (file, _) = packed(base, folder.path(), "SELECT 1").await;
        let pages = file.len() / page_size(&file);
        assert!(pages > 20, "{pages} pages");
        // The first page says what the file is.
        for page in 2..=pages {
            let byte = if page % 2 == 0 { 0 } else { 0xA5 };
            let found = overwritten(&file, folder.path(), page, byte).await;
            let is_found = found.map_or(true, |checked| !checked.findings.is_empty());
            assert!(is_found, "page {page} of {byte:#x}");
        }
    }
}

#[tokio::test]
async fn a_broken_table_does_not_hide_a_fault_in_another() {
    let folder = tempfile::tempdir().unwrap();
    let faults = "UPDATE sweeps SET points = 77; UPDATE points SET mean = 0.123 WHERE round = 1 AND point = 0";
    let (file, roots) = packed(&by_hand(), folder.path(), faults).await;
    let read_for_these = ["sweeps", "points", "trials", "sqlite_schema"];
    let mut broken = 0;
    for (table, page) in roots {
        if read_for_these.contains(&&*table) {
            continue;
        }
        broken += 1;
        let page = usize::try_from(page).unwrap();
        let checked = overwritten(&file, folder.path(), page, 0xA5).await.unwrap();
        for (of, column) in [("sweeps", "points"), ("points", "mean")] {
            let is = |f: &crate::verify::Finding| f.table == of && f.column == column;
            let findings = &checked.findings;
            assert!(
                findings.iter().any(is),
                "{table}, {of}.{column}: {findings:#?}"
            );
        }
    }
    assert!(broken > 8, "{broken} roots");
}

#[tokio::test]
async fn a_file_that_was_cut_short_is_an_error_or_a_finding() {
    let folder = tempfile::tempdir().unwrap();
    let (file, _) = packed(&by_hand(), folder.path(), "SELECT 1").await;
    let path = folder.path().join("cut.db");
    for tenths in 0..10 {
        fs::write(&path, &file[..file.len() * tenths / 10]).unwrap();
        let said = verify(&path).await;
        let is_found = said.map_or(true, |checked| !checked.findings.is_empty());
        assert!(is_found, "{tenths} tenths");
    }
}
