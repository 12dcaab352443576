//! Expires leases, by the coordinator's clock alone and with nobody's help. It never waits for the search.

use std::{sync::Arc, time::Duration};

use super::{lease_times::Overdue, shared::State};
use crate::{
    ids::AttemptRef,
    store::{StoreError, command::ExpireAttempt},
};

/// Looks at all leases once a period until the coordinator shuts down.
pub(crate) async fn reap(state: Arc<State>) {
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
pub(crate) async fn look(state: &Arc<State>, due: Duration) {
    let now = state.clock.now();
    let late = now.saturating_sub(due);
    if was_away(late, state) {
        // The coordinator doubts itself first: heartbeats may lie unread behind whatever held it up.
        tracing::warn!(
            late_seconds = late.as_secs_f64(),
            "the coordinator was held up: every lease gets fresh time"
        );
        state.leases().refresh(now);
        return;
    }
    expire_overdue(state, now).await;
    forget_silent(state, now);
}

/// Whether this look comes so late that workers' heartbeats may not have been heard in time.
fn was_away(late: Duration, state: &State) -> bool {
    late > state.timing.heartbeat()
}

async fn expire_overdue(state: &Arc<State>, now: Duration) {
    let overdue = state.leases().overdue(now);
    for (attempt, why) in overdue {
        expire(state, &attempt, why, now).await;
    }
}

async fn expire(state: &Arc<State>, attempt: &AttemptRef, why: Overdue, now: Duration) {
    let command = ExpireAttempt {
        sweep: attempt.sweep.clone(),
        trial: attempt.trial,
        attempt: attempt.attempt,
        others_connected: state.others_connected(attempt),
        at: state.clock.unix_ms(),
    };
    match state.store.apply(command).await {
        Ok(ended) => {
            let how = match why {
                Overdue::Silent => "lost: its lease expired",
                Overdue::Stuck => "lost: no step for too long",
            };
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

/// Sessions that hold nothing and have been silent for a first lease are gone.
fn forget_silent(state: &State, now: Duration) {
    let Some(since) = now.checked_sub(state.timing.first_lease()) else {
        return;
    };
    let running = state.leases().running_by_session();
    state
        .sessions()
        .forget_silent(since, |session| running.contains_key(&session));
}
