//! `sweeps`.

use std::sync::Arc;

use super::{
    Db, StoreError,
    cells::{Cell as _, Cells, Value, known, params},
    error::Rows,
    statement::statements,
    table::{Column, Role, Stored, stored, table},
    values::{DataSet, Millis, NewSweep, Objective, WinnerRef},
};
use crate::{
    ids::{Hash, RequestId, Seed, SweepId, SweepKey},
    sweep::SweepState,
};

table! { "sweeps":
    /// A sweep and its counters, so that no request has to count trials.
    #[derive(Clone, Debug, PartialEq)]
    pub struct SweepRow {
        /// Grows from sweep to sweep.
        pub key: SweepKey = Key "id",
        /// Its name, made unique.
        pub id: SweepId = Fixed "name",
        /// As launched.
        pub sweep: Arc<NewSweep> = Fixed,
        /// The launch's: a repeated one has one effect.
        pub request: RequestId = Fixed,
        /// Where it stands.
        pub state: SweepState = Indexed,
        /// Its check has passed, or it has none.
        pub checked: bool = Changing,
        /// Why it ended; may be empty.
        pub reason: String = Changing,
        /// Number of the newest applied decision.
        pub decisions: u64 = Changing,
        /// The first trial number that no plan has reserved.
        pub next_number: u64 = Changing,
        /// When it was launched.
        pub created: Millis = Fixed "created_ms",
        /// When it ended.
        pub ended: Option<Millis> = Changing "ended_ms",
        /// When the first trial was granted.
        pub first_grant: Option<Millis> = Changing "first_grant_ms",
        /// When the newest attempt ended.
        pub last_end: Option<Millis> = Changing "last_end_ms",
        /// Trials of every kind that can be granted.
        pub queued: u64 = Changing,
        /// Trials of every kind that run.
        pub running: u64 = Changing,
        /// Trials of kind search by state, in the order of [`crate::trial::TRIAL_STATES`].
        pub counts: [u64; 8] = Changing "counts_json",
        /// Points stored.
        pub points: u64 = Changing,
        /// Trials of kind search stored.
        pub trials: u64 = Changing,
        /// Each (trial, epoch) once.
        pub epochs_trained: u64 = Changing,
        /// Over all reports: epochs trained again count again.
        pub images_trained: u64 = Changing,
        /// In epochs, over all reports.
        pub training_seconds: f64 = Changing,
        /// Of the plan, as far as known.
        pub epochs_planned: u64 = Changing,
        /// Of the plan, as far as known.
        pub trials_planned: u64 = Changing,
        /// The pinned set.
        pub data: Option<DataSet> = Changing,
        /// Result of the check as JSON; empty without.
        pub check_json: Arc<str> = Changing,
        /// The winner, or the best point so far, as the search named it.
        pub best: Option<WinnerRef> = Changing,
        /// The winner's mean on the test part.
        pub test_accuracy: Option<f64> = Changing,
    }
}

stored! { NewSweep {
    identity: String,
    seed: Seed,
    trainer: String,
    objective: Objective,
    data_source: Option<String>,
    folds: u32,
    check: bool = "with_check",
    definition: Vec<u8>,
} }

stored! { Objective {
    metric: String,
    maximize: bool,
    at_best: bool,
    target: Option<f64>,
} }

impl Stored for Arc<NewSweep> {
    fn columns(field: &'static str, role: Role, all: &mut Vec<Column>) {
        NewSweep::columns(field, role, all);
    }

    fn bind(&self, values: &mut Vec<Value>) {
        (**self).bind(values);
    }

    fn read(cells: &mut Cells<'_>) -> Rows<Self> {
        NewSweep::read(cells).map(Self::new)
    }
}

impl Stored for Option<DataSet> {
    fn columns(_: &'static str, role: Role, all: &mut Vec<Column>) {
        Hash::columns("data_hash", role, all);
        Vec::<u32>::columns("data_shape_json", role, all);
        u32::columns("data_classes", role, all);
    }

    fn bind(&self, values: &mut Vec<Value>) {
        let set = self.as_ref();
        values.extend(params![
            set.map(|set| set.hash),
            set.map(|set| set.shape.clone()),
            set.map(|set| set.classes),
        ]);
    }

