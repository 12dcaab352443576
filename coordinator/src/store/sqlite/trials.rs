//! `trials`.

use std::{collections::BTreeMap, ops::Range};

use super::{
    bulk::Bulk,
    cells::{Cells, all, all_of, first, int},
    db::{Db, Value, params, row},
    stream::Stream,
};
use crate::{
    ids::{AttemptNumber, Hash, Token, TrialNumber},
    store::{
        history::{TrialFilter, TrialSort},
        rows::{Rows, SweepKey, TrialRow},
        values::WinnerRef,
    },
    trial::{AttemptState, StopRequest, TRIAL_STATES, TrialKind, TrialState},
};

macro_rules! columns {
    () => {
        "t.number, t.kind, t.round, t.point, t.repeat, t.fold, t.seed, t.full_epochs, t.weights_of, t.retry_of, \
         t.state, t.asked, t.to_epoch, t.queue_order, t.waits_at_end, t.keep_weights, t.attempts, t.worker, \
         t.objective, t.epoch, t.most_epochs, t.weights_hash, t.seconds, t.images, t.checkpoint, t.reason, t.changed_ms"
    };
}

const SELECT: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM trials t WHERE t.sweep = ?1 AND t.number = ?2"
);
const NOTES: &str =
    "SELECT diagnosis_json, result_json FROM trials WHERE sweep = ?1 AND number = ?2";
const OF_POINT: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM trials t WHERE t.sweep = ?1 AND t.round = ?2 AND t.point = ?3 AND t.kind = 'search' ORDER BY t.number"
);
const RETRIES: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM trials t WHERE t.sweep = ?1 AND t.retry_of = ?2 ORDER BY t.number"
);
const HEAD: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM trials t WHERE t.sweep = ?1 AND t.state = 'queued' ORDER BY t.queue_order, t.number LIMIT 1"
);
const HELD: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM trials t WHERE t.sweep = ?1 AND t.state = 'queued' AND t.checkpoint = ?2 \
     ORDER BY t.queue_order, t.number LIMIT 1"
);
const QUEUE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM trials t WHERE t.sweep = ?1 AND t.state = 'queued' ORDER BY t.queue_order, t.number LIMIT ?2"
);
static NUMBERED: Bulk = Bulk::new(
    concat!(
        "WITH v (sweep, number) AS (VALUES {rows}) SELECT ",
        columns!(),
        " FROM v CROSS JOIN trials t ON t.sweep = v.sweep AND t.number = v.number"
    ),
    2,
);
static OF_POINTS: Bulk = Bulk::new(
    concat!(
        "WITH v (sweep, round, point) AS (VALUES {rows}) SELECT ",
        columns!(),
        " FROM v CROSS JOIN trials t ON t.sweep = v.sweep AND t.round = v.round AND t.point = v.point \
         WHERE t.kind = 'search'"
    ),
    3,
);
// From the retries, of which there are few: a sweep's trials are not gone through.
const REPLACED: &str = "SELECT t.state, count(*) AS trials FROM (SELECT DISTINCT retry_of AS number FROM trials WHERE \
    sweep = ?1 AND retry_of IS NOT NULL) r CROSS JOIN trials t ON t.sweep = ?1 AND t.number = r.number WHERE t.kind = \
    'search' GROUP BY t.state";
const FIRST_PLANNED: &str = "SELECT number FROM trials WHERE sweep = ?1 AND number >= ?2 AND number < ?3 AND retry_of IS \
    NULL AND kind <> 'check' ORDER BY number LIMIT 1";
