//! The memory applier: the same rows in maps. It is the disk of the simulation, and what SQLite is compared with.

mod read;
mod write;

use std::collections::BTreeMap;

use super::{
    apply,
    command::{Command, Reply},
    history::Event,
    rows::{AttemptRow, PointRow, ReportRow, RoundRow, Rows, SweepKey, SweepRow, TrialRow},
    values::{BlobRef, WinnerRef},
};
use crate::{
    ids::{AttemptNumber, Hash, TrialNumber},
    trial::AttemptState,
};

type TrialKey = (SweepKey, TrialNumber);

/// A database in memory. A clone is a copy, as of now.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    incarnation: [u8; 16],
    last_key: i64,
    last_seq: u64,
    pub(super) sweeps: BTreeMap<SweepKey, SweepRow>,
    pub(super) rounds: BTreeMap<(SweepKey, u32), RoundRow>,
    pub(super) points: BTreeMap<(SweepKey, WinnerRef), PointRow>,
    pub(super) trials: BTreeMap<TrialKey, TrialRow>,
    pub(super) notes: BTreeMap<TrialKey, (String, String)>,
    pub(super) attempts: BTreeMap<(SweepKey, TrialNumber, AttemptNumber), AttemptRow>,
    pub(super) reports: BTreeMap<(SweepKey, TrialNumber, AttemptNumber, u32), ReportRow>,
    pub(super) events: Vec<Stored>,
    pub(super) blobs: BTreeMap<(SweepKey, TrialNumber, Hash), BlobRef>,
    /// By number, from 1.
    pub(super) logs: BTreeMap<(SweepKey, TrialNumber, AttemptNumber), BTreeMap<u64, String>>,
    pub(super) warnings: BTreeMap<SweepKey, Vec<(String, String)>>,
}

#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) sweep: Option<SweepKey>,
    pub(super) event: Event,
    pub(super) result: Option<(u32, u32, Option<f64>)>,
}

impl Memory {
    /// An empty database. `incarnation`: 16 random bytes.
    pub fn new(incarnation: [u8; 16]) -> Self {
        Self {
            incarnation,
            ..Self::default()
        }
    }

    /// Its incarnation.
    pub fn incarnation(&self) -> [u8; 16] {
        self.incarnation
    }

    /// A coordinator begins: attempts that are open now were open when the last one ended.
    pub(super) fn open(&mut self) {
        for attempt in self.attempts.values_mut() {
            attempt.excused |= attempt.ended.is_none();
        }
    }

    /// Applies one command, whole or not at all.
    pub(super) fn apply(&mut self, command: &Command) -> Rows<Reply> {
        let before = self.may_fail_late(command).then(|| self.clone());
        let reply = apply::apply(self, command);
        if let (Err(_), Some(before)) = (&reply, before) {
            *self = before;
        }
        reply
    }

    /// Commands check before they write, but for a decision and a call with several epochs, which check between their
    /// parts, and for a late worker's call, which is taken back first.
    fn may_fail_late(&self, command: &Command) -> bool {
        let who = match command {
            Command::Decide(_) => return true,
            Command::Report(report) if report.epochs.len() > 1 => return true,
            Command::Report(report) => &report.attempt,
            Command::Finish(finish) if !finish.epochs.is_empty() => return true,
            Command::Finish(finish) => &finish.attempt,
            Command::Release(release) => &release.attempt,
            Command::CommitBlob(commit) => &commit.attempt,
            _ => return false,
        };
        self.attempts.iter().any(|((_, trial, attempt), row)| {
            (*trial, *attempt) == (who.trial, who.attempt) && row.state == AttemptState::Lost
        })
    }
}
