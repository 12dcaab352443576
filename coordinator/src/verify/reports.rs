//! What the reports of a trial add up to.

use std::collections::BTreeMap;

use super::{finding::Findings, rows::Whole};
use crate::{
    ids::{AttemptNumber, Hash},
    store::{AttemptRow, EventRow, Objective, ReportRow, curve},
    trial::TrialState,
};

/// Checks the reports themselves, and what the trial's row and events say of them.
pub(super) fn check(whole: &Whole<'_>, findings: &mut Findings) {
    let (Some(reports), Some(attempts)) = (&whole.reports, &whole.attempts) else {
        return;
    };
    for report in reports {
        check_objective(whole, report, findings);
        if let Some(attempt) = attempts.iter().find(|a| a.attempt == report.attempt) {
            check_epoch(whole, report, attempt, findings);
        }
    }
    check_hashes(whole, reports, findings);
    if !has_stepped_back(whole) {
        check_late(whole, reports, attempts, findings);
    }
    check_sums(whole, reports, attempts, findings);
    check_curve(whole, reports, findings);
}

fn check_objective(whole: &Whole<'_>, report: &ReportRow, findings: &mut Findings) {
    let Some(sweep) = whole.sweep else { return };
    let metric = &sweep.sweep.objective.metric;
    let mut metrics = report.metrics.iter();
    let value = metrics.find(|(name, _)| name == metric);
    let right = value.map(|(_, value)| *value).filter(|v| v.is_finite());
    let at = whole.at_report(report);
    let mut is = findings.against(at, "a report's objective is that metric");
    // Read back from JSON a number may have another last bit.
    is.close("objective", report.objective, right);
}

fn check_epoch(
    whole: &Whole<'_>,
    report: &ReportRow,
    attempt: &AttemptRow,
    findings: &mut Findings,
) {
    let epoch = report.epoch;
    if epoch <= attempt.from_epoch || epoch > attempt.to_epoch {
        let right = format!("{} to {}", attempt.from_epoch + 1, attempt.to_epoch);
        let at = whole.at_report(report);
        let mut within = findings.against(at, "reports are of epochs that were granted");
        within.wrong("epoch", epoch, right);
    }
    if report.seconds < 0.0 {
        let mut forward = findings.against(whole.at_report(report), "time goes forward");
        forward.wrong("seconds", report.seconds, "0 or more");
    }
}

fn check_hashes(whole: &Whole<'_>, reports: &[ReportRow], findings: &mut Findings) {
    let mut known = BTreeMap::<u32, (AttemptNumber, Hash)>::new();
    for report in reports {
        let Some(hash) = report.weights_hash else {
            continue;
        };
        let (attempt, first) = *known.entry(report.epoch).or_insert((report.attempt, hash));
        if first != hash {
            let right = format!("{first}, as attempt {attempt} reported");
            let at = whole.at_report(report);
            let mut same = findings.against(at, "attempts train the same to the bit");
            same.wrong("weights_hash", hash, right);
        }
    }
}

/// Whether the coordinator's clock was set back in this trial's time: then times do not say what came first.
fn has_stepped_back(whole: &Whole<'_>) -> bool {
    let events = whole.events.iter().flatten().map(|told| told.at);
    let reports = whole.reports.iter().flatten().map(|report| report.at);
    !events.is_sorted() || !reports.is_sorted()
}

/// No write from an attempt that a newer grant had replaced, or that had ended.
fn check_late(
    whole: &Whole<'_>,
    reports: &[ReportRow],
    attempts: &[AttemptRow],
    findings: &mut Findings,
) {
    for report in reports {
        let of = report.attempt;
        let numbered = |n: u32| attempts.iter().find(|attempt| attempt.attempt.0 == n);
        let replaced = numbered(of.0.saturating_add(1)).map(|newer| newer.started);
        let own = numbered(of.0);
        if own.is_some_and(|attempt| attempt.excused) {
            // A coordinator ended meanwhile, and the next one's clock may have been another.
            continue;
        }
        let ended = own.and_then(|attempt| attempt.ended);
        let end = [replaced, ended].into_iter().flatten().min();
        if let Some(end) = end.filter(|end| report.at > *end) {
            let at = whole.at_report(report);
            let mut late = findings.against(at, "no write from a replaced or ended attempt");
            late.wrong("at_ms", report.at, format!("{end} or earlier"));
        }
    }
}

