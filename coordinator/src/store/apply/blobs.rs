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
        command::{CollectBlobs, CommitBlob, Millis},
        rows::{Guard, Rows, SweepRow, Write},
        values::{BlobKind, BlobRef},
    },
    trial::AttemptState,
};

/// Commits a blob of a running attempt; the same again is acknowledged.
pub(super) fn commit<W: Write>(store: &mut W, commit: &CommitBlob) -> Rows<()> {
    let speaker = speak(store, &commit.attempt)?;
    if speaker.attempt.state != AttemptState::Running {
        let known = store.blobs(speaker.sweep.key, speaker.trial.number)?;
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
    if !store.update_trial(speaker.sweep.key, guard, &new)? {
        return Err(StoreError::Fenced);
    }
    store_blob(store, &speaker, commit.blob, commit.at)
}

/// Stores a blob's row; checkpoints of the same trial that are older and no more than it are forgotten later.
pub(super) fn store_blob<W: Write>(
    store: &mut W,
    speaker: &Speaker,
    blob: BlobRef,
    at: Millis,
) -> Rows<()> {
    let (sweep, trial) = (speaker.sweep.key, speaker.trial.number);
    store.put_blob(sweep, trial, speaker.attempt.attempt, blob, at)
}

/// Forgets what nothing needs: of a live trial all checkpoints but the newest (and the newest that the coordinator
/// has), of an ended trial every checkpoint, and once the sweep has ended all weights but the finalists'.
pub(super) fn collect<W: Write>(store: &mut W, collect: &CollectBlobs) -> Rows<Vec<Hash>> {
    let sweep = find_sweep(store, &collect.sweep)?;
    let finalists = finalists(store, &sweep)?;
    let blobs = store.sweep_blobs(sweep.key)?;
    let mut forgotten = BTreeSet::new();
    for (number, blob) in &blobs {
        let newest = |stored: bool| {
            blobs
                .iter()
                .filter(|(n, b)| n == number && b.kind == blob.kind && (!stored || b.stored))
                .map(|(_, b)| b.epoch)
                .max()
        };
        let Some(trial) = store.trial(sweep.key, *number)? else {
            continue;
        };
        let needed = match blob.kind {
            BlobKind::Checkpoint => {
                !trial.state.is_terminal()
                    && (Some(blob.epoch) == newest(false)
                        || blob.stored && Some(blob.epoch) == newest(true))
            }
            BlobKind::Weights => {
                finalists.as_ref().is_none_or(|all| all.contains(number))
                    && Some(blob.epoch) == newest(false)
            }
        };
        if !needed {
            store.delete_blob(sweep.key, *number, blob.hash)?;
            forgotten.insert(blob.hash);
        }
    }
    let mut unneeded = Vec::new();
    for hash in forgotten {
        if !store.blob_needed(hash)? {
            unneeded.push(hash);
        }
    }
    Ok(unneeded)
}

/// Trials whose weights stay: those of the winner and of the points that were trained as often as it, once more than
/// one repeat tells them apart. `None` while the sweep has not ended: all stay.
fn finalists<W: Write>(store: &W, sweep: &SweepRow) -> Rows<Option<BTreeSet<TrialNumber>>> {
    if !sweep.state.has_ended() {
        return Ok(None);
    }
    let mut trials = BTreeSet::new();
    let Some(place) = sweep.best else {
        return Ok(Some(trials));
    };
    let winner = store.point(sweep.key, place)?;
    let repeats = winner.as_ref().map_or(0, |point| point.value.repeats);
    for (number, blob) in store.sweep_blobs(sweep.key)? {
        let Some(trial) = store.trial(sweep.key, number)? else {
            continue;
        };
        let equal = repeats > 1
            && store
                .point(sweep.key, trial.place)?
                .is_some_and(|point| point.value.repeats == repeats);
        if blob.kind == BlobKind::Weights && (trial.place == place || equal) {
            trials.insert(number);
        }
    }
    let of_winner = store.trials_of_point(sweep.key, place)?;
    trials.extend(valued(&of_winner).map(|trial| trial.number));
    Ok(Some(trials))
}
