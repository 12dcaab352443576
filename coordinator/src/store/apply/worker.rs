//! How attempts end: finished, released, lost, crashed; and how a lost one is taken back.

use super::{
    blobs::store_blob,
    log, report,
    step::{Cause, Speaker, find_trial, settle, speak, step},
};
use crate::{
    ids::{AttemptRef, Hash},
    store::{
        AttemptRow, BlobRef, Millis, Outcome, StoreError, SweepRow, TrialRow, attempts,
        command::{
            Ended, ExpireAttempt, Finish, Release, ReturnSession, Returned, TakeBack, TakenBack,
        },
        error::Rows,
        trials,
        working::WorkingSet,
    },
    sweep::SweepState,
    trial::{AttemptEnd, AttemptState, TrialEvent, TrialKind, crashes_in_a_row},
};

/// Ends an attempt as its worker says; the same again is acknowledged and has no effect.
pub(super) fn finish(store: &mut WorkingSet, finish: &Finish) -> Rows<Ended> {
    let digest = digest(&(
        &finish.outcome,
        &finish.weights,
        &finish.diagnosis_json,
        &finish.result_json,
    ));
    let speaker = speak(store, &finish.attempt)?;
    if let Some(ended) = repeated(&speaker, digest) {
        return Ok(ended);
    }
    check_end(&speaker, finish)?;
    check_weights(store, &speaker, finish)?;
    report::record(store, &finish.attempt, &finish.epochs, finish.at)?;
    let speaker = speak(store, &finish.attempt)?;
    let mut speaker = running(store, speaker, finish.at)?;
    let (event, reason) = event(store, &speaker, finish)?;
    if !finish.lines.lines.is_empty() {
        log::append(store, &speaker, &finish.lines)?;
    }
    let checkpoint = match &finish.outcome {
        Outcome::ReachedRung { checkpoint } => *checkpoint,
        _ => None,
    };
    if let Some(weights) = finish.weights {
        store_blob(store, &speaker, weights, finish.at);
    }
    let (trial, diagnosis) = (speaker.trial.key(), &finish.diagnosis_json);
    store.set_trial_notes(trial, diagnosis, &finish.result_json);
    if speaker.trial.kind == TrialKind::Check && !finish.result_json.is_empty() {
        speaker.sweep.check_json = finish.result_json.as_str().into();
    }
    speaker.attempt.digest = Some(digest);
    let actor = speaker.actor();
    let cause = speaker.cause(&actor, &reason, finish.at);
    end(store, speaker, event, cause, checkpoint)
}

/// Gives an attempt back to the queue.
pub(super) fn release(store: &mut WorkingSet, release: &Release) -> Rows<Ended> {
    let digest = digest(&(&release.checkpoint, &release.reason));
    let speaker = speak(store, &release.attempt)?;
    if let Some(ended) = repeated(&speaker, digest) {
        return Ok(ended);
    }
    let mut speaker = running(store, speaker, release.at)?;
    speaker.attempt.digest = Some(digest);
    let actor = speaker.actor();
    let cause = speaker.cause(&actor, &release.reason, release.at);
    let checkpoint = release.checkpoint;
    end(store, speaker, TrialEvent::Released, cause, checkpoint)
}

/// A lease expired. Fenced when that attempt does not run any more.
pub(super) fn expire(store: &mut WorkingSet, expire: &ExpireAttempt) -> Rows<Ended> {
    let mut speaker = speak(store, &expire.attempt)?;
    if speaker.attempt.state != AttemptState::Running {
        return Err(StoreError::Fenced);
    }
    if !(expire.is_over.0)() {
        return Err(StoreError::Heard);
    }
    speaker.attempt.excused |= expire.excused;
    let mut in_a_row = 0;
    if !speaker.attempt.excused {
        let (state, others) = (AttemptState::Lost, expire.others_connected);
        in_a_row = crashes(store, &speaker.trial, state, others)?;
    }
    let cause = Cause::coordinator("its lease expired", expire.at);
    end(store, speaker, TrialEvent::Lost { in_a_row }, cause, None)
}

/// A late worker goes on, if nobody replaced it; a no-op for a running attempt.
pub(super) fn take_back(store: &mut WorkingSet, back: &TakeBack) -> Rows<TakenBack> {
    let speaker = speak(store, &back.attempt)?;
    let speaker = running(store, speaker, back.at)?;
    Ok(TakenBack {
        session: speaker.attempt.session,
        asked: speaker.trial.asked,
        paused: speaker.sweep.state == SweepState::Paused,
    })
}

