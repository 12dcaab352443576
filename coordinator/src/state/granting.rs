//! Who gets which trial: registering, asking, and waiting for one.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use super::{
    sessions::Session,
    shared::{State, detached},
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
    /// What this coordinator is for has ended: the sweep of a `hone run`, or every sweep.
    pub idle: bool,
}

impl State {
    /// Adds a worker process, or changes what a known one offers. In words, which of its trainers get nothing.
    pub fn register(&self, id: SessionId, mut session: Session) -> Result<Vec<String>, Error> {
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
        sessions.register(id, session);
        drop(sessions);
        // How many slots there are decides how many trials are kept queued.
        self.driver_inbox.sweeps_changed(self.live.borrow().keys());
        Ok(refused)
    }

    /// A trial for this worker, waiting for one if need be.
    pub async fn acquire(self: &Arc<Self>, acquire: Acquire) -> Result<Acquired, Error> {
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
    async fn try_acquire(self: &Arc<Self>, acquire: &Acquire) -> Result<Option<Acquired>, Error> {
        let (id, now) = (acquire.session, self.clock.now());
        let session = self
            .sessions()
            .seen(id, false, now, self.clock.unix_ms())
            .cloned()
            .ok_or(Error::UnknownSession)?;
        if session.draining {
            return Ok(Some(Acquired {
                drain: true,
                idle: self.is_idle(),
                ..Acquired::default()
            }));
        }
        let (first, later, wanted_data) = self.sweeps_for(&session);
        let mut granted = None;
        for sweeps in [first, later] {
            if sweeps.is_empty() || granted.is_some() || session.quarantine.is_some() {
                continue;
            }
            let grant = Grant {
                session: id,
                data: opened(&session),
                worker: session.name.clone(),
                request: acquire.request,
                token: self.secrets.token()?,
                trainers: session.trainers.clone(),
                local_checkpoints: acquire.local_checkpoints.clone(),
                sweeps,
                at: self.clock.unix_ms(),
            };
            granted = detached(Arc::clone(self).grant(grant)).await?;
        }
        let answers = granted.is_some() || !wanted_data.is_empty();
        Ok(answers.then(|| Acquired {
            granted,
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

    /// Of the sweeps that are driven here and could be trained by this worker: those that grant, so that asking the store makes
    /// sense, those that come after them, and the data sets that it has not tried to open.
    fn sweeps_for(&self, session: &Session) -> (Vec<SweepId>, Vec<SweepId>, Vec<String>) {
        let (mut first, mut later, mut wanted) = (Vec::new(), Vec::new(), BTreeSet::new());
        let served = self.served().clone();
        for (id, sweep) in self.live.borrow().iter() {
            let needs = &sweep.needs;
            if served.instead_of(id).is_some() || !session.trainers.contains(&needs.trainer) {
                continue;
            }
            if let Some(name) = &needs.data_source
                && session.offer(name).is_none()
            {
                wanted.insert(name.clone());
            }
            if session.lacks_data(needs).is_none() && sweep.state.grants() {
                let sweeps = if served.comes_second(id) {
                    &mut later
                } else {
                    &mut first
                };
                sweeps.push(id.clone());
            }
        }
        (first, later, wanted.into_iter().collect())
    }
}

/// The sets that it has opened.
fn opened(session: &Session) -> Vec<OfferedData> {
    let opened = session.offers.iter().filter_map(|offer| {
        let set = offer.data.clone().ok()?;
        let name = offer.name.clone();
        Some(OfferedData { name, set })
    });
    opened.collect()
}
