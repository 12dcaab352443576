//! One way through all trials, each with everything that belongs to it, and what they add up to.

use super::{
    attempts,
    finding::{At, Findings, Names},
    reports, sweeps, trials,
};
use crate::{
    store::{
        self, AttemptRow, Db, EventRow, ReportRow, Stream, SweepKey, SweepRow, TrialRow,
        blobs::BlobRow,
    },
    trial::{TrialKind, TrialState},
};

/// A trial and its rows; `None` where they cannot be read.
pub(super) struct Whole<'a> {
    /// `fashion/17`.
    pub name: String,
    /// `1, 17`.
    pub key: String,
    pub sweep: Option<&'a SweepRow>,
    /// What its sweep measures is summed up as this build does it.
    pub is_ours: bool,
    pub trial: TrialRow,
    pub attempts: Option<Vec<AttemptRow>>,
    pub reports: Option<Vec<ReportRow>>,
    pub events: Option<Vec<EventRow>>,
    pub blobs: Option<Vec<BlobRow>>,
}

impl Whole<'_> {
    /// Its row, for findings about it.
    pub(super) fn at(&self) -> At<'_> {
        self.at_row("trials", self.key.clone())
    }

    /// The row of this attempt of it.
    pub(super) fn at_attempt(&self, attempt: u32) -> At<'_> {
        self.at_row("attempts", format!("{}, {attempt}", self.key))
    }

    /// The row of this report of it.
    pub(super) fn at_report(&self, report: &ReportRow) -> At<'_> {
        let (attempt, epoch) = (report.attempt, report.epoch);
        self.at_row("reports", format!("{}, {attempt}, {epoch}", self.key))
    }

    /// The row of this event of it.
    pub(super) fn at_event(&self, event: &EventRow) -> At<'_> {
        let (sweep, seq) = (self.trial.sweep.0, event.seq);
        self.at_row("events", format!("{sweep}, {seq}"))
    }

    fn at_row(&self, table: &'static str, key: String) -> At<'_> {
        At {
            of: &self.name,
            table,
            key,
        }
    }
}

/// What the trials of a sweep add up to.
#[derive(Debug, Default)]
pub(super) struct Totals {
    /// Trials of every kind.
    pub seen: u64,
    /// A row could not be read.
    pub is_broken: bool,
    pub queued: u64,
    pub running: u64,
    pub counts: [u64; 8],
    pub trials: u64,
    pub epochs: u64,
    pub images: u64,
    pub seconds: f64,
    /// The newest end of an attempt.
    pub last_end: Option<i64>,
}

/// The sweep whose trials are looked at; its row, where that can be read.
#[derive(Clone, Copy)]
struct Of<'a> {
    key: SweepKey,
    row: Option<&'a SweepRow>,
    is_ours: bool,
}

struct Tables<'a> {
    trials: Stream<'a, TrialRow>,
    attempts: Stream<'a, AttemptRow>,
    reports: Stream<'a, ReportRow>,
    events: Stream<'a, EventRow>,
    blobs: Stream<'a, BlobRow>,
}

/// Checks every sweep and every trial; gives the number of trials.
pub(super) fn check(db: &Db, keys: &[SweepKey], names: &Names, findings: &mut Findings) -> u64 {
    let mut tables = Tables {
        trials: store::trials::in_order(db),
        attempts: store::attempts::in_order(db),
        reports: store::reports::in_order(db),
        events: store::events::by_trial(db),
        blobs: store::blobs::in_order(db),
    };
    let mut events = store::events::in_order(db);
    let mut seen = 0;
    for key in keys {
        let sweep = match store::sweeps::select(db, *key) {
            Ok(sweep) => Some(sweep),
            Err(error) => {
                findings.unreadable(names, error);
                None
            }
        };
        let of = Of {
            key: *key,
            row: sweep.as_ref(),
            is_ours: sweep.as_ref().is_some_and(sweeps::is_ours),
        };
        let totals = tables.walk(of, names, findings);
        seen += totals.seen;
        if let Some(sweep) = sweep {
            sweeps::check(&sweep, &totals, findings);
            sweeps::check_events(db, &sweep, &mut events, names, findings);
        }
    }
    seen
}

impl Tables<'_> {
    fn walk(&mut self, sweep: Of<'_>, names: &Names, findings: &mut Findings) -> Totals {
        let mut totals = Totals::default();
        while let Some((_, row)) = self.trials.next_of(&[sweep.key.0]) {
            totals.seen += 1;
            match row {
                Ok(trial) => {
                    let whole = self.whole(sweep, trial, names);
                    totals.add(&whole);
                    trials::check(&whole, findings);
                    attempts::check(&whole, findings);
                    reports::check(&whole, findings);
                }
                Err(error) => {
                    findings.unreadable(names, error);
                    totals.is_broken = true;
                }
            }
            self.tell_problems(names, findings);
        }
        self.tell_problems(names, findings);
        totals.is_broken |= self.trials.is_broken();
        totals
    }

    fn whole<'a>(&mut self, sweep: Of<'a>, trial: TrialRow, names: &Names) -> Whole<'a> {
        let key = sweep.key.0;
        let number = i64::try_from(trial.number.0).unwrap_or(i64::MAX);
        let of = [key, number];
        Whole {
            name: names.of(Some(key), Some(number)),
            key: format!("{key}, {number}"),
            sweep: sweep.row,
            is_ours: sweep.is_ours,
            attempts: self.attempts.group(&of),
            reports: self.reports.group(&of),
            events: self.events.group(&of),
            blobs: self.blobs.group(&of),
            trial,
        }
    }

    fn tell_problems(&mut self, names: &Names, findings: &mut Findings) {
        findings.all_unreadable(names, self.trials.take_problems());
        findings.all_unreadable(names, self.attempts.take_problems());
        findings.all_unreadable(names, self.reports.take_problems());
        findings.all_unreadable(names, self.events.take_problems());
        findings.all_unreadable(names, self.blobs.take_problems());
    }
}

impl Totals {
    fn add(&mut self, whole: &Whole<'_>) {
        let trial = &whole.trial;
        self.queued += u64::from(trial.state == TrialState::Queued);
        self.running += u64::from(trial.state == TrialState::Running);
        let (Some(attempts), Some(reports)) = (&whole.attempts, &whole.reports) else {
            self.is_broken = true;
            return;
        };
        let ends = attempts.iter().filter_map(|attempt| attempt.ended);
        self.last_end = self.last_end.max(ends.max());
        if trial.kind != TrialKind::Search {
            return;
        }
        self.counts[trial.state as usize] += 1;
        self.trials += 1;
        let mut most = 0;
        for report in reports {
            // An epoch counts once, when it is the trial's greatest so far.
            self.epochs += u64::from(report.epoch > most);
            most = most.max(report.epoch);
            self.images = self.images.saturating_add(report.images);
            self.seconds += report.seconds;
        }
    }
}
