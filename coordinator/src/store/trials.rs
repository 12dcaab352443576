//! `trials`.

use std::{collections::BTreeMap, ops::Range};

use serde_json::json;

use super::{
    Db,
    cells::{Bind as _, Value, params},
    error::Rows,
    listing::{TrialFilter, TrialPlace, TrialSort},
    points::PointKey,
    statement::{Statement, statements},
    stream::Stream,
    table::{columns, table},
    values::{Millis, NewTrial, WinnerRef},
};
use crate::{
    ids::{AttemptNumber, Hash, SweepKey, Token, TrialNumber},
    trial::{AttemptState, EndCause, StopRequest, TRIAL_STATES, TrialKind, TrialState},
};

/// Sweep and number.
pub(super) type TrialKey = (SweepKey, TrialNumber);

table! { "trials":
    /// One training of a point.
    #[derive(Clone, Debug, PartialEq)]
    pub struct TrialRow {
        /// Whose trial it is.
        pub sweep: SweepKey = Key,
        /// From 1 in plan order, then retries.
        pub number: TrialNumber = Key,
        /// What it is for.
        pub kind: TrialKind = Fixed,
        /// Its point.
        pub place: WinnerRef = Fixed,
        /// Of the point's trainings, from 0.
        pub repeat: u32 = Fixed,
        /// Of the cross-validation, from 0.
        pub fold: u32 = Fixed,
        /// Of everything random in it, below 2^32.
        pub seed: u64 = Fixed,
        /// Epochs of one full training: the horizon of schedules.
        pub full_epochs: u32 = Fixed,
        /// The trial whose weights a test evaluates.
        pub weights_of: Option<TrialNumber> = Fixed,
        /// The trial that it tries again.
        pub retry_of: Option<TrialNumber> = Fixed,
        /// Where it stands.
        pub state: TrialState = Indexed,
        /// A stop not yet answered.
        pub asked: Option<StopRequest> = Changing,
        /// Trained up to this epoch now.
        pub to_epoch: u32 = Changing,
        /// Smaller is granted first; ties by number.
        pub queue_order: u64 = Changing,
        /// It waits at `to_epoch` for a promotion.
        pub waits_at_end: bool = Changing,
        /// Its best-epoch weights are wanted.
        pub keep_weights: bool = Changing,
        /// Grants so far: the newest attempt's number.
        pub attempts: u32 = Changing,
        /// The newest attempt's; empty before the first.
        pub worker: String = Changing,
        /// Best or last epoch's over the visible curve, as the sweep wants it.
        pub objective: Option<f64> = Changing,
        /// Last epoch of the visible curve; 0 before the first.
        pub epoch: u32 = Changing,
        /// Greatest epoch ever reported.
        pub most_epochs: u32 = Changing,
        /// Of the last report.
        pub weights_hash: Option<Hash> = Changing,
        /// In epochs, over all attempts.
        pub seconds: f64 = Changing,
        /// Training images, over all attempts.
        pub images: u64 = Changing,
        /// Newest committed checkpoint.
        pub checkpoint: Option<Hash> = Changing,
        /// Why it ended so; empty for a plain end.
        pub reason: String = Changing,
        /// Its newest transition or report.
        pub changed: Millis = Changing "changed_ms",
        /// By what it ended; `None`: it has not.
        pub cause: Option<EndCause> = Changing,
        /// Its first grant.
        pub started: Option<Millis> = Changing "started_ms",
    }
}

columns! {
    /// One line of `hone trials`.
    #[derive(Clone, Debug, PartialEq)]
    pub struct TrialSummary {
        /// As it is stored.
        pub row: TrialRow,
        /// JSON object of full path to value.
        pub params_json: String,
        /// The state that its diagnosis names first.
        pub diagnosis: Option<String>,
        /// When it ended; `None`: it has not.
        pub ended: Option<Millis> = "ended_ms",
    }
}

