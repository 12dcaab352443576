//! Who gets which trial: registering, asking, and waiting for one.

use std::{sync::Arc, time::Duration};

use super::{
    sessions::Session,
    shared::{LiveSweep, State, detached},
};
use crate::{
    Error,
    ids::{Hash, RequestId, SessionId, SweepId},
    store::{
        OfferedData,
        command::{Grant, Granted},
    },
};

/// A worker that asks for one trial.
#[derive(Clone, Debug)]
pub struct Acquire {
    pub session: SessionId,
    /// The same request gets the same lease again.
    pub request: RequestId,
    /// How long it is willing to wait.
    pub wait: Duration,
    /// Checkpoints on its disk.
    pub local_checkpoints: Vec<Hash>,
}

/// What it gets.
#[derive(Clone, Debug, Default)]
pub struct Acquired {
    /// A trial, if there was one in time.
    pub granted: Option<Box<Granted>>,
    /// Data sets that it should open and offer.
    pub wanted_data: Vec<String>,
    /// It gets nothing more: it should leave.
    pub drain: bool,
    /// Every sweep that is served here has ended.
    pub idle: bool,
}

impl State {
    /// Adds a worker process, or changes what a known one offers. In words, which of its trainers get nothing.
    pub(crate) fn register(
        &self,
        id: SessionId,
        mut session: Session,
    ) -> Result<Vec<String>, Error> {
        session.refuse_other_arithmetic(&self.arithmetic);
        let refused = session.refused.values().cloned().collect();
        let mut sessions = self.sessions();
        if sessions.get(id).is_none() {
            if sessions.len() >= self.limits.sessions {
                return Err(Error::Busy(format!(
                    "{} workers are connected, no more are taken",
                    sessions.len()
                )));
            }
            tracing::info!(session = ?id, worker = session.name, slots = session.slots, "worker registered");
        }
        session.last_seen = self.clock.now();
        session.last_seen_ms = self.clock.unix_ms();
        session.draining |= self.is_draining();
        sessions.register(id, session);
        drop(sessions);
        // How many slots there are decides how many trials are kept queued.
        self.driver_inbox
            .sweeps_changed(self.live().borrow().keys());
        Ok(refused)
    }

    /// A trial for this worker, waiting for one if need be.
    pub(crate) async fn acquire(self: &Arc<Self>, acquire: Acquire) -> Result<Acquired, Error> {
        let wait = acquire.wait.min(self.limits.longest_wait);
        let give_up = tokio::time::sleep(wait);
        tokio::pin!(give_up);
        loop {
            // Registered before looking: a trial queued in between rings it.
            let queued = self.queued.notified();
            tokio::pin!(queued);
            queued.as_mut().enable();
            if let Some(answer) = self.try_acquire(&acquire).await? {
                return Ok(answer);
            }
            tokio::select! {
                // A trial that has just been queued goes before giving up, and a simulation is repeatable.
                biased;
                () = &mut queued => {}
                () = self.shutdown.cancelled() => {
                    return Err(Error::Unavailable("the coordinator shuts down".to_owned()));
                }
                () = &mut give_up => {
                    return Ok(Acquired { idle: self.is_idle(), ..Acquired::default() });
                }
            }
        }
    }

    /// `None`: nothing for this worker now.
    pub(crate) async fn try_acquire(
        self: &Arc<Self>,
        acquire: &Acquire,
    ) -> Result<Option<Acquired>, Error> {
        let id = acquire.session;
        let now = self.clock.now();
        let session = {
            let mut sessions = self.sessions();
            sessions.seen(id, false, now, self.clock.unix_ms());
            sessions.get(id).cloned().ok_or(Error::UnknownSession)?
        };
        if session.draining {
            return Ok(Some(Acquired {
                drain: true,
                idle: self.is_idle(),
                ..Acquired::default()
            }));
        }
        let wanted_data = self.wanted_data(&session);
        let sweeps = self.sweeps_for(&session);
        if session.quarantined || sweeps.is_empty() {
            return Ok(wanted(wanted_data));
        }
        let grant = Grant {
            session: id,
            worker: session.name.clone(),
            request: acquire.request,
            token: self.secrets.token()?,
            trainers: session.trainers.clone(),
            data: offered(&session),
            local_checkpoints: acquire.local_checkpoints.clone(),
            sweeps,
            at: self.clock.unix_ms(),
        };
        let Some(granted) = detached(Arc::clone(self).grant(grant)).await? else {
            return Ok(wanted(wanted_data));
        };
        Ok(Some(Acquired {
            granted: Some(granted),
            wanted_data,
            ..Acquired::default()
        }))
    }

    /// The store's grant and the lease in memory, together: one without the other would never expire.
    async fn grant(self: Arc<Self>, grant: Grant) -> Result<Option<Box<Granted>>, Error> {
        let session = grant.session;
        let worker = grant.worker.clone();
        let granted = self.store.apply(grant).await?;
        if let Some(granted) = &granted {
            self.leases()
                .grant(&granted.attempt, session, self.clock.now());
            if !granted.repeated {
                tracing::info!(
                    sweep = %granted.attempt.sweep,
                    trial = %granted.attempt.trial,
                    attempt = %granted.attempt.attempt,
                    worker,
                    to_epoch = granted.trial.to_epoch,
                    "trial granted"
                );
            }
        }
        Ok(granted)
    }

    /// Data sets of live sweeps that this worker could train and has not tried to open.
    fn wanted_data(&self, session: &Session) -> Vec<String> {
        let only = self.only_sweep();
        let live = self.live().borrow();
        let mut names: Vec<String> = live
            .iter()
            .filter(|(id, _)| only.as_ref().is_none_or(|only| only == *id))
            .filter(|(_, sweep)| session.trainers.contains(&sweep.trainer))
            .filter_map(|(_, sweep)| sweep.data_source.clone())
            .filter(|name| session.offer(name).is_none())
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// Sweeps that are driven here, grant, and could be trained by this worker: asking the store makes sense.
    fn sweeps_for(&self, session: &Session) -> Vec<SweepId> {
        let only = self.only_sweep();
        let live = self.live().borrow();
        let fits = |(id, sweep): &(&SweepId, &LiveSweep)| {
            sweep.state.grants()
                && only.as_ref().is_none_or(|only| only == *id)
                && session.trainers.contains(&sweep.trainer)
                && sweep
                    .data_source
                    .as_ref()
                    .is_none_or(|name| session.offer(name).is_some_and(|offer| offer.data.is_ok()))
        };
        let fitting = live.iter().filter(fits);
        fitting.map(|(id, _)| id.clone()).collect()
    }
}

fn wanted(wanted_data: Vec<String>) -> Option<Acquired> {
    (!wanted_data.is_empty()).then(|| Acquired {
        wanted_data,
        ..Acquired::default()
    })
}

fn offered(session: &Session) -> Vec<OfferedData> {
    session
        .offers
        .iter()
        .filter_map(|offer| {
            Some(OfferedData {
                name: offer.name.clone(),
                set: offer.data.clone().ok()?,
            })
        })
        .collect()
}