/// Everything that a worker process holds goes back.
pub(super) fn return_session(store: &mut WorkingSet, back: &ReturnSession) -> Rows<Vec<Returned>> {
    let mut returned = Vec::new();
    for mut attempt in store.open_attempts(back.session) {
        let sweep = store.sweep(attempt.sweep)?;
        let trial = find_trial(store, &sweep, attempt.trial)?;
        attempt.excused |= back.excused;
        let event = match (back.crashed, attempt.excused) {
            (false, _) => TrialEvent::Released,
            (true, true) => TrialEvent::Crashed { in_a_row: 0 },
            (true, false) => {
                let (state, others) = (AttemptState::Crashed, back.elsewhere.contains(&sweep.id));
                let in_a_row = crashes(store, &trial, state, others)?;
                TrialEvent::Crashed { in_a_row }
            }
        };
        let ended = AttemptRef {
            sweep: sweep.id.clone(),
            trial: attempt.trial,
            attempt: attempt.attempt,
            token: attempt.token,
        };
        let speaker = Speaker {
            sweep,
            trial,
            attempt,
        };
        let cause = Cause::coordinator(&back.reason, back.at);
        returned.push(Returned {
            attempt: ended,
            state: end(store, speaker, event, cause, None)?.state,
        });
    }
    Ok(returned)
}

/// Whether the attempt may end, and so: a search trial is complete after its last epoch.
fn check_end(speaker: &Speaker, finish: &Finish) -> Rows<()> {
    if speaker.attempt.state != AttemptState::Running && !speaker.can_be_taken_back() {
        return Err(StoreError::Fenced);
    }
    if speaker.trial.kind != TrialKind::Search {
        return Ok(());
    }
    let complete = matches!(
        finish.outcome,
        Outcome::Completed | Outcome::ReachedRung { .. }
    );
    let last = finish.epochs.last();
    let last = last.map_or(speaker.trial.epoch, |last| last.epoch);
    let name = format!("{}/{}", speaker.sweep.id, speaker.trial.number);
    let planned = speaker.attempt.to_epoch;
    if complete && last != planned {
        return Err(StoreError::Invalid(format!(
            "{name}: finished at epoch {planned}, but the last report is of epoch {last}"
        )));
    }
    let problem = match &finish.outcome {
        Outcome::Completed if speaker.trial.waits_at_end => {
            format!(
                "completed at epoch {planned}, where it waits for a promotion: reached_rung is due"
            )
        }
        Outcome::ReachedRung { .. } if !speaker.trial.waits_at_end => {
            format!("reached_rung at epoch {planned}, which is its last: completed is due")
        }
        Outcome::Diverged { epoch, .. } if *epoch > planned => {
            format!("diverged in epoch {epoch}, but it was granted epochs 1 to {planned}")
        }
        _ => String::new(),
    };
    if !problem.is_empty() {
        return Err(StoreError::Invalid(format!("{name}: {problem}")));
    }
    if finish.outcome == Outcome::EndedEarly && last == 0 {
        return Err(StoreError::Invalid(format!(
            "{name}: ended early without the report of one epoch: a trial that has nothing to show has failed"
        )));
    }
    Ok(())
}

/// Weights are announced once they are here.
fn check_weights(store: &mut WorkingSet, speaker: &Speaker, finish: &Finish) -> Rows<()> {
    let Some(weights) = finish.weights else {
        return Ok(());
    };
    let sent = store.blobs(speaker.trial.key())?;
    let mut sent = sent.iter();
    if sent.any(|blob| blob.stored && blob.hash == weights.hash && blob.kind == weights.kind) {
        return Ok(());
    }
    Err(StoreError::Invalid(format!(
        "{}/{}: weights {} are announced and were not sent: PutPiece comes first",
        speaker.sweep.id,
        speaker.trial.number,
        weights.hash.short()
    )))
}

/// The acknowledgement of an end that the attempt has come to before, by the same words.
fn repeated(speaker: &Speaker, digest: Hash) -> Option<Ended> {
    let ended = speaker.attempt.state != AttemptState::Running;
    (ended && speaker.attempt.digest == Some(digest)).then_some(Ended {
        state: speaker.trial.state,
        repeated: true,
        sweep: speaker.sweep.state,
        session: speaker.attempt.session,
    })
}

/// An attempt that runs, or is taken back.
pub(super) fn running(store: &mut WorkingSet, mut speaker: Speaker, at: Millis) -> Rows<Speaker> {
    if speaker.runs() {
        return Ok(speaker);
    }
    if !speaker.can_be_taken_back() {
        return Err(StoreError::Fenced);
    }
    let actor = speaker.actor();
    let cause = Cause::new(&actor, "came back before anybody replaced it", at);
    let (sweep, trial) = (&mut speaker.sweep, &mut speaker.trial);
    step(store, sweep, trial, TrialEvent::TakenBack, cause)?;
    speaker.attempt.state = AttemptState::Running;
    speaker.attempt.ended = None;
    // Whoever was to blame for its loss: it goes on, and what comes is its own.
    speaker.attempt.excused = false;
    speaker.attempt.reason = String::new();
    store.put_attempt(speaker.attempt.clone());
    store.put_sweep(speaker.sweep.clone());
    Ok(speaker)
}