impl TrialRow {
    /// A new trial, as the search wants it.
    pub(crate) fn queued(sweep: SweepKey, new: &NewTrial, at: Millis) -> Self {
        Self {
            sweep,
            number: new.number,
            kind: new.kind,
            place: new.place(),
            repeat: new.repeat,
            fold: new.fold,
            seed: new.seed,
            full_epochs: new.full_epochs,
            weights_of: new.weights_of,
            retry_of: None,
            state: TrialState::Queued,
            asked: None,
            to_epoch: new.to_epoch,
            queue_order: new.queue_order,
            waits_at_end: new.waits_at_end,
            keep_weights: new.keep_weights,
            attempts: 0,
            worker: String::new(),
            objective: None,
            epoch: 0,
            most_epochs: 0,
            weights_hash: None,
            seconds: 0.0,
            images: 0,
            checkpoint: None,
            reason: String::new(),
            changed: at,
            cause: None,
            started: None,
        }
    }

    pub(super) fn key(&self) -> TrialKey {
        (self.sweep, self.number)
    }

    /// Where it stands in its sweep's queue: by order, then by number.
    pub(super) fn position(&self) -> (u64, TrialNumber) {
        (self.queue_order, self.number)
    }

    /// Where it stands in a listing.
    pub fn listed(&self) -> TrialPlace {
        TrialPlace {
            number: self.number,
            objective: self.objective,
            changed: self.changed,
        }
    }
}

// `states` is a JSON list of names, empty for any; `round` is null for any. One statement per order, so that each is
// constant. A bare parameter behind LIMIT would make SQLite plan it anew each time.
macro_rules! listing {
    ($past:literal, $order:literal) => {
        listing!("", $past, $order)
    };
    ($index:literal, $past:literal, $order:literal) => {
        Statement::of::<TrialRow>(concat!(
            "SELECT {row}, points.params_json, trials.diagnosis, trials.ended_ms FROM trials ",
            $index,
            "JOIN points ON points.sweep = trials.sweep AND points.round = \
             trials.round AND points.point = trials.point WHERE trials.sweep = ?1 AND trials.number > ?2 AND (?3 IS NULL OR \
             trials.round = ?3) AND (?4 OR trials.kind = 'search') AND (?5 = '[]' OR trials.state IN (SELECT value FROM \
             json_each(?5))) ",
            $past,
            "ORDER BY ",
            $order,
            " LIMIT CAST(?6 AS INTEGER)"
        ))
    };
}

/// The guard: the state and the newest attempt as they were read, and, where a worker speaks (token not null), that its
/// attempt has this secret and stands where the writer left it.
const CHANGE: &str = "WITH v ({key}, {changing}, old_state, old_attempts, speaker, token, speaker_state) AS (VALUES \
    {rows}) UPDATE trials SET {set} FROM v WHERE trials.sweep = v.sweep AND trials.number = v.number AND trials.state = \
    v.old_state AND trials.attempts = v.old_attempts AND (v.token IS NULL OR EXISTS (SELECT 1 FROM attempts a WHERE \
    a.sweep = v.sweep AND a.trial = v.number AND a.attempt = v.speaker AND a.token = v.token AND a.state = \
    v.speaker_state))";

