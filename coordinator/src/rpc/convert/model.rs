//! Nouns that several services share.

use std::time::Duration;

use hone_proto::v1;

use super::field::{hash, read, write};
use crate::{
    Error,
    ids::{Hash, SweepId, TrialKey, TrialNumber},
    store::{BlobKind, BlobRef},
    sweep::SweepState,
    trial::{TrialKind, TrialState},
};

pub fn sweep_state(state: SweepState) -> v1::SweepState {
    match state {
        SweepState::Checking => v1::SweepState::Checking,
        SweepState::Running => v1::SweepState::Running,
        SweepState::Paused => v1::SweepState::Paused,
        SweepState::Stopping => v1::SweepState::Stopping,
        SweepState::Completed => v1::SweepState::Completed,
        SweepState::Stopped => v1::SweepState::Stopped,
        SweepState::Failed => v1::SweepState::Failed,
    }
}

pub const TRIAL_STATES: [(v1::TrialState, TrialState); 8] = [
    (v1::TrialState::Queued, TrialState::Queued),
    (v1::TrialState::Running, TrialState::Running),
    (v1::TrialState::Waiting, TrialState::Waiting),
    (v1::TrialState::Completed, TrialState::Completed),
    (v1::TrialState::Pruned, TrialState::Pruned),
    (v1::TrialState::Diverged, TrialState::Diverged),
    (v1::TrialState::Cancelled, TrialState::Cancelled),
    (v1::TrialState::Failed, TrialState::Failed),
];

pub fn trial_state(state: TrialState) -> i32 {
    write(&TRIAL_STATES, state)
}

pub fn trial_id(sweep: &SweepId, trial: TrialNumber) -> v1::TrialId {
    v1::TrialId {
        sweep: sweep.to_string(),
        trial: trial.0,
    }
}

pub fn trial_kind(kind: TrialKind) -> v1::TrialKind {
    match kind {
        TrialKind::Search => v1::TrialKind::Search,
        TrialKind::Check => v1::TrialKind::Check,
        TrialKind::Test => v1::TrialKind::Test,
    }
}

const BLOB_KINDS: [(v1::BlobKind, BlobKind); 2] = [
    (v1::BlobKind::Checkpoint, BlobKind::Checkpoint),
    (v1::BlobKind::Weights, BlobKind::Weights),
];

pub fn blob(blob: BlobRef) -> v1::Blob {
    v1::Blob {
        hash: blob.hash.0.to_vec().into(),
        size: blob.size,
        kind: write(&BLOB_KINDS, blob.kind),
        epoch: blob.epoch,
    }
}

/// `stored` is for the caller to find out: the wire does not say where a blob lies.
pub fn blob_ref(field: &str, value: &v1::Blob) -> Result<BlobRef, Error> {
    Ok(BlobRef {
        hash: hash(&format!("{field}.hash"), &value.hash)?,
        size: value.size,
        kind: read(&format!("{field}.kind"), &BLOB_KINDS, value.kind)?,
        epoch: value.epoch,
        stored: false,
    })
}

pub fn optional_blob(field: &str, value: Option<&v1::Blob>) -> Result<Option<BlobRef>, Error> {
    value.map(|value| blob_ref(field, value)).transpose()
}

pub fn sweep_reply(sweep: &SweepId, state: SweepState) -> v1::SweepReply {
    v1::SweepReply {
        sweep: sweep.to_string(),
        state: sweep_state(state).into(),
    }
}

pub fn trial_reply(trial: &TrialKey, state: TrialState) -> v1::TrialReply {
    v1::TrialReply {
        trial: Some(trial_id(&trial.sweep, trial.trial)),
        state: trial_state(state),
    }
}

/// Empty for none.
pub fn bytes(hash: Option<Hash>) -> prost::bytes::Bytes {
    hash.map(|hash| hash.0.to_vec().into()).unwrap_or_default()
}

pub fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
