//! What the reports of a trial add up to.

use std::collections::BTreeMap;

use super::{
    finding::{At, Findings},
    rows::Whole,
};
use crate::{
    ids::{AttemptNumber, Hash},
    store::{AttemptRow, EventRow, Objective, ReportRow, apply::curve},
    trial::TrialState,
};

fn at<'a>(whole: &'a Whole<'_>, report: &ReportRow) -> At<'a> {
    At {
        of: &whole.name,
        table: "reports",
        key: format!("{}, {}, {}", whole.key, report.attempt, report.epoch),
    }
}

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
    let at = at(whole, report);
    let is = "a report's objective is that metric";
    // Read back from JSON a number may have another last bit.
    findings.close(&at, "objective", is, report.objective, right);
}

fn check_epoch(
    whole: &Whole<'_>,
    report: &ReportRow,
    attempt: &AttemptRow,
    findings: &mut Findings,
) {
    let epoch = report.epoch;
    if epoch <= attempt.from_epoch || epoch > attempt.to_epoch {
        let at = at(whole, report);
        let right = format!("{} to {}", attempt.from_epoch + 1, attempt.to_epoch);
        let within = "reports are of epochs that were granted";
        findings.wrong(&at, "epoch", within, epoch.to_string(), right);
    }
    if report.seconds < 0.0 {
        let at = at(whole, report);
        let seconds = report.seconds.to_string();
        findings.wrong(&at, "seconds", "time goes forward", seconds, "0 or more");
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
            findings.wrong(
                &at(whole, report),
                "weights_hash",
                "attempts train the same to the bit",
                hash.to_string(),
                right,
            );
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
            findings.wrong(
                &at(whole, report),
                "at_ms",
                "no write from a replaced or ended attempt",
                report.at.to_string(),
                format!("{end} or earlier"),
            );
        }
    }
}

fn check_sums(
    whole: &Whole<'_>,
    reports: &[ReportRow],
    attempts: &[AttemptRow],
    findings: &mut Findings,
) {
    const SUMS: &str = "a trial sums up its reports";
    let trial = &whole.trial;
    let at = row(whole);
    let epochs = || reports.iter().map(|report| report.epoch);
    let most = epochs().max().unwrap_or(0);
    findings.same(&at, "most_epochs", SUMS, &trial.most_epochs, &most);
    let images = reports.iter().map(|report| report.images);
    let images = images.fold(0, u64::saturating_add);
    findings.same(&at, "images", SUMS, &trial.images, &images);
    let seconds = reports.iter().map(|report| report.seconds).sum();
    findings.close(&at, "seconds", SUMS, Some(trial.seconds), Some(seconds));
    let epoch = attempts.last().map_or(0, |newest| {
        let own = reports
            .iter()
            .filter(|report| report.attempt == newest.attempt);
        own.map(|report| report.epoch)
            .max()
            .unwrap_or(0)
            .max(newest.from_epoch)
    });
    findings.same(&at, "epoch", SUMS, &trial.epoch, &epoch);
}

fn row<'a>(whole: &'a Whole<'_>) -> At<'a> {
    At {
        of: &whole.name,
        table: "trials",
        key: whole.key.clone(),
    }
}

/// The visible curve: joined, and what the row and the events take from it.
fn check_curve(whole: &Whole<'_>, reports: &[ReportRow], findings: &mut Findings) {
    let trial = &whole.trial;
    let at = row(whole);
    let visible = curve(reports.to_vec(), trial.epoch);
    let epochs: Vec<u32> = visible.iter().map(|report| report.epoch).collect();
    let joined = epochs.iter().copied().eq(1..=trial.epoch);
    let last = visible.last().and_then(|report| report.weights_hash);
    let is = "the curve's last";
    findings.same(&at, "weights_hash", is, &trial.weights_hash, &last);
    if !joined {
        // Only trainers that are not exact may leave epochs out.
        if reports.iter().any(|r| r.weights_hash.is_some()) {
            let right = format!("one up to which all are reported; there are {epochs:?}");
            let epoch = trial.epoch.to_string();
            findings.wrong(&at, "epoch", "the curve is joined", epoch, right);
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
    const IS: &str = "the objective is its curve's";
    findings.same(&at, "objective", IS, &trial.objective, &right);
    for told in whole.events.iter().flatten() {
        check_told(whole, objective, reports, told, findings);
    }
}

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
    let sweep = whole.key.split(',').next().unwrap_or_default();
    let at = At {
        of: &whole.name,
        table: "events",
        key: format!("{sweep}, {}", told.seq),
    };
    let is = "the objective is its curve's";
    findings.same(&at, "objective", is, &told.objective, &right);
    let joined = visible.len() as u64 == u64::from(epoch);
    if !joined {
        let right = format!("an epoch that was reported by then: {}", visible.len());
        findings.wrong(
            &at,
            "epoch",
            "the curve is joined",
            epoch.to_string(),
            right,
        );
    }
}
