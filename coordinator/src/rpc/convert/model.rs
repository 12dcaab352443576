//! Nouns that several services share.

use hone_proto::v1;

use super::field::{read, write};
use crate::{
    Error,
    ids::{Hash, SweepId, TrialNumber},
    sweep::SweepState,
    trial::TrialState,
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

const TRIAL_STATES: [(v1::TrialState, TrialState); 8] = [
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

pub fn wanted_state(field: &str, value: i32) -> Result<TrialState, Error> {
    Ok(read(field, &TRIAL_STATES, value)?)
}

pub fn trial_id(sweep: &SweepId, trial: TrialNumber) -> v1::TrialId {
    v1::TrialId {
        sweep: sweep.to_string(),
        trial: trial.0,
    }
}

pub fn sweep_reply(sweep: &SweepId, state: SweepState) -> v1::SweepReply {
    v1::SweepReply {
        sweep: sweep.to_string(),
        state: sweep_state(state).into(),
    }
}

/// Empty for none.
pub fn bytes(hash: Option<Hash>) -> prost::bytes::Bytes {
    hash.map(|hash| hash.0.to_vec().into()).unwrap_or_default()
}