statements! {
    SELECT = Statement::of::<TrialRow>("SELECT {row} FROM trials WHERE sweep = ?1 AND number = ?2");
    NOTES = Statement::of::<TrialRow>(
        "SELECT diagnosis_json, result_json, diagnosis, ended_ms FROM trials WHERE sweep = ?1 AND number = ?2");
    OF_POINT = Statement::of::<TrialRow>(
        "SELECT {row} FROM trials INDEXED BY trials_by_point WHERE sweep = ?1 AND round = ?2 AND point = ?3 AND kind = \
         'search' ORDER BY number");
    RETRIES = Statement::of::<TrialRow>(
        "SELECT {row} FROM trials INDEXED BY trials_retries WHERE sweep = ?1 AND retry_of = ?2 ORDER BY number");
    HELD = Statement::of::<TrialRow>(
        "SELECT {row} FROM trials INDEXED BY trials_held WHERE sweep = ?1 AND state = 'queued' AND checkpoint = ?2 \
         ORDER BY queue_order, number LIMIT 1");
    QUEUE = Statement::of::<TrialRow>(
        "SELECT {row} FROM trials WHERE sweep = ?1 AND state = 'queued' ORDER BY queue_order, number \
         LIMIT CAST(?2 AS INTEGER)");
    NUMBERED = Statement::over::<TrialRow>(2,
        "WITH v (sweep, number) AS (VALUES {rows}) SELECT {row} FROM v CROSS JOIN trials ON trials.sweep = v.sweep AND \
         trials.number = v.number");
    OF_POINTS = Statement::over::<TrialRow>(3,
        "WITH v (sweep, round, point) AS (VALUES {rows}) SELECT {row} FROM v CROSS JOIN trials INDEXED BY \
         trials_by_point ON trials.sweep = v.sweep AND trials.round = v.round AND trials.point = v.point WHERE trials.kind = \
         'search'");
    // From the retries, of which there are few: a sweep's trials are not gone through.
    REPLACED = Statement::of::<TrialRow>(
        "SELECT t.state, count(*) AS trials FROM (SELECT DISTINCT retry_of AS number FROM trials WHERE sweep = ?1 AND \
         retry_of IS NOT NULL) r CROSS JOIN trials t ON t.sweep = ?1 AND t.number = r.number WHERE t.kind = 'search' \
         GROUP BY t.state");
    FIRST_PLANNED = Statement::of::<TrialRow>(
        "SELECT number FROM trials WHERE sweep = ?1 AND number >= ?2 AND number < ?3 AND retry_of IS NULL AND kind <> \
         'check' ORDER BY number LIMIT 1");
    IN_ORDER = Statement::of::<TrialRow>(
        "SELECT sweep, number, {row} FROM trials WHERE (sweep, number) > (?1, ?2) ORDER BY sweep, number LIMIT 500");
    BY_POINT = Statement::of::<TrialRow>(
        "SELECT sweep, round, point, number, {row} FROM trials WHERE (sweep, round, point, number) > (?1, ?2, ?3, ?4) \
         ORDER BY sweep, round, point, number LIMIT 500");
    LIVE = Statement::of::<TrialRow>(
        "SELECT number FROM trials INDEXED BY trials_live WHERE sweep = ?1 AND state IN ('queued', 'running', 'waiting') \
         ORDER BY number");
    // What may have come to nothing, and was not tried again.
    WITHOUT_RESULT = Statement::of::<TrialRow>(
        "SELECT {row} FROM trials WHERE sweep = ?1 AND kind = ?2 AND (?2 = 'check' OR state IN ('failed', 'diverged', \
         'cancelled', 'running')) AND NOT EXISTS (SELECT 1 FROM trials r INDEXED BY trials_retries WHERE r.sweep = \
         trials.sweep AND r.retry_of = trials.number) ORDER BY number");
    LIST = listing!("", "trials.number");
    LIST_LIVE = listing!(
        "INDEXED BY trials_live ",
        "AND trials.state IN ('queued', 'running', 'waiting') ",
        "trials.number");
    // The page behind trial ?7, which has the value ?8 in this order; null for the first page.
    LIST_RECENT = listing!(
        "AND (?7 IS NULL OR trials.changed_ms < ?8 OR (trials.changed_ms = ?8 AND trials.number < ?7)) ",
        "trials.changed_ms DESC, trials.number DESC");
    LIST_MAX = listing!(
        "AND (?7 IS NULL OR trials.objective < ?8 OR (trials.objective = ?8 AND trials.number > ?7) OR (trials.objective IS \
         NULL AND (?8 IS NOT NULL OR trials.number > ?7))) ",
        "trials.objective IS NULL, trials.objective DESC, trials.number");
    LIST_MIN = listing!(
        "AND (?7 IS NULL OR trials.objective > ?8 OR (trials.objective = ?8 AND trials.number > ?7) OR (trials.objective IS \
         NULL AND (?8 IS NOT NULL OR trials.number > ?7))) ",
        "trials.objective IS NULL, trials.objective, trials.number");
    INSERT = Statement::insert::<TrialRow>();
    UPDATE = Statement::update::<TrialRow>(5, CHANGE);
    UPDATE_REST = Statement::update_rest::<TrialRow>(5, CHANGE);
    // Empty ones change nothing.
    SET_NOTES = Statement::over::<TrialRow>(4,
        "WITH v (sweep, number, diagnosis, result) AS (VALUES {rows}) UPDATE trials SET diagnosis_json = CASE v.diagnosis \
         WHEN '' THEN diagnosis_json ELSE v.diagnosis END, result_json = CASE v.result WHEN '' THEN result_json ELSE \
         v.result END FROM v WHERE trials.sweep = v.sweep AND trials.number = v.number");
}

