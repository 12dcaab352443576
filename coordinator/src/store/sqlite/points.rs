//! `points`.

use super::{
    bulk::Bulk,
    cells::{Cells, all_of, first, int},
    db::{Db, params, row},
    stream::Stream,
};
use crate::store::{
    rows::{PointRow, PointValue, Rows, SweepKey},
    values::WinnerRef,
};

const SELECT: &str = "SELECT round, point, params_json, spec_json, finished, mean, spread, repeats, epochs, score \
    FROM points WHERE sweep = ?1 AND round = ?2 AND point = ?3";
const BEST: &str = "SELECT round, point, params_json, spec_json, finished, mean, spread, repeats, epochs, score \
    FROM points WHERE sweep = ?1 AND round = ?2 AND score IS NOT NULL ORDER BY score DESC, point LIMIT 1";
const IN_ORDER: &str = "SELECT sweep, round, point, round, point, '', '', finished, mean, spread, repeats, epochs, score \
    FROM points WHERE (sweep, round, point) > (?1, ?2, ?3) ORDER BY sweep, round, point LIMIT 500";
static AT: Bulk = Bulk::new(
    "WITH v (sweep, round, point) AS (VALUES {rows}) SELECT p.round, p.point, p.params_json, p.spec_json, p.finished, \
     p.mean, p.spread, p.repeats, p.epochs, p.score FROM v CROSS JOIN points p ON p.sweep = v.sweep AND \
     p.round = v.round AND p.point = v.point",
    3,
);
static INSERT: Bulk = Bulk::new(
    "INSERT INTO points (sweep, round, point, params_json, spec_json, finished, mean, spread, repeats, epochs, score) \
     VALUES {rows}",
    11,
);
static UPDATE: Bulk = Bulk::new(
    "WITH v (sweep, round, point, finished, mean, spread, repeats, epochs, score) AS (VALUES {rows}) UPDATE points SET \
     finished = v.finished, mean = v.mean, spread = v.spread, repeats = v.repeats, epochs = v.epochs, score = v.score \
     FROM v WHERE points.sweep = v.sweep AND points.round = v.round AND points.point = v.point",
    9,
);

#[cfg(test)]
pub(super) fn statements() -> Vec<(&'static str, usize)> {
    let bulk = [&AT, &INSERT, &UPDATE]
        .into_iter()
        .flat_map(Bulk::statements);
    bulk.chain([(SELECT, 3), (BEST, 2), (IN_ORDER, 3)])
        .collect()
}

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

/// All points, by sweep; what is in them is left out.
pub(in crate::store) fn in_order(c: &Db) -> Stream<'_, PointRow> {
    Stream::new(c, "points", IN_ORDER, 3, read)
}

pub(super) fn best(c: &Db, sweep: SweepKey, round: u32) -> Rows<Option<PointRow>> {
    first(c, "points", BEST, params![sweep.0, round], read)
}

/// The points at these places, as far as there are any.
pub(super) fn at(c: &Db, sweep: SweepKey, places: &[WinnerRef]) -> Rows<Vec<PointRow>> {
    let keys = places
        .iter()
        .flat_map(|place| row![sweep.0, place.round, int(place.point)]);
    all_of(c, "points", &AT, keys.collect(), read)
}

/// New points.
pub(super) fn insert<'a>(c: &Db, rows: impl Iterator<Item = (SweepKey, &'a PointRow)>) -> Rows<()> {
    let values = rows.flat_map(|(sweep, point)| {
        let PointRow { place, value, .. } = point;
        row![
            sweep.0,
            place.round,
            int(place.point),
            &point.params_json,
            &point.spec_json,
            value.finished,
            value.mean,
            value.spread,
            value.repeats,
            value.epochs,
            value.score,
        ]
    });
    INSERT.run(c, values.collect())
}

/// What points are worth now.
pub(super) fn update<'a>(c: &Db, rows: impl Iterator<Item = (SweepKey, &'a PointRow)>) -> Rows<()> {
    let values = rows.flat_map(|(sweep, PointRow { place, value, .. })| {
        row![
            sweep.0,
            place.round,
            int(place.point),
            value.finished,
            value.mean,
            value.spread,
            value.repeats,
            value.epochs,
            value.score,
        ]
    });
    UPDATE.run(c, values.collect())
}
