//! Reports: one row an epoch, once.

use super::{
    blobs,
    point::rewind,
    step::{Speaker, speak},
    worker::running,
};
use crate::{
    ids::AttemptRef,
    store::{
        StoreError,
        command::{Epoch, Millis, Report, Reported},
        error::Rows,
        reports::{self, ReportRow},
        trials::TrialRow,
        working::{Guard, WorkingSet},
    },
    sweep::SweepState,
    trial::{AttemptState, StopRequest, TrialKind},
};

/// Records epochs of a running attempt; the same again is acknowledged and has no effect.
pub(super) fn report(store: &mut WorkingSet, report: &Report) -> Rows<Reported> {
    if report.epochs.is_empty() {
        return Err(StoreError::Invalid("epochs: a report of none".to_owned()));
    }
    record(store, &report.attempt, &report.epochs, report.at)
}

/// Records epochs in order. On an error some of them may have been written.
pub(super) fn record(
    store: &mut WorkingSet,
    who: &AttemptRef,
    epochs: &[Epoch],
    at: Millis,
) -> Rows<Reported> {
    let mut reported = Reported {
        repeated: 0,
        taken_back: None,
        asked: None,
        paused: false,
    };
    for epoch in epochs {
        let speaker = speak(store, who)?;
        reported.paused = speaker.sweep.state == SweepState::Paused;
        if is_repeated(store, &speaker, epoch)? {
            let running = speaker.attempt.state == AttemptState::Running;
            reported.asked = speaker.trial.asked.filter(|_| running);
            reported.repeated += 1;
            continue;
        }
        if speaker.can_be_taken_back() {
            reported.taken_back = Some(speaker.attempt.session);
        }
        reported.asked = record_one(store, speaker, who, epoch, at)?;
    }
    Ok(reported)
}

fn record_one(
    store: &mut WorkingSet,
    mut speaker: Speaker,
    who: &AttemptRef,
    epoch: &Epoch,
    at: Millis,
) -> Rows<Option<StopRequest>> {
    speaker = running(store, speaker, at)?;
    let old = speaker.trial.clone();
    check_epoch(&speaker, epoch.epoch)?;
    let objective = objective(&speaker, epoch)?;
    rewind_if_anew(store, &mut speaker, epoch.epoch)?;
    let new = after(&speaker, epoch, objective, at);
    let guard = Guard {
        state: old.state,
        attempts: old.attempts,
        token: Some(who.token),
    };
    if !store.update_trial(guard, new.clone())? {
        return Err(StoreError::Fenced);
    }
    store.insert_report(row(&speaker, epoch, objective, at));
    if let Some(blob) = epoch.checkpoint {
        blobs::store_blob(store, &speaker, blob, at);
    }
    let mut sweep = speaker.sweep;
    if new.kind == TrialKind::Search {
        sweep.epochs_trained += u64::from(epoch.epoch > old.most_epochs);
        sweep.images_trained = sweep.images_trained.saturating_add(epoch.images);
        sweep.training_seconds += epoch.seconds;
    }
    store.put_sweep(sweep);
    Ok(new.asked)
}

/// Whether this epoch is recorded already; another report of the same epoch is refused.
fn is_repeated(store: &WorkingSet, speaker: &Speaker, epoch: &Epoch) -> Rows<bool> {
    let (trial, attempt) = (&speaker.trial, &speaker.attempt);
    let fresh = attempt.state == AttemptState::Running && epoch.epoch > trial.epoch;
    if fresh {
        return Ok(false);
    }
    let known = reports::hash(store.file()?, attempt.key(), epoch.epoch)?;
    match known {
        None => Ok(false),
        Some(hash) if hash == epoch.weights_hash => Ok(true),
        Some(_) => Err(StoreError::Invalid(format!(
            "{}/{}: attempt {} has reported epoch {} before, with another weights_hash",
            speaker.sweep.id, trial.number, attempt.attempt, epoch.epoch
        ))),
    }
}

