//! Granting: which sweep, which trial, from which checkpoint.

use std::sync::Arc;

use super::{
    point::rewind,
    step::{Cause, step},
};
use crate::{
    ids::{AttemptNumber, AttemptRef, Hash, Token},
    store::{
        AttemptRow, BlobKind, BlobRef, DataSet, StoreError, SweepRow, TrialRow,
        command::{Grant, Granted},
        error::Rows,
        trials,
        working::WorkingSet,
    },
    sweep::SweepState,
    trial::{AttemptState, TrialEvent, TrialKind},
};

/// Grants one trial, if there is one for this worker.
pub(super) fn grant(store: &mut WorkingSet, ask: &Grant) -> Rows<Option<Box<Granted>>> {
    if let Some(attempt) = store.granted(ask.session, ask.request) {
        let trial = store.trial((attempt.sweep, attempt.trial))?.cloned();
        let trial = trial.ok_or(StoreError::Fenced)?;
        let sweep = store.sweep(attempt.sweep)?;
        let mut blobs = store.blobs(trial.key())?.into_iter();
        let resume = blobs.find(|blob| attempt.resume == Some(blob.hash));
        let again = lease(store, &sweep, trial, attempt.token, resume)?;
        return Ok(Some(Box::new(Granted {
            repeated: true,
            ..again
        })));
    }
    for sweep in candidates(store, ask) {
        let Some(trial) = pick(store, &sweep, &ask.local_checkpoints)? else {
            continue;
        };
        // The queue is by order, and a check comes first in it: behind it nothing runs before it has passed.
        if sweep.state == SweepState::Checking && trial.kind != TrialKind::Check {
            continue;
        }
        return Ok(Some(Box::new(give(store, sweep, trial, ask)?)));
    }
    Ok(None)
}

/// Sweeps that this worker could take a trial of: fewest running trials first, the older on a tie.
fn candidates(store: &WorkingSet, ask: &Grant) -> Vec<SweepRow> {
    let fits = |sweep: &&SweepRow| {
        sweep.state.grants()
            && sweep.queued > 0
            && ask.sweeps.contains(&sweep.id)
            && ask.trainers.contains(&sweep.sweep.trainer)
            && (sweep.sweep.data_source.is_none() || offered(sweep, ask).is_some())
    };
    let mut sweeps: Vec<SweepRow> = store.sweeps().filter(fits).cloned().collect();
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
fn pick(store: &mut WorkingSet, sweep: &SweepRow, local: &[Hash]) -> Rows<Option<TrialRow>> {
    let Some(head) = store.queue_head(sweep.key)?.cloned() else {
        return Ok(None);
    };
    if local.is_empty() || head.checkpoint.is_some_and(|hash| local.contains(&hash)) {
        return Ok(Some(head));
    }
    match trials::held(store.file()?, sweep.key, local)? {
        Some(held) if held.queue_order <= head.queue_order => Ok(store.trial(held.key())?.cloned()),
        _ => Ok(Some(head)),
    }
}

fn give(
    store: &mut WorkingSet,
    mut sweep: SweepRow,
    mut trial: TrialRow,
    ask: &Grant,
) -> Rows<Granted> {
    let pinned = sweep.data.is_some();
    if !pinned {
        sweep.data = offered(&sweep, ask).cloned();
    }
    let resume = newest_checkpoint(store, &trial, &ask.local_checkpoints)?;
    let from_epoch = resume.map_or(0, |blob| blob.epoch);
    trial.attempts += 1;
    trial.worker.clone_from(&ask.worker);
    trial.started = trial.started.or(Some(ask.at));
    if from_epoch != trial.epoch {
        rewind(store, &sweep, &mut trial, from_epoch)?;
    }
    let reason = match resume {
        Some(blob) => format!("to epoch {}, from {}", trial.to_epoch, blob.epoch),
        None => format!("to epoch {}", trial.to_epoch),
    };
    let actor = format!("worker {}", ask.worker);
    let cause = Cause::new(&actor, &reason, ask.at);
    step(store, &mut sweep, &mut trial, TrialEvent::Granted, cause)?;
    store.put_attempt(AttemptRow {
        sweep: sweep.key,
        trial: trial.number,
        attempt: AttemptNumber(trial.attempts),
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
        to_epoch: trial.to_epoch,
        known_epochs: trial.most_epochs,
        excused: false,
        digest: None,
    });
    sweep.first_grant = sweep.first_grant.or(Some(ask.at));
    let granted = lease(store, &sweep, trial, ask.token, resume)?;
    store.put_sweep(sweep);
    Ok(Granted {
        pinned_data: !pinned && granted.data.is_some(),
        ..granted
    })
}

/// The newest checkpoint that this worker can have: the coordinator's, or one on its own disk.
fn newest_checkpoint(
    store: &mut WorkingSet,
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
    let blobs = store.blobs(trial.key())?.into_iter();
    Ok(blobs.filter(usable).max_by_key(|blob| blob.epoch))
}

/// The lease of a trial's newest attempt.
fn lease(
    store: &mut WorkingSet,
    sweep: &SweepRow,
    trial: TrialRow,
    token: Token,
    resume: Option<BlobRef>,
) -> Rows<Granted> {
    let weights = match trial.weights_of {
        Some(of) => {
            let blobs = store.blobs((sweep.key, of))?.into_iter();
            let weights = blobs.filter(|blob| blob.kind == BlobKind::Weights && blob.stored);
            weights.max_by_key(|blob| blob.epoch)
        }
        None => None,
    };
    let point = store.point((sweep.key, trial.place))?;
    let point = point.ok_or_else(|| StoreError::no_point(&sweep.id, trial.number))?;
    Ok(Granted {
        attempt: AttemptRef {
            sweep: sweep.id.clone(),
            trial: trial.number,
            attempt: AttemptNumber(trial.attempts),
            token,
        },
        sweep: Arc::clone(&sweep.sweep),
        spec_json: point.spec_json.clone(),
        trial,
        resume,
        weights,
        data: sweep.data.clone(),
        repeated: false,
        pinned_data: false,
    })
}