const IN_ORDER: &str = concat!(
    "SELECT t.sweep, t.number, ",
    columns!(),
    " FROM trials t WHERE (t.sweep, t.number) > (?1, ?2) ORDER BY t.sweep, t.number LIMIT 500"
);
const BY_POINT: &str = concat!(
    "SELECT t.sweep, t.round, t.point, t.number, ",
    columns!(),
    " FROM trials t WHERE (t.sweep, t.round, t.point, t.number) > (?1, ?2, ?3, ?4) ORDER BY t.sweep, t.round, t.point, \
     t.number LIMIT 500"
);
const IN_STATE: &str = "SELECT number FROM trials WHERE sweep = ?1 AND state = ?2 ORDER BY number";
// `states` is a JSON list of names, empty for any; `round` is null for any. One statement per order, so that each is
// constant. A bare parameter behind LIMIT would make SQLite plan it anew each time.
macro_rules! listing {
    ($order:literal) => {
        listing!("", $order)
    };
    ($past:literal, $order:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            ", p.params_json FROM trials t JOIN points p ON p.sweep = t.sweep AND p.round = t.round AND p.point = \
             t.point WHERE t.sweep = ?1 AND t.number > ?2 AND (?3 IS NULL OR t.round = ?3) AND (?4 OR t.kind = \
             'search') AND (?5 = '[]' OR t.state IN (SELECT value FROM json_each(?5))) ",
            $past,
            "ORDER BY ",
            $order,
            " LIMIT CAST(?6 AS INTEGER)"
        )
    };
}
const LIST: &str = listing!("t.number");
// The page behind trial ?7, which has the value ?8 in this order; null for the first page.
const LIST_RECENT: &str = listing!(
    "AND (?7 IS NULL OR t.changed_ms < ?8 OR (t.changed_ms = ?8 AND t.number < ?7)) ",
    "t.changed_ms DESC, t.number DESC"
);
const LIST_MAX: &str = listing!(
    "AND (?7 IS NULL OR t.objective < ?8 OR (t.objective = ?8 AND t.number > ?7) OR (t.objective IS NULL AND \
     (?8 IS NOT NULL OR t.number > ?7))) ",
    "t.objective IS NULL, t.objective DESC, t.number"
);
const LIST_MIN: &str = listing!(
    "AND (?7 IS NULL OR t.objective > ?8 OR (t.objective = ?8 AND t.number > ?7) OR (t.objective IS NULL AND \
     (?8 IS NOT NULL OR t.number > ?7))) ",
    "t.objective IS NULL, t.objective, t.number"
);
static INSERT: Bulk = Bulk::new(
    "INSERT INTO trials (sweep, number, kind, round, point, repeat, fold, seed, full_epochs, weights_of, retry_of, state, \
     asked, to_epoch, queue_order, waits_at_end, keep_weights, attempts, worker, objective, epoch, most_epochs, \
     weights_hash, seconds, images, checkpoint, reason, changed_ms) VALUES {rows}",
    28,
);
// The guard: the state and the newest attempt as they were read, and, where a worker speaks (token not null), that its
// attempt has this secret and stands where the writer left it.
static UPDATE: Bulk = Bulk::new(
    "WITH v (sweep, number, old_state, old_attempts, speaker, token, speaker_state, state, asked, to_epoch, queue_order, \
     waits_at_end, keep_weights, attempts, worker, objective, epoch, most_epochs, weights_hash, seconds, images, \
     checkpoint, reason, changed_ms) AS (VALUES {rows}) UPDATE trials SET state = v.state, asked = v.asked, to_epoch = \
     v.to_epoch, queue_order = v.queue_order, waits_at_end = v.waits_at_end, keep_weights = v.keep_weights, attempts = \
     v.attempts, worker = v.worker, objective = v.objective, epoch = v.epoch, most_epochs = v.most_epochs, weights_hash = \
     v.weights_hash, seconds = v.seconds, images = v.images, checkpoint = v.checkpoint, reason = v.reason, changed_ms = \
     v.changed_ms FROM v WHERE trials.sweep = v.sweep AND trials.number = v.number AND trials.state = v.old_state AND \
     trials.attempts = v.old_attempts AND (v.token IS NULL OR EXISTS (SELECT 1 FROM attempts a WHERE a.sweep = v.sweep \
     AND a.trial = v.number AND a.attempt = v.speaker AND a.token = v.token AND a.state = v.speaker_state))",
    24,
);
static SET_NOTES: Bulk = Bulk::new(
    "WITH v (sweep, number, diagnosis, result) AS (VALUES {rows}) UPDATE trials SET diagnosis_json = CASE v.diagnosis \
     WHEN '' THEN diagnosis_json ELSE v.diagnosis END, result_json = CASE v.result WHEN '' THEN result_json ELSE \
     v.result END FROM v WHERE trials.sweep = v.sweep AND trials.number = v.number",
    4,
);

