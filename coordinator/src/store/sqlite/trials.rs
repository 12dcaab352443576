//! `trials`.

use super::{
    cells::{Cells, all, first, int, run},
    db::{Db, params},
};
use crate::{
    ids::{Hash, TrialNumber},
    store::{
        history::{TrialFilter, TrialSort},
        rows::{Guard, Rows, SweepKey, TrialRow},
        values::WinnerRef,
    },
    trial::{StopRequest, TRIAL_STATES, TrialKind, TrialState},
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
const IN_STATE: &str = "SELECT number FROM trials WHERE sweep = ?1 AND state = ?2 ORDER BY number";
// `states` is a JSON list of names, empty for any; `round` is null for any. One statement per order, so that each is
// constant.
macro_rules! listing {
    ($order:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            ", p.params_json FROM trials t JOIN points p ON p.sweep = t.sweep AND p.round = t.round AND p.point = \
             t.point WHERE t.sweep = ?1 AND t.number > ?2 AND (?3 IS NULL OR t.round = ?3) AND (?4 OR t.kind = \
             'search') AND (?5 = '[]' OR t.state IN (SELECT value FROM json_each(?5))) ORDER BY ",
            $order,
            " LIMIT ?6"
        )
    };
}
const LIST: &str = listing!("t.number");
const LIST_RECENT: &str = listing!("t.changed_ms DESC, t.number DESC");
const LIST_MAX: &str = listing!("t.objective IS NULL, t.objective DESC, t.number");
const LIST_MIN: &str = listing!("t.objective IS NULL, t.objective, t.number");
const INSERT: &str = "INSERT INTO trials (sweep, number, kind, round, point, repeat, fold, seed, full_epochs, \
    weights_of, retry_of, state, asked, to_epoch, queue_order, waits_at_end, keep_weights, attempts, worker, \
    objective, epoch, most_epochs, weights_hash, seconds, images, checkpoint, reason, changed_ms) VALUES (?1, ?2, ?3, \
    ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, NULL, ?13, ?14, ?15, ?16, 0, '', NULL, 0, 0, NULL, 0, 0, NULL, '', ?17)";
// The guard: the old state, the newest attempt, and, where a worker speaks (?20 not null), the secret of that attempt
// and that it runs.
const UPDATE: &str = "UPDATE trials SET state = ?3, asked = ?4, to_epoch = ?5, queue_order = ?6, waits_at_end = ?7, \
    keep_weights = ?8, attempts = ?9, worker = ?10, objective = ?11, epoch = ?12, most_epochs = ?13, \
    weights_hash = ?14, seconds = ?15, images = ?16, checkpoint = ?17, reason = ?18, changed_ms = ?19 \
    WHERE sweep = ?1 AND number = ?2 AND state = ?21 AND attempts = ?22 AND (?20 IS NULL OR EXISTS (SELECT 1 FROM \
    attempts WHERE sweep = ?1 AND trial = ?2 AND attempt = ?22 AND token = ?20 AND state = 'running'))";
const SET_NOTES: &str = "UPDATE trials SET diagnosis_json = CASE ?3 WHEN '' THEN diagnosis_json ELSE ?3 END, \
    result_json = CASE ?4 WHEN '' THEN result_json ELSE ?4 END WHERE sweep = ?1 AND number = ?2";

#[cfg(test)]
pub(super) const STATEMENTS: &[(&str, usize)] = &[
    (SELECT, 2),
    (NOTES, 2),
    (OF_POINT, 3),
    (RETRIES, 2),
    (HEAD, 1),
    (HELD, 2),
    (IN_STATE, 2),
    (LIST, 6),
    (LIST_RECENT, 6),
    (LIST_MAX, 6),
    (LIST_MIN, 6),
    (INSERT, 17),
    (UPDATE, 22),
    (SET_NOTES, 4),
];

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

pub(super) fn head(c: &Db, sweep: SweepKey) -> Rows<Option<TrialRow>> {
    first(c, "trials", HEAD, params![sweep.0], read)
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
    let params = params![
        sweep.0,
        int(filter.after),
        filter.round,
        filter.all_kinds,
        serde_json::json!(states).to_string(),
        int(limit),
    ];
    all(c, "trials", sql, params, |cells| {
        Ok((read(cells)?, cells.get("params_json")?))
    })
}

pub(super) fn insert(c: &Db, sweep: SweepKey, trial: &TrialRow) -> Rows<()> {
    let params = params![
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
        trial.state.as_str(),
        trial.to_epoch,
        int(trial.queue_order),
        trial.waits_at_end,
        trial.keep_weights,
        trial.changed,
    ];
    run(c, INSERT, params).map(drop)
}

pub(super) fn update(c: &Db, sweep: SweepKey, guard: Guard, trial: &TrialRow) -> Rows<bool> {
    let params = params![
        sweep.0,
        int(trial.number.0),
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
        guard.token.map(|token| token.0),
        guard.state.as_str(),
        guard.attempts,
    ];
    Ok(run(c, UPDATE, params)? == 1)
}

pub(super) fn set_notes(
    c: &Db,
    sweep: SweepKey,
    trial: TrialNumber,
    diagnosis: &str,
    result: &str,
) -> Rows<()> {
    if diagnosis.is_empty() && result.is_empty() {
        return Ok(());
    }
    let params = params![sweep.0, int(trial.0), diagnosis, result];
    run(c, SET_NOTES, params).map(drop)
}
