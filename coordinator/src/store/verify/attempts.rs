//! What attempts and their reports may say.

use std::collections::BTreeMap;

use super::Findings;
use crate::{
    ids::{AttemptNumber, Hash},
    store::{
        apply::{attempt_ends, curve},
        rows::{AttemptRow, Read, ReportRow, Rows, SweepRow, TrialRow},
        values::BlobKind,
    },
    trial::{AttemptState, CRASH_LIMIT, TrialState, crashes_in_a_row},
};

/// Checks the attempts of a trial and what they reported.
pub(super) fn check_attempts(
    store: &dyn Read,
    sweep: &SweepRow,
    trial: &TrialRow,
    findings: &mut Findings,
) -> Rows<()> {
    let name = format!("{}/{}", sweep.id, trial.number);
    let attempts = store.attempts(sweep.key, trial.number)?;
    let reports = store.reports(sweep.key, trial.number)?;
    check_numbers(store, sweep, trial, &name, &attempts, findings)?;
    check_running(trial, &name, &attempts, findings);
    check_hashes(&name, &reports, findings);
    check_late(&name, &attempts, &reports, findings);
    check_poisoned(trial, &name, &attempts, findings);
    check_resumes(store, sweep, trial, &name, &attempts, findings)?;
    if reports
        .iter()
        .any(|report| report.point.weights_hash.is_some())
    {
        let epochs: Vec<u32> = curve(reports, trial.epoch)
            .iter()
            .map(|report| report.point.epoch)
            .collect();
        let whole = epochs.iter().copied().eq(1..=trial.epoch);
        findings.expect(whole, &name, "the curve is joined", || {
            format!("epochs {epochs:?} up to {}", trial.epoch)
        });
    }
    Ok(())
}

/// 1, 2, …, n, each granted once.
fn check_numbers(
    store: &dyn Read,
    sweep: &SweepRow,
    trial: &TrialRow,
    name: &str,
    attempts: &[AttemptRow],
    findings: &mut Findings,
) -> Rows<()> {
    let numbers: Vec<u32> = attempts.iter().map(|attempt| attempt.attempt.0).collect();
    let whole = numbers.iter().copied().eq(1..=trial.attempts);
    findings.expect(whole, name, "attempts are 1 to n without reuse", || {
        format!("{numbers:?} of {}", trial.attempts)
    });
    let events = store.events(sweep.key, Some(trial.number), 0, u64::MAX)?;
    let granted: Vec<u32> = events
        .iter()
        .filter(|event| event.event == "granted")
        .filter_map(|event| Some(event.attempt?.0))
        .collect();
    let once = granted.iter().copied().eq(1..=trial.attempts);
    findings.expect(once, name, "attempts are 1 to n without reuse", || {
        format!("granted were {granted:?}")
    });
    Ok(())
}

fn check_running(trial: &TrialRow, name: &str, attempts: &[AttemptRow], findings: &mut Findings) {
    let running: Vec<u32> = attempts
        .iter()
        .filter(|attempt| attempt.state == AttemptState::Running)
        .map(|attempt| attempt.attempt.0)
        .collect();
    let expected: &[u32] = match trial.state {
        TrialState::Running => &[trial.attempts],
        _ => &[],
    };
    findings.expect(
        running == expected,
        name,
        "at most one attempt runs",
        || format!("{running:?} run, the trial is {}", trial.state.as_str()),
    );
    for pair in attempts.windows(2) {
        let over = pair[0].ended.is_some_and(|ended| ended <= pair[1].started);
        findings.expect(over, name, "at most one attempt runs", || {
            format!(
                "attempt {} began before attempt {} ended",
                pair[1].attempt, pair[0].attempt
            )
        });
    }
}

fn check_hashes(name: &str, reports: &[ReportRow], findings: &mut Findings) {
    let mut known = BTreeMap::<u32, (AttemptNumber, Hash)>::new();
    for report in reports {
        let Some(hash) = report.point.weights_hash else {
            continue;
        };
        let (attempt, first) = *known
            .entry(report.point.epoch)
            .or_insert((report.point.attempt, hash));
        findings.expect(
            first == hash,
            name,
            "attempts train the same to the bit",
            || {
                format!(
                    "epoch {}: attempt {attempt} has {first}, attempt {} has {hash}",
                    report.point.epoch, report.point.attempt
                )
            },
        );
    }
}

/// No write from an attempt that a newer grant had replaced, or that had ended.
fn check_late(name: &str, attempts: &[AttemptRow], reports: &[ReportRow], findings: &mut Findings) {
    for report in reports {
        let of = report.point.attempt;
        let attempt = attempts.iter().find(|attempt| attempt.attempt == of);
        let newer = attempts
            .iter()
            .find(|attempt| attempt.attempt.0 == of.0 + 1);
        let late = newer.is_some_and(|newer| report.at > newer.started)
            || attempt.is_none_or(|attempt| attempt.ended.is_some_and(|end| report.at > end));
        findings.expect(
            !late,
            name,
            "no write from a replaced or ended attempt",
            || {
                format!(
                    "attempt {of} reported epoch {} too late",
                    report.point.epoch
                )
            },
        );
    }
}

/// A trial is given up only for crashes, never for releases.
fn check_poisoned(trial: &TrialRow, name: &str, attempts: &[AttemptRow], findings: &mut Findings) {
    if trial.state != TrialState::Failed || !trial.reason.starts_with("poisoned") {
        return;
    }
    let crashes = crashes_in_a_row(&attempt_ends(attempts, trial.most_epochs), false);
    findings.expect(
        crashes >= CRASH_LIMIT,
        name,
        "releases are no crashes",
        || format!("given up as poisoned after {crashes} crashes in a row"),
    );
}

/// A resume starts from a committed checkpoint of the same trial (while it is kept).
fn check_resumes(
    store: &dyn Read,
    sweep: &SweepRow,
    trial: &TrialRow,
    name: &str,
    attempts: &[AttemptRow],
    findings: &mut Findings,
) -> Rows<()> {
    let blobs = store.blobs(sweep.key, trial.number)?;
    for attempt in attempts {
        let Some(hash) = attempt.resume else {
            let afresh = attempt.from_epoch == 0;
            findings.expect(afresh, name, "a resume has a checkpoint", || {
                format!(
                    "attempt {} from epoch {}",
                    attempt.attempt, attempt.from_epoch
                )
            });
            continue;
        };
        let kept = blobs.iter().find(|blob| blob.hash == hash);
        let fits = kept.is_none_or(|blob| {
            blob.kind == BlobKind::Checkpoint && blob.epoch >= attempt.from_epoch
        });
        findings.expect(fits, name, "a resume has a checkpoint", || {
            format!("attempt {} from {hash}", attempt.attempt)
        });
    }
    Ok(())
}
