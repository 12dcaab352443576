//! A full disk: nothing is acknowledged that is not stored, reads go on, and no restart is needed.

use super::bench::{Bench, id};
use crate::store::{StoreError, queries};

#[test]
fn a_full_disk_stops_acknowledgements_and_nothing_else() {
    let mut b = Bench::new();
    b.with_trials(3);
    let granted = b.grant(1).unwrap();
    limit_pages(&b, Some(0));
    let mut refused = 0;
    let mut stored = 0;
    for epoch in 1..=3 {
        let mut report = b.report_of(&granted.attempt, epoch, 0.5);
        report.epochs[0].layers = vec![0; 40_000];
        match b.apply(report) {
            Ok(_) => stored += 1,
            Err(StoreError::DiskFull(_)) => {
                refused += 1;
                break;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(refused, 1);
    // Reads go on, and show what was acknowledged and no more.
    let detail = b.row();
    assert_eq!((detail.epochs_trained, detail.running), (stored, 1));
    assert_eq!(queries::sweeps(b.read()).unwrap().len(), 1);
    // There is space again: the same calls go through.
    limit_pages(&b, None);
    for epoch in stored as u32 + 1..=3 {
        b.report(&granted.attempt, epoch, 0.5).unwrap();
    }
    b.finish(&granted.attempt, crate::store::Outcome::Completed)
        .unwrap();
    assert_eq!(b.row().epochs_trained, 3);
    assert_eq!(b.findings(), []);
    assert_eq!(queries::find(b.read(), Some("s")).map(|_| id()), Ok(id()));
}

/// `PRAGMA max_page_count` gives a real SQLITE_FULL. A limit below the present size means the present size.
fn limit_pages(bench: &Bench, pages: Option<u32>) {
    let sql = match pages {
        Some(_) => "PRAGMA max_page_count = 1",
        None => "PRAGMA max_page_count = 4294967294",
    };
    bench.set.db().script(sql).unwrap();
}