    fn read(cells: &mut Cells<'_>) -> Rows<Self> {
        let (hash, shape, classes) = (cells.next()?, cells.next()?, cells.next()?);
        let (Some(hash), Some(shape), Some(classes)) = (hash, shape, classes) else {
            return Ok(None);
        };
        Ok(Some(DataSet {
            hash,
            shape,
            classes,
        }))
    }
}

impl Stored for Option<WinnerRef> {
    fn columns(_: &'static str, role: Role, all: &mut Vec<Column>) {
        u32::columns("best_round", role, all);
        u64::columns("best_point", role, all);
    }

    fn bind(&self, values: &mut Vec<Value>) {
        let place = self.as_ref();
        values.extend(params![
            place.map(|place| place.round),
            place.map(|place| place.point),
        ]);
    }

    fn read(cells: &mut Cells<'_>) -> Rows<Self> {
        let (round, point): (Option<u32>, Option<u64>) = (cells.next()?, cells.next()?);
        let place = round.zip(point);
        Ok(place.map(|(round, point)| WinnerRef { round, point }))
    }
}

/// A state in two columns: a sweep that is to stop has the word of a live one, and `stopping` beside it.
impl Stored for SweepState {
    fn columns(field: &'static str, role: Role, all: &mut Vec<Column>) {
        String::columns(field, role, all);
        bool::columns("stopping", role, all);
    }

    fn bind(&self, values: &mut Vec<Value>) {
        let (state, stopping) = self.stored();
        values.extend(params![state.as_str(), stopping]);
    }

    fn read(cells: &mut Cells<'_>) -> Rows<Self> {
        let state = cells.next_as(|word| known(&String::from_value(word)?, Self::parse))?;
        Ok(Self::of_stored(state, cells.next()?))
    }
}

const CHANGE: &str = "WITH v ({key}, {changing}) AS (VALUES {rows}) UPDATE sweeps SET {set} FROM v WHERE sweeps.id = v.id";

statements! {
    BY_NAME = Statement::of::<SweepRow>("SELECT {row} FROM sweeps WHERE name = ?1");
    BY_REQUEST = Statement::of::<SweepRow>("SELECT {row} FROM sweeps WHERE request = ?1");
    OF_IDENTITY = Statement::of::<SweepRow>("SELECT {row} FROM sweeps WHERE identity = ?1 ORDER BY id DESC");
    KEYS = Statement::of::<SweepRow>("SELECT id FROM sweeps ORDER BY id");
    LIVE = Statement::of::<SweepRow>(
        "SELECT {row} FROM sweeps WHERE state IN ('checking', 'running', 'paused') ORDER BY id");
    ENDED_WITH_BLOBS = Statement::of::<SweepRow>(
        "SELECT name FROM sweeps WHERE state NOT IN ('checking', 'running', 'paused') AND EXISTS (SELECT 1 FROM blobs WHERE \
         blobs.sweep = sweeps.id)");
    NAMES = Statement::of::<SweepRow>("SELECT id, name FROM sweeps ORDER BY id");
    NEWEST = Statement::of::<SweepRow>("SELECT {row} FROM sweeps ORDER BY id DESC LIMIT 1");
    NEWEST_NAMES = Statement::of::<SweepRow>("SELECT name FROM sweeps ORDER BY id DESC LIMIT 10");
    SELECT = Statement::of::<SweepRow>("SELECT {row} FROM sweeps WHERE id = ?1");
    ALL = Statement::of::<SweepRow>("SELECT {row} FROM sweeps ORDER BY id");
    INSERT = Statement::insert::<SweepRow>();
    UPDATE = Statement::update::<SweepRow>(0, CHANGE);
    UPDATE_REST = Statement::update_rest::<SweepRow>(0, CHANGE);
    SET_DEFINITION = Statement::of::<SweepRow>("UPDATE sweeps SET definition = ?2 WHERE id = ?1");
    DELETE = Statement::of::<SweepRow>("DELETE FROM sweeps WHERE id = ?1");
    DELETE_LOGS = Statement::of::<SweepRow>("DELETE FROM logs WHERE sweep = ?1");
    DELETE_BLOBS = Statement::of::<SweepRow>("DELETE FROM blobs WHERE sweep = ?1");
    DELETE_REPORTS = Statement::of::<SweepRow>("DELETE FROM reports WHERE sweep = ?1");
    DELETE_ATTEMPTS = Statement::of::<SweepRow>("DELETE FROM attempts WHERE sweep = ?1");
    DELETE_TRIALS = Statement::of::<SweepRow>("DELETE FROM trials WHERE sweep = ?1");
    DELETE_POINTS = Statement::of::<SweepRow>("DELETE FROM points WHERE sweep = ?1");
    DELETE_ROUNDS = Statement::of::<SweepRow>("DELETE FROM rounds WHERE sweep = ?1");
    DELETE_WARNINGS = Statement::of::<SweepRow>("DELETE FROM warnings WHERE sweep = ?1");
    DELETE_EVENTS = Statement::of::<SweepRow>("DELETE FROM events WHERE sweep = ?1");
}

