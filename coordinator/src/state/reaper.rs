//! Expires leases, by the coordinator's clock alone and with nobody's help. It never waits for the search.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures_util::future::join_all;

use super::{lease_times::Overdue, shared::State};
use crate::{
    ids::{AttemptRef, SessionId},
    store::{
        BlobKind, StoreError,
        command::{ExpireAttempt, IsOver},
    },
};

/// How often checkpoints that sweeps under way do not need any more are removed.
const COLLECT: Duration = Duration::from_secs(60);

/// Looks at all leases once a period until the coordinator shuts down.
pub async fn reap(state: Arc<State>) {
    let period = state.timing.reaper_period();
    let mut collected = Duration::ZERO;
    loop {
        let due = state.clock.now() + period;
        tokio::select! {
            biased;
            () = state.shutdown.cancelled() => return,
            () = state.clock.sleep_until(due) => {}
        }
        look(&state, due, &mut collected).await;
    }
}

/// One look, which was due at `due`.
async fn look(state: &Arc<State>, due: Duration, collected: &mut Duration) {
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
    expire_overdue(state, now).await;
    if state.sessions().end_quarantines(now) {
        state.queued.notify_waiters();
    }
    if !state.blobs.is_empty() && now.saturating_sub(*collected) >= COLLECT {
        *collected = now;
        let state = Arc::clone(state);
        tokio::spawn(async move { state.make_room(now, BlobKind::Checkpoint).await });
    }
    // Sessions that hold nothing and have been silent for a first lease are gone.
    let running = state.leases().running_by_session();
    if let Some(since) = now.checked_sub(state.timing.first_lease) {
        let mut sessions = state.sessions();
        sessions.forget_silent(since, |session| running.contains_key(&session));
    }
}

/// Ends what is overdue, in as few commits as the writer makes of it: hundreds may be at once.
async fn expire_overdue(state: &Arc<State>, now: Duration) {
    let overdue = state.leases().overdue(now);
    if overdue.is_empty() {
        return;
    }
    // Where most workers have fallen silent, it is the coordinator that is cut off: nobody is blamed.
    let holders = state.leases().running_by_session();
    let silent_since = now.saturating_sub(2 * state.timing.heartbeat);
    let silent = state
        .sessions()
        .silent_since(silent_since, |id| holders.contains_key(&id));
    let is_cut_off = silent >= 2 && 2 * silent > holders.len();
    if is_cut_off {
        tracing::warn!(
            silent,
            of = holders.len(),
            "most workers have fallen silent: it is held against none of them"
        );
    }
    let ends = overdue.iter().map(|(attempt, why)| async move {
        let excused = is_cut_off && *why == Overdue::Silent;
        expire(state, attempt, *why, excused)
            .await
            .filter(|_| !excused)
    });
    // An outage is one event of a worker, however many trials it had.
    let blamed: BTreeSet<SessionId> = join_all(ends).await.into_iter().flatten().collect();
    for session in blamed {
        state.count_loss(session, true).await;
    }
}

/// The session that has lost it.
async fn expire(
    state: &Arc<State>,
    attempt: &AttemptRef,
    why: Overdue,
    excused: bool,
) -> Option<SessionId> {
    let (asked, claim) = (Arc::clone(state), attempt.clone());
    let command = ExpireAttempt {
        attempt: attempt.clone(),
        is_over: IsOver(Arc::new(move || {
            let now = asked.clock.now();
            asked.leases().end_if_over(&claim, now)
        })),
        others_connected: state.others_connected(attempt),
        excused,
        at: state.clock.unix_ms(),
    };
    let ended = state.store.apply(command).await;
    state.leases().ended(attempt, ended.is_ok());
    match ended {
        Ok(ended) => {
            let how = match why {
                Overdue::Silent => "lost: its lease expired",
                Overdue::Stuck => "lost: no step for too long",
            };
            state.after_end(attempt, &ended, how);
            return Some(ended.session);
        }
        Err(StoreError::Heard) => {}
        Err(StoreError::Fenced | StoreError::NotFound { .. }) => state.leases().end(attempt),
        // The next look tries again.
        Err(error) => {
            tracing::warn!(sweep = %attempt.sweep, trial = %attempt.trial, %error, "lease not expired");
        }
    }
    None
}
