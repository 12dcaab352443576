//! What people do with sweeps and trials, and what it means for workers that train.

use crate::{
    Error,
    driver::SweepPlan,
    ids::SweepId,
    leases::{Directive, TrialKey},
    state::State,
    store::{
        NewSweep,
        command::{
            CancelTrial, ChangeSweep, LaunchSweep, Launched, RemoveSweep, RetryTrial, SweepChange,
            USER,
        },
    },
    sweep::SweepState,
    trial::TrialState,
};

impl State {
    /// Stores a sweep and starts it, or goes on with the same one.
    pub(crate) async fn launch(
        &self,
        mut sweep: NewSweep,
        plan: &SweepPlan,
        again: bool,
        request: crate::ids::RequestId,
    ) -> Result<Launched, Error> {
        if let Some(from) = &plan.from
            && (again || !self.is_known(&sweep.identity).await?)
        {
            sweep.definition = self.with_earlier(&sweep.definition, plan, from).await?;
        }
        let launch = LaunchSweep {
            sweep,
            again,
            request,
            at: self.clock.unix_ms(),
        };
        let launched = self.store.apply(launch).await?;
        tracing::info!(sweep = %launched.sweep, outcome = ?launched.outcome, "sweep launched");
        self.leases()
            .direct_sweep(&launched.sweep, Directive::Continue);
        self.tell_driver(&launched.sweep);
        Ok(launched)
    }

    /// Whether a launch of this content goes on with a sweep that is there.
    async fn is_known(&self, identity: &str) -> Result<bool, Error> {
        let read = self.store.read();
        let Some(same) = read.sweep_of_identity(identity).await? else {
            return Ok(false);
        };
        Ok(read.sweep(&same).await?.summary.state != SweepState::Failed)
    }

    /// Pauses, resumes or stops a sweep.
    pub(crate) async fn change(
        &self,
        sweep: Option<SweepId>,
        change: SweepChange,
    ) -> Result<(SweepId, SweepState), Error> {
        let sweep = self.find(sweep).await?;
        let command = ChangeSweep {
            sweep: sweep.clone(),
            change,
            actor: USER.to_owned(),
            reason: String::new(),
            at: self.clock.unix_ms(),
        };
        let state = self.store.apply(command).await?;
        tracing::info!(%sweep, ?change, state = state.as_str(), "sweep changed");
        let wanted = match change {
            SweepChange::Pause => Directive::Release,
            SweepChange::Stop | SweepChange::Fail => Directive::Stop,
            SweepChange::Resume => Directive::Continue,
        };
        self.leases().direct_sweep(&sweep, wanted);
        self.tell_driver(&sweep);
        Ok((sweep, state))
    }

    /// Removes an ended sweep and its blobs.
    pub(crate) async fn remove(
        &self,
        sweep: Option<SweepId>,
    ) -> Result<(SweepId, SweepState), Error> {
        let sweep = self.find(sweep).await?;
        let was = self.store.read().sweep(&sweep).await?.summary.state;
        let unused = self
            .store
            .apply(RemoveSweep {
                sweep: sweep.clone(),
            })
            .await?;
        tracing::info!(%sweep, blobs = unused.len(), "sweep removed");
        self.remove_blobs(unused).await?;
        self.tell_driver(&sweep);
        Ok((sweep, was))
    }

    /// Cancels a trial: a request, when it runs.
    pub(crate) async fn cancel(&self, trial: &TrialKey) -> Result<TrialState, Error> {
        let command = CancelTrial {
            sweep: trial.sweep.clone(),
            trial: trial.trial,
            actor: USER.to_owned(),
            at: self.clock.unix_ms(),
        };
        let state = self.store.apply(command).await?;
        self.leases().direct(trial, Directive::Stop);
        self.tell_driver(&trial.sweep);
        Ok(state)
    }

    /// A new trial of the same point.
    pub(crate) async fn retry(&self, trial: &TrialKey) -> Result<TrialKey, Error> {
        let command = RetryTrial {
            sweep: trial.sweep.clone(),
            trial: trial.trial,
            actor: USER.to_owned(),
            at: self.clock.unix_ms(),
        };
        let number = self.store.apply(command).await?;
        self.queued.notify_waiters();
        Ok(TrialKey {
            sweep: trial.sweep.clone(),
            trial: number,
        })
    }

    /// The sweep of that name, or the latest.
    pub(crate) async fn find(&self, sweep: Option<SweepId>) -> Result<SweepId, Error> {
        let name = sweep.as_ref().map(SweepId::as_str);
        Ok(self.store.read().find_sweep(name).await?)
    }
}