/// A changed trial, and what must still hold in the file: its state and its attempts as they were read, and the attempt
/// that spoke last, its secret, and where it stands.
type Update<'a> = (
    &'a TrialRow,
    (TrialState, u32),
    Option<(AttemptNumber, Token, Option<AttemptState>)>,
);

pub(crate) fn select(db: &Db, (sweep, trial): TrialKey) -> Rows<Option<TrialRow>> {
    db.first(&SELECT, params![sweep, trial])
}

/// Its diagnosis and its result; the state that the first names first, and when the trial ended.
type Notes = ((String, String), (Option<String>, Option<Millis>));

pub(super) fn notes(db: &Db, (sweep, trial): TrialKey) -> Rows<Notes> {
    Ok(db.first(&NOTES, params![sweep, trial])?.unwrap_or_default())
}

/// Trials of kind search of a point, by number.
pub(super) fn of_point(db: &Db, (sweep, place): PointKey) -> Rows<Vec<TrialRow>> {
    db.all(&OF_POINT, params![sweep, place.round, place.point])
}

/// Trials that try this one again, by number.
pub(super) fn retries(db: &Db, (sweep, trial): TrialKey) -> Rows<Vec<TrialRow>> {
    db.all(&RETRIES, params![sweep, trial])
}

/// Trials of kind search that were tried again, by state in the order of [`TRIAL_STATES`].
pub(super) fn replaced(db: &Db, sweep: SweepKey) -> Rows<[u64; 8]> {
    let counted: Vec<(TrialState, u64)> = db.all(&REPLACED, params![sweep])?;
    let mut counts = [0; 8];
    for (state, trials) in counted {
        counts[state as usize] = trials;
    }
    Ok(counts)
}

/// The first trial with a number in this range that is neither a retry nor a check.
pub(super) fn first_planned(
    db: &Db,
    sweep: SweepKey,
    of: &Range<u64>,
) -> Rows<Option<TrialNumber>> {
    db.first(&FIRST_PLANNED, params![sweep, of.start, of.end])
}

/// The first of the queue.
pub(super) fn queue(db: &Db, sweep: SweepKey, limit: usize) -> Rows<Vec<TrialRow>> {
    db.all(&QUEUE, params![sweep, limit as u64])
}

/// First in the queue among those whose checkpoint is one of these.
pub(super) fn held(db: &Db, sweep: SweepKey, checkpoints: &[Hash]) -> Rows<Option<TrialRow>> {
    let mut held: Vec<TrialRow> = Vec::new();
    for hash in checkpoints {
        held.extend(db.first(&HELD, params![sweep, *hash])?);
    }
    Ok(held.into_iter().min_by_key(TrialRow::position))
}

/// All trials, by sweep and number.
pub(crate) fn in_order(db: &Db) -> Stream<'_, TrialRow> {
    Stream::new(db, &IN_ORDER, 2)
}

/// All trials, by sweep and point.
pub(crate) fn by_point(db: &Db) -> Stream<'_, TrialRow> {
    Stream::new(db, &BY_POINT, 4)
}

