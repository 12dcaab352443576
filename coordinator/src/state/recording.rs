//! What a worker says about an attempt, and what it is told in return.

use std::sync::Arc;

use super::{
    driver_inbox::EpochValue,
    lease_times::{Directive, Renewal},
    shared::State,
};
use crate::{
    Error,
    ids::{AttemptRef, SessionId, SweepId, TrialKey},
    store::{
        Outcome, StoreError,
        command::{
            Ended, Epoch, Finish, Log, Release, Report, Reported, ReturnSession, Returned,
            TakeBack, TakenBack,
        },
    },
    trial::{StopRequest, TrialState},
};

/// One attempt in a heartbeat.
#[derive(Clone, Debug)]
pub struct Progress {
    pub attempt: AttemptRef,
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
    pub(crate) async fn heartbeat(
        &self,
        session: SessionId,
        draining: bool,
        attempts: &[Progress],
    ) -> Result<HeartbeatAnswer, Error> {
        let now = self.clock.now();
        let known = self
            .sessions()
            .seen(session, draining, now, self.clock.unix_ms());
        let renewals: Vec<Renewal> = {
            let mut leases = self.leases();
            attempts
                .iter()
                .map(|progress| leases.renew(&progress.attempt, progress.steps, now))
                .collect()
        };
        let mut directives = Vec::with_capacity(attempts.len());
        for (progress, renewal) in attempts.iter().zip(renewals) {
            directives.push(match renewal {
                Renewal::Renewed(directive) => directive,
                Renewal::Unknown => self.take_back(&progress.attempt).await?,
            });
        }
        let drain = self.sessions().get(session).is_some_and(|s| s.draining);
        if drain {
            for directive in &mut directives {
                if *directive == Directive::Continue {
                    *directive = Directive::Release;
                }
            }
        }
        Ok(HeartbeatAnswer {
            directives,
            drain,
            unknown_session: !known,
        })
    }

    /// A late worker that nobody has replaced goes on; its training is kept.
    pub(crate) async fn take_back(&self, attempt: &AttemptRef) -> Result<Directive, Error> {
        let taken = self
            .store
            .apply(TakeBack {
                attempt: attempt.clone(),
                at: self.clock.unix_ms(),
            })
            .await;
        match taken {
            Ok(TakenBack {
                session,
                asked,
                paused,
            }) => {
                self.leases().adopt(attempt, session, self.clock.now());
                let directive = directive(asked, paused);
                self.leases().direct(&attempt.key(), directive);
                tracing::info!(sweep = %attempt.sweep, trial = %attempt.trial, attempt = %attempt.attempt, "late worker taken back");
                Ok(directive)
            }
            Err(StoreError::Fenced | StoreError::NotFound { .. }) => Ok(Directive::Fenced),
            Err(error) => Err(error.into()),
        }
    }

    /// Records epochs.
    pub(crate) async fn report(self: Arc<Self>, report: Report) -> Result<Directive, Error> {
        let Report {
            attempt, epochs, ..
        } = report.clone();
        let reported: Reported = self.store.apply(report).await?;
        tracing::debug!(sweep = %attempt.sweep, trial = %attempt.trial, attempt = %attempt.attempt, epochs = epochs.len(), "epochs reported");
        let wanted = {
            let mut leases = self.leases();
            if let Some(session) = reported.taken_back {
                leases.adopt(&attempt, session, self.clock.now());
            }
            leases.touch(&attempt, self.clock.now())
        };
        self.pass_on_epochs(&attempt, epochs.get(reported.repeated..));
        Ok(match directive(reported.asked, reported.paused) {
            Directive::Continue => wanted,
            other => other,
        })
    }

    /// Epochs were recorded: the driver gets them if the sweep's search compares epochs.
    fn pass_on_epochs(&self, attempt: &AttemptRef, epochs: Option<&[Epoch]>) {
        let Some(metric) = self.compared_metric(&attempt.sweep) else {
            return;
        };
        let value = |epoch: &Epoch| {
            let found = epoch.metrics.iter().find(|(name, _)| *name == metric)?;
            Some(EpochValue {
                trial: attempt.trial,
                epoch: epoch.epoch,
                value: found.1,
            })
        };
        let epochs = epochs.unwrap_or_default().iter();
        let values: Vec<_> = epochs.filter_map(value).collect();
        if !values.is_empty() {
            self.driver_inbox.epochs_recorded(&attempt.sweep, values);
        }
    }

