//! Expires leases, by the coordinator's clock alone and with nobody's help. It never waits for the search.

use std::{sync::Arc, time::Duration};

use super::shared::State;
use crate::{
    ids::AttemptRef,
    store::{StoreError, command::ExpireAttempt},
};

/// Looks at all leases once a period until the coordinator shuts down.
pub async fn reap(state: Arc<State>) {
    let period = state.timing.reaper_period();
    loop {
        let due = state.clock.now() + period;
        tokio::select! {
            biased;
            () = state.shutdown.cancelled() => return,
            () = state.clock.sleep_until(due) => {}
        }
        look(&state, due).await;
    }
}

/// One look, which was due at `due`.
async fn look(state: &State, due: Duration) {
    let now = state.clock.now();
    let late = now.saturating_sub(due);
    if late > state.timing.heartbeat {
        // The coordinator doubts itself first: heartbeats may lie unread behind whatever held it up.
        tracing::warn!(
            late_seconds = late.as_secs_f64(),
            "the coordinator was held up: every lease gets fresh time"
        );
        state.leases().refresh(now);
        return;
    }
    let overdue = state.leases().overdue(now);
    for (attempt, how) in overdue {
        expire(state, &attempt, how, now).await;
    }
    // Sessions that hold nothing and have been silent for a first lease are gone.
    let running = state.leases().running_by_session();
    if let Some(since) = now.checked_sub(state.timing.first_lease) {
        let mut sessions = state.sessions();
        sessions.forget_silent(since, |session| running.contains_key(&session));
    }
}

async fn expire(state: &State, attempt: &AttemptRef, how: &str, now: Duration) {
    let command = ExpireAttempt {
        sweep: attempt.sweep.clone(),
        trial: attempt.trial,
        attempt: attempt.attempt,
        others_connected: state.others_connected(attempt),
        at: state.clock.unix_ms(),
    };
    match state.store.apply(command).await {
        Ok(ended) => {
            state.leases().expire(attempt, now);
            state.after_end(attempt, &ended, how);
            state.count_loss(ended.session).await;
        }
        Err(StoreError::Fenced | StoreError::NotFound { .. }) => {
            state.leases().end(&attempt.key(), attempt.attempt);
        }
        // The next look tries again.
        Err(error) => {
            tracing::warn!(sweep = %attempt.sweep, trial = %attempt.trial, %error, "lease not expired");
        }
    }
}
