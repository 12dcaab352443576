//! Faults planted on purpose into databases that the real store wrote: each must be found where it is, by table and column,
//! and nothing may be found before. The list of faults goes through every table, column by column.

mod base;
mod columns;
mod faults;
mod pages;

use std::{fs, path::Path};

use base::{BASES, Base};
use faults::{FAULTS, Fault};

use super::super::sqlite::open_for_writing;
use super::bench::{Bench, both, checkpoint, id, sweep, trial};
use crate::{
    store::{
        NewSweep, NewTrial, Outcome,
        command::{Action, ChangeSweep, SweepChange},
    },
    trial::{TrialKind, TrialState},
    verify::{Finding, check_file, check_open},
};

/// What the checker finds in a copy of the file after this script.
fn found(base: &Base, folder: &Path, sql: &'static str) -> Vec<Finding> {
    let path = folder.join("copy.db");
    fs::copy(base.path(), &path).unwrap();
    let db = open_for_writing(&path).unwrap();
    db.script("PRAGMA foreign_keys = off; PRAGMA ignore_check_constraints = on")
        .unwrap();
    db.script(sql).unwrap();
    let mut findings = check_file(&db);
    findings.extend(check_open(&db, base.has_search()).1);
    db.close();
    let by_hand = |finding: &Finding| base.has_search() || finding.column != "definition";
    findings.into_iter().filter(by_hand).collect()
}

fn is_named(fault: &Fault, findings: &[Finding]) -> bool {
    findings.iter().any(|finding| {
        let place = match &*finding.column {
            "" => finding.table.clone(),
            column => format!("{}.{column}", finding.table),
        };
        let words = finding.to_string();
        place == fault.found && fault.says.iter().all(|part| words.contains(part))
    })
}

#[test]
fn every_fault_is_found_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut missed = Vec::new();
    for base in BASES {
        let base = base();
        assert_eq!(found(&base, folder.path(), "SELECT 1"), []);
        for fault in FAULTS.iter().filter(|fault| fault.of == base.kind()) {
            let findings = found(&base, folder.path(), fault.sql);
            if !is_named(fault, &findings) {
                let words: Vec<_> = findings.iter().map(ToString::to_string).collect();
                missed.push(format!("{} by `{}`: {words:#?}", fault.found, fault.sql));
            }
        }
    }
    assert!(missed.is_empty(), "not found: {}", missed.join("\n"));
}

#[test]
fn what_the_store_writes_holds() {
    both(|b| {
        b.with_trials(4);
        b.complete(1, 0.9);
        let granted = b.grant(1).unwrap();
        b.report(&granted.attempt, 1, 0.5).unwrap();
        b.release(&granted.attempt, Some(checkpoint(9, 1, true)))
            .unwrap();
        let granted = b.grant(2).unwrap();
        b.report(&granted.attempt, 2, 0.5).unwrap();
        b.expire(&granted.attempt).unwrap();
        b.report(&granted.attempt, 3, 0.5).unwrap();
        b.finish(&granted.attempt, Outcome::Completed).unwrap();
        for _ in 0..3 {
            let granted = b.grant(1).unwrap();
            b.expire(&granted.attempt).unwrap();
        }
        assert_eq!(b.state(3), TrialState::Failed);
        assert_eq!(b.findings(), []);
    });
}

#[test]
fn a_clock_that_was_set_back_is_no_fault() {
    let mut b = Bench::new();
    b.with_trials(2);
    let granted = b.grant(1).unwrap();
    b.report(&granted.attempt, 1, 0.5).unwrap();
    b.restart();
    b.at -= 500;
    b.expire(&granted.attempt).unwrap();
    b.complete(2, 0.5);
    assert_eq!(b.findings(), []);
}

#[test]
fn a_stop_that_waits_holds_as_it_is_stored_now_and_as_it_was() {
    let mut b = Bench::new();
    b.launch_as(
        "s",
        NewSweep {
            check: true,
            ..sweep("s")
        },
    );
    let check = NewTrial {
        kind: TrialKind::Check,
        round: 0,
        ..trial(1)
    };
    b.decide(vec![Action::Enqueue(vec![check])]);
    b.grant(1).unwrap();
    let at = b.tick();
    b.apply(ChangeSweep {
        sweep: id(),
        change: SweepChange::Stop,
        actor: "user".to_owned(),
        reason: "enough".to_owned(),
        at,
    })
    .unwrap();
    assert_eq!(b.findings(), []);
    let before = "UPDATE sweeps SET state = 'checking'; UPDATE events SET to_state = 'checking' WHERE event = 'stop'";
    b.set.db().script(before).unwrap();
    assert_eq!(b.findings(), []);
}
