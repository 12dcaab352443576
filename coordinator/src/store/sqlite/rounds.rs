//! `rounds` and `warnings`.

use super::{
    cells::{all, int, run},
    db::{Db, params},
};
use crate::store::{
    rows::{RoundRow, Rows, SweepKey},
    values::NewRound,
};

const OF_SWEEP: &str = "SELECT round, points, finished, rungs_json, repeats, top, box_json FROM rounds \
    WHERE sweep = ?1 ORDER BY round";
const PUT: &str = "INSERT INTO rounds (sweep, round, points, finished, rungs_json, repeats, top, box_json) \
    VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7) ON CONFLICT (sweep, round) DO UPDATE SET points = ?3, rungs_json = ?4, \
    repeats = ?5, top = ?6, box_json = ?7";
const ADD_FINISHED: &str =
    "UPDATE rounds SET finished = max(0, finished + ?3) WHERE sweep = ?1 AND round = ?2";
const SELECT_WARNINGS: &str = "SELECT key, text FROM warnings WHERE sweep = ?1 ORDER BY nth";
const INSERT_WARNING: &str = "INSERT OR IGNORE INTO warnings (sweep, key, nth, text) \
    SELECT ?1, ?2, coalesce(max(nth) + 1, 0), ?3 FROM warnings WHERE sweep = ?1";
const DELETE_WARNINGS: &str =
    "DELETE FROM warnings WHERE sweep = ?1 AND substr(key, 1, length(?2)) = ?2";

#[cfg(test)]
pub(super) const STATEMENTS: &[(&str, usize)] = &[
    (OF_SWEEP, 1),
    (PUT, 7),
    (ADD_FINISHED, 3),
    (SELECT_WARNINGS, 1),
    (INSERT_WARNING, 3),
    (DELETE_WARNINGS, 2),
];

pub(super) fn of_sweep(c: &Db, sweep: SweepKey) -> Rows<Vec<RoundRow>> {
    all(c, "rounds", OF_SWEEP, params![sweep.0], |cells| {
        let round = cells.number("round")?;
        let points = cells.number("points")?;
        let finished = cells.number("finished")?;
        let rungs: Vec<(u32, u64)> = cells.json("rungs_json")?;
        Ok(RoundRow {
            planned: NewRound {
                round,
                points,
                rungs: rungs.iter().map(|(epochs, _)| *epochs).collect(),
                rung_points: rungs.iter().map(|(_, points)| *points).collect(),
                repeats: cells.number("repeats")?,
                top: cells.optional_number("top")?,
                box_json: cells.get("box_json")?,
            },
            finished,
        })
    })
}

pub(super) fn put(c: &Db, sweep: SweepKey, round: &NewRound) -> Rows<()> {
    let rungs: Vec<(u32, u64)> = round
        .rungs
        .iter()
        .enumerate()
        .map(|(i, epochs)| (*epochs, round.rung_points.get(i).copied().unwrap_or(0)))
        .collect();
    run(
        c,
        PUT,
        params![
            sweep.0,
            round.round,
            int(round.points),
            serde_json::json!(rungs).to_string(),
            round.repeats,
            round.top,
            &round.box_json,
        ],
    )?;
    Ok(())
}

pub(super) fn add_finished(c: &Db, sweep: SweepKey, round: u32, by: i64) -> Rows<()> {
    run(c, ADD_FINISHED, params![sweep.0, round, by]).map(drop)
}

pub(super) fn warnings(c: &Db, sweep: SweepKey) -> Rows<Vec<(String, String)>> {
    all(c, "warnings", SELECT_WARNINGS, params![sweep.0], |cells| {
        Ok((cells.get("key")?, cells.get("text")?))
    })
}

pub(super) fn delete_warnings(c: &Db, sweep: SweepKey, family: &str) -> Rows<()> {
    run(c, DELETE_WARNINGS, params![sweep.0, family]).map(drop)
}

pub(super) fn insert_warning(c: &Db, sweep: SweepKey, key: &str, text: &str) -> Rows<()> {
    run(c, INSERT_WARNING, params![sweep.0, key, text]).map(drop)
}
