//! What is asked of the file: every statement is valid, and none goes through what grows.

use super::bench::Bench;
use crate::store::{
    attempts, blobs, cells::Value, events, logs, points, reports, rounds, sqlite,
    statement::Statement, sweeps, trials, warnings,
};

/// Every statement, with its file and its name.
fn all() -> Vec<(String, &'static Statement)> {
    let files = [
        ("sweeps", sweeps::STATEMENTS),
        ("rounds", rounds::STATEMENTS),
        ("warnings", warnings::STATEMENTS),
        ("points", points::STATEMENTS),
        ("trials", trials::STATEMENTS),
        ("attempts", attempts::STATEMENTS),
        ("reports", reports::STATEMENTS),
        ("events", events::STATEMENTS),
        ("blobs", blobs::STATEMENTS),
        ("logs", logs::STATEMENTS),
    ];
    let of_file = |(file, statements): (&str, &'static [(&str, &'static Statement)])| {
        let named = |&(name, statement): &(&str, _)| (format!("{file}::{name}"), statement);
        statements.iter().map(named).collect::<Vec<_>>()
    };
    files.into_iter().flat_map(of_file).collect()
}

#[test]
fn every_statement_is_valid_and_its_parameters_are_counted() {
    let bench = Bench::new();
    for (name, statement) in all() {
        for sql in &statement.made().texts {
            let found = bench.set.db().parameters(sql);
            assert_eq!(found, sqlite::parameters(sql), "{name}: {sql}");
        }
    }
    for sql in sqlite::statements() {
        bench.set.db().parameters(sql);
    }
}

/// Tables that grow with what a sweep does.
const GROWING: [&str; 7] = [
    "points", "trials", "attempts", "reports", "events", "blobs", "logs",
];

/// Statements that go through all rows of a sweep, and who may wait for that.
const WHOLE: &[(&str, &str)] = &[
    ("sweeps::DELETE", "hone rm: every row is removed"),
    (
        "sweeps::ENDED_WITH_BLOBS",
        "once at a start; no more than the first blob of each",
    ),
    (
        "trials::LIST",
        "hone trials: a page of what is asked for, of all there are",
    ),
    (
        "trials::WITHOUT_RESULT",
        "the same command for a sweep that has failed: once",
    ),
    ("trials::REPLACED", "retries, of which there are few"),
    ("attempts::TRAINED", "the report at the end"),
    ("events::OF_SWEEP", "hone why: a page from a number on"),
    (
        "events::RESULTS",
        "what came since a number: all of it only after a start",
    ),
    ("events::NEWEST", "the last one is looked up"),
    ("events::EXTENDED", "hone admin verify"),
    (
        "events::LAST_SEQ",
        "the last one is looked up, once at a start",
    ),
    ("blobs::ABSENT", "hone admin verify"),
    ("blobs::STORED", "once at a start; files are few"),
    (
        "blobs::OF_SWEEP",
        "blobs of trials that have ended are removed: few are left",
    ),
];

/// Indexes of what is under way: that is bounded, however much was done.
const LIVE: [&str; 3] = ["trials_queue", "trials_live", "attempts_running"];

/// `SCAN trials`, or `SEARCH trials` by nothing but its sweep.
fn grows(step: &str) -> bool {
    if LIVE
        .iter()
        .any(|index| step.contains(&format!(" INDEX {index}")))
    {
        return false;
    }
    let table = |verb| {
        step.strip_prefix(verb)
            .and_then(|rest| rest.split(' ').next())
    };
    let is_growing = |table: Option<&str>| table.is_some_and(|table| GROWING.contains(&table));
    let by_sweep_alone = step.ends_with("(sweep=?)") || step.ends_with("(sweep=? AND sweep=?)");
    is_growing(table("SCAN ")) || (is_growing(table("SEARCH ")) && by_sweep_alone)
}

/// Design invariant 8: no request costs time that grows with the trials of its sweep.
#[test]
fn no_statement_goes_through_what_grows() {
    let bench = Bench::new();
    let mut whole = Vec::new();
    for (name, statement) in all() {
        let sql = statement.sql();
        // In the order of the key, a page at a time: for the checker.
        if name.ends_with("IN_ORDER") || name.ends_with("BY_POINT") || name.ends_with("BY_TRIAL") {
            continue;
        }
        let explain: &'static str = format!("EXPLAIN QUERY PLAN {sql}").leak();
        let parameters = vec![Value::Null; sqlite::parameters(sql)];
        let steps = bench.set.db().plan(explain, parameters);
        let known = WHOLE.iter().any(|(known, _)| name.starts_with(known));
        if !known && steps.iter().any(|step| grows(step)) {
            whole.push(format!("{name}: {steps:?}: {sql}"));
        }
    }
    assert!(whole.is_empty(), "{}", whole.join("\n"));
}
