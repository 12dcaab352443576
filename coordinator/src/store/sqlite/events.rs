//! `events`, and the results that the search is replayed from.

use super::{
    bulk::Bulk,
    cells::{Cells, all, first, int},
    db::{Db, params, row},
    stream::Stream,
};
use crate::{
    ids::{AttemptNumber, SweepId, TrialNumber},
    store::{
        history::{Event, TrialResult},
        rows::{EventRow, Rows, SweepKey},
        values::Wish,
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
macro_rules! whole {
    () => {
        "e.sweep, e.seq, s.name, e.at_ms, e.trial, e.attempt, e.actor, e.event, e.from_state, e.to_state, e.reason, \
         e.epoch, e.to_epoch, e.objective "
    };
}
const IN_ORDER: &str = concat!(
    "SELECT e.sweep, e.seq, ",
    whole!(),
    "FROM events e LEFT JOIN sweeps s ON s.id = e.sweep WHERE (e.sweep, e.seq) > (?1, ?2) ORDER BY e.sweep, e.seq LIMIT 500"
);
const BY_TRIAL: &str = concat!(
    "SELECT e.sweep, e.trial, e.seq, ",
    whole!(),
    "FROM events e LEFT JOIN sweeps s ON s.id = e.sweep WHERE e.trial IS NOT NULL AND (e.sweep, e.trial, e.seq) > \
     (?1, ?2, ?3) ORDER BY e.sweep, e.trial, e.seq LIMIT 500"
);
// What a search is replayed from: events in their order, each with its trial, and a new trial with its point.
const FOR_REPLAY: &str = concat!(
    "SELECT e.sweep, e.seq, ",
    whole!(),
    ", t.kind, t.round, t.point, t.repeat, t.fold, t.seed, t.full_epochs, t.weights_of, t.retry_of, t.reason, t.result_json, \
     t.to_epoch, t.queue_order, t.waits_at_end, t.keep_weights, p.params_json, p.spec_json FROM events e LEFT JOIN sweeps s ON s.id = e.sweep LEFT JOIN trials t ON t.sweep = e.sweep \
     AND t.number = e.trial LEFT JOIN points p ON e.event = 'queued' AND p.sweep = t.sweep AND p.round = t.round AND \
     p.point = t.point WHERE (e.sweep, e.seq) > (?1, ?2) ORDER BY e.sweep, e.seq LIMIT 500"
);
const EXTENDED: &str = "SELECT coalesce(max(seq), 0) FROM events WHERE sweep = ?1 AND trial IS NULL AND event = 'extend'";
static INSERT: Bulk = Bulk::new(
    "INSERT INTO events (sweep, seq, at_ms, trial, attempt, actor, event, from_state, to_state, reason, epoch, to_epoch, \
     objective) VALUES {rows}",
    13,
);

#[cfg(test)]
pub(super) fn statements() -> Vec<(&'static str, usize)> {
    let others = [
        (OF_SWEEP, 3),
        (OF_TRIAL, 4),
        (RESULTS, 2),
        (LAST_SEQ, 0),
        (IN_ORDER, 2),
        (BY_TRIAL, 3),
        (FOR_REPLAY, 2),
        (EXTENDED, 1),
    ];
    INSERT.statements().chain(others).collect()
}

/// An event with what it says of its trial.
#[derive(Clone, Debug)]
pub(in crate::store) struct Told {
    /// What it is.
    pub event: Event,
    /// The trial's last epoch then.
    pub epoch: Option<u32>,
    /// What its attempt was granted up to.
    pub to_epoch: Option<u32>,
    /// Its running objective then.
    pub objective: Option<f64>,
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

fn read_whole(cells: &mut Cells<'_>) -> Rows<Told> {
    Ok(Told {
        event: read(cells)?,
        epoch: cells.optional_number("epoch")?,
        to_epoch: cells.optional_number("to_epoch")?,
        objective: cells.get("objective")?,
    })
}

/// All events, by sweep and number.
pub(in crate::store) fn in_order(c: &Db) -> Stream<'_, Told> {
    Stream::new(c, "events", IN_ORDER, 2, read_whole)
}

/// All events of trials, by sweep and trial.
pub(in crate::store) fn by_trial(c: &Db) -> Stream<'_, Told> {
    Stream::new(c, "events", BY_TRIAL, 3, read_whole)
}

/// An event as a search is replayed from it.
#[derive(Clone, Debug)]
pub(in crate::store) struct Step {
    /// The event.
    pub told: Told,
    /// Its trial, where it has one that is there.
    pub trial: Option<StepTrial>,
}

/// A trial as the search proposed it.
#[derive(Clone, Debug)]
pub(in crate::store) struct StepTrial {
    pub kind: TrialKind,
    pub round: u32,
    pub point: u64,
    pub repeat: u32,
    pub fold: u32,
    pub seed: u64,
    pub full_epochs: u32,
    pub weights_of: Option<TrialNumber>,
    pub retry_of: Option<TrialNumber>,
    pub reason: String,
    pub result_json: String,
    pub to_epoch: u32,
    pub wish: Wish,
    /// Of a new trial alone.
    pub params_json: Option<String>,
    /// Of a new trial alone.
    pub spec_json: Option<String>,
}

fn read_step(cells: &mut Cells<'_>) -> Rows<Step> {
    let told = read_whole(cells)?;
    let Some(kind) = cells.optional_word("kind", TrialKind::parse)? else {
        return Ok(Step { told, trial: None });
    };
    let trial = StepTrial {
        kind,
        round: cells.number("round")?,
        point: cells.number("point")?,
        repeat: cells.number("repeat")?,
        fold: cells.number("fold")?,
        seed: cells.get::<i64>("seed")?.cast_unsigned(),
        full_epochs: cells.number("full_epochs")?,
        weights_of: cells.optional_number("weights_of")?.map(TrialNumber),
        retry_of: cells.optional_number("retry_of")?.map(TrialNumber),
        reason: cells.get("reason")?,
        result_json: cells.get("result_json")?,
        to_epoch: cells.number("to_epoch")?,
        wish: Wish {
            queue_order: cells.number("queue_order")?,
            waits_at_end: cells.flag("waits_at_end")?,
            keep_weights: cells.flag("keep_weights")?,
        },
        params_json: cells.get("params_json")?,
        spec_json: cells.get("spec_json")?,
    };
    let trial = Some(trial);
    Ok(Step { told, trial })
}

/// A sweep's events as its search is replayed from them.
pub(in crate::store) fn steps(c: &Db, sweep: SweepKey) -> Stream<'_, Step> {
    Stream::new(c, "events", FOR_REPLAY, 2, read_step).from(sweep.0)
}

/// Number of the event that extended the sweep last; 0: none did.
pub(in crate::store) fn extended(c: &Db, sweep: SweepKey) -> Rows<u64> {
    let found = first(c, "events", EXTENDED, params![sweep.0], |cells| {
        cells.number("seq")
    })?;
    Ok(found.unwrap_or(0))
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
