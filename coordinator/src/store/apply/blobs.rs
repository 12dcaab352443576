//! Checkpoints and weights: committed under an attempt, collected when nothing needs them.

use std::collections::BTreeSet;

use super::{
    point::valued,
    step::{Speaker, find_sweep, speak},
    worker::running,
};
use crate::{
    ids::{Hash, TrialNumber},
    store::{
        StoreError,
        blobs::{self, BlobRow},
        command::{CollectBlobs, CommitBlob, Millis},
        error::Rows,
        sweeps::SweepRow,
        trials::TrialRow,
        values::{BlobKind, BlobRef},
        working::{Guard, WorkingSet},
    },
    trial::AttemptState,
};

/// Commits a blob of a running attempt; the same again is acknowledged.
pub(super) fn commit(store: &mut WorkingSet, commit: &CommitBlob) -> Rows<()> {
    let speaker = speak(store, &commit.attempt)?;
    if speaker.attempt.state != AttemptState::Running {
        let known = store.blobs(speaker.trial.key())?;
        if known.contains(&commit.blob) {
            return Ok(());
        }
    }
    let speaker = running(store, speaker, commit.at)?;
    let guard = Guard {
        state: speaker.trial.state,
        attempts: speaker.trial.attempts,
        token: Some(commit.attempt.token),
    };
    let mut new = speaker.trial.clone();
    if commit.blob.kind == BlobKind::Checkpoint {
        new.checkpoint = Some(commit.blob.hash);
    }
    if !store.update_trial(guard, new)? {
        return Err(StoreError::Fenced);
    }
    store_blob(store, &speaker, commit.blob, commit.at);
    Ok(())
}

/// Stores a blob's row; checkpoints of the same trial that are older and no more than it are forgotten later.
pub(super) fn store_blob(store: &mut WorkingSet, speaker: &Speaker, blob: BlobRef, at: Millis) {
    let (sweep, trial, attempt) = speaker.attempt.key();
    store.put_blob(BlobRow {
        sweep,
        trial,
        blob,
        attempt,
        at,
    });
}

/// Forgets what nothing needs: of a live trial all checkpoints but the newest (and the newest that the coordinator
/// has), of an ended trial every checkpoint, and once the sweep has ended all weights but the finalists'.
pub(super) fn collect(store: &mut WorkingSet, collect: &CollectBlobs) -> Rows<Vec<Hash>> {
    let sweep = find_sweep(store, &collect.sweep)?;
    let blobs = blobs::of_sweep(store.file()?, sweep.key)?;
    let mut numbers: Vec<TrialNumber> = blobs.iter().map(|row| row.trial).collect();
    numbers.dedup();
    store.will_read(sweep.key, numbers, Vec::new())?;
    let finalists = finalists(store, &sweep, &blobs)?;
    let mut forgotten = BTreeSet::new();
    for of_trial in blobs.chunk_by(|a, b| a.trial == b.trial) {
        let Some(trial) = store.trial((sweep.key, of_trial[0].trial))? else {
            continue;
        };
        let is_finalist = finalists
            .as_ref()
            .is_none_or(|all| all.contains(&trial.number));
        for BlobRow { blob, .. } in of_trial {
            if !is_needed(blob, of_trial, &trial, is_finalist) {
                blobs::delete(store.changed_file()?, sweep.key, trial.number, blob.hash)?;
                forgotten.insert(blob.hash);
            }
        }
    }
    unneeded(store, forgotten)
}

fn is_needed(blob: &BlobRef, of_trial: &[BlobRow], trial: &TrialRow, is_finalist: bool) -> bool {
    let newest = |stored: bool| {
        let same = of_trial
            .iter()
            .filter(|row| row.blob.kind == blob.kind && (!stored || row.blob.stored));
        same.map(|row| row.blob.epoch).max()
    };
    let is_newest = Some(blob.epoch) == newest(false);
    match blob.kind {
        BlobKind::Checkpoint => {
            let is_newest = is_newest || blob.stored && Some(blob.epoch) == newest(true);
            !trial.state.is_terminal() && is_newest
        }
        BlobKind::Weights => is_finalist && is_newest,
    }
}

/// Those of these blobs that no trial names any more.
pub(super) fn unneeded(store: &WorkingSet, hashes: BTreeSet<Hash>) -> Rows<Vec<Hash>> {
    let file = store.file()?;
    let mut unneeded = Vec::new();
    for hash in hashes {
        if !blobs::needed(file, hash)? {
            unneeded.push(hash);
        }
    }
    Ok(unneeded)
}

/// Trials whose weights stay: those of the winner and of the points that were trained as often as it, once more than
/// one repeat tells them apart. `None` while the sweep has not ended: all stay.
fn finalists(
    store: &WorkingSet,
    sweep: &SweepRow,
    blobs: &[BlobRow],
) -> Rows<Option<BTreeSet<TrialNumber>>> {
    if !sweep.state.has_ended() {
        return Ok(None);
    }
    let mut finalists = BTreeSet::new();
    let Some(place) = sweep.best else {
        return Ok(Some(finalists));
    };
    let winner = store.point(sweep.key, place)?;
    let repeats = winner.map_or(0, |point| point.value.repeats);
    let weights = blobs
        .iter()
        .filter(|row| row.blob.kind == BlobKind::Weights);
    for row in weights {
        let Some(trial) = store.trial((sweep.key, row.trial))? else {
            continue;
        };
        let equal = repeats > 1
            && store
                .point(sweep.key, trial.place)?
                .is_some_and(|point| point.value.repeats == repeats);
        if trial.place == place || equal {
            finalists.insert(trial.number);
        }
    }
    let of_winner = store.trials_of_point(sweep.key, place)?;
    finalists.extend(valued(&of_winner).iter().map(|trial| trial.number));
    Ok(Some(finalists))
}