pub(super) fn by_name(db: &Db, name: &str) -> Rows<Option<SweepRow>> {
    db.first(&BY_NAME, params![name])
}

/// The sweep that this request launched.
pub(super) fn by_request(db: &Db, request: RequestId) -> Rows<Option<SweepRow>> {
    db.first(&BY_REQUEST, params![request])
}

/// The sweeps of that identity, newest first.
pub(super) fn of_identity(db: &Db, identity: &str) -> Rows<Vec<SweepRow>> {
    db.all(&OF_IDENTITY, params![identity])
}

/// Oldest first.
pub(crate) fn keys(db: &Db) -> Rows<Vec<SweepKey>> {
    db.all(&KEYS, params![])
}

/// Those that have not ended, oldest first.
pub(super) fn live(db: &Db) -> Rows<Vec<SweepRow>> {
    db.all(&LIVE, params![])
}

/// Names of those that have ended and have blobs.
pub(super) fn ended_with_blobs(db: &Db) -> Rows<Vec<SweepId>> {
    db.all(&ENDED_WITH_BLOBS, params![])
}

/// Names by key.
pub(crate) fn names(db: &Db) -> Rows<Vec<(SweepKey, String)>> {
    db.all(&NAMES, params![])
}

/// Some of the names, newest first.
pub(super) fn newest_names(db: &Db) -> Rows<Vec<String>> {
    db.all(&NEWEST_NAMES, params![])
}

pub(super) fn newest(db: &Db) -> Rows<Option<SweepRow>> {
    db.first(&NEWEST, params![])
}

/// One sweep, unless it was removed.
pub(super) fn by_key(db: &Db, sweep: SweepKey) -> Rows<Option<SweepRow>> {
    db.first(&SELECT, params![sweep])
}

/// One sweep; damaged when it is not there.
pub(crate) fn select(db: &Db, sweep: SweepKey) -> Rows<SweepRow> {
    by_key(db, sweep)?
        .ok_or_else(|| StoreError::damaged("sweeps", "id", sweep.0, "the row is not there"))
}

/// All sweeps, oldest first.
pub(super) fn all(db: &Db) -> Rows<Vec<SweepRow>> {
    db.all(&ALL, params![])
}

pub(super) fn insert<'a>(db: &Db, rows: impl Iterator<Item = &'a SweepRow>) -> Rows<()> {
    db.insert(&INSERT, rows)
}

/// Changed sweeps, each with the state that it had when it was read.
pub(super) fn update<'a>(
    db: &Db,
    rows: impl Iterator<Item = (&'a SweepRow, SweepState)>,
) -> Rows<()> {
    let (same, other): (Vec<_>, Vec<_>) = rows.partition(|(row, state)| row.state == *state);
    for (statement, rows) in [(&UPDATE_REST, same), (&UPDATE, other)] {
        db.update(statement, rows.into_iter().map(|(row, _)| (row, params![])))?;
    }
    Ok(())
}

/// The one part of what was launched that grows: what has been settled since stands in the definition.
pub(super) fn set_definition(db: &Db, sweep: SweepKey, definition: &[u8]) -> Rows<()> {
    db.run(&SET_DEFINITION, params![sweep, definition])
}

/// Removes a sweep and all that belongs to it.
pub(super) fn delete(db: &Db, sweep: SweepKey) -> Rows<()> {
    // Children first: foreign keys are on.
    let tables = [
        &DELETE_LOGS,
        &DELETE_BLOBS,
        &DELETE_REPORTS,
        &DELETE_ATTEMPTS,
        &DELETE_TRIALS,
        &DELETE_POINTS,
        &DELETE_ROUNDS,
        &DELETE_WARNINGS,
        &DELETE_EVENTS,
        &DELETE,
    ];
    for statement in tables {
        db.run(statement, params![sweep])?;
    }
    Ok(())
}
