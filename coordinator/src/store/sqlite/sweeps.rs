//! `sweeps`.

use std::sync::Arc;

use super::{
    cells::{Cells, all, first, int, run},
    db::{Db, params},
};
use crate::{
    ids::{Hash, RequestId, SweepId},
    store::{
        StoreError,
        rows::{Rows, SweepKey, SweepRow},
        values::{DataSet, NewSweep, Objective, WinnerRef},
    },
    sweep::SweepState,
};

const KEY_BY_NAME: &str = "SELECT id FROM sweeps WHERE name = ?1";
const KEYS_BY_IDENTITY: &str = "SELECT id FROM sweeps WHERE identity = ?1 ORDER BY id DESC";
const KEY_BY_REQUEST: &str = "SELECT id FROM sweeps WHERE request = ?1";
const KEYS: &str = "SELECT id FROM sweeps ORDER BY id";
const LIVE_KEYS: &str =
    "SELECT id FROM sweeps WHERE state IN ('checking', 'running', 'paused') ORDER BY id";
const NEWEST: &str = "SELECT max(id) FROM sweeps";
const SELECT: &str = "SELECT id, name, identity, request, seed, trainer, metric, maximize, at_best, target, \
    data_source, folds, with_check, definition, state, stopping, checked, reason, decisions, next_number, created_ms, ended_ms, \
    first_grant_ms, last_end_ms, queued, running, counts_json, points, trials, epochs_trained, images_trained, \
    training_seconds, epochs_planned, trials_planned, data_hash, data_shape_json, data_classes, check_json, \
    best_round, best_point, test_accuracy FROM sweeps WHERE id = ?1";
const INSERT: &str = "INSERT INTO sweeps (id, name, identity, request, seed, trainer, metric, maximize, at_best, target, \
    data_source, folds, with_check, definition, state, checked, stopping, reason, decisions, next_number, created_ms, queued, \
    running, counts_json, points, trials, epochs_trained, images_trained, training_seconds, epochs_planned, \
    trials_planned, check_json) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, 0, '', 0, \
    1, ?17, 0, 0, '[0,0,0,0,0,0,0,0]', 0, 0, 0, 0, 0, 0, 0, '')";
const SET_DEFINITION: &str = "UPDATE sweeps SET definition = ?2 WHERE id = ?1";
const UPDATE: &str = "UPDATE sweeps SET state = ?2, checked = ?3, stopping = ?4, reason = ?5, decisions = ?6, \
    next_number = ?7, ended_ms = ?8, first_grant_ms = ?9, last_end_ms = ?10, queued = ?11, running = ?12, \
    counts_json = ?13, points = ?14, trials = ?15, epochs_trained = ?16, images_trained = ?17, \
    training_seconds = ?18, epochs_planned = ?19, trials_planned = ?20, data_hash = ?21, data_shape_json = ?22, \
    data_classes = ?23, check_json = ?24, best_round = ?25, best_point = ?26, test_accuracy = ?27 WHERE id = ?1";
// Children first: foreign keys are on.
const DELETE: [&str; 10] = [
    "DELETE FROM logs WHERE sweep = ?1",
    "DELETE FROM blobs WHERE sweep = ?1",
    "DELETE FROM reports WHERE sweep = ?1",
    "DELETE FROM attempts WHERE sweep = ?1",
    "DELETE FROM trials WHERE sweep = ?1",
    "DELETE FROM points WHERE sweep = ?1",
    "DELETE FROM rounds WHERE sweep = ?1",
    "DELETE FROM warnings WHERE sweep = ?1",
    "DELETE FROM events WHERE sweep = ?1",
    "DELETE FROM sweeps WHERE id = ?1",
];

#[cfg(test)]
pub(super) fn statements() -> Vec<(&'static str, usize)> {
    let of_one = DELETE.map(|sql| (sql, 1));
    [STATEMENTS, &of_one].concat()
}