/// Takes the step and ends the attempt with it, at the checkpoint if there is one.
fn end(
    store: &mut WorkingSet,
    speaker: Speaker,
    event: TrialEvent,
    cause: Cause<'_>,
    checkpoint: Option<BlobRef>,
) -> Rows<Ended> {
    if let Some(blob) = checkpoint {
        store_blob(store, &speaker, blob, cause.at);
    }
    let Speaker {
        mut sweep,
        mut trial,
        mut attempt,
    } = speaker;
    trial.checkpoint = checkpoint.map(|blob| blob.hash).or(trial.checkpoint);
    let session = attempt.session;
    if let Some(state) = step(store, &mut sweep, &mut trial, event, cause)? {
        attempt.state = state;
        attempt.ended = Some(cause.at);
        attempt.reason = cause.reason.to_owned();
        sweep.last_end = sweep.last_end.max(Some(cause.at));
        store.put_attempt(attempt);
    }
    Ok(Ended {
        state: trial.state,
        repeated: false,
        sweep: settle(store, sweep, cause.at)?,
        session,
    })
}

/// The event that a worker's outcome amounts to, with its reason in words.
fn event(store: &mut WorkingSet, speaker: &Speaker, finish: &Finish) -> Rows<(TrialEvent, String)> {
    let at_end = if speaker.trial.waits_at_end {
        TrialEvent::ReachedRung
    } else {
        TrialEvent::Completed
    };
    if let Some(reason) = without_number(speaker, &finish.outcome) {
        return Ok((TrialEvent::Diverged, reason));
    }
    Ok(match &finish.outcome {
        Outcome::Completed | Outcome::ReachedRung { .. } => (at_end, String::new()),
        Outcome::EndedEarly => (TrialEvent::EndedEarly, String::new()),
        Outcome::Diverged { epoch, reason } => {
            (TrialEvent::Diverged, format!("in epoch {epoch}: {reason}"))
        }
        Outcome::Ended => (TrialEvent::Ended, String::new()),
        Outcome::Failed { message } => (TrialEvent::Failed, message.clone()),
        Outcome::Crashed {
            message,
            others_connected,
        } => {
            let (state, others) = (AttemptState::Crashed, *others_connected);
            let in_a_row = crashes(store, &speaker.trial, state, others)?;
            (TrialEvent::Crashed { in_a_row }, message.clone())
        }
    })
}

/// Why a training that says it ended well has diverged all the same: its last value of the objective is no number.
fn without_number(speaker: &Speaker, outcome: &Outcome) -> Option<String> {
    let ended = matches!(
        outcome,
        Outcome::Completed | Outcome::ReachedRung { .. } | Outcome::EndedEarly
    );
    let trial = &speaker.trial;
    let nothing = ended && trial.kind == TrialKind::Search && trial.objective.is_none();
    let metric = &speaker.sweep.sweep.objective.metric;
    nothing.then(|| format!("in epoch {}: {metric} is not finite", trial.epoch))
}

/// Crashes in a row if the running attempt ended in `state` now: derived from attempt rows, never counted.
fn crashes(
    store: &mut WorkingSet,
    trial: &TrialRow,
    state: AttemptState,
    others_connected: bool,
) -> Rows<u32> {
    let mut attempts = attempts::of_trial(store.file()?, trial.key())?;
    if let Some(last) = attempts.last_mut()
        && last.state == AttemptState::Running
    {
        last.state = state;
    }
    let ends = attempt_ends(&attempts, trial.most_epochs);
    Ok(crashes_in_a_row(&ends, others_connected))
}

/// Attempts as the crash limit sees them.
pub(crate) fn attempt_ends(attempts: &[AttemptRow], most_epochs: u32) -> Vec<AttemptEnd> {
    let known_after = attempts.iter().skip(1).map(|next| next.known_epochs);
    let known_after = known_after.chain([most_epochs]);
    let ends = attempts.iter().zip(known_after);
    ends.map(|(attempt, known_after)| AttemptEnd {
        attempt: attempt.attempt,
        state: attempt.state,
        new_epoch: known_after > attempt.known_epochs,
        excused: attempt.excused,
        worker: attempt.worker.clone(),
    })
    .collect()
}

/// Tells the same words from others.
fn digest(content: &impl std::fmt::Debug) -> Hash {
    Hash(*blake3::hash(format!("{content:?}").as_bytes()).as_bytes())
}

/// Trials that a sweep's end leaves over: queued and waiting ones end by `event`, running ones are asked to.
pub(super) fn end_all(
    store: &mut WorkingSet,
    sweep: &mut SweepRow,
    event: TrialEvent,
    cause: Cause<'_>,
) -> Rows<()> {
    let numbers = trials::live(store.file()?, sweep.key)?;
    store.will_read(sweep.key, numbers.clone(), Vec::new())?;
    for number in numbers {
        let mut trial = find_trial(store, sweep, number)?;
        if trial.asked.is_none() {
            step(store, sweep, &mut trial, event, cause)?;
        }
    }
    Ok(())
}
