//! `rounds`.

use super::{
    Db, cells::params, error::Rows, statement::statements, table::table, values::NewRound,
};
use crate::ids::SweepKey;

table! { "rounds":
    /// A planned round.
    #[derive(Clone, Debug, PartialEq)]
    pub struct RoundRow {
        /// Whose round it is.
        pub sweep: SweepKey = Key,
        /// As planned.
        pub planned: NewRound = Fixed,
        /// Points none of whose trials are still to end.
        pub finished: u64 = Changing,
    }
}

statements! {
    OF_SWEEP = Statement::of::<RoundRow>("SELECT {row} FROM rounds WHERE sweep = ?1 ORDER BY round");
    // The same round again keeps what has finished.
    PUT = Statement::insert_or::<RoundRow>(
        "INSERT INTO rounds ({names}) {new} ON CONFLICT (sweep, round) DO UPDATE SET points = excluded.points, \
         rungs_json = excluded.rungs_json, repeats = excluded.repeats, top = excluded.top, box_json = excluded.box_json");
    ADD_FINISHED = Statement::of::<RoundRow>(
        "UPDATE rounds SET finished = max(0, finished + ?3) WHERE sweep = ?1 AND round = ?2");
}

/// Ascending.
pub(crate) fn of_sweep(db: &Db, sweep: SweepKey) -> Rows<Vec<RoundRow>> {
    db.all(&OF_SWEEP, params![sweep])
}

/// A round as planned; the same round again keeps what has finished.
pub(super) fn put(db: &Db, sweep: SweepKey, planned: &NewRound) -> Rows<()> {
    let row = RoundRow {
        sweep,
        planned: planned.clone(),
        finished: 0,
    };
    db.insert(&PUT, std::iter::once(&row))
}

/// Points of a round that are finished now, more or fewer.
pub(super) fn add_finished(db: &Db, sweep: SweepKey, round: u32, by: i64) -> Rows<()> {
    db.run(&ADD_FINISHED, params![sweep, round, by])
}
