//! Reports: one row an epoch, once.

use serde_json::json;

use super::{
    blobs::store_blob,
    point::rewind,
    step::{Speaker, speak},
    worker::running,
};
use crate::{
    ids::AttemptRef,
    store::{
        Millis, ReportRow, StoreError,
        command::{Epoch, Report, Reported},
        error::Rows,
        reports,
        working::WorkingSet,
    },
    sweep::SweepState,
    trial::{AttemptState, TrialKind},
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
    let mut reported = Reported::default();
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
        let speaker = running(store, speaker, at)?;
        reported.asked = speaker.trial.asked;
        record_one(store, speaker, epoch, at)?;
    }
    Ok(reported)
}

fn record_one(store: &mut WorkingSet, mut speaker: Speaker, epoch: &Epoch, at: Millis) -> Rows<()> {
    check_epoch(&speaker, epoch.epoch)?;
    let objective = objective(&speaker, epoch)?;
    if epoch.epoch <= speaker.trial.epoch {
        begin_anew(store, &mut speaker, epoch.epoch - 1)?;
    }
    store.insert_report(row(&speaker, epoch, objective, at));
    if let Some(blob) = epoch.checkpoint {
        store_blob(store, &speaker, blob, at);
        speaker.trial.checkpoint = Some(blob.hash);
    }
    let Speaker {
        mut sweep,
        mut trial,
        attempt,
    } = speaker;
    if trial.kind == TrialKind::Search {
        sweep.epochs_trained += u64::from(epoch.epoch > trial.most_epochs);
        sweep.images_trained = sweep.images_trained.saturating_add(epoch.images);
        sweep.training_seconds += epoch.seconds;
    }
    trial.objective = sweep.sweep.objective.fold(trial.objective, objective);
    trial.epoch = epoch.epoch;
    trial.most_epochs = trial.most_epochs.max(epoch.epoch);
    trial.weights_hash = epoch.weights_hash;
    trial.seconds += epoch.seconds;
    trial.images = trial.images.saturating_add(epoch.images);
    trial.changed = at;
    store.put_trial(trial, Some(attempt.token));
    store.put_sweep(sweep);
    Ok(())
}

/// Whether this epoch is recorded already; another report of the same epoch is refused.
fn is_repeated(store: &mut WorkingSet, speaker: &Speaker, epoch: &Epoch) -> Rows<bool> {
    let (trial, attempt) = (&speaker.trial, &speaker.attempt);
    if attempt.state == AttemptState::Running && epoch.epoch > trial.epoch {
        return Ok(false);
    }
    let Some((metrics, hash)) = reports::said(store.file()?, attempt.key(), epoch.epoch)? else {
        return Ok(false);
    };
    let now = json!(epoch.metrics).to_string();
    let difference = match hash == epoch.weights_hash {
        true if metrics == now => return Ok(true),
        true => format!("{metrics}; now it says {now}"),
        false => "another weights_hash".to_owned(),
    };
    Err(StoreError::Invalid(format!(
        "{}/{}: attempt {} has reported epoch {} before, with {difference}: what was reported stays",
        speaker.sweep.id, trial.number, attempt.attempt, epoch.epoch
    )))
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
    if epoch > trial.epoch + 1 {
        return Err(StoreError::Invalid(format!(
            "{name}: a report of epoch {epoch} after one of epoch {}: every epoch is reported, and {} is missing",
            trial.epoch,
            trial.epoch + 1
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
    let metrics = epoch.metrics.iter().take(10);
    let some: Vec<String> = metrics.map(|(name, _)| format!("`{name}`")).collect();
    let has = match &some[..] {
        [] => "none".to_owned(),
        some => some.join(", "),
    };
    Err(StoreError::Invalid(format!(
        "epochs.metrics: epoch {} of {}/{} lacks the objective's metric `{metric}`; it has {has}",
        epoch.epoch, speaker.sweep.id, speaker.trial.number
    )))
}

/// A worker that could not use the checkpoint it was named begins anew behind epoch `upto`: its first report tells.
fn begin_anew(store: &mut WorkingSet, speaker: &mut Speaker, upto: u32) -> Rows<()> {
    rewind(store, &speaker.sweep, &mut speaker.trial, upto)?;
    speaker.attempt.from_epoch = upto;
    if upto == 0 {
        speaker.attempt.resume = None;
    }
    store.put_attempt(speaker.attempt.clone());
    Ok(())
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
