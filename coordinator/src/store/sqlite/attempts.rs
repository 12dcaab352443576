//! `attempts`.

use super::{
    bulk::Bulk,
    cells::{Cells, all, first, int, run},
    db::{Db, params, row},
    stream::Stream,
};
use crate::{
    ids::{AttemptNumber, RequestId, SessionId, Token, TrialNumber},
    store::rows::{AttemptRow, Rows, SweepKey},
    trial::AttemptState,
};

macro_rules! columns {
    () => {
        "sweep, trial, attempt, session, worker, request, token, state, started_ms, ended_ms, reason, from_epoch, \
         resume, to_epoch, known_epochs, excused, digest"
    };
}

const SELECT: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM attempts WHERE sweep = ?1 AND trial = ?2 AND attempt = ?3"
);
const OF_TRIAL: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM attempts WHERE sweep = ?1 AND trial = ?2 ORDER BY attempt"
);
const OPEN: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM attempts WHERE state = 'running' ORDER BY sweep, trial"
);
const OPEN_OF_SESSION: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM attempts WHERE state = 'running' AND session = ?1 ORDER BY sweep, trial"
);
const GRANTED: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM attempts WHERE state = 'running' AND session = ?1 AND request = ?2"
);
const IN_ORDER: &str = concat!(
    "SELECT sweep, trial, attempt, ",
    columns!(),
    " FROM attempts WHERE (sweep, trial, attempt) > (?1, ?2, ?3) ORDER BY sweep, trial, attempt LIMIT 500"
);
static INSERT: Bulk = Bulk::new(
    concat!("INSERT INTO attempts (", columns!(), ") VALUES {rows}"),
    17,
);
// The guard: the state as it was read.
static UPDATE: Bulk = Bulk::new(
    "WITH v (sweep, trial, attempt, old_state, state, ended_ms, reason, from_epoch, resume, excused, digest) AS \
     (VALUES {rows}) UPDATE attempts SET state = v.state, ended_ms = v.ended_ms, reason = v.reason, from_epoch = \
     v.from_epoch, resume = v.resume, excused = v.excused, digest = v.digest FROM v WHERE attempts.sweep = v.sweep AND \
     attempts.trial = v.trial AND attempts.attempt = v.attempt AND attempts.state = v.old_state",
    11,
);
const EXCUSE: &str = "UPDATE attempts SET excused = 1 WHERE state = 'running' AND excused = 0";
// Each attempt adds what reaches beyond all that began before it.
const TRAINED: &str = "WITH span AS (SELECT a.started_ms AS began, CASE WHEN a.state IN ('finished', 'released') THEN \
    a.ended_ms ELSE coalesce((SELECT max(r.at_ms) FROM reports r WHERE r.sweep = a.sweep AND r.trial = a.trial AND \
    r.attempt = a.attempt), a.started_ms) END AS ended FROM attempts a WHERE a.sweep = ?1), reach AS (SELECT began, \
    ended, max(ended) OVER (ORDER BY began ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS covered FROM span) \
    SELECT coalesce(sum(max(0, ended - max(began, coalesce(covered, began)))), 0) AS trained_ms FROM reach";

#[cfg(test)]
pub(super) fn statements() -> Vec<(&'static str, usize)> {
    let bulk = [&INSERT, &UPDATE].into_iter().flat_map(Bulk::statements);
    let others = [
        (SELECT, 3),
        (OF_TRIAL, 2),
        (OPEN, 0),
        (OPEN_OF_SESSION, 1),
        (GRANTED, 2),
        (EXCUSE, 0),
        (IN_ORDER, 3),
        (TRAINED, 1),
    ];
    bulk.chain(others).collect()
}

type Key = (SweepKey, TrialNumber, AttemptNumber);
type Placed = (SweepKey, TrialNumber, AttemptRow);

