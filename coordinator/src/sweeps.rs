//! What people do with sweeps and trials, and what it means for workers that train.

use crate::{
    Error,
    driver::SweepPlan,
    ids::{Hash, RequestId, SweepId},
    leases::{Directive, TrialKey},
    retry::Revived,
    rpc::convert::definition::{stored, versions},
    state::State,
    store::{
        DataSet, NewSweep, SweepRow,
        command::{
            CancelTrial, ChangeSweep, LaunchOutcome, LaunchSweep, Launched, RemoveSweep,
            SweepChange, USER,
        },
    },
    sweep::SweepState,
    trial::TrialState,
};

/// A file that somebody wants trained.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    pub sweep: NewSweep,
    /// Its data set, where the launcher can read it.
    pub data: Option<DataSet>,
    /// What the launcher found in the very same place at earlier launches of this file.
    pub data_before: Vec<Hash>,
    /// Start anew even if the same sweep exists.
    pub again: bool,
    /// Of a sweep that has failed, trials that diverged are tried again too.
    pub retry_diverged: bool,
    pub request: RequestId,
}

impl State {
    /// Stores a sweep and starts it, or goes on with the same one. One that has failed tries again what it lacks.
    pub(crate) async fn launch(
        &self,
        mut wanted: Launch,
        plan: &SweepPlan,
    ) -> Result<Launched, Error> {
        let versions = versions(&stored(&wanted.sweep.definition)?);
        if let Some(why) = versions.launch_refusal(&wanted.sweep.trainer, &self.arithmetic) {
            return Err(Error::Refused(format!("{} was {why}", wanted.sweep.name)));
        }
        let same = self.same_sweep(&wanted).await?;
        if let Some(same) = &same
            && !matches!(
                same.state,
                SweepState::Completed | SweepState::Stopping | SweepState::Stopped
            )
        {
            self.may_go_on(&same.id, &same.sweep)?;
        }
        let mut retried = 0;
        if let Some(failed) = same
            .as_ref()
            .filter(|same| same.state == SweepState::Failed)
        {
            match self.revive(failed, wanted.retry_diverged).await? {
                Revived::Runs(trials) => retried = trials,
                Revived::Same => {}
                Revived::BuiltUpon => wanted.again = true,
            }
        }
        if let (Some(from), true) = (&plan.from, same.is_none() || wanted.again) {
            let definition = &wanted.sweep.definition;
            wanted.sweep.definition = self.with_earlier(definition, plan, from).await?;
        }
        let launch = LaunchSweep {
            sweep: wanted.sweep,
            data: wanted.data,
            data_before: wanted.data_before,
            again: wanted.again,
            request: wanted.request,
            at: self.clock.unix_ms(),
        };
        let launched = Launched {
            retried,
            ..self.store.apply(launch).await?
        };
        tracing::info!(sweep = %launched.sweep, outcome = ?launched.outcome, "sweep launched");
        if launched.outcome == LaunchOutcome::Continued {
            self.leases()
                .direct_sweep(&launched.sweep, SweepState::Running);
        }
        self.tell_driver(&launched.sweep);
        Ok(launched)
    }

    /// The sweep that is there for this file on these data, unless a new one is wanted.
    async fn same_sweep(&self, launch: &Launch) -> Result<Option<SweepRow>, Error> {
        if launch.again {
            return Ok(None);
        }
        let data = launch.data.as_ref().map(|set| set.hash);
        let read = self.store.read();
        Ok(read.same_sweep(&launch.sweep.identity, data).await?)
    }

    /// Refuses to go on with what another version has begun.
    pub(crate) fn may_go_on(&self, id: &SweepId, sweep: &NewSweep) -> Result<(), Error> {
        match self.not_continued(sweep)? {
            Some(why) => Err(Error::Refused(format!("{id} was {why}"))),
            None => Ok(()),
        }
    }

    /// Why this build does not go on with a sweep; `None`: it does.
    pub(crate) fn not_continued(&self, sweep: &NewSweep) -> Result<Option<String>, Error> {
        let begun = versions(&stored(&sweep.definition)?);
        Ok(begun.refusal(&sweep.trainer, &self.arithmetic))
    }

    /// Pauses, resumes or stops a sweep.
    pub(crate) async fn change(
        &self,
        sweep: Option<SweepId>,
        change: SweepChange,
    ) -> Result<(SweepId, SweepState), Error> {
        let sweep = self.find(sweep).await?;
        if change == SweepChange::Resume {
            let row = self.store.read().sweep(&sweep).await?;
            self.may_go_on(&sweep, &row.sweep)?;
        }
        let command = ChangeSweep {
            sweep: sweep.clone(),
            change,
            actor: USER.to_owned(),
            reason: String::new(),
            at: self.clock.unix_ms(),
        };
        let state = self.store.apply(command).await?;
        tracing::info!(%sweep, ?change, state = state.as_str(), "sweep changed");
        self.leases().direct_sweep(&sweep, state);
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

    /// The sweep of that name, or the latest.
    pub(crate) async fn find(&self, sweep: Option<SweepId>) -> Result<SweepId, Error> {
        let name = sweep.as_ref().map(SweepId::as_str);
        Ok(self.store.read().find_sweep(name).await?)
    }
}