fn check_sums(
    whole: &Whole<'_>,
    reports: &[ReportRow],
    attempts: &[AttemptRow],
    findings: &mut Findings,
) {
    let trial = &whole.trial;
    let mut sums = findings.against(whole.at(), "a trial sums up its reports");
    let epochs = || reports.iter().map(|report| report.epoch);
    sums.same(
        "most_epochs",
        &trial.most_epochs,
        &epochs().max().unwrap_or(0),
    );
    let images = reports.iter().map(|report| report.images);
    let images = images.fold(0, u64::saturating_add);
    sums.same("images", &trial.images, &images);
    let seconds = reports.iter().map(|report| report.seconds).sum();
    sums.close("seconds", Some(trial.seconds), Some(seconds));
    let epoch = attempts.last().map_or(0, |newest| {
        let own = reports
            .iter()
            .filter(|report| report.attempt == newest.attempt);
        own.map(|report| report.epoch)
            .max()
            .unwrap_or(0)
            .max(newest.from_epoch)
    });
    sums.same("epoch", &trial.epoch, &epoch);
}

/// The visible curve: joined, and what the row and the events take from it.
fn check_curve(whole: &Whole<'_>, reports: &[ReportRow], findings: &mut Findings) {
    let trial = &whole.trial;
    let visible = curve(reports.to_vec(), trial.epoch);
    let last = visible.last().and_then(|report| report.weights_hash);
    let mut is = findings.against(whole.at(), "the curve's last");
    is.same("weights_hash", &trial.weights_hash, &last);
    let epochs: Vec<u32> = visible.iter().map(|report| report.epoch).collect();
    if !epochs.iter().copied().eq(1..=trial.epoch) {
        // Only trainers that are not exact may leave epochs out.
        if reports.iter().any(|r| r.weights_hash.is_some()) {
            let right = format!("one up to which all are reported; there are {epochs:?}");
            let mut joined = findings.against(whole.at(), JOINED);
            joined.wrong("epoch", trial.epoch, right);
        }
        return;
    }
    let Some(sweep) = whole.sweep.filter(|_| whole.is_ours) else {
        return;
    };
    let objective = &sweep.sweep.objective;
    let right = match trial.state {
        TrialState::Diverged => None,
        _ => of_curve(objective, &visible),
    };
    let mut is = findings.against(whole.at(), IS_OF_CURVE);
    is.same("objective", &trial.objective, &right);
    for told in whole.events.iter().flatten() {
        check_told(whole, objective, reports, told, findings);
    }
}

const JOINED: &str = "the curve is joined";
const IS_OF_CURVE: &str = "the objective is its curve's";

fn of_curve(objective: &Objective, visible: &[ReportRow]) -> Option<f64> {
    let values = visible.iter().map(|report| report.objective);
    values.fold(None, |old, new| objective.fold(old, new))
}

/// The search is replayed from what events say: it must be what was reported until then.
fn check_told(
    whole: &Whole<'_>,
    objective: &Objective,
    reports: &[ReportRow],
    told: &EventRow,
    findings: &mut Findings,
) {
    let Some(epoch) = told.epoch else { return };
    let newest = told.attempt.map_or(0, |attempt| attempt.0);
    let known = reports.iter().filter(|report| report.attempt.0 <= newest);
    let visible = curve(known.cloned().collect(), epoch);
    let right = match TrialState::parse(&told.to) {
        Some(TrialState::Diverged) => None,
        _ => of_curve(objective, &visible),
    };
    let mut is = findings.against(whole.at_event(told), IS_OF_CURVE);
    is.same("objective", &told.objective, &right);
    if visible.len() as u64 != u64::from(epoch) {
        let right = format!("an epoch that was reported by then: {}", visible.len());
        let mut joined = findings.against(whole.at_event(told), JOINED);
        joined.wrong("epoch", epoch, right);
    }
}
