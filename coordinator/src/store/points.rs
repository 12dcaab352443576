//! `points`.

use super::{
    Db,
    cells::{Bind as _, params},
    error::Rows,
    statement::statements,
    stream::Stream,
    table::{columns, table},
    values::WinnerRef,
};
use crate::ids::SweepKey;

/// Sweep and place.
pub(super) type PointKey = (SweepKey, WinnerRef);

table! { "points":
    /// A point and what its trials gave.
    #[derive(Clone, Debug, PartialEq)]
    pub struct PointRow {
        /// Whose point it is.
        pub sweep: SweepKey = Key,
        /// Which round, and which point of it.
        pub place: WinnerRef = Key,
        /// JSON object of full path to value.
        pub params_json: String = Fixed,
        /// What a worker gets: the spec with these values in it.
        pub spec_json: String = Fixed,
        /// What its trials gave.
        pub value: PointValue = Changing,
    }
}

columns! {
    /// What a point's trials gave.
    #[derive(Clone, Copy, Debug, PartialEq, Default)]
    pub struct PointValue {
        /// None of its trials is still to end.
        pub finished: bool,
        /// Mean objective; `None` while unknown or diverged.
        pub mean: Option<f64>,
        /// Standard deviation over its trials (n − 1); `None` for one.
        pub spread: Option<f64>,
        /// Trainings in that mean, folds counted once.
        pub repeats: u32,
        /// Epochs of one of its trials.
        pub epochs: u32,
        /// The mean, signed so that larger is better.
        pub score: Option<f64>,
    }
}

impl PointRow {
    pub(super) fn key(&self) -> PointKey {
        (self.sweep, self.place)
    }
}

statements! {
    SELECT = Statement::of::<PointRow>("SELECT {row} FROM points WHERE sweep = ?1 AND round = ?2 AND point = ?3");
    BEST = Statement::of::<PointRow>(
        "SELECT {row} FROM points WHERE sweep = ?1 AND round = ?2 AND score IS NOT NULL ORDER BY score DESC, point LIMIT 1");
    // What is in them is left out: only who proposed it can say what it ought to be.
    IN_ORDER = Statement::of::<PointRow>(
        "SELECT sweep, round, point, sweep, round, point, '', '', finished, mean, spread, repeats, epochs, score FROM points \
         WHERE (sweep, round, point) > (?1, ?2, ?3) ORDER BY sweep, round, point LIMIT 500");
    AT = Statement::over::<PointRow>(3,
        "WITH v (sweep, round, point) AS (VALUES {rows}) SELECT {row} FROM v CROSS JOIN points ON points.sweep = v.sweep \
         AND points.round = v.round AND points.point = v.point");
    INSERT = Statement::insert::<PointRow>();
    UPDATE = Statement::update::<PointRow>(0,
        "WITH v ({key}, {changing}) AS (VALUES {rows}) UPDATE points SET {set} FROM v WHERE points.sweep = v.sweep AND \
         points.round = v.round AND points.point = v.point");
}

pub(super) fn select(db: &Db, (sweep, place): PointKey) -> Rows<Option<PointRow>> {
    db.first(&SELECT, params![sweep, place.round, place.point])
}

/// All points, by sweep; what is in them is left out.
pub(crate) fn in_order(db: &Db) -> Stream<'_, PointRow> {
    Stream::new(db, &IN_ORDER, 3)
}

/// The best point of a round by score; ties by point.
pub(super) fn best(db: &Db, sweep: SweepKey, round: u32) -> Rows<Option<PointRow>> {
    db.first(&BEST, params![sweep, round])
}

/// The points at these places, as far as there are any.
pub(super) fn at(db: &Db, sweep: SweepKey, places: &[WinnerRef]) -> Rows<Vec<PointRow>> {
    let key = |place: &WinnerRef| [sweep.value(), place.round.value(), place.point.value()];
    db.all_at(&AT, places.iter().flat_map(key).collect())
}

pub(super) fn insert<'a>(db: &Db, rows: impl Iterator<Item = &'a PointRow>) -> Rows<()> {
    db.insert(&INSERT, rows)
}

/// What points are worth now.
pub(super) fn update<'a>(db: &Db, rows: impl Iterator<Item = (&'a PointRow, ())>) -> Rows<()> {
    db.update(&UPDATE, rows.map(|(row, ())| (row, params![])))
}