fn read(cells: &mut Cells<'_>) -> Rows<Placed> {
    let sweep = SweepKey(cells.get("sweep")?);
    let trial = TrialNumber(cells.number("trial")?);
    let attempt = AttemptRow {
        attempt: AttemptNumber(cells.number("attempt")?),
        session: SessionId(cells.get("session")?),
        worker: cells.get("worker")?,
        request: RequestId(cells.get("request")?),
        token: Token(cells.get("token")?),
        state: cells.word("state", AttemptState::parse)?,
        started: cells.get("started_ms")?,
        ended: cells.get("ended_ms")?,
        reason: cells.get("reason")?,
        from_epoch: cells.number("from_epoch")?,
        resume: cells.optional_hash("resume")?,
        to_epoch: cells.number("to_epoch")?,
        known_epochs: cells.number("known_epochs")?,
        excused: cells.flag("excused")?,
        digest: cells.optional_hash("digest")?,
    };
    Ok((sweep, trial, attempt))
}

pub(super) fn select(
    c: &Db,
    sweep: SweepKey,
    trial: TrialNumber,
    attempt: AttemptNumber,
) -> Rows<Option<AttemptRow>> {
    let params = params![sweep.0, int(trial.0), attempt.0];
    Ok(first(c, "attempts", SELECT, params, read)?.map(|(.., row)| row))
}

pub(super) fn of_trial(c: &Db, sweep: SweepKey, trial: TrialNumber) -> Rows<Vec<AttemptRow>> {
    let rows = all(
        c,
        "attempts",
        OF_TRIAL,
        params![sweep.0, int(trial.0)],
        read,
    )?;
    Ok(rows.into_iter().map(|(.., row)| row).collect())
}

pub(super) fn trained_ms(c: &Db, sweep: SweepKey) -> Rows<u64> {
    let sum = first(c, "attempts", TRAINED, params![sweep.0], |cells| {
        cells.number("trained_ms")
    })?;
    Ok(sum.unwrap_or(0))
}

pub(super) fn open(c: &Db, session: Option<SessionId>) -> Rows<Vec<Placed>> {
    match session {
        Some(session) => all(c, "attempts", OPEN_OF_SESSION, params![session.0], read),
        None => all(c, "attempts", OPEN, params![], read),
    }
}

/// All attempts, by sweep and trial.
pub(in crate::store) fn in_order(c: &Db) -> Stream<'_, AttemptRow> {
    Stream::new(c, "attempts", IN_ORDER, 3, |cells| {
        read(cells).map(|(.., row)| row)
    })
}

pub(super) fn granted(c: &Db, session: SessionId, request: RequestId) -> Rows<Option<Placed>> {
    first(c, "attempts", GRANTED, params![session.0, request.0], read)
}

/// New attempts.
pub(super) fn insert<'a>(c: &Db, rows: impl Iterator<Item = (Key, &'a AttemptRow)>) -> Rows<()> {
    let values = rows.flat_map(|((sweep, trial, attempt), row)| {
        row![
            sweep.0,
            int(trial.0),
            attempt.0,
            row.session.0,
            &row.worker,
            row.request.0,
            row.token.0,
            row.state.as_str(),
            row.started,
            row.ended,
            &row.reason,
            row.from_epoch,
            row.resume.map(|hash| hash.0),
            row.to_epoch,
            row.known_epochs,
            row.excused,
            row.digest.map(|hash| hash.0),
        ]
    });
    INSERT.run(c, values.collect())
}

/// Changed attempts, each with the state that it had when it was read.
pub(super) fn update<'a>(
    c: &Db,
    rows: impl Iterator<Item = (Key, &'a AttemptRow, AttemptState)>,
) -> Rows<()> {
    let values = rows.flat_map(|((sweep, trial, attempt), row, from)| {
        row![
            sweep.0,
            int(trial.0),
            attempt.0,
            from.as_str(),
            row.state.as_str(),
            row.ended,
            &row.reason,
            row.from_epoch,
            row.resume.map(|hash| hash.0),
            row.excused,
            row.digest.map(|hash| hash.0),
        ]
    });
    UPDATE.run(c, values.collect())
}

/// Attempts that were open when the coordinator ended are no crashes.
pub(super) fn excuse_open(c: &Db) -> Rows<()> {
    run(c, EXCUSE, params![]).map(drop)
}
