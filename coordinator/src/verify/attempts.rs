//! What attempts may say.

use super::{finding::Findings, rows::Whole, trials::Lease};
use crate::{
    store::{AttemptRow, Bind as _, BlobKind, BlobRef, attempt_ends},
    trial::{CRASH_LIMIT, EndCause, crashes_in_a_row},
};

const TELL: &str = "events tell the attempts, 1 to n without reuse";

/// Each attempt is one that was granted, and stands as the events say.
pub(super) fn check_leases(whole: &Whole<'_>, leases: &[Lease], findings: &mut Findings) {
    let Some(attempts) = &whole.attempts else {
        return;
    };
    for (attempt, lease) in attempts.iter().zip(leases) {
        check_lease(whole, attempt, lease, findings);
    }
    for more in attempts.iter().skip(leases.len()) {
        let mut tell = findings.against(whole.at_attempt(more.attempt.0), TELL);
        tell.wrong("", "there", "not there: it was never granted");
    }
    for lost in leases.iter().skip(attempts.len()) {
        let mut tell = findings.against(whole.at_attempt(lost.attempt), TELL);
        let right = format!("there, {}", lost.state.as_str());
        tell.wrong("", "not there", right);
    }
}

fn check_lease(whole: &Whole<'_>, attempt: &AttemptRow, lease: &Lease, findings: &mut Findings) {
    let mut tell = findings.against(whole.at_attempt(attempt.attempt.0), TELL);
    tell.same("attempt", &attempt.attempt.0, &lease.attempt);
    tell.same("state", &attempt.state, &lease.state);
    tell.same("worker", &attempt.worker, &lease.worker);
    tell.same("started_ms", &attempt.started, &lease.started);
    tell.same("ended_ms", &attempt.ended, &lease.ended);
    tell.same("reason", &attempt.reason, &lease.reason);
    tell.same("to_epoch", &attempt.to_epoch, &lease.to_epoch);
    // A worker that could not use its checkpoint began before it.
    if attempt.from_epoch > lease.from_epoch {
        let right = format!("at most {}", lease.from_epoch);
        tell.wrong("from_epoch", attempt.from_epoch, right);
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
        let at = whole.at_attempt(attempt.attempt.0);
        let mut knows = findings.against(at, "a grant knows the epochs before it");
        knows.same("known_epochs", &attempt.known_epochs, &most);
    }
}

/// A trial is given up only for crashes, never for releases.
fn check_poisoned(whole: &Whole<'_>, attempts: &[AttemptRow], findings: &mut Findings) {
    let trial = &whole.trial;
    if trial.cause != Some(EndCause::Poisoned) {
        return;
    }
    let crashes = crashes_in_a_row(&attempt_ends(attempts, trial.most_epochs), false);
    if crashes < CRASH_LIMIT {
        let right = format!("another: {crashes} attempts in a row crashed");
        let mut releases = findings.against(whole.at(), "releases are no crashes");
        releases.wrong("cause", trial.cause.value(), right);
    }
}

/// A resume starts from a committed checkpoint of the same trial (while it is kept).
fn check_resumes(whole: &Whole<'_>, attempts: &[AttemptRow], findings: &mut Findings) {
    for attempt in attempts {
        let at = whole.at_attempt(attempt.attempt.0);
        let mut resumes = findings.against(at, "a resume has a checkpoint");
        let Some(hash) = attempt.resume else {
            resumes.same("from_epoch", &attempt.from_epoch, &0);
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
            resumes.wrong("resume", hash, right);
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
        let mut is_in = findings.against(whole.at(), "a trial's checkpoint is in blobs");
        is_in.wrong("checkpoint", hash, "a checkpoint in blobs, or null");
    }
}
