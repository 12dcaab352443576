//! What a worker says about an attempt, and what it is told in return.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    driver_inbox::EpochValue,
    lease_times::Directive,
    sessions::Needs,
    shared::{LiveSweep, State},
};
use crate::{
    Error,
    ids::{AttemptRef, SessionId, SweepId},
    store::{
        Outcome, StoreError,
        command::{Ended, Finish, RecordWorker, Release, Report, ReturnSession, TakeBack},
    },
    trial::{StopRequest, TrialState},
};

/// One attempt in a heartbeat.
#[derive(Clone, Debug)]
pub struct Progress {
    /// `None`: nobody here can have granted what was named.
    pub attempt: Option<AttemptRef>,
    /// Steps since the lease began.
    pub steps: u64,
}

/// The answer to a heartbeat.
#[derive(Clone, Debug, Default)]
pub struct HeartbeatAnswer {
    /// In the order of the question.
    pub directives: Vec<Directive>,
    /// The worker gets nothing more: it should leave.
    pub drain: bool,
    /// It must register (again).
    pub unknown_session: bool,
}

impl State {
    /// Renews leases. Writes nothing, unless a late worker is taken back.
    pub async fn heartbeat(
        &self,
        session: SessionId,
        draining: bool,
        attempts: &[Progress],
    ) -> Result<HeartbeatAnswer, Error> {
        let now = self.clock.now();
        let unix_ms = self.clock.unix_ms();
        let known = self
            .sessions()
            .seen(session, draining, now, unix_ms)
            .is_some();
        let renewed: Vec<_> = {
            let mut leases = self.leases();
            let renew =
                |said: &Progress| leases.renew(said.attempt.as_ref()?, Some(said.steps), now);
            attempts.iter().map(renew).collect()
        };
        let mut directives = Vec::with_capacity(attempts.len());
        for (said, directive) in attempts.iter().zip(renewed) {
            directives.push(match (directive, &said.attempt) {
                (Some(directive), _) => directive,
                (None, None) => Directive::Fenced,
                (None, Some(attempt)) => self.take_back(attempt).await.unwrap_or_else(|error| {
                    tracing::warn!(sweep = %attempt.sweep, trial = %attempt.trial, %error, "late worker not taken back yet");
                    Directive::Continue
                }),
            });
        }
        let drain = self.sessions().get(session).is_some_and(|s| s.draining);
        for directive in &mut directives {
            if drain && *directive == Directive::Continue {
                *directive = Directive::Release;
            }
        }
        Ok(HeartbeatAnswer {
            directives,
            drain,
            unknown_session: !known,
        })
    }

    /// A late worker that nobody has replaced goes on; its training is kept.
    pub async fn take_back(&self, attempt: &AttemptRef) -> Result<Directive, Error> {
        let command = TakeBack {
            attempt: attempt.clone(),
            at: self.clock.unix_ms(),
        };
        match self.store.apply(command).await {
            Ok(taken) => {
                let directive = directive(taken.asked, taken.paused);
                let mut leases = self.leases();
                leases.adopt(attempt, taken.session, self.clock.now());
                leases.direct(&attempt.key(), directive);
                tracing::info!(sweep = %attempt.sweep, trial = %attempt.trial, attempt = %attempt.attempt, "late worker taken back");
                Ok(directive)
            }
            Err(StoreError::Fenced | StoreError::NotFound { .. }) => Ok(Directive::Fenced),
            Err(error) => Err(error.into()),
        }
    }

    /// Records epochs.
    pub async fn report(self: Arc<Self>, report: Report) -> Result<Directive, Error> {
        let attempt = report.attempt.clone();
        let said = report.epochs.iter();
        let epochs: Vec<_> = said
            .map(|said| (said.epoch, said.metrics.clone()))
            .collect();
        let reported = self.store.apply(report).await?;
        tracing::debug!(sweep = %attempt.sweep, trial = %attempt.trial, attempt = %attempt.attempt, epochs = epochs.len(), "epochs reported");
        let wanted = {
            let mut leases = self.leases();
            if let Some(session) = reported.taken_back {
                leases.adopt(&attempt, session, self.clock.now());
            }
            leases.renew(&attempt, None, self.clock.now())
        };
        self.pass_on(&attempt, epochs.into_iter().skip(reported.repeated));
        Ok(match directive(reported.asked, reported.paused) {
            Directive::Continue => wanted.unwrap_or(Directive::Continue),
            other => other,
        })
    }

