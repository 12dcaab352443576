//! `attempts` and `logs`.

use super::{
    cells::{Cells, all, first, int, run},
    db::{Db, params},
};
use crate::{
    ids::{AttemptNumber, Hash, RequestId, SessionId, Token, TrialNumber},
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
const INSERT: &str = concat!(
    "INSERT INTO attempts (",
    columns!(),
    ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, NULL, '', ?10, ?11, ?12, ?13, 0, NULL)"
);
const UPDATE: &str = "UPDATE attempts SET state = ?4, ended_ms = ?5, reason = ?6, from_epoch = ?7, resume = ?8, \
    excused = ?9, digest = ?10 WHERE sweep = ?1 AND trial = ?2 AND attempt = ?3 AND state = ?11";
const EXCUSE: &str = "UPDATE attempts SET excused = 1 WHERE state = 'running' AND excused = 0";
const SELECT_LOG: &str =
    "SELECT attempt, text FROM logs WHERE sweep = ?1 AND trial = ?2 ORDER BY attempt, line";
const LAST_LINE: &str =
    "SELECT coalesce(max(line), 0) FROM logs WHERE sweep = ?1 AND trial = ?2 AND attempt = ?3";
const INSERT_LINE: &str =
    "INSERT INTO logs (sweep, trial, attempt, line, text) VALUES (?1, ?2, ?3, ?4, ?5)";
const TRIM_LOG: &str =
    "DELETE FROM logs WHERE sweep = ?1 AND trial = ?2 AND attempt = ?3 AND line <= ?4";

#[cfg(test)]
pub(super) const STATEMENTS: &[(&str, usize)] = &[
    (SELECT, 3),
    (OF_TRIAL, 2),
    (OPEN, 0),
    (OPEN_OF_SESSION, 1),
    (GRANTED, 2),
    (INSERT, 13),
    (UPDATE, 11),
    (EXCUSE, 0),
    (SELECT_LOG, 2),
    (LAST_LINE, 3),
    (INSERT_LINE, 5),
    (TRIM_LOG, 4),
];

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

pub(super) fn open(c: &Db, session: Option<SessionId>) -> Rows<Vec<Placed>> {
    match session {
        Some(session) => all(c, "attempts", OPEN_OF_SESSION, params![session.0], read),
        None => all(c, "attempts", OPEN, params![], read),
    }
}

pub(super) fn granted(c: &Db, session: SessionId, request: RequestId) -> Rows<Option<Placed>> {
    first(c, "attempts", GRANTED, params![session.0, request.0], read)
}

pub(super) fn insert(c: &Db, sweep: SweepKey, trial: TrialNumber, row: &AttemptRow) -> Rows<()> {
    let params = params![
        sweep.0,
        int(trial.0),
        row.attempt.0,
        row.session.0,
        &row.worker,
        row.request.0,
        row.token.0,
        row.state.as_str(),
        row.started,
        row.from_epoch,
        row.resume.map(|hash: Hash| hash.0),
        row.to_epoch,
        row.known_epochs,
    ];
    run(c, INSERT, params).map(drop)
}

pub(super) fn update(
    c: &Db,
    sweep: SweepKey,
    trial: TrialNumber,
    from: AttemptState,
    row: &AttemptRow,
) -> Rows<bool> {
    let params = params![
        sweep.0,
        int(trial.0),
        row.attempt.0,
        row.state.as_str(),
        row.ended,
        &row.reason,
        row.from_epoch,
        row.resume.map(|hash| hash.0),
        row.excused,
        row.digest.map(|hash| hash.0),
        from.as_str(),
    ];
    Ok(run(c, UPDATE, params)? == 1)
}

/// Attempts that were open when the coordinator ended are no crashes.
pub(super) fn excuse_open(c: &Db) -> Rows<()> {
    run(c, EXCUSE, params![]).map(drop)
}

pub(super) fn logs(
    c: &Db,
    sweep: SweepKey,
    trial: TrialNumber,
) -> Rows<Vec<(AttemptNumber, String)>> {
    let params = params![sweep.0, int(trial.0)];
    all(c, "logs", SELECT_LOG, params, |cells| {
        Ok((AttemptNumber(cells.number("attempt")?), cells.get("text")?))
    })
}

pub(super) fn append_log(
    c: &Db,
    sweep: SweepKey,
    trial: TrialNumber,
    attempt: AttemptNumber,
    lines: &[String],
    keep: u64,
) -> Rows<()> {
    let key = params![sweep.0, int(trial.0), attempt.0];
    let mut last: i64 =
        first(c, "logs", LAST_LINE, key, |cells| cells.get("line"))?.unwrap_or_default();
    for line in lines {
        last += 1;
        let params = params![sweep.0, int(trial.0), attempt.0, last, line];
        run(c, INSERT_LINE, params)?;
    }
    let params = params![sweep.0, int(trial.0), attempt.0, last - int(keep)];
    run(c, TRIM_LOG, params).map(drop)
}
