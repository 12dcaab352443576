//! How attempts end: finished, released, lost, crashed; and how a lost one is taken back.

use super::{
    blobs, log, report,
    step::{Cause, Speaker, end_attempt, settle, speak, step},
};
use crate::{
    ids::Hash,
    store::{
        StoreError,
        attempts::{self, AttemptRow},
        command::{
            Ended, ExpireAttempt, Finish, Release, ReturnSession, Returned, TakeBack, TakenBack,
        },
        error::Rows,
        sweeps::SweepRow,
        trials::{self, TrialRow},
        values::Outcome,
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
    report::record(store, &finish.attempt, &finish.epochs, finish.at)?;
    let speaker = running(store, speak(store, &finish.attempt)?, finish.at)?;
    let (event, reason) = event(store, &speaker, finish)?;
    if !finish.lines.lines.is_empty() {
        log::append(store, &speaker, &finish.lines)?;
    }
    let checkpoint = match &finish.outcome {
        Outcome::ReachedRung { checkpoint } => *checkpoint,
        _ => None,
    };
    for blob in checkpoint.into_iter().chain(finish.weights) {
        blobs::store_blob(store, &speaker, blob, finish.at);
    }
    store.set_trial_notes(
        speaker.trial.key(),
        &finish.diagnosis_json,
        &finish.result_json,
    );
    let actor = speaker.actor();
    let cause = Cause {
        actor: &actor,
        reason: &reason,
        at: finish.at,
        token: Some(finish.attempt.token),
    };
    let mut speaker = speaker;
    speaker.attempt.digest = Some(digest);
    if speaker.trial.kind == TrialKind::Check && !finish.result_json.is_empty() {
        speaker.sweep.check_json = finish.result_json.as_str().into();
    }
    let checkpoint = checkpoint.map(|blob| blob.hash);
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
    if let Some(blob) = release.checkpoint {
        blobs::store_blob(store, &speaker, blob, release.at);
    }
    let actor = speaker.actor();
    let cause = Cause {
        actor: &actor,
        reason: &release.reason,
        at: release.at,
        token: Some(release.attempt.token),
    };
    speaker.attempt.digest = Some(digest);
    let checkpoint = release.checkpoint.map(|blob| blob.hash);
    end(store, speaker, TrialEvent::Released, cause, checkpoint)
}

/// A lease expired. Fenced when that attempt does not run any more.
pub(super) fn expire(store: &mut WorkingSet, expire: &ExpireAttempt) -> Rows<Ended> {
    let sweep = super::step::find_sweep(store, &expire.sweep)?;
    let attempt = store
        .attempt((sweep.key, expire.trial, expire.attempt))?
        .filter(|attempt| attempt.state == AttemptState::Running)
        .ok_or(StoreError::Fenced)?;
    let trial = super::step::find_trial(store, &sweep, expire.trial)?;
    let in_a_row = crashes(store, &trial, AttemptState::Lost, expire.others_connected)?;
    let cause = Cause::coordinator("its lease expired", expire.at);
    let speaker = Speaker {
        sweep,
        trial,
        attempt,
    };
    end(store, speaker, TrialEvent::Lost { in_a_row }, cause, None)
}

/// A late worker goes on, if nobody replaced it; a no-op for a running attempt.
pub(super) fn take_back(store: &mut WorkingSet, back: &TakeBack) -> Rows<TakenBack> {
    let speaker = running(store, speak(store, &back.attempt)?, back.at)?;
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
        let trial = super::step::find_trial(store, &sweep, attempt.trial)?;
        attempt.excused |= back.excused;
        let event = if back.crashed {
            let state = AttemptState::Crashed;
            let in_a_row = if attempt.excused {
                0
            } else {
                crashes(store, &trial, state, back.others_connected)?
            };
            TrialEvent::Crashed { in_a_row }
        } else {
            TrialEvent::Released
        };
        let (id, number, ended) = (sweep.id.clone(), attempt.trial, attempt.attempt);
        let speaker = Speaker {
            sweep,
            trial,
            attempt,
        };
        let cause = Cause::coordinator(&back.reason, back.at);
        let state = end(store, speaker, event, cause, None)?.state;
        returned.push(Returned {
            sweep: id,
            trial: number,
            attempt: ended,
            state,
        });
    }
    Ok(returned)
}

