//! `events`, and the results that the search is replayed from.

use super::{
    Db,
    cells::{Cells, params},
    command::Millis,
    error::Rows,
    history::TrialResult,
    statement::statements,
    stream::Stream,
    table::{Column, Role, Stored, columns, table},
    values::Wish,
};
use crate::{
    ids::{AttemptNumber, SweepKey, TrialNumber},
    store::cells::Value,
    trial::{TrialKind, TrialState},
};

table! { "events":
    /// One thing that happened, with what it says of its trial.
    #[derive(Clone, Debug, PartialEq)]
    pub struct EventRow {
        /// To which sweep; 0: to a worker.
        pub sweep: SweepKey = Key,
        /// Grows by one over the whole file.
        pub seq: u64 = Key,
        /// When.
        pub at: Millis = Fixed "at_ms",
        /// To which trial of the sweep.
        pub trial: Option<TrialNumber> = Fixed,
        /// By which attempt of it.
        pub attempt: Option<AttemptNumber> = Fixed,
        /// Who: coordinator, search, user, worker NAME.
        pub actor: String = Fixed,
        /// A word.
        pub event: String = Fixed,
        /// May be empty.
        pub from: String = Fixed "from_state",
        /// May be empty.
        pub to: String = Fixed "to_state",
        /// May be empty.
        pub reason: String = Fixed,
        /// The trial's last epoch then.
        pub epoch: Option<u32> = Fixed,
        /// What its attempt was granted up to.
        pub to_epoch: Option<u32> = Fixed,
        /// Its running objective then.
        pub objective: Option<f64> = Fixed,
    }
}

impl EventRow {
    /// Of this sweep, for the rest to be filled in.
    pub(super) fn of(sweep: SweepKey) -> Self {
        Self {
            sweep,
            seq: 0,
            at: 0,
            trial: None,
            attempt: None,
            actor: String::new(),
            event: String::new(),
            from: String::new(),
            to: String::new(),
            reason: String::new(),
            epoch: None,
            to_epoch: None,
            objective: None,
        }
    }
}

statements! {
    // SQLite plans a statement anew whenever a bare parameter behind LIMIT is bound: hence the cast.
    OF_SWEEP = Statement::of::<EventRow>(
        "SELECT {row} FROM events WHERE sweep = ?1 AND seq > ?2 ORDER BY seq LIMIT CAST(?3 AS INTEGER)");
    OF_TRIAL = Statement::of::<EventRow>(
        "SELECT {row} FROM events WHERE sweep = ?1 AND seq > ?2 AND trial = ?4 ORDER BY seq LIMIT CAST(?3 AS INTEGER)");
    RESULTS = Statement::of::<EventRow>(
        "SELECT {row}, t.kind, t.round, t.point, t.repeat, t.fold, t.retry_of, t.reason, t.result_json FROM events JOIN \
         trials t ON t.sweep = events.sweep AND t.number = events.trial WHERE events.sweep = ?1 AND events.seq > ?2 AND \
         events.from_state <> events.to_state AND events.to_state IN ('waiting', 'completed', 'pruned', 'diverged', \
         'cancelled', 'failed') ORDER BY events.seq");
    // By sweep, whose newest event is found at once; 0 is the workers'.
    LAST_SEQ = Statement::of::<EventRow>(
        "SELECT coalesce(max(newest), 0) AS seq FROM (SELECT (SELECT max(seq) FROM events WHERE sweep = s.id) AS newest \
         FROM (SELECT id FROM sweeps UNION ALL SELECT 0 AS id) s)");
    IN_ORDER = Statement::of::<EventRow>(
        "SELECT sweep, seq, {row} FROM events WHERE (sweep, seq) > (?1, ?2) ORDER BY sweep, seq LIMIT 500");
    BY_TRIAL = Statement::of::<EventRow>(
        "SELECT sweep, trial, seq, {row} FROM events WHERE trial IS NOT NULL AND (sweep, trial, seq) > (?1, ?2, ?3) \
         ORDER BY sweep, trial, seq LIMIT 500");
    // What a search is replayed from: events in their order, each with its trial, and a new trial with its point.
    FOR_REPLAY = Statement::of::<EventRow>(
        "SELECT events.sweep, events.seq, {row}, t.kind, t.round, t.point, t.repeat, t.fold, t.retry_of, t.reason, \
         t.result_json, t.seed, t.full_epochs, t.weights_of, t.to_epoch, t.queue_order, t.waits_at_end, t.keep_weights, \
         p.params_json, p.spec_json FROM events LEFT JOIN trials t ON t.sweep = events.sweep AND t.number = events.trial \
         LEFT JOIN points p ON events.event = 'queued' AND p.sweep = t.sweep AND p.round = t.round AND p.point = t.point \
         WHERE (events.sweep, events.seq) > (?1, ?2) ORDER BY events.sweep, events.seq LIMIT 500");
    NEWEST = Statement::of::<EventRow>(
        "SELECT coalesce(max(seq), 0) AS seq FROM events WHERE sweep = ?1");
    EXTENDED = Statement::of::<EventRow>(
        "SELECT coalesce(max(seq), 0) AS seq FROM events WHERE sweep = ?1 AND trial IS NULL AND event = 'extend'");
    INSERT = Statement::insert::<EventRow>();
}

