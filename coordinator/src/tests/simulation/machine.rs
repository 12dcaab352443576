//! What outlives a worker's process: the files on its machine, and what this test knows of its calls.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use hone_proto::v1;

use super::calls::Call;

/// What happened, by kind: a run in which some fault never struck has shown nothing.
pub type Counts = BTreeMap<String, u64>;

/// A worker's machine.
#[derive(Default)]
pub struct Machine {
    /// Processes that were started on it.
    pub processes: u64,
    /// Checkpoints by hash: the trial's seed, and the epoch.
    pub checkpoints: BTreeMap<Vec<u8>, (u64, u32)>,
    /// Calls that have not been answered yet, oldest first.
    pub spool: VecDeque<Call>,
}

/// What all workers together were told: none of it may be missing afterwards.
#[derive(Default)]
pub struct Ledger {
    pub counts: Counts,
    /// (trial, attempt, epoch).
    pub reports: BTreeSet<(u64, u32, u32)>,
    /// (trial, attempt, how it ended).
    pub ends: BTreeSet<(u64, u32, &'static str)>,
}

impl Ledger {
    pub fn saw(&mut self, what: impl Into<String>) {
        *self.counts.entry(what.into()).or_default() += 1;
    }

    fn told(&mut self, trial: u64, attempt: u32, epochs: &[v1::Epoch]) {
        let told = epochs.iter().map(|told| (trial, attempt, told.epoch));
        self.reports.extend(told);
    }

    /// Notes an answered call.
    pub fn acknowledged(&mut self, call: &Call) {
        let attempt = call.attempt();
        let trial = attempt.trial.as_ref().map_or(0, |id| id.trial);
        let attempt = attempt.attempt;
        match call {
            Call::Report(report) => self.told(trial, attempt, &report.epochs),
            Call::Finish(finish) => {
                self.told(trial, attempt, &finish.epochs);
                self.ends.insert((trial, attempt, "finished"));
            }
            Call::Release(_) => {
                self.ends.insert((trial, attempt, "released"));
            }
            Call::Put(_) => {}
        }
    }
}
