//! Checkpoints and weights: committed under an attempt, collected when nothing needs them.

use std::collections::BTreeSet;

use super::{
    point::valued,
    step::{Speaker, find_sweep, speak},
    worker::running,
};
use crate::{
    ids::{Hash, SessionId, TrialNumber},
    store::{
        BlobKind, BlobRef, Millis, SweepRow,
        blobs::{self, BlobRow},
        command::{CollectBlobs, Collected, CommitBlob},
        error::Rows,
        working::WorkingSet,
    },
    trial::AttemptState,
};

/// Commits a blob of a running attempt; the same again is acknowledged. Gives the session of an attempt that came back by it.
pub(super) fn commit(store: &mut WorkingSet, commit: &CommitBlob) -> Rows<Option<SessionId>> {
    let speaker = speak(store, &commit.attempt)?;
    if speaker.attempt.state != AttemptState::Running
        && store.blobs(speaker.trial.key())?.contains(&commit.blob)
    {
        return Ok(None);
    }
    let back = speaker.can_be_taken_back();
    let back = back.then_some(speaker.attempt.session);
    let mut speaker = running(store, speaker, commit.at)?;
    store_blob(store, &speaker, commit.blob, commit.at);
    if commit.blob.kind == BlobKind::Checkpoint {
        speaker.trial.checkpoint = Some(commit.blob.hash);
    }
    store.put_trial(speaker.trial, Some(commit.attempt.token));
    Ok(back)
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

/// Trials of one part: what a commit may take beside others.
pub(in crate::store) const PART: u64 = 256;

/// Forgets what nothing needs: of a live trial all checkpoints but the newest (and the newest that the coordinator
/// has), of an ended trial every checkpoint, and once the sweep has ended all weights but the finalists'.
pub(super) fn collect(store: &mut WorkingSet, collect: &CollectBlobs) -> Rows<Collected> {
    let sweep = find_sweep(store, &collect.sweep)?;
    let numbers = blobs::trials(store.file()?, sweep.key, collect.after, PART)?;
    let Some(last) = numbers.last().copied() else {
        return Ok(Collected {
            unneeded: Vec::new(),
            last: None,
        });
    };
    let is_full = numbers.len() as u64 == PART;
    let blobs = blobs::of_trials(store.file()?, sweep.key, (collect.after, last))?;
    store.will_read(sweep.key, numbers, Vec::new())?;
    let finalists = finalists(store, &sweep, &blobs)?;
    let mut forgotten = BTreeSet::new();
    for of_trial in blobs.chunk_by(|a, b| a.trial == b.trial) {
        let number = of_trial[0].trial;
        let Some(trial) = store.trial((sweep.key, number))? else {
            continue;
        };
        let has_ended = trial.state.is_terminal();
        let finalists = finalists.as_ref();
        let is_finalist = finalists.is_none_or(|all| all.contains(&number));
        for BlobRow { blob, .. } in of_trial {
            if !is_needed(blob, of_trial, has_ended, is_finalist) {
                blobs::delete(store.changed_file()?, (sweep.key, number), blob.hash)?;
                forgotten.insert(blob.hash);
            }
        }
    }
    Ok(Collected {
        unneeded: unneeded(store, forgotten)?,
        last: is_full.then_some(last),
    })
}

fn is_needed(blob: &BlobRef, of_trial: &[BlobRow], has_ended: bool, is_finalist: bool) -> bool {
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
            !has_ended && is_newest
        }
        BlobKind::Weights => is_finalist && is_newest,
    }
}

/// Those of these blobs that no trial names any more.
pub(super) fn unneeded(store: &mut WorkingSet, hashes: BTreeSet<Hash>) -> Rows<Vec<Hash>> {
    let file = store.file()?;
    let mut unneeded = Vec::new();
    for hash in hashes {
        if !blobs::needed(file, hash)? {
            unneeded.push(hash);
        }
    }
    Ok(unneeded)
}

/// Of these blobs' trials and the winner's, those whose weights stay: those of the winner and of the points that were trained as often as it, once more than
/// one repeat tells them apart. `None` while the sweep has not ended: all stay.
fn finalists(
    store: &mut WorkingSet,
    sweep: &SweepRow,
    blobs: &[BlobRow],
) -> Rows<Option<BTreeSet<TrialNumber>>> {
    if !sweep.state.has_ended() {
        return Ok(None);
    }
    let Some(place) = sweep.best else {
        return Ok(Some(BTreeSet::new()));
    };
    let winner = (sweep.key, place);
    let of_winner = store.trials_of_point(winner)?;
    let valued = valued(&of_winner);
    let mut finalists: BTreeSet<_> = valued.into_iter().map(|trial| trial.number).collect();
    let repeats = store.point(winner)?.map_or(0, |point| point.value.repeats);
    let is_weights = |row: &&BlobRow| row.blob.kind == BlobKind::Weights;
    for row in blobs.iter().filter(is_weights) {
        let trial = store.trial((sweep.key, row.trial))?;
        let Some(of) = trial.map(|trial| trial.place) else {
            continue;
        };
        let point = store.point((sweep.key, of))?;
        let equal = repeats > 1 && point.is_some_and(|point| point.value.repeats == repeats);
        if of == place || equal {
            finalists.insert(row.trial);
        }
    }
    Ok(Some(finalists))
}