#[cfg(test)]
pub(super) fn statements() -> Vec<(&'static str, usize)> {
    let bulk = [&NUMBERED, &OF_POINTS, &INSERT, &UPDATE, &SET_NOTES];
    let bulk = bulk.into_iter().flat_map(Bulk::statements);
    let others = [
        (SELECT, 2),
        (NOTES, 2),
        (OF_POINT, 3),
        (RETRIES, 2),
        (HEAD, 1),
        (HELD, 2),
        (QUEUE, 2),
        (IN_ORDER, 2),
        (BY_POINT, 4),
        (IN_STATE, 2),
        (REPLACED, 1),
        (FIRST_PLANNED, 3),
        (LIST, 6),
        (LIST_RECENT, 8),
        (LIST_MAX, 8),
        (LIST_MIN, 8),
    ];
    bulk.chain(others).collect()
}

/// A changed trial, and what must still hold in the file.
pub(super) struct Update<'a> {
    pub(super) sweep: SweepKey,
    pub(super) row: &'a TrialRow,
    /// As it was read.
    pub(super) state: TrialState,
    /// As they were read.
    pub(super) attempts: u32,
    /// The attempt that spoke last, its secret, and where it stands.
    pub(super) speaker: Option<(AttemptNumber, Token, Option<AttemptState>)>,
}

fn read(cells: &mut Cells<'_>) -> Rows<TrialRow> {
    let trial = |n: Option<u64>| n.map(TrialNumber);
    Ok(TrialRow {
        number: TrialNumber(cells.number("number")?),
        kind: cells.word("kind", TrialKind::parse)?,
        place: WinnerRef {
            round: cells.number("round")?,
            point: cells.number("point")?,
        },
        repeat: cells.number("repeat")?,
        fold: cells.number("fold")?,
        seed: cells.get::<i64>("seed")?.cast_unsigned(),
        full_epochs: cells.number("full_epochs")?,
        weights_of: trial(cells.optional_number("weights_of")?),
        retry_of: trial(cells.optional_number("retry_of")?),
        state: cells.word("state", TrialState::parse)?,
        asked: cells.optional_word("asked", StopRequest::parse)?,
        to_epoch: cells.number("to_epoch")?,
        queue_order: cells.number("queue_order")?,
        waits_at_end: cells.flag("waits_at_end")?,
        keep_weights: cells.flag("keep_weights")?,
        attempts: cells.number("attempts")?,
        worker: cells.get("worker")?,
        objective: cells.get("objective")?,
        epoch: cells.number("epoch")?,
        most_epochs: cells.number("most_epochs")?,
        weights_hash: cells.optional_hash("weights_hash")?,
        seconds: cells.get("seconds")?,
        images: cells.number("images")?,
        checkpoint: cells.optional_hash("checkpoint")?,
        reason: cells.get("reason")?,
        changed: cells.get("changed_ms")?,
    })
}

pub(super) fn select(c: &Db, sweep: SweepKey, trial: TrialNumber) -> Rows<Option<TrialRow>> {
    first(c, "trials", SELECT, params![sweep.0, int(trial.0)], read)
}

pub(super) fn notes(c: &Db, sweep: SweepKey, trial: TrialNumber) -> Rows<(String, String)> {
    let notes = first(
        c,
        "trials",
        NOTES,
        params![sweep.0, int(trial.0)],
        |cells| Ok((cells.get("diagnosis_json")?, cells.get("result_json")?)),
    )?;
    Ok(notes.unwrap_or_default())
}