#[cfg(test)]
const STATEMENTS: &[(&str, usize)] = &[
    (KEY_BY_NAME, 1),
    (KEYS_BY_IDENTITY, 1),
    (KEY_BY_REQUEST, 1),
    (KEYS, 0),
    (LIVE_KEYS, 0),
    (NEWEST, 0),
    (SELECT, 1),
    (INSERT, 17),
    (UPDATE, 27),
    (SET_DEFINITION, 2),
];

fn key(cells: &mut Cells<'_>) -> Rows<Option<SweepKey>> {
    Ok(cells.get::<Option<i64>>("id")?.map(SweepKey))
}

pub(super) fn key_by_name(c: &Db, name: &str) -> Rows<Option<SweepKey>> {
    Ok(first(c, "sweeps", KEY_BY_NAME, params![name], key)?.flatten())
}

pub(super) fn keys_by_identity(c: &Db, identity: &str) -> Rows<Vec<SweepKey>> {
    let keys = all(c, "sweeps", KEYS_BY_IDENTITY, params![identity], key)?;
    Ok(keys.into_iter().flatten().collect())
}

pub(super) fn key_by_request(c: &Db, request: RequestId) -> Rows<Option<SweepKey>> {
    Ok(first(c, "sweeps", KEY_BY_REQUEST, params![request.0], key)?.flatten())
}

pub(in crate::store) fn keys(c: &Db, live: bool) -> Rows<Vec<SweepKey>> {
    let sql = if live { LIVE_KEYS } else { KEYS };
    let keys = all(c, "sweeps", sql, params![], key)?;
    Ok(keys.into_iter().flatten().collect())
}

pub(super) fn newest(c: &Db) -> Rows<Option<SweepKey>> {
    Ok(first(c, "sweeps", NEWEST, params![], key)?.flatten())
}

pub(super) fn select(c: &Db, sweep: SweepKey) -> Rows<SweepRow> {
    first(c, "sweeps", SELECT, params![sweep.0], read)?.ok_or_else(|| StoreError::Damaged {
        table: "sweeps",
        column: "id",
        row: sweep.0.to_string(),
        problem: "the row is not there".to_owned(),
    })
}

fn read(cells: &mut Cells<'_>) -> Rows<SweepRow> {
    let key = SweepKey(cells.get("id")?);
    let name: String = cells.get("name")?;
    let identity = cells.get("identity")?;
    let request = RequestId(cells.get("request")?);
    let sweep = read_launched(cells, &name, identity)?;
    let mut row = SweepRow {
        key,
        id: SweepId::new(&name),
        sweep: Arc::new(sweep),
        request,
        state: read_state(cells)?,
        checked: cells.flag("checked")?,
        reason: cells.get("reason")?,
        decisions: cells.number("decisions")?,
        next_number: cells.number("next_number")?,
        created: cells.get("created_ms")?,
        ended: cells.get("ended_ms")?,
        first_grant: cells.get("first_grant_ms")?,
        last_end: cells.get("last_end_ms")?,
        queued: cells.number("queued")?,
        running: cells.number("running")?,
        counts: cells.json("counts_json")?,
        points: cells.number("points")?,
        trials: cells.number("trials")?,
        epochs_trained: cells.number("epochs_trained")?,
        images_trained: cells.number("images_trained")?,
        training_seconds: cells.get("training_seconds")?,
        epochs_planned: cells.number("epochs_planned")?,
        trials_planned: cells.number("trials_planned")?,
        data: read_data(cells)?,
        check_json: cells.get::<String>("check_json")?.into(),
        best: None,
        test_accuracy: None,
    };
    let round = cells.optional_number("best_round")?;
    let point = cells.optional_number("best_point")?;
    row.best = round
        .zip(point)
        .map(|(round, point)| WinnerRef { round, point });
    row.test_accuracy = cells.get("test_accuracy")?;
    Ok(row)
}