    /// The metric whose value after each epoch a sweep's search compares; `None`: only ends count.
    fn compared_metric(&self, sweep: &SweepId) -> Option<String> {
        self.live().borrow().get(sweep)?.compared_metric.clone()
    }

    /// Whether what this attempt cannot train can be trained by another worker.
    pub(crate) fn others_connected(&self, attempt: &AttemptRef) -> bool {
        let holder = self.leases().holder(&attempt.key());
        self.sessions().others_connected(holder)
    }

    /// Records how an attempt ended.
    pub(crate) async fn finish(self: Arc<Self>, mut finish: Finish) -> Result<(), Error> {
        let attempt = finish.attempt.clone();
        if self.compared_metric(&attempt.sweep).is_some() && !finish.epochs.is_empty() {
            // Such a search must hear of a trial's epochs before its end.
            let report = Report {
                attempt: attempt.clone(),
                epochs: std::mem::take(&mut finish.epochs),
                at: finish.at,
            };
            Arc::clone(&self).report(report).await?;
        }
        let outcome = finish.outcome.clone();
        let ended: Ended = self.store.apply(finish).await?;
        self.attempt_ended(&attempt, &ended, outcome_word(&outcome));
        if ended.repeated {
            return Ok(());
        }
        if matches!(outcome, Outcome::Crashed { .. }) {
            self.count_loss(ended.session).await;
        } else {
            self.sessions().succeeded(ended.session);
        }
        Ok(())
    }

    /// Takes an attempt back into the queue, with its checkpoint.
    pub(crate) async fn release(self: Arc<Self>, release: Release) -> Result<(), Error> {
        let attempt = release.attempt.clone();
        let ended = self.store.apply(release).await?;
        self.attempt_ended(&attempt, &ended, "released");
        Ok(())
    }

    /// Records what a worker wrote about an attempt.
    pub(crate) async fn log(self: Arc<Self>, log: Log) -> Result<(), Error> {
        Ok(self.store.apply(log).await?)
    }

    /// The attempt is over in the store: forget its time, and tell who waits for that.
    pub(crate) fn attempt_ended(&self, attempt: &AttemptRef, ended: &Ended, how: &str) {
        self.leases().end(&attempt.key(), attempt.attempt);
        self.after_end(attempt, ended, how);
    }

    /// What follows from the end of an attempt whose lease is gone.
    pub(crate) fn after_end(&self, attempt: &AttemptRef, ended: &Ended, how: &str) {
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
    pub(crate) async fn leave(
        self: Arc<Self>,
        session: SessionId,
        crashed: bool,
        excused: bool,
        reason: String,
    ) -> Result<Vec<Returned>, Error> {
        let gone = self.sessions().remove(session);
        let others_connected = self.sessions().others_connected(Some(session));
        let returned = self
            .store
            .apply(ReturnSession {
                session,
                crashed,
                excused,
                others_connected,
                reason,
                at: self.clock.unix_ms(),
            })
            .await?;
        for trial in &returned {
            let key = TrialKey {
                sweep: trial.sweep.clone(),
                trial: trial.trial,
            };
            self.leases().end(&key, trial.attempt);
            self.blobs.forget_attempt(&key, trial.attempt);
            self.trial_left(&trial.sweep, trial.state);
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
        Ok(returned)
    }

    /// An attempt was lost or crashed on this worker: one bad host must not eat a sweep.
    pub(crate) async fn count_loss(&self, session: SessionId) {
        if !self.sessions().lost_attempt(session) {
            return;
        }
        let Some(worker) = self.sessions().get(session).map(|s| s.name.clone()) else {
            return;
        };
        tracing::warn!(
            ?session,
            worker,
            "worker quarantined: it loses every attempt"
        );
        let recorded = self
            .store
            .apply(crate::store::command::RecordWorker {
                worker,
                event: "quarantined".to_owned(),
                reason: "it lost or crashed attempt after attempt".to_owned(),
                at: self.clock.unix_ms(),
            })
            .await;
        if let Err(error) = recorded {
            tracing::warn!(%error, "the quarantine is not in the history");
        }
    }
}

pub(crate) fn directive(asked: Option<StopRequest>, paused: bool) -> Directive {
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