    /// Epochs and their metrics were recorded: the driver gets them if the sweep's search compares epochs.
    fn pass_on(
        &self,
        attempt: &AttemptRef,
        epochs: impl Iterator<Item = (u32, Vec<(String, f64)>)>,
    ) {
        let Some(metric) = self.compared_metric(&attempt.sweep) else {
            return;
        };
        let values = epochs.filter_map(|(epoch, metrics)| {
            let (_, value) = metrics.into_iter().find(|(name, _)| *name == metric)?;
            Some(EpochValue {
                trial: attempt.trial,
                epoch,
                value,
            })
        });
        let values: Vec<_> = values.collect();
        if !values.is_empty() {
            self.driver_inbox.epochs_recorded(&attempt.sweep, values);
        }
    }

    /// The metric whose value after each epoch a sweep's search compares; `None`: only ends count.
    fn compared_metric(&self, sweep: &SweepId) -> Option<String> {
        self.live.borrow().get(sweep)?.compared_metric.clone()
    }

    /// Whether what this attempt cannot train can be trained by another worker.
    pub fn others_connected(&self, attempt: &AttemptRef) -> bool {
        let holder = self.leases().holder(&attempt.key());
        let live = self.live.borrow();
        let needs = live.get(&attempt.sweep).map(|sweep| &sweep.needs);
        needs.is_some_and(|needs| self.others_serve(needs, holder))
    }

    fn others_serve(&self, needs: &Needs, worker: Option<SessionId>) -> bool {
        let heard = (self.clock.now(), self.timing.heartbeat);
        self.sessions().others_serve(needs, worker, heard)
    }

    /// Whether others can take all that this worker could train now.
    fn can_do_without(&self, worker: SessionId) -> bool {
        let Some(lost) = self.sessions().get(worker).cloned() else {
            return false;
        };
        let live = self.live.borrow();
        let granted = live.values().filter(|sweep| sweep.state.grants());
        let needs = granted.map(|sweep| &sweep.needs);
        let mut its = needs
            .filter(|needs| {
                lost.trainers.contains(&needs.trainer) && lost.lacks_data(needs).is_none()
            })
            .peekable();
        its.peek().is_some() && its.all(|needs| self.others_serve(needs, Some(worker)))
    }

    /// Records how an attempt ended.
    pub async fn finish(self: Arc<Self>, mut finish: Finish) -> Result<(), Error> {
        let attempt = finish.attempt.clone();
        let how = outcome_word(&finish.outcome);
        let is_success = matches!(
            finish.outcome,
            Outcome::Completed
                | Outcome::ReachedRung { .. }
                | Outcome::EndedEarly
                | Outcome::Diverged { .. }
        );
        let mut crashed = false;
        if let Outcome::Crashed {
            others_connected, ..
        } = &mut finish.outcome
        {
            crashed = true;
            *others_connected = self.others_connected(&attempt);
        }
        if self.compared_metric(&attempt.sweep).is_some() && !finish.epochs.is_empty() {
            // Such a search must hear of a trial's epochs before its end.
            let report = Report {
                attempt: attempt.clone(),
                epochs: std::mem::take(&mut finish.epochs),
                at: finish.at,
            };
            Arc::clone(&self).report(report).await?;
        }
        let ended = self.store.apply(finish).await?;
        self.attempt_ended(&attempt, &ended, how);
        match (ended.repeated, crashed) {
            (true, _) => {}
            (false, true) => self.count_loss(ended.session, false).await,
            (false, false) if is_success => self.count_success(ended.session).await,
            (false, false) => {}
        }
        Ok(())
    }

    /// Takes an attempt back into the queue, with its checkpoint.
    pub async fn release(self: Arc<Self>, release: Release) -> Result<(), Error> {
        let attempt = release.attempt.clone();
        let ended = self.store.apply(release).await?;
        self.attempt_ended(&attempt, &ended, "released");
        Ok(())
    }

