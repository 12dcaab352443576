//! Nouns that several services share.

use hone_proto::v1;

use super::field::{known, required, text};
use crate::{
    Error, ids::SweepId, leases::TrialKey, search, store, sweep::SweepState, trial::TrialState,
};

pub fn objective(objective: &store::Objective) -> v1::Objective {
    let direction = if objective.maximize {
        v1::Direction::Maximize
    } else {
        v1::Direction::Minimize
    };
    let at = if objective.best {
        v1::At::Best
    } else {
        v1::At::Last
    };
    v1::Objective {
        metric: objective.metric.clone(),
        direction: direction.into(),
        at: at.into(),
        target: objective.target,
    }
}

pub fn stored_objective(
    field: &str,
    value: Option<&v1::Objective>,
) -> Result<store::Objective, Error> {
    let value = required(field, value)?;
    let direction = known::<v1::Direction>(&format!("{field}.direction"), value.direction)?;
    let at = known::<v1::At>(&format!("{field}.at"), value.at)?;
    Ok(store::Objective {
        metric: text(&format!("{field}.metric"), value.metric.clone())?,
        maximize: direction == v1::Direction::Maximize,
        best: at == v1::At::Best,
        target: value.target,
    })
}

pub fn searched_objective(objective: &store::Objective) -> search::Objective {
    search::Objective {
        metric: objective.metric.clone(),
        maximize: objective.maximize,
        at_best: objective.best,
        target: objective.target,
    }
}

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

pub fn trial_state(state: TrialState) -> v1::TrialState {
    match state {
        TrialState::Queued => v1::TrialState::Queued,
        TrialState::Running => v1::TrialState::Running,
        TrialState::Waiting => v1::TrialState::Waiting,
        TrialState::Completed => v1::TrialState::Completed,
        TrialState::Pruned => v1::TrialState::Pruned,
        TrialState::Diverged => v1::TrialState::Diverged,
        TrialState::Cancelled => v1::TrialState::Cancelled,
        TrialState::Failed => v1::TrialState::Failed,
    }
}

pub fn wanted_state(field: &str, value: i32) -> Result<TrialState, Error> {
    Ok(match known::<v1::TrialState>(field, value)? {
        v1::TrialState::Unspecified | v1::TrialState::Queued => TrialState::Queued,
        v1::TrialState::Running => TrialState::Running,
        v1::TrialState::Waiting => TrialState::Waiting,
        v1::TrialState::Completed => TrialState::Completed,
        v1::TrialState::Pruned => TrialState::Pruned,
        v1::TrialState::Diverged => TrialState::Diverged,
        v1::TrialState::Cancelled => TrialState::Cancelled,
        v1::TrialState::Failed => TrialState::Failed,
    })
}

pub fn trial_id(trial: &TrialKey) -> v1::TrialId {
    v1::TrialId {
        sweep: trial.sweep.to_string(),
        trial: trial.trial.0,
    }
}

pub fn sweep_reply(sweep: &SweepId, state: SweepState) -> v1::SweepReply {
    v1::SweepReply {
        sweep: sweep.to_string(),
        state: sweep_state(state).into(),
    }
}
