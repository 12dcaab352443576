//! No column is forgotten.

use std::collections::BTreeSet;

use sqlx::{ConnectOptions as _, Row as _, sqlite::SqliteConnectOptions};

use super::{base::by_hand, faults::FAULTS};

/// Columns of which nothing in the file says what they ought to be.
const FREE: [&str; 11] = [
    // Random or of a process.
    "sweeps.request",
    "attempts.session",
    "attempts.request",
    "attempts.token",
    // Whether the coordinator died while it was open: no row says when one did.
    "attempts.excused",
    // Words for people, and when they came.
    "warnings.key",
    "warnings.text",
    "logs.text",
    "blobs.at_ms",
    // Opaque.
    "reports.layers",
    // Whether the file is there: looked at beside the database.
    "blobs.stored",
];

#[tokio::test]
async fn every_column_has_a_fault_or_a_reason() {
    let base = by_hand();
    let options = SqliteConnectOptions::new().filename(base.path());
    let mut connection = options.connect().await.unwrap();
    let rows = sqlx::query(
        "SELECT m.name || '.' || c.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'",
    );
    let rows = rows.fetch_all(&mut connection).await.unwrap();
    let all: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    let planted: BTreeSet<String> = FAULTS
        .iter()
        .map(|fault| fault.columns.to_owned())
        .filter(|column| !column.is_empty())
        .chain(FREE.map(str::to_owned))
        .collect();
    assert_eq!(all, planted);
}
