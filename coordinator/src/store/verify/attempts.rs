//! What attempts may say.

use super::{
    finding::{At, Findings},
    rows::Whole,
    trials::Lease,
};
use crate::{
    store::{AttemptRow, BlobKind, BlobRef, apply::attempt_ends},
    trial::{CRASH_LIMIT, TrialState, crashes_in_a_row},
};

fn at<'a>(whole: &'a Whole<'_>, attempt: u32) -> At<'a> {
    At {
        of: &whole.name,
        table: "attempts",
        key: format!("{}, {attempt}", whole.key),
    }
}

/// Each attempt is one that was granted, and stands as the events say.
pub(super) fn check_leases(whole: &Whole<'_>, leases: &[Lease], findings: &mut Findings) {
    let Some(attempts) = &whole.attempts else {
        return;
    };
    const TELL: &str = "events tell the attempts, 1 to n without reuse";
    for i in 0..leases.len().max(attempts.len()) {
        match (attempts.get(i), leases.get(i)) {
            (Some(attempt), Some(lease)) => check_lease(whole, attempt, lease, findings),
            (Some(attempt), None) => {
                let at = at(whole, attempt.attempt.0);
                findings.wrong(&at, "", TELL, "there", "not there: it was never granted");
            }
            (None, Some(lease)) => {
                let at = at(whole, lease.attempt);
                let right = format!("there, {}", lease.state.as_str());
                findings.wrong(&at, "", TELL, "not there", right);
            }
            (None, None) => {}
        }
    }
}

fn check_lease(whole: &Whole<'_>, attempt: &AttemptRow, lease: &Lease, findings: &mut Findings) {
    const TELL: &str = "events tell the attempts, 1 to n without reuse";
    let at = at(whole, attempt.attempt.0);
    let (stored, right) = (attempt.state.as_str(), lease.state.as_str());
    findings.same(&at, "attempt", TELL, &attempt.attempt.0, &lease.attempt);
    findings.same(&at, "state", TELL, &stored, &right);
    findings.same(&at, "worker", TELL, &attempt.worker, &lease.worker);
    findings.same(&at, "started_ms", TELL, &attempt.started, &lease.started);
    findings.same(&at, "ended_ms", TELL, &attempt.ended, &lease.ended);
    findings.same(&at, "reason", TELL, &attempt.reason, &lease.reason);
    findings.same(&at, "to_epoch", TELL, &attempt.to_epoch, &lease.to_epoch);
    // A worker that could not use its checkpoint began before it.
    if attempt.from_epoch > lease.from_epoch {
        let right = format!("at most {}", lease.from_epoch);
        findings.wrong(
            &at,
            "from_epoch",
            TELL,
            attempt.from_epoch.to_string(),
            right,
        );
    }
}

/// Checks what attempts say of checkpoints and epochs.
pub(super) fn check(whole: &Whole<'_>, findings: &mut Findings) {
    let Some(attempts) = &whole.attempts else {
        return;
    };
    check_known(whole, attempts, findings);
    check_poisoned(whole, attempts, findings);
    check_resumes(whole, attempts, findings);
    check_checkpoint(whole, findings);
}

/// What was known at a grant is what was reported before it.
fn check_known(whole: &Whole<'_>, attempts: &[AttemptRow], findings: &mut Findings) {
    let Some(reports) = &whole.reports else {
        return;
    };
    let mut reports = reports.iter().peekable();
    let mut most = 0;
    for attempt in attempts {
        while let Some(earlier) = reports.next_if(|report| report.attempt < attempt.attempt) {
            most = most.max(earlier.epoch);
        }
        let at = at(whole, attempt.attempt.0);
        let known = "a grant knows the epochs before it";
        findings.same(&at, "known_epochs", known, &attempt.known_epochs, &most);
    }
}

/// A trial is given up only for crashes, never for releases.
fn check_poisoned(whole: &Whole<'_>, attempts: &[AttemptRow], findings: &mut Findings) {
    let trial = &whole.trial;
    if trial.state != TrialState::Failed || !trial.reason.starts_with("poisoned") {
        return;
    }
    let crashes = crashes_in_a_row(&attempt_ends(attempts, trial.most_epochs), false);
    if crashes < CRASH_LIMIT {
        let at = At {
            of: &whole.name,
            table: "trials",
            key: whole.key.clone(),
        };
        let right = format!("another: {crashes} attempts in a row crashed");
        findings.wrong(
            &at,
            "reason",
            "releases are no crashes",
            trial.reason.clone(),
            right,
        );
    }
}

/// A resume starts from a committed checkpoint of the same trial (while it is kept).
fn check_resumes(whole: &Whole<'_>, attempts: &[AttemptRow], findings: &mut Findings) {
    const RESUMES: &str = "a resume has a checkpoint";
    for attempt in attempts {
        let at = at(whole, attempt.attempt.0);
        let Some(hash) = attempt.resume else {
            findings.same(&at, "from_epoch", RESUMES, &attempt.from_epoch, &0);
            continue;
        };
        let mut blobs = whole.blobs.iter().flatten().map(|row| row.blob);
        let Some(kept) = blobs.find(|blob| blob.hash == hash) else {
            continue;
        };
        if kept.kind != BlobKind::Checkpoint || kept.epoch < attempt.from_epoch {
            let right = format!(
                "a checkpoint of epoch {} or later; it is {} of epoch {}",
                attempt.from_epoch,
                kept.kind.as_str(),
                kept.epoch
            );
            findings.wrong(&at, "resume", RESUMES, hash.to_string(), right);
        }
    }
}

/// A trial that goes on has a checkpoint if it says so. An ended one may name one that is collected.
fn check_checkpoint(whole: &Whole<'_>, findings: &mut Findings) {
    let (Some(hash), Some(blobs)) = (whole.trial.checkpoint, &whole.blobs) else {
        return;
    };
    let mut blobs = blobs.iter().map(|row| row.blob);
    let kept = blobs.clone().find(|blob| blob.hash == hash);
    let is_one = |blob: BlobRef| blob.kind == BlobKind::Checkpoint;
    let fits = match kept {
        Some(blob) => is_one(blob),
        None => whole.trial.state.is_terminal() || blobs.any(is_one),
    };
    if !fits {
        let at = At {
            of: &whole.name,
            table: "trials",
            key: whole.key.clone(),
        };
        findings.wrong(
            &at,
            "checkpoint",
            "a trial's checkpoint is in blobs",
            hash.to_string(),
            "a checkpoint in blobs, or null",
        );
    }
}