fn check_epoch(speaker: &Speaker, epoch: u32) -> Rows<()> {
    let (trial, attempt) = (&speaker.trial, &speaker.attempt);
    let name = format!("{}/{}", speaker.sweep.id, trial.number);
    if epoch == 0 || epoch > attempt.to_epoch {
        return Err(StoreError::Invalid(format!(
            "{name}: a report of epoch {epoch}, but attempt {} was granted epochs 1 to {}",
            attempt.attempt, attempt.to_epoch
        )));
    }
    let has_reported = trial.epoch > attempt.from_epoch;
    if epoch <= trial.epoch && has_reported {
        return Err(StoreError::Invalid(format!(
            "{name}: a report of epoch {epoch} after one of epoch {}: epochs must grow",
            trial.epoch
        )));
    }
    Ok(())
}

/// The objective's value, if it is finite. What the search ranks by must be in every report.
fn objective(speaker: &Speaker, epoch: &Epoch) -> Rows<Option<f64>> {
    let metric = &speaker.sweep.sweep.objective.metric;
    let mut metrics = epoch.metrics.iter();
    if let Some((_, value)) = metrics.find(|(name, _)| name == metric) {
        return Ok(Some(*value).filter(|value| value.is_finite()));
    }
    if speaker.trial.kind != TrialKind::Search {
        return Ok(None);
    }
    let names: Vec<&str> = epoch
        .metrics
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    Err(StoreError::Invalid(format!(
        "epochs.metrics: epoch {} of {}/{} lacks the objective's metric `{metric}`; it has {}",
        epoch.epoch,
        speaker.sweep.id,
        speaker.trial.number,
        listed(&names)
    )))
}

/// Some of the names, for people.
fn listed(names: &[&str]) -> String {
    match names {
        [] => "none".to_owned(),
        names => {
            let some: Vec<String> = names
                .iter()
                .take(10)
                .map(|name| format!("`{name}`"))
                .collect();
            some.join(", ")
        }
    }
}

/// A worker that could not use the checkpoint it was named begins anew: its first report tells.
fn rewind_if_anew(store: &mut WorkingSet, speaker: &mut Speaker, epoch: u32) -> Rows<()> {
    if epoch > speaker.trial.epoch {
        return Ok(());
    }
    let upto = epoch - 1;
    rewind(store, &speaker.sweep, &mut speaker.trial, upto)?;
    speaker.attempt.from_epoch = upto;
    if upto == 0 {
        speaker.attempt.resume = None;
    }
    let running = AttemptState::Running;
    if !store.update_attempt(running, speaker.attempt.clone())? {
        return Err(StoreError::Fenced);
    }
    Ok(())
}

fn after(speaker: &Speaker, epoch: &Epoch, objective: Option<f64>, at: Millis) -> TrialRow {
    let mut new = speaker.trial.clone();
    new.objective = speaker.sweep.sweep.objective.fold(new.objective, objective);
    new.epoch = epoch.epoch;
    new.most_epochs = new.most_epochs.max(epoch.epoch);
    new.weights_hash = epoch.weights_hash;
    new.seconds += epoch.seconds;
    new.images = new.images.saturating_add(epoch.images);
    new.changed = at;
    if let Some(blob) = epoch.checkpoint {
        new.checkpoint = Some(blob.hash);
    }
    new
}

fn row(speaker: &Speaker, epoch: &Epoch, objective: Option<f64>, at: Millis) -> ReportRow {
    let (sweep, trial, attempt) = speaker.attempt.key();
    ReportRow {
        sweep,
        trial,
        attempt,
        epoch: epoch.epoch,
        objective,
        metrics: epoch.metrics.clone(),
        layers: epoch.layers.clone(),
        weights_hash: epoch.weights_hash,
        seconds: epoch.seconds,
        images: epoch.images,
        at,
    }
}