pub(super) fn of_point(c: &Db, sweep: SweepKey, place: WinnerRef) -> Rows<Vec<TrialRow>> {
    let params = params![sweep.0, place.round, int(place.point)];
    all(c, "trials", OF_POINT, params, read)
}

pub(super) fn retries(c: &Db, sweep: SweepKey, trial: TrialNumber) -> Rows<Vec<TrialRow>> {
    all(c, "trials", RETRIES, params![sweep.0, int(trial.0)], read)
}

/// Trials of kind search that were tried again, by state.
pub(super) fn replaced(c: &Db, sweep: SweepKey) -> Rows<[u64; 8]> {
    let counted = all(c, "trials", REPLACED, params![sweep.0], |cells| {
        let state = cells.word("state", TrialState::parse)?;
        Ok((state, cells.number("trials")?))
    })?;
    let mut counts = [0; 8];
    for (state, trials) in counted {
        counts[state as usize] = trials;
    }
    Ok(counts)
}

pub(super) fn first_planned(c: &Db, sweep: SweepKey, of: &Range<u64>) -> Rows<Option<TrialNumber>> {
    let params = params![sweep.0, int(of.start), int(of.end)];
    first(c, "trials", FIRST_PLANNED, params, |cells| {
        Ok(TrialNumber(cells.number("number")?))
    })
}

pub(super) fn head(c: &Db, sweep: SweepKey) -> Rows<Option<TrialRow>> {
    first(c, "trials", HEAD, params![sweep.0], read)
}

/// The first of the queue.
pub(super) fn queue(c: &Db, sweep: SweepKey, limit: usize) -> Rows<Vec<TrialRow>> {
    all(
        c,
        "trials",
        QUEUE,
        params![sweep.0, int(limit as u64)],
        read,
    )
}

/// All trials, by sweep and number.
pub(in crate::store) fn in_order(c: &Db) -> Stream<'_, TrialRow> {
    Stream::new(c, "trials", IN_ORDER, 2, read)
}

/// All trials, by sweep and point.
pub(in crate::store) fn by_point(c: &Db) -> Stream<'_, TrialRow> {
    Stream::new(c, "trials", BY_POINT, 4, read)
}

/// The trials of these numbers, as far as there are any.
pub(super) fn numbered(c: &Db, sweep: SweepKey, numbers: &[TrialNumber]) -> Rows<Vec<TrialRow>> {
    let keys = numbers
        .iter()
        .flat_map(|number| row![sweep.0, int(number.0)]);
    all_of(c, "trials", &NUMBERED, keys.collect(), read)
}

/// All search trials of these points.
pub(super) fn of_points(c: &Db, sweep: SweepKey, places: &[WinnerRef]) -> Rows<Vec<TrialRow>> {
    let keys = places
        .iter()
        .flat_map(|place| row![sweep.0, place.round, int(place.point)]);
    all_of(c, "trials", &OF_POINTS, keys.collect(), read)
}

pub(super) fn held(c: &Db, sweep: SweepKey, hashes: &[Hash]) -> Rows<Option<TrialRow>> {
    let mut best: Option<TrialRow> = None;
    for hash in hashes {
        let Some(found) = first(c, "trials", HELD, params![sweep.0, hash.0], read)? else {
            continue;
        };
        let earlier = best
            .as_ref()
            .is_none_or(|best| (found.queue_order, found.number) < (best.queue_order, best.number));
        if earlier {
            best = Some(found);
        }
    }
    Ok(best)
}

