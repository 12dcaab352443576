//! `reports`.

use super::{
    Db, attempts::AttemptKey, cells::params, error::Rows, statement::statements, stream::Stream,
    table::table, trials::TrialKey, values::Millis,
};
use crate::ids::{AttemptNumber, Hash, SweepKey, TrialNumber};

table! { "reports":
    /// One epoch of one attempt.
    #[derive(Clone, Debug, PartialEq)]
    pub struct ReportRow {
        /// Whose trial's.
        pub sweep: SweepKey = Key,
        /// Of which trial.
        pub trial: TrialNumber = Key,
        /// Whose report it is.
        pub attempt: AttemptNumber = Key,
        /// From 1.
        pub epoch: u32 = Key,
        /// This epoch's; `None` when it was not finite or not reported.
        pub objective: Option<f64> = Fixed,
        /// In the worker's order; what was not finite is NaN.
        pub metrics: Vec<(String, f64)> = Fixed "metrics_json",
        /// Per-layer statistics, opaque; may be empty.
        pub layers: Vec<u8> = Fixed,
        /// Of the training's whole state; `None` for trainers that are not exact.
        pub weights_hash: Option<Hash> = Fixed,
        /// Wall time of the epoch.
        pub seconds: f64 = Fixed,
        /// Training images seen in it.
        pub images: u64 = Fixed,
        /// When it came.
        pub at: Millis = Fixed "at_ms",
    }
}

statements! {
    OF_TRIAL = Statement::of::<ReportRow>(
        "SELECT {row} FROM reports WHERE sweep = ?1 AND trial = ?2 ORDER BY attempt, epoch");
    SAID = Statement::of::<ReportRow>(
        "SELECT metrics_json, weights_hash FROM reports WHERE sweep = ?1 AND trial = ?2 AND attempt = ?3 AND epoch = ?4");
    // Without the layers: a page of them may be large, and nobody here can say what they ought to be.
    IN_ORDER = Statement::of::<ReportRow>(
        "SELECT sweep, trial, attempt, epoch, sweep, trial, attempt, epoch, objective, metrics_json, x'', weights_hash, \
         seconds, images, at_ms FROM reports WHERE (sweep, trial, attempt, epoch) > (?1, ?2, ?3, ?4) \
         ORDER BY sweep, trial, attempt, epoch LIMIT 500");
    INSERT = Statement::insert::<ReportRow>();
}

/// By attempt and epoch.
pub(crate) fn of_trial(db: &Db, (sweep, trial): TrialKey) -> Rows<Vec<ReportRow>> {
    db.all(&OF_TRIAL, params![sweep, trial])
}

/// All reports, by sweep, trial and attempt; their layers are left out.
pub(crate) fn in_order(db: &Db) -> Stream<'_, ReportRow> {
    Stream::new(db, &IN_ORDER, 4)
}

/// Metrics (as JSON) and the state's hash that this attempt reported of an epoch; `None` when it did not.
pub(super) fn said(db: &Db, attempt: AttemptKey, epoch: u32) -> Rows<Option<Said>> {
    let (sweep, trial, attempt) = attempt;
    db.first(&SAID, params![sweep, trial, attempt, epoch])
}

/// What a report says that can be told from another of the same epoch.
pub(super) type Said = (String, Option<Hash>);

pub(super) fn insert(db: &Db, rows: &[ReportRow]) -> Rows<()> {
    db.insert(&INSERT, rows.iter())
}
