//! `attempts`.

use super::{
    Db, cells::params, error::Rows, statement::statements, stream::Stream, table::table,
    trials::TrialKey, values::Millis,
};
use crate::{
    ids::{AttemptNumber, Hash, RequestId, SessionId, SweepKey, Token, TrialNumber},
    trial::AttemptState,
};

/// Sweep, trial and attempt.
pub(super) type AttemptKey = (SweepKey, TrialNumber, AttemptNumber);

table! { "attempts":
    /// One lease of a trial.
    #[derive(Clone, Debug, PartialEq)]
    pub struct AttemptRow {
        /// Whose trial's.
        pub sweep: SweepKey = Key,
        /// Of which trial.
        pub trial: TrialNumber = Key,
        /// From 1 without reuse.
        pub attempt: AttemptNumber = Key,
        /// The worker process.
        pub session: SessionId = Fixed,
        /// Its name, for people.
        pub worker: String = Fixed,
        /// The grant's: a repeated request gets the same lease.
        pub request: RequestId = Fixed,
        /// Secret of the lease.
        pub token: Token = Fixed,
        /// Where it stands.
        pub state: AttemptState = Changing,
        /// When it was granted.
        pub started: Millis = Fixed "started_ms",
        /// `None` while it runs.
        pub ended: Option<Millis> = Changing "ended_ms",
        /// Why it ended; may be empty.
        pub reason: String = Changing,
        /// It goes on from the state after this epoch.
        pub from_epoch: u32 = Changing,
        /// The checkpoint it goes on from.
        pub resume: Option<Hash> = Changing,
        /// What it was granted up to.
        pub to_epoch: u32 = Fixed,
        /// The trial's `most_epochs` at the grant: tells whether it brought a new epoch.
        pub known_epochs: u32 = Fixed,
        /// Open when the coordinator died: no crash.
        pub excused: bool = Changing,
        /// Of what ended it: tells a repeated finish.
        pub digest: Option<Hash> = Changing,
    }
}

impl AttemptRow {
    pub(super) fn key(&self) -> AttemptKey {
        (self.sweep, self.trial, self.attempt)
    }
}

statements! {
    SELECT = Statement::of::<AttemptRow>(
        "SELECT {row} FROM attempts WHERE sweep = ?1 AND trial = ?2 AND attempt = ?3");
    OF_TRIAL = Statement::of::<AttemptRow>(
        "SELECT {row} FROM attempts WHERE sweep = ?1 AND trial = ?2 ORDER BY attempt");
    OPEN = Statement::of::<AttemptRow>("SELECT {row} FROM attempts WHERE state = 'running' ORDER BY sweep, trial");
    IN_ORDER = Statement::of::<AttemptRow>(
        "SELECT sweep, trial, attempt, {row} FROM attempts WHERE (sweep, trial, attempt) > (?1, ?2, ?3) \
         ORDER BY sweep, trial, attempt LIMIT 500");
    INSERT = Statement::insert::<AttemptRow>();
    // The guard: the state as it was read.
    UPDATE = Statement::update::<AttemptRow>(1,
        "WITH v ({key}, {changing}, old_state) AS (VALUES {rows}) UPDATE attempts SET {set} FROM v WHERE attempts.sweep = \
         v.sweep AND attempts.trial = v.trial AND attempts.attempt = v.attempt AND attempts.state = v.old_state");
    EXCUSE = Statement::of::<AttemptRow>("UPDATE attempts SET excused = 1 WHERE state = 'running' AND excused = 0");
    // Each attempt adds what reaches beyond all that began before it.
    TRAINED = Statement::of::<AttemptRow>(
        "WITH span AS (SELECT a.started_ms AS began, CASE WHEN a.state IN ('finished', 'released') THEN a.ended_ms ELSE \
         coalesce((SELECT max(r.at_ms) FROM reports r WHERE r.sweep = a.sweep AND r.trial = a.trial AND r.attempt = \
         a.attempt), a.started_ms) END AS ended FROM attempts a WHERE a.sweep = ?1), reach AS (SELECT began, ended, \
         max(ended) OVER (ORDER BY began ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS covered FROM span) SELECT \
         coalesce(sum(max(0, ended - max(began, coalesce(covered, began)))), 0) AS trained_ms FROM reach");
}

pub(super) fn select(db: &Db, (sweep, trial, attempt): AttemptKey) -> Rows<Option<AttemptRow>> {
    db.first(&SELECT, params![sweep, trial, attempt])
}

/// Ascending.
pub(super) fn of_trial(db: &Db, (sweep, trial): TrialKey) -> Rows<Vec<AttemptRow>> {
    db.all(&OF_TRIAL, params![sweep, trial])
}

/// Time in which at least one attempt of a sweep ran. One that did not end by itself counts up to its last report: when its
/// worker fell silent is not known. Reads all attempts of the sweep.
pub(super) fn trained_ms(db: &Db, sweep: SweepKey) -> Rows<u64> {
    Ok(db.first(&TRAINED, params![sweep])?.unwrap_or(0))
}

/// Attempts that run.
pub(super) fn open(db: &Db) -> Rows<Vec<AttemptRow>> {
    db.all(&OPEN, params![])
}

/// All attempts, by sweep and trial.
pub(crate) fn in_order(db: &Db) -> Stream<'_, AttemptRow> {
    Stream::new(db, &IN_ORDER, 3)
}

pub(super) fn insert<'a>(db: &Db, rows: impl Iterator<Item = &'a AttemptRow>) -> Rows<()> {
    db.insert(&INSERT, rows)
}

/// Changed attempts, each with the state that it had when it was read.
pub(super) fn update<'a>(
    db: &Db,
    rows: impl Iterator<Item = (&'a AttemptRow, AttemptState)>,
) -> Rows<()> {
    db.update(&UPDATE, rows.map(|(row, from)| (row, params![from])))
}

/// Attempts that were open when the coordinator ended are no crashes.
pub(super) fn excuse_open(db: &Db) -> Rows<()> {
    db.run(&EXCUSE, params![])
}
