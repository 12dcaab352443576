//! `points`.

use super::{
    cells::{Cells, first, int, run},
    db::{Db, params},
};
use crate::store::{
    rows::{PointRow, PointValue, Rows, SweepKey},
    values::WinnerRef,
};

const SELECT: &str = "SELECT round, point, params_json, spec_json, finished, mean, spread, repeats, epochs, score \
    FROM points WHERE sweep = ?1 AND round = ?2 AND point = ?3";
const BEST: &str = "SELECT round, point, params_json, spec_json, finished, mean, spread, repeats, epochs, score \
    FROM points WHERE sweep = ?1 AND round = ?2 AND score IS NOT NULL ORDER BY score DESC, point LIMIT 1";
const INSERT: &str = "INSERT OR IGNORE INTO points (sweep, round, point, params_json, spec_json, finished, mean, \
    spread, repeats, epochs, score) VALUES (?1, ?2, ?3, ?4, ?5, 0, NULL, NULL, 0, 0, NULL)";
const SET: &str = "UPDATE points SET finished = ?4, mean = ?5, spread = ?6, repeats = ?7, epochs = ?8, score = ?9 \
    WHERE sweep = ?1 AND round = ?2 AND point = ?3";

#[cfg(test)]
pub(super) const STATEMENTS: &[(&str, usize)] = &[(SELECT, 3), (BEST, 2), (INSERT, 5), (SET, 9)];

fn read(cells: &mut Cells<'_>) -> Rows<PointRow> {
    Ok(PointRow {
        place: WinnerRef {
            round: cells.number("round")?,
            point: cells.number("point")?,
        },
        params_json: cells.get("params_json")?,
        spec_json: cells.get("spec_json")?,
        value: PointValue {
            finished: cells.flag("finished")?,
            mean: cells.get("mean")?,
            spread: cells.get("spread")?,
            repeats: cells.number("repeats")?,
            epochs: cells.number("epochs")?,
            score: cells.get("score")?,
        },
    })
}

pub(super) fn select(c: &Db, sweep: SweepKey, place: WinnerRef) -> Rows<Option<PointRow>> {
    let params = params![sweep.0, place.round, int(place.point)];
    first(c, "points", SELECT, params, read)
}

pub(super) fn best(c: &Db, sweep: SweepKey, round: u32) -> Rows<Option<PointRow>> {
    first(c, "points", BEST, params![sweep.0, round], read)
}

pub(super) fn insert(c: &Db, sweep: SweepKey, point: &PointRow) -> Rows<bool> {
    let PointRow {
        place,
        params_json,
        spec_json,
        ..
    } = point;
    let params = params![
        sweep.0,
        place.round,
        int(place.point),
        params_json,
        spec_json
    ];
    Ok(run(c, INSERT, params)? == 1)
}

pub(super) fn set(c: &Db, sweep: SweepKey, place: WinnerRef, value: PointValue) -> Rows<()> {
    let params = params![
        sweep.0,
        place.round,
        int(place.point),
        value.finished,
        value.mean,
        value.spread,
        value.repeats,
        value.epochs,
        value.score,
    ];
    run(c, SET, params).map(drop)
}