/// Whether the attempt may end, and so: a search trial is complete after its last epoch.
fn check_end(speaker: &Speaker, finish: &Finish) -> Rows<()> {
    if speaker.attempt.state != AttemptState::Running && !speaker.can_be_taken_back() {
        return Err(StoreError::Fenced);
    }
    let complete = matches!(
        finish.outcome,
        Outcome::Completed | Outcome::ReachedRung { .. }
    );
    let last = finish
        .epochs
        .last()
        .map_or(speaker.trial.epoch, |last| last.epoch);
    if speaker.trial.kind != TrialKind::Search {
        return Ok(());
    }
    let name = format!("{}/{}", speaker.sweep.id, speaker.trial.number);
    let planned = speaker.attempt.to_epoch;
    if complete && last != planned {
        return Err(StoreError::Invalid(format!(
            "{name}: finished at epoch {planned}, but the last report is of epoch {last}"
        )));
    }
    if finish.outcome == Outcome::EndedEarly && last == 0 {
        return Err(StoreError::Invalid(format!(
            "{name}: ended early without the report of one epoch: a trial that has nothing to show has failed"
        )));
    }
    Ok(())
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
pub(super) fn running(store: &mut WorkingSet, speaker: Speaker, at: i64) -> Rows<Speaker> {
    if speaker.attempt.state == AttemptState::Running {
        return Ok(speaker);
    }
    if !speaker.can_be_taken_back() {
        return Err(StoreError::Fenced);
    }
    take_back_speaker(store, speaker, at)
}

pub(super) fn take_back_speaker(
    store: &mut WorkingSet,
    mut speaker: Speaker,
    at: i64,
) -> Rows<Speaker> {
    let actor = speaker.actor();
    let cause = Cause {
        actor: &actor,
        reason: "came back before anybody replaced it",
        at,
        token: None,
    };
    let new = speaker.trial.clone();
    let event = TrialEvent::TakenBack;
    let (trial, _) = step(store, &mut speaker.sweep, &speaker.trial, new, event, cause)?;
    let from = speaker.attempt.state;
    speaker.attempt.state = AttemptState::Running;
    speaker.attempt.ended = None;
    speaker.attempt.reason = String::new();
    if !store.update_attempt(from, speaker.attempt.clone())? {
        return Err(StoreError::Fenced);
    }
    speaker.trial = trial;
    store.put_sweep(speaker.sweep.clone());
    Ok(speaker)
}

/// Takes the step and ends the attempt with it.
fn end(
    store: &mut WorkingSet,
    speaker: Speaker,
    event: TrialEvent,
    cause: Cause<'_>,
    checkpoint: Option<Hash>,
) -> Rows<Ended> {
    let Speaker {
        mut sweep,
        trial,
        attempt,
    } = speaker;
    let mut new = trial.clone();
    new.checkpoint = checkpoint.or(trial.checkpoint);
    let session = attempt.session;
    let (new, state) = step(store, &mut sweep, &trial, new, event, cause)?;
    if let Some(state) = state {
        end_attempt(store, &mut sweep, attempt, state, cause)?;
    }
    let sweep = settle(store, sweep, cause.at)?;
    Ok(Ended {
        state: new.state,
        repeated: false,
        sweep: sweep.state,
        session,
    })
}

/// The event that a worker's outcome amounts to, with its reason in words.
fn event(store: &WorkingSet, speaker: &Speaker, finish: &Finish) -> Rows<(TrialEvent, String)> {
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
            let state = AttemptState::Crashed;
            let in_a_row = crashes(store, &speaker.trial, state, *others_connected)?;
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
    store: &WorkingSet,
    trial: &TrialRow,
    state: AttemptState,
    others_connected: bool,
) -> Rows<u32> {
    let mut attempts = attempts::of_trial(store.file()?, trial.sweep, trial.number)?;
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
    let after = |i: usize| {
        attempts
            .get(i + 1)
            .map_or(most_epochs, |next| next.known_epochs)
    };
    attempts
        .iter()
        .enumerate()
        .map(|(i, attempt)| AttemptEnd {
            attempt: attempt.attempt,
            state: attempt.state,
            new_epoch: after(i) > attempt.known_epochs,
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
        let Some(trial) = store.trial((sweep.key, number))? else {
            continue;
        };
        if trial.asked.is_none() {
            step(store, sweep, &trial, trial.clone(), event, cause)?;
        }
    }
    Ok(())
}