columns! {
    /// What a result says of its trial, beside its event.
    #[derive(Clone, Debug)]
    pub(crate) struct ResultOf {
        pub kind: TrialKind,
        pub round: u32,
        pub point: u64,
        pub repeat: u32,
        pub fold: u32,
        pub retry_of: Option<TrialNumber>,
        pub reason: String,
        pub result_json: String,
    }
}

columns! {
    /// A trial as the search proposed it.
    #[derive(Clone, Debug)]
    pub(crate) struct StepTrial {
        pub of: ResultOf,
        pub seed: u64,
        pub full_epochs: u32,
        pub weights_of: Option<TrialNumber>,
        pub to_epoch: u32,
        pub wish: Wish,
        /// Of a new trial alone.
        pub params_json: Option<String>,
        /// Of a new trial alone.
        pub spec_json: Option<String>,
    }
}

columns! {
    /// An event as a search is replayed from it.
    #[derive(Clone, Debug)]
    pub(crate) struct Step {
        /// The event.
        pub event: EventRow,
        /// Its trial, where it has one that is there.
        pub trial: Option<StepTrial>,
    }
}

impl Stored for Option<StepTrial> {
    fn columns(field: &'static str, role: Role, all: &mut Vec<Column>) {
        StepTrial::columns(field, role, all);
    }

    fn bind(&self, values: &mut Vec<Value>) {
        self.iter().for_each(|trial| trial.bind(values));
    }

    fn read(cells: &mut Cells<'_>) -> Rows<Self> {
        if cells.is_null() {
            return Ok(None);
        }
        StepTrial::read(cells).map(Some)
    }
}

/// Events after `after`, oldest first; of one trial where one is given.
pub(super) fn select(
    db: &Db,
    sweep: SweepKey,
    trial: Option<TrialNumber>,
    after: u64,
    limit: u64,
) -> Rows<Vec<EventRow>> {
    match trial {
        Some(trial) => db.all(&OF_TRIAL, params![sweep, after, limit, trial]),
        None => db.all(&OF_SWEEP, params![sweep, after, limit]),
    }
}

/// Trials that reached a rung or ended, after `after`, in order of arrival.
pub(super) fn results(db: &Db, sweep: SweepKey, after: u64) -> Rows<Vec<TrialResult>> {
    let rows: Vec<(EventRow, ResultOf)> = db.all(&RESULTS, params![sweep, after])?;
    let results = rows.into_iter();
    Ok(results
        .filter_map(|(event, of)| result(&event, &of))
        .collect())
}

/// What an event tells the search: a trial that reached a rung or ended.
pub(crate) fn result(event: &EventRow, of: &ResultOf) -> Option<TrialResult> {
    let state = TrialState::parse(&event.to)?;
    let is_one = event.from != event.to && (state.is_terminal() || state == TrialState::Waiting);
    is_one.then(|| TrialResult {
        seq: event.seq,
        number: event.trial.unwrap_or(TrialNumber(0)),
        kind: of.kind,
        round: of.round,
        point: of.point,
        repeat: of.repeat,
        fold: of.fold,
        state,
        ended_early: event.event == "ended_early",
        to_epoch: event.to_epoch.unwrap_or(0),
        epoch: event.epoch.unwrap_or(0),
        objective: event.objective,
        retry_of: of.retry_of,
        reason: of.reason.clone(),
        result_json: of.result_json.clone(),
    })
}

/// All events, by sweep and number.
pub(crate) fn in_order(db: &Db) -> Stream<'_, EventRow> {
    Stream::new(db, &IN_ORDER, 2)
}

/// All events of trials, by sweep and trial.
pub(crate) fn by_trial(db: &Db) -> Stream<'_, EventRow> {
    Stream::new(db, &BY_TRIAL, 3)
}

/// A sweep's events as its search is replayed from them.
pub(crate) fn steps(db: &Db, sweep: SweepKey) -> Stream<'_, Step> {
    Stream::new(db, &FOR_REPLAY, 2).from(sweep.0)
}

/// Number of the sweep's newest event.
pub(super) fn newest(db: &Db, sweep: SweepKey) -> Rows<u64> {
    Ok(db.first(&NEWEST, params![sweep])?.unwrap_or(0))
}

/// Number of the event that extended the sweep last; 0: none did.
pub(crate) fn extended(db: &Db, sweep: SweepKey) -> Rows<u64> {
    Ok(db.first(&EXTENDED, params![sweep])?.unwrap_or(0))
}

/// The greatest number of an event.
pub(super) fn last_seq(db: &Db) -> Rows<u64> {
    Ok(db.first(&LAST_SEQ, params![])?.unwrap_or(0))
}

pub(super) fn insert(db: &Db, rows: &[EventRow]) -> Rows<()> {
    db.insert(&INSERT, rows.iter())
}
