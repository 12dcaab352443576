//! What commands do to rows.

use crate::{
    ids::{AttemptNumber, Hash, TrialNumber},
    store::{
        command::Millis,
        rows::{
            AttemptRow, EventRow, Guard, PointRow, PointValue, Read, ReportRow, Rows, SweepKey,
            SweepRow, TrialRow,
        },
        values::{BlobRef, NewRound, WinnerRef},
    },
    trial::AttemptState,
};

/// Writing rows, within one command.
pub trait Write: Read {
    /// A new sweep; its key is given here.
    fn insert_sweep(&mut self, row: SweepRow) -> Rows<SweepKey>;
    /// Changes everything of a sweep but what it was launched with.
    fn put_sweep(&mut self, row: SweepRow) -> Rows<()>;
    /// The one part of what was launched that grows: what has been settled since stands in the definition. The row as
    /// well is stored by [`put_sweep`](Self::put_sweep).
    fn set_definition(&mut self, sweep: SweepKey, definition: &[u8]) -> Rows<()>;
    /// Removes a sweep and all of its rows.
    fn delete_sweep(&mut self, sweep: SweepKey) -> Rows<()>;
    /// A round as planned; the same round again keeps what has finished.
    fn put_round(&mut self, sweep: SweepKey, round: &NewRound) -> Rows<()>;
    /// Points of a round that are finished now, more or fewer.
    fn add_finished(&mut self, sweep: SweepKey, round: u32, by: i64) -> Rows<()>;
    /// A point; true when it was not there.
    fn insert_point(&mut self, sweep: SweepKey, point: &PointRow) -> Rows<bool>;
    /// What a point's trials gave.
    fn set_point(&mut self, sweep: SweepKey, place: WinnerRef, value: PointValue) -> Rows<()>;
    /// A new trial.
    fn insert_trial(&mut self, sweep: SweepKey, trial: &TrialRow) -> Rows<()>;
    /// What changes in a trial, under its guard: false when that did not hold.
    fn update_trial(&mut self, sweep: SweepKey, guard: Guard, trial: &TrialRow) -> Rows<bool>;
    /// Diagnosis and result; empty ones change nothing.
    fn set_trial_notes(
        &mut self,
        sweep: SweepKey,
        trial: TrialNumber,
        diagnosis: &str,
        result: &str,
    ) -> Rows<()>;
    /// A new attempt.
    fn insert_attempt(
        &mut self,
        sweep: SweepKey,
        trial: TrialNumber,
        attempt: &AttemptRow,
    ) -> Rows<()>;
    /// Changes state, end, reason and digest of an attempt that is in state `from`: false when it is not.
    fn update_attempt(
        &mut self,
        sweep: SweepKey,
        trial: TrialNumber,
        from: AttemptState,
        attempt: &AttemptRow,
    ) -> Rows<bool>;
    /// A new report.
    fn insert_report(
        &mut self,
        sweep: SweepKey,
        trial: TrialNumber,
        report: &ReportRow,
    ) -> Rows<()>;
    /// Appends an event; its number is given here.
    fn append_event(&mut self, row: EventRow) -> Rows<()>;
    /// A committed blob; the same again may only become `stored`.
    fn put_blob(
        &mut self,
        sweep: SweepKey,
        trial: TrialNumber,
        attempt: AttemptNumber,
        blob: BlobRef,
        at: Millis,
    ) -> Rows<()>;
    /// Forgets a blob of a trial.
    fn delete_blob(&mut self, sweep: SweepKey, trial: TrialNumber, hash: Hash) -> Rows<()>;
    /// Adds lines, the first of them numbered `first` (from 0), where no line of that number is. The last [`LOG_LINES`]
    /// of that attempt stay.
    fn append_log(
        &mut self,
        sweep: SweepKey,
        trial: TrialNumber,
        attempt: AttemptNumber,
        first: u64,
        lines: &[String],
    ) -> Rows<()>;
    /// A warning; the same key again changes nothing.
    fn insert_warning(&mut self, sweep: SweepKey, key: &str, text: &str) -> Rows<()>;
    /// Forgets all whose key begins with this.
    fn delete_warnings(&mut self, sweep: SweepKey, family: &str) -> Rows<()>;
}
