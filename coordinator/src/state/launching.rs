//! Launching a file: a new sweep, or the same one goes on.

use std::sync::Arc;

use super::{retrying::Revived, shared::State};
use crate::{
    Error,
    definition::{SweepDefinition, stored, versions},
    ids::{Hash, RequestId, SweepId},
    store::{
        DataSet, NewSweep, SweepRow,
        command::{LaunchOutcome, LaunchSweep, Launched},
    },
    sweep::SweepState,
};

/// A file that somebody wants trained.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    /// The name wanted.
    pub name: String,
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
        self: Arc<Self>,
        mut wanted: Launch,
        definition: SweepDefinition,
    ) -> Result<Launched, Error> {
        let versions = versions(&stored(&wanted.sweep.definition)?);
        if let Some(why) = versions.launch_refusal(&wanted.sweep.trainer, &self.arithmetic) {
            return Err(Error::Refused(format!("{} was {why}", wanted.name)));
        }
        let plan = definition.plan()?;
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
        if let (Some(from), true) = (&definition.from, same.is_none() || wanted.again) {
            let stored = &wanted.sweep.definition;
            wanted.sweep.definition = self.with_earlier(stored, &definition, from).await?;
        }
        self.driver_inbox.leave_plan(&wanted.sweep.definition, plan);
        let launch = LaunchSweep {
            name: wanted.name,
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
        self.driver_inbox.sweep_changed(&launched.sweep);
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
}
