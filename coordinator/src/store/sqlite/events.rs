//! `events`, and the results that the search is replayed from.

use super::{
    bulk::Bulk,
    cells::{Cells, all, first, int},
    db::{Db, params, row},
};
use crate::{
    ids::{AttemptNumber, SweepId, TrialNumber},
    store::{
        history::{Event, TrialResult},
        rows::{EventRow, Rows, SweepKey},
    },
    trial::{TrialKind, TrialState},
};

macro_rules! columns {
    () => {
        "SELECT e.sweep, e.seq, s.name, e.at_ms, e.trial, e.attempt, e.actor, e.event, e.from_state, e.to_state, \
         e.reason FROM events e LEFT JOIN sweeps s ON s.id = e.sweep "
    };
}

// SQLite plans a statement anew whenever a bare parameter behind LIMIT is bound: hence the cast.
const OF_SWEEP: &str = concat!(
    columns!(),
    "WHERE e.sweep = ?1 AND e.seq > ?2 ORDER BY e.seq LIMIT CAST(?3 AS INTEGER)"
);
const OF_TRIAL: &str = concat!(
    columns!(),
    "WHERE e.sweep = ?1 AND e.seq > ?2 AND e.trial = ?4 ORDER BY e.seq LIMIT CAST(?3 AS INTEGER)"
);
const RESULTS: &str = "SELECT e.sweep, e.seq, e.trial, t.kind, t.round, t.point, t.repeat, t.fold, e.to_state, \
    e.event, e.to_epoch, e.epoch, e.objective, t.retry_of, t.reason, t.result_json FROM events e JOIN trials t ON \
    t.sweep = e.sweep AND t.number = e.trial WHERE e.sweep = ?1 AND e.seq > ?2 AND e.from_state <> e.to_state AND \
    e.to_state IN ('waiting', 'completed', 'pruned', 'diverged', 'cancelled', 'failed') ORDER BY e.seq";
// By sweep, whose newest event is found at once; 0 is the workers'.
const LAST_SEQ: &str = "SELECT coalesce(max(newest), 0) FROM (SELECT (SELECT max(seq) FROM events WHERE sweep = s.id) \
    AS newest FROM (SELECT id FROM sweeps UNION ALL SELECT 0 AS id) s)";
static INSERT: Bulk = Bulk::new(
    "INSERT INTO events (sweep, seq, at_ms, trial, attempt, actor, event, from_state, to_state, reason, epoch, to_epoch, \
     objective) VALUES {rows}",
    13,
);

#[cfg(test)]
pub(super) fn statements() -> Vec<(&'static str, usize)> {
    let others = [(OF_SWEEP, 3), (OF_TRIAL, 4), (RESULTS, 2), (LAST_SEQ, 0)];
    INSERT.statements().chain(others).collect()
}

fn read(cells: &mut Cells<'_>) -> Rows<Event> {
    let _: i64 = cells.get("sweep")?;
    let seq = cells.number("seq")?;
    let sweep: Option<String> = cells.get("name")?;
    Ok(Event {
        seq,
        sweep: sweep.as_deref().map(SweepId::new),
        at: cells.get("at_ms")?,
        trial: cells.optional_number("trial")?.map(TrialNumber),
        attempt: cells.optional_number("attempt")?.map(AttemptNumber),
        actor: cells.get("actor")?,
        event: cells.get("event")?,
        from: cells.get("from_state")?,
        to: cells.get("to_state")?,
        reason: cells.get("reason")?,
    })
}

pub(super) fn select(
    c: &Db,
    sweep: SweepKey,
    trial: Option<TrialNumber>,
    after: u64,
    limit: u64,
) -> Rows<Vec<Event>> {
    match trial {
        Some(trial) => {
            let params = params![sweep.0, int(after), int(limit), int(trial.0)];
            all(c, "events", OF_TRIAL, params, read)
        }
        None => {
            let params = params![sweep.0, int(after), int(limit)];
            all(c, "events", OF_SWEEP, params, read)
        }
    }
}

pub(super) fn results(c: &Db, sweep: SweepKey, after: u64) -> Rows<Vec<TrialResult>> {
    all(
        c,
        "events",
        RESULTS,
        params![sweep.0, int(after)],
        |cells| {
            let _: i64 = cells.get("sweep")?;
            let seq = cells.number("seq")?;
            let number = TrialNumber(cells.number("trial")?);
            let kind = cells.word("kind", TrialKind::parse)?;
            let round = cells.number("round")?;
            let point = cells.number("point")?;
            let repeat = cells.number("repeat")?;
            let fold = cells.number("fold")?;
            let state = cells.word("to_state", TrialState::parse)?;
            let event: String = cells.get("event")?;
            Ok(TrialResult {
                seq,
                number,
                kind,
                round,
                point,
                repeat,
                fold,
                state,
                ended_early: event == "ended_early",
                to_epoch: cells.optional_number("to_epoch")?.unwrap_or(0),
                epoch: cells.optional_number("epoch")?.unwrap_or(0),
                objective: cells.get("objective")?,
                retry_of: cells.optional_number("retry_of")?.map(TrialNumber),
                reason: cells.get("reason")?,
                result_json: cells.get("result_json")?,
            })
        },
    )
}

pub(super) fn last_seq(c: &Db) -> Rows<u64> {
    Ok(first(c, "events", LAST_SEQ, params![], |cells| {
        cells.number("seq")
    })?
    .unwrap_or(0))
}

/// New events with their numbers.
pub(super) fn insert(c: &Db, rows: &[(u64, EventRow)]) -> Rows<()> {
    let values = rows.iter().flat_map(|(seq, row)| {
        let (event, result) = (&row.event, row.result);
        row![
            row.sweep.map_or(0, |sweep| sweep.0),
            int(*seq),
            event.at,
            event.trial.map(|trial| int(trial.0)),
            event.attempt.map(|attempt| attempt.0),
            &event.actor,
            &event.event,
            &event.from,
            &event.to,
            &event.reason,
            result.map(|(epoch, ..)| epoch),
            result.map(|(_, to_epoch, _)| to_epoch),
            result.and_then(|(.., objective)| objective),
        ]
    });
    INSERT.run(c, values.collect())
}