    /// The attempt is over in the store: forget its time, and tell who waits for that.
    pub fn attempt_ended(&self, attempt: &AttemptRef, ended: &Ended, how: &str) {
        self.leases().end(attempt);
        self.after_end(attempt, ended, how);
    }

    /// What follows from the end of an attempt whose lease is gone.
    pub fn after_end(&self, attempt: &AttemptRef, ended: &Ended, how: &str) {
        self.blobs.forget_attempt(&attempt.key(), attempt.attempt);
        if !ended.repeated {
            tracing::info!(
                sweep = %attempt.sweep,
                trial = %attempt.trial,
                attempt = %attempt.attempt,
                state = ended.state.as_str(),
                "trial {how}"
            );
        }
        self.trial_left(&attempt.sweep, ended.state);
    }

    fn trial_left(&self, sweep: &SweepId, state: TrialState) {
        if state == TrialState::Queued {
            self.queued.notify_waiters();
        }
        self.driver_inbox.sweep_changed(sweep);
    }

    /// A worker process left or died: what it held goes back.
    pub async fn leave(
        self: Arc<Self>,
        session: SessionId,
        crashed: bool,
        excused: bool,
        reason: String,
    ) -> Result<(), Error> {
        let gone = self.sessions().remove(session);
        let elsewhere: BTreeSet<SweepId> = {
            let live = self.live.borrow();
            let served =
                |(_, sweep): &(_, &LiveSweep)| self.others_serve(&sweep.needs, Some(session));
            let elsewhere = live.iter().filter(served);
            elsewhere.map(|(id, _)| id.clone()).collect()
        };
        let command = ReturnSession {
            session,
            crashed,
            excused,
            elsewhere,
            reason,
            at: self.clock.unix_ms(),
        };
        let returned = self.store.apply(command).await?;
        for trial in &returned {
            self.leases().end(&trial.attempt);
            self.blobs
                .forget_attempt(&trial.attempt.key(), trial.attempt.attempt);
            self.trial_left(&trial.attempt.sweep, trial.state);
        }
        if let Some(gone) = gone {
            tracing::info!(
                ?session,
                worker = gone.name,
                crashed,
                trials = returned.len(),
                "worker left"
            );
        }
        Ok(())
    }

    /// An attempt was lost or crashed on this worker: one bad host must not eat a sweep. `silent`: since nobody hears it.
    pub async fn count_loss(&self, session: SessionId, silent: bool) {
        let now = self.clock.now();
        let others = self.can_do_without(session);
        let lost = self.sessions().lost_attempt(session, silent, others, now);
        if let Some((worker, reason)) = lost {
            tracing::warn!(?session, worker, reason, "worker quarantined");
            self.record_worker(worker, "quarantined", reason).await;
        }
    }

    /// An attempt ended well on this worker: whatever was held against it is over.
    async fn count_success(&self, session: SessionId) {
        let freed = self.sessions().succeeded(session);
        if let Some(worker) = freed {
            tracing::info!(?session, worker, "worker out of quarantine");
            let reason = "an attempt ended well there".to_owned();
            self.record_worker(worker, "out of quarantine", reason)
                .await;
            self.queued.notify_waiters();
        }
    }

    async fn record_worker(&self, worker: String, event: &str, reason: String) {
        let command = RecordWorker {
            worker,
            event: event.to_owned(),
            reason,
            at: self.clock.unix_ms(),
        };
        if let Err(error) = self.store.apply(command).await {
            tracing::warn!(%error, "what happened to a worker is not in the history");
        }
    }
}

pub fn directive(asked: Option<StopRequest>, paused: bool) -> Directive {
    match asked {
        Some(StopRequest::Cancel) => Directive::Stop,
        Some(StopRequest::Prune) => Directive::Prune,
        None if paused => Directive::Release,
        None => Directive::Continue,
    }
}

fn outcome_word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Completed => "completed",
        Outcome::ReachedRung { .. } => "at its rung",
        Outcome::EndedEarly => "ended by its patience",
        Outcome::Diverged { .. } => "diverged",
        Outcome::Ended => "ended on request",
        Outcome::Failed { .. } => "failed",
        Outcome::Crashed { .. } => "crashed",
    }
}