/// The trials of these numbers, as far as there are any.
pub(super) fn numbered(db: &Db, sweep: SweepKey, numbers: &[TrialNumber]) -> Rows<Vec<TrialRow>> {
    let key = |number: &TrialNumber| [sweep.value(), number.value()];
    db.all_at(&NUMBERED, numbers.iter().flat_map(key).collect())
}

/// All search trials of these points.
pub(super) fn of_points(db: &Db, sweep: SweepKey, places: &[WinnerRef]) -> Rows<Vec<TrialRow>> {
    let key = |place: &WinnerRef| [sweep.value(), place.round.value(), place.point.value()];
    db.all_at(&OF_POINTS, places.iter().flat_map(key).collect())
}

/// Trials that are queued, running or waiting, by number.
pub(super) fn live(db: &Db, sweep: SweepKey) -> Rows<Vec<TrialNumber>> {
    db.all(&LIVE, params![sweep])
}

/// Trials of this kind that may have come to nothing and were not tried again, by number; of a check every state.
pub(super) fn without_result(db: &Db, sweep: SweepKey, kind: TrialKind) -> Rows<Vec<TrialRow>> {
    db.all(&WITHOUT_RESULT, params![sweep, kind])
}

/// Trials as asked for. `maximize` says what is best first.
pub(super) fn list(
    db: &Db,
    sweep: SweepKey,
    filter: &TrialFilter,
    maximize: bool,
    limit: u64,
) -> Rows<Vec<TrialSummary>> {
    let past = filter.past.map(|past| past.number);
    let (statement, after, behind): (&'static Statement, _, Vec<Value>) = match filter.sort {
        TrialSort::Number => {
            let after = filter.after.max(past.map_or(0, |past| past.0));
            let statement = if filter.is_live() { &LIST_LIVE } else { &LIST };
            (statement, after, params![])
        }
        TrialSort::Recent => {
            let changed = filter.past.map(|past| past.changed);
            (&LIST_RECENT, filter.after, params![past, changed])
        }
        TrialSort::Objective => {
            let objective = filter.past.and_then(|past| past.objective);
            let statement = if maximize { &LIST_MAX } else { &LIST_MIN };
            (statement, filter.after, params![past, objective])
        }
    };
    let states: Vec<&str> = TRIAL_STATES
        .into_iter()
        .filter(|state| filter.states.contains(state))
        .map(TrialState::as_str)
        .collect();
    let states = json!(states).to_string();
    let mut params = params![sweep, after, filter.round, filter.all_kinds, states, limit];
    params.extend(behind);
    db.all(statement, params)
}

pub(super) fn insert<'a>(db: &Db, rows: impl Iterator<Item = &'a TrialRow>) -> Rows<()> {
    db.insert(&INSERT, rows)
}

/// Changed trials, each under its guard.
pub(super) fn update<'a>(db: &Db, rows: impl Iterator<Item = Update<'a>>) -> Rows<()> {
    /// So few rows are stored sooner by one statement, though it touches the index of states for all of them.
    const FEW: usize = 32;
    let (mut same, mut other): (Vec<_>, Vec<_>) =
        rows.partition(|(row, (state, _), _)| row.state == *state);
    if !other.is_empty() && same.len() < FEW {
        other.append(&mut same);
    }
    for (statement, rows) in [(&UPDATE_REST, same), (&UPDATE, other)] {
        let guarded = rows.into_iter().map(|(row, (state, attempts), speaker)| {
            let guard = params![
                state,
                attempts,
                speaker.map(|(attempt, ..)| attempt),
                speaker.map(|(_, token, _)| token),
                speaker.and_then(|(.., state)| state),
            ];
            (row, guard)
        });
        db.update(statement, guarded)?;
    }
    Ok(())
}

/// Diagnosis and result by trial; empty ones change nothing.
pub(super) fn set_notes(db: &Db, notes: &BTreeMap<TrialKey, (String, String)>) -> Rows<()> {
    let values = notes
        .iter()
        .flat_map(|((sweep, trial), (diagnosis, result))| {
            params![*sweep, *trial, *diagnosis, *result]
        });
    db.store(&SET_NOTES, values.collect())
}
