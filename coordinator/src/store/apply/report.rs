//! Reports: one row an epoch, once.

use super::{
    point::rewind,
    step::{Speaker, speak},
    worker::take_back_speaker,
};
use crate::{
    store::{
        StoreError,
        command::{Report, Reported},
        history::CurvePoint,
        rows::{Guard, ReportRow, Rows, TrialRow, Write},
    },
    sweep::SweepState,
    trial::{AttemptState, TrialKind},
};

/// Records one epoch of a running attempt; the same again is acknowledged and has no effect.
pub(super) fn report<W: Write>(store: &mut W, report: &Report) -> Rows<Reported> {
    let mut speaker = speak(store, &report.attempt)?;
    if let Some(repeated) = repeated(store, &speaker, report)? {
        return Ok(repeated);
    }
    let taken_back = speaker.can_be_taken_back();
    if taken_back {
        speaker = take_back_speaker(store, speaker, report.at)?;
    }
    if speaker.attempt.state != AttemptState::Running {
        return Err(StoreError::Fenced);
    }
    let old = speaker.trial.clone();
    check_epoch(&speaker, report)?;
    rewind_if_anew(store, &mut speaker, report)?;
    let objective = report
        .metrics
        .iter()
        .find(|(name, _)| *name == speaker.sweep.sweep.objective.metric)
        .map(|(_, value)| *value);
    let new = after(&speaker, report, objective);
    let guard = Guard {
        state: old.state,
        attempts: old.attempts,
        token: Some(report.attempt.token),
    };
    if !store.update_trial(speaker.sweep.key, guard, &new)? {
        return Err(StoreError::Fenced);
    }
    store.insert_report(speaker.sweep.key, new.number, &row(report, objective))?;
    let mut sweep = speaker.sweep;
    if new.kind == TrialKind::Search {
        sweep.epochs_trained += u64::from(report.epoch > old.most_epochs);
        sweep.images_trained += report.images;
        sweep.training_seconds += report.seconds;
    }
    let paused = sweep.state == SweepState::Paused;
    store.put_sweep(sweep)?;
    Ok(Reported {
        repeated: false,
        taken_back,
        asked: new.asked,
        paused,
    })
}

/// The acknowledgement of a report that is there already; another one of the same epoch is refused.
fn repeated<W: Write>(store: &W, speaker: &Speaker, report: &Report) -> Rows<Option<Reported>> {
    let (trial, attempt) = (&speaker.trial, &speaker.attempt);
    let fresh = attempt.state == AttemptState::Running && report.epoch > trial.epoch;
    if fresh {
        return Ok(None);
    }
    let known = store.reported(
        speaker.sweep.key,
        trial.number,
        attempt.attempt,
        report.epoch,
    )?;
    match known {
        None => Ok(None),
        Some(hash) if hash == report.weights_hash => Ok(Some(Reported {
            repeated: true,
            taken_back: false,
            asked: trial
                .asked
                .filter(|_| attempt.state == AttemptState::Running),
            paused: speaker.sweep.state == SweepState::Paused,
        })),
        Some(_) => Err(StoreError::Invalid(format!(
            "{}/{}: attempt {} has reported epoch {} before, with another weights_hash",
            speaker.sweep.id, trial.number, attempt.attempt, report.epoch
        ))),
    }
}

fn check_epoch(speaker: &Speaker, report: &Report) -> Rows<()> {
    let (trial, attempt) = (&speaker.trial, &speaker.attempt);
    let name = format!("{}/{}", speaker.sweep.id, trial.number);
    if report.epoch == 0 || report.epoch > attempt.to_epoch {
        return Err(StoreError::Invalid(format!(
            "{name}: a report of epoch {}, but attempt {} was granted epochs 1 to {}",
            report.epoch, attempt.attempt, attempt.to_epoch
        )));
    }
    let has_reported = trial.epoch > attempt.from_epoch;
    if report.epoch <= trial.epoch && has_reported {
        return Err(StoreError::Invalid(format!(
            "{name}: a report of epoch {} after one of epoch {}: epochs must grow",
            report.epoch, trial.epoch
        )));
    }
    Ok(())
}

/// A worker that could not use the checkpoint it was named begins anew: its first report tells.
fn rewind_if_anew<W: Write>(store: &mut W, speaker: &mut Speaker, report: &Report) -> Rows<()> {
    if report.epoch > speaker.trial.epoch {
        return Ok(());
    }
    let upto = report.epoch - 1;
    rewind(store, &speaker.sweep, &mut speaker.trial, upto)?;
    speaker.attempt.from_epoch = upto;
    if upto == 0 {
        speaker.attempt.resume = None;
    }
    let running = AttemptState::Running;
    if !store.update_attempt(
        speaker.sweep.key,
        speaker.trial.number,
        running,
        &speaker.attempt,
    )? {
        return Err(StoreError::Fenced);
    }
    Ok(())
}

fn after(speaker: &Speaker, report: &Report, objective: Option<f64>) -> TrialRow {
    let mut new = speaker.trial.clone();
    new.objective = speaker.sweep.sweep.objective.fold(new.objective, objective);
    new.epoch = report.epoch;
    new.most_epochs = new.most_epochs.max(report.epoch);
    new.weights_hash = report.weights_hash;
    new.seconds += report.seconds;
    new.images += report.images;
    new.changed = report.at;
    new
}

fn row(report: &Report, objective: Option<f64>) -> ReportRow {
    ReportRow {
        point: CurvePoint {
            epoch: report.epoch,
            attempt: report.attempt.attempt,
            metrics: report.metrics.clone(),
            layers: report.layers.clone(),
            weights_hash: report.weights_hash,
            seconds: report.seconds,
        },
        objective: objective.filter(|value| value.is_finite()),
        images: report.images,
        at: report.at,
    }
}
