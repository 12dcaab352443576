//! Granting: which sweep, which trial, from which checkpoint.

use super::{
    point::rewind,
    step::{Cause, step},
};
use crate::{
    ids::{AttemptNumber, AttemptRef, Hash},
    store::{
        StoreError,
        attempts::AttemptRow,
        command::{Grant, Granted},
        error::Rows,
        sweeps::SweepRow,
        trials::{self, TrialRow},
        values::{BlobKind, BlobRef, DataSet},
        working::WorkingSet,
    },
    sweep::SweepState,
    trial::{AttemptState, TrialEvent, TrialKind},
};

/// Grants one trial, if there is one for this worker.
pub(super) fn grant(store: &mut WorkingSet, ask: &Grant) -> Rows<Option<Box<Granted>>> {
    if let Some(attempt) = store.granted(ask.session, ask.request) {
        let (sweep, trial) = (attempt.sweep, attempt.trial);
        let trial = store.trial((sweep, trial))?.ok_or(StoreError::Fenced)?;
        let sweep = store.sweep(sweep)?;
        let resume = resume_of(store, &trial, attempt.resume)?;
        let again = lease(store, &sweep, &trial, &attempt, resume, true)?;
        return Ok(Some(Box::new(again)));
    }
    for mut sweep in candidates(store, ask) {
        let Some(trial) = pick(store, &sweep, &ask.local_checkpoints)? else {
            continue;
        };
        // The queue is by order, and a check comes first in it: behind it nothing runs before it has passed.
        if sweep.state == SweepState::Checking && trial.kind != TrialKind::Check {
            continue;
        }
        let pins = sweep.data.is_none();
        if let (None, Some(set)) = (&sweep.data, offered(&sweep, ask)) {
            sweep.data = Some(set.clone());
        }
        let granted = give(store, sweep, &trial, ask, pins)?;
        return Ok(Some(Box::new(granted)));
    }
    Ok(None)
}

/// Sweeps that this worker could take a trial of: fewest running trials first, the older on a tie.
fn candidates(store: &WorkingSet, ask: &Grant) -> Vec<SweepRow> {
    let fits = |sweep: &SweepRow| {
        sweep.state.grants()
            && sweep.queued > 0
            && ask.sweeps.contains(&sweep.id)
            && ask.trainers.contains(&sweep.sweep.trainer)
            && (sweep.sweep.data_source.is_none() || offered(sweep, ask).is_some())
    };
    let mut sweeps = store.live_sweeps();
    sweeps.retain(fits);
    sweeps.sort_by_key(|sweep| (sweep.running, sweep.key));
    sweeps
}

/// The offer that fits: by hash once pinned, by name before.
fn offered<'a>(sweep: &SweepRow, ask: &'a Grant) -> Option<&'a DataSet> {
    let name = sweep.sweep.data_source.as_ref()?;
    let fits = |set: &DataSet, offer: &str| match &sweep.data {
        Some(pinned) => pinned.hash == set.hash,
        None => offer == name,
    };
    ask.data
        .iter()
        .find(|offer| fits(&offer.set, &offer.name))
        .map(|offer| &offer.set)
}

/// First in the queue; of those equally early, one whose checkpoint lies on this worker.
fn pick(store: &WorkingSet, sweep: &SweepRow, local: &[Hash]) -> Rows<Option<TrialRow>> {
    let Some(head) = store.queue_head(sweep.key)? else {
        return Ok(None);
    };
    if local.is_empty() || head.checkpoint.is_some_and(|hash| local.contains(&hash)) {
        return Ok(Some(head));
    }
    let held = trials::held(store.file()?, sweep.key, local)?
        .filter(|held| held.queue_order <= head.queue_order);
    Ok(Some(held.unwrap_or(head)))
}