pub(super) fn in_states(c: &Db, sweep: SweepKey, states: &[TrialState]) -> Rows<Vec<TrialNumber>> {
    let mut numbers = Vec::new();
    for state in states {
        numbers.extend(all(
            c,
            "trials",
            IN_STATE,
            params![sweep.0, state.as_str()],
            |cells| Ok(TrialNumber(cells.number("number")?)),
        )?);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

pub(super) fn list(
    c: &Db,
    sweep: SweepKey,
    filter: &TrialFilter,
    maximize: bool,
    limit: u64,
) -> Rows<Vec<(TrialRow, String)>> {
    let sql = match (filter.sort, maximize) {
        (TrialSort::Number, _) => LIST,
        (TrialSort::Recent, _) => LIST_RECENT,
        (TrialSort::Objective, true) => LIST_MAX,
        (TrialSort::Objective, false) => LIST_MIN,
    };
    let states: Vec<&str> = TRIAL_STATES
        .into_iter()
        .filter(|state| filter.states.contains(state))
        .map(TrialState::as_str)
        .collect();
    let past = filter.past.map(|past| int(past.number.0));
    let mut params = params![
        sweep.0,
        int(filter.after),
        filter.round,
        filter.all_kinds,
        serde_json::json!(states).to_string(),
        int(limit),
    ];
    match filter.sort {
        TrialSort::Number => params[1] = int(filter.after).max(past.unwrap_or(0)).into(),
        TrialSort::Recent => {
            params.extend(params![past, filter.past.map(|past| past.changed)]);
        }
        TrialSort::Objective => {
            params.extend(params![past, filter.past.and_then(|past| past.objective)]);
        }
    }
    all(c, "trials", sql, params, |cells| {
        Ok((read(cells)?, cells.get("params_json")?))
    })
}

/// What may change of a trial, in the order in which the columns of `INSERT` and of `UPDATE` end.
fn changing(trial: &TrialRow) -> [Value; 17] {
    row![
        trial.state.as_str(),
        trial.asked.map(StopRequest::as_str),
        trial.to_epoch,
        int(trial.queue_order),
        trial.waits_at_end,
        trial.keep_weights,
        trial.attempts,
        &trial.worker,
        trial.objective,
        trial.epoch,
        trial.most_epochs,
        trial.weights_hash.map(|hash| hash.0),
        trial.seconds,
        int(trial.images),
        trial.checkpoint.map(|hash| hash.0),
        &trial.reason,
        trial.changed,
    ]
}

/// New trials.
pub(super) fn insert<'a>(c: &Db, rows: impl Iterator<Item = (SweepKey, &'a TrialRow)>) -> Rows<()> {
    let values = rows.flat_map(|(sweep, trial)| {
        row![
            sweep.0,
            int(trial.number.0),
            trial.kind.as_str(),
            trial.place.round,
            int(trial.place.point),
            trial.repeat,
            trial.fold,
            trial.seed.cast_signed(),
            trial.full_epochs,
            trial.weights_of.map(|of| int(of.0)),
            trial.retry_of.map(|of| int(of.0)),
        ]
        .into_iter()
        .chain(changing(trial))
    });
    INSERT.run(c, values.collect())
}

/// Changed trials, each under its guard.
pub(super) fn update<'a>(c: &Db, rows: impl Iterator<Item = Update<'a>>) -> Rows<()> {
    let values = rows.flat_map(|update| {
        let (trial, speaker) = (update.row, update.speaker);
        row![
            update.sweep.0,
            int(trial.number.0),
            update.state.as_str(),
            update.attempts,
            speaker.map(|(attempt, ..)| attempt.0),
            speaker.map(|(_, token, _)| token.0),
            speaker.and_then(|(.., state)| Some(state?.as_str())),
        ]
        .into_iter()
        .chain(changing(trial))
    });
    UPDATE.run(c, values.collect())
}

/// Diagnosis and result by trial; empty ones change nothing.
pub(super) fn set_notes(
    c: &Db,
    notes: &BTreeMap<(SweepKey, TrialNumber), (String, String)>,
) -> Rows<()> {
    let values = notes
        .iter()
        .flat_map(|((sweep, trial), (diagnosis, result))| {
            row![sweep.0, int(trial.0), diagnosis, result]
        });
    SET_NOTES.run(c, values.collect())
}