/// A sweep that is to stop has the word of a live one, and `stopping` beside it.
fn read_state(cells: &mut Cells<'_>) -> Rows<SweepState> {
    let state = cells.word("state", SweepState::parse)?;
    let stopping = cells.flag("stopping")?;
    Ok(SweepState::of_stored(state, stopping))
}

fn read_launched(cells: &mut Cells<'_>, name: &str, identity: String) -> Rows<NewSweep> {
    let seed: i64 = cells.get("seed")?;
    Ok(NewSweep {
        name: name.to_owned(),
        identity,
        seed: seed.cast_unsigned(),
        trainer: cells.get("trainer")?,
        objective: Objective {
            metric: cells.get("metric")?,
            maximize: cells.flag("maximize")?,
            at_best: cells.flag("at_best")?,
            target: cells.get("target")?,
        },
        data_source: cells.get("data_source")?,
        folds: cells.number("folds")?,
        check: cells.flag("with_check")?,
        definition: cells.get("definition")?,
    })
}

fn read_data(cells: &mut Cells<'_>) -> Rows<Option<DataSet>> {
    let hash = cells.optional_hash("data_hash")?;
    let shape: Option<String> = cells.get("data_shape_json")?;
    let classes: Option<u32> = cells.optional_number("data_classes")?;
    let (Some(hash), Some(shape), Some(classes)) = (hash, shape, classes) else {
        return Ok(None);
    };
    let shape = serde_json::from_str(&shape)
        .map_err(|error| cells.damaged("data_shape_json", &error.to_string()))?;
    Ok(Some(DataSet {
        hash: Hash(hash.0),
        shape,
        classes,
    }))
}

/// A new sweep; [`update`] stores the rest of it.
pub(super) fn insert(c: &Db, row: &SweepRow) -> Rows<()> {
    let sweep = &row.sweep;
    let params = params![
        row.key.0,
        row.id.as_str(),
        &sweep.identity,
        row.request.0,
        sweep.seed.cast_signed(),
        &sweep.trainer,
        &sweep.objective.metric,
        sweep.objective.maximize,
        sweep.objective.at_best,
        sweep.objective.target,
        sweep.data_source.as_deref(),
        sweep.folds,
        sweep.check,
        sweep.definition.as_slice(),
        row.state.as_str(),
        row.checked,
        row.created,
    ];
    run(c, INSERT, params).map(drop)
}

pub(super) fn set_definition(c: &Db, sweep: SweepKey, definition: &[u8]) -> Rows<()> {
    run(c, SET_DEFINITION, params![sweep.0, definition]).map(drop)
}

pub(super) fn update(c: &Db, row: &SweepRow) -> Rows<()> {
    let counts = serde_json::json!(row.counts).to_string();
    let shape = row
        .data
        .as_ref()
        .map(|data| serde_json::json!(data.shape).to_string());
    let (state, stopping) = row.state.stored();
    run(
        c,
        UPDATE,
        params![
            row.key.0,
            state.as_str(),
            row.checked,
            stopping,
            &row.reason,
            int(row.decisions),
            int(row.next_number),
            row.ended,
            row.first_grant,
            row.last_end,
            int(row.queued),
            int(row.running),
            counts,
            int(row.points),
            int(row.trials),
            int(row.epochs_trained),
            int(row.images_trained),
            row.training_seconds,
            int(row.epochs_planned),
            int(row.trials_planned),
            row.data.as_ref().map(|data| data.hash.0),
            shape,
            row.data.as_ref().map(|data| data.classes),
            &*row.check_json,
            row.best.map(|best| best.round),
            row.best.map(|best| int(best.point)),
            row.test_accuracy,
        ],
    )?;
    Ok(())
}

/// Removes a sweep and all that belongs to it.
pub(super) fn delete(c: &Db, sweep: SweepKey) -> Rows<()> {
    for sql in DELETE {
        run(c, sql, params![sweep.0])?;
    }
    Ok(())
}