fn give(
    store: &mut WorkingSet,
    mut sweep: SweepRow,
    old: &TrialRow,
    ask: &Grant,
    pins: bool,
) -> Rows<Granted> {
    let resume = newest_checkpoint(store, old, &ask.local_checkpoints)?;
    let from_epoch = resume.map_or(0, |blob| blob.epoch);
    let mut new = old.clone();
    new.attempts += 1;
    new.worker.clone_from(&ask.worker);
    new.started = old.started.or(Some(ask.at));
    if from_epoch != old.epoch {
        rewind(store, &sweep, &mut new, from_epoch)?;
    }
    let reason = match resume {
        Some(blob) => format!("to epoch {}, from {}", new.to_epoch, blob.epoch),
        None => format!("to epoch {}", new.to_epoch),
    };
    let actor = format!("worker {}", ask.worker);
    let cause = Cause {
        actor: &actor,
        reason: &reason,
        at: ask.at,
        token: None,
    };
    let (new, _) = step(store, &mut sweep, old, new, TrialEvent::Granted, cause)?;
    let attempt = AttemptRow {
        sweep: sweep.key,
        trial: new.number,
        attempt: AttemptNumber(new.attempts),
        session: ask.session,
        worker: ask.worker.clone(),
        request: ask.request,
        token: ask.token,
        state: AttemptState::Running,
        started: ask.at,
        ended: None,
        reason: String::new(),
        from_epoch,
        resume: resume.map(|blob| blob.hash),
        to_epoch: new.to_epoch,
        known_epochs: new.most_epochs,
        excused: false,
        digest: None,
    };
    store.insert_attempt(attempt.clone());
    sweep.first_grant = sweep.first_grant.or(Some(ask.at));
    store.put_sweep(sweep.clone());
    let mut granted = lease(store, &sweep, &new, &attempt, resume, false)?;
    granted.pinned_data = pins && sweep.data.is_some();
    Ok(granted)
}

/// The newest checkpoint that this worker can have: the coordinator's, or one on its own disk.
fn newest_checkpoint(
    store: &WorkingSet,
    trial: &TrialRow,
    local: &[Hash],
) -> Rows<Option<BlobRef>> {
    if trial.checkpoint.is_none() {
        return Ok(None);
    }
    let usable = |blob: &BlobRef| {
        blob.kind == BlobKind::Checkpoint
            && blob.epoch <= trial.most_epochs.min(trial.to_epoch)
            && (blob.stored || local.contains(&blob.hash))
    };
    let blobs = store.blobs(trial.key())?;
    Ok(blobs
        .into_iter()
        .filter(usable)
        .max_by_key(|blob| blob.epoch))
}

fn resume_of(store: &WorkingSet, trial: &TrialRow, hash: Option<Hash>) -> Rows<Option<BlobRef>> {
    let Some(hash) = hash else { return Ok(None) };
    let blobs = store.blobs(trial.key())?;
    Ok(blobs.into_iter().find(|blob| blob.hash == hash))
}

fn lease(
    store: &WorkingSet,
    sweep: &SweepRow,
    trial: &TrialRow,
    attempt: &AttemptRow,
    resume: Option<BlobRef>,
    repeated: bool,
) -> Rows<Granted> {
    let point = store
        .point(sweep.key, trial.place)?
        .ok_or_else(|| StoreError::Damaged {
            table: "points",
            column: "point".to_owned(),
            row: format!("{}/{}", sweep.id, trial.number),
            problem: "the trial's point is not there".to_owned(),
        })?;
    let weights = match trial.weights_of {
        Some(of) => store
            .blobs((sweep.key, of))?
            .into_iter()
            .filter(|blob| blob.kind == BlobKind::Weights && blob.stored)
            .max_by_key(|blob| blob.epoch),
        None => None,
    };
    Ok(Granted {
        attempt: AttemptRef {
            sweep: sweep.id.clone(),
            trial: trial.number,
            attempt: attempt.attempt,
            token: attempt.token,
        },
        kind: trial.kind,
        trainer: sweep.sweep.trainer.clone(),
        spec_json: point.spec_json,
        seed: trial.seed,
        round: trial.place.round,
        point: trial.place.point,
        repeat: trial.repeat,
        fold: trial.fold,
        folds: sweep.sweep.folds,
        to_epoch: trial.to_epoch,
        full_epochs: trial.full_epochs,
        objective: sweep.sweep.objective.clone(),
        resume,
        keep_weights: trial.keep_weights,
        weights,
        data_source: sweep.sweep.data_source.clone(),
        data: sweep.data.clone(),
        waits_at_end: trial.waits_at_end,
        repeated,
        pinned_data: false,
    })
}
