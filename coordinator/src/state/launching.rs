//! Launching a file: a new sweep, or the same one goes on.

use std::sync::Arc;

use super::shared::State;
use crate::{
    Error,
    definition::{SweepDefinition, stored, versions},
    ids::SweepId,
    store::{
        NewSweep, SweepRow,
        command::{LaunchOutcome, LaunchSweep, Launched},
    },
    sweep::SweepState,
};

impl State {
    /// Stores a sweep and starts it, or goes on with the same one. One that has failed tries again what it lacks; with
    /// `retry_diverged` trials that diverged, too.
    pub async fn launch(
        self: Arc<Self>,
        mut wanted: LaunchSweep,
        definition: SweepDefinition,
        retry_diverged: bool,
    ) -> Result<Launched, Error> {
        self.may_begin(&wanted)?;
        let plan = definition.plan()?;
        let same = self.same_sweep(&wanted).await?;
        let retried = self.go_on(same.as_ref(), retry_diverged).await?;
        wanted.again |= retried.is_none();
        if let (Some(from), true) = (&definition.from, same.is_none() || wanted.again) {
            let stored = &wanted.sweep.definition;
            wanted.sweep.definition = self.with_earlier(stored, &definition, from).await?;
        }
        self.driver_inbox.leave_plan(&wanted.sweep.definition, plan);
        // Not before what has been tried again.
        wanted.at = self.clock.unix_ms();
        let mut launched = self.store.apply(wanted).await?;
        launched.retried = retried.unwrap_or(0);
        tracing::info!(sweep = %launched.sweep, outcome = ?launched.outcome, "sweep launched");
        if launched.outcome == LaunchOutcome::Continued {
            let mut leases = self.leases();
            leases.direct_sweep(&launched.sweep, SweepState::Running);
        }
        self.serve_too(&launched.sweep);
        self.driver_inbox.sweep_changed(&launched.sweep);
        Ok(launched)
    }

    /// Refuses what nothing would ever go on with.
    fn may_begin(&self, wanted: &LaunchSweep) -> Result<(), Error> {
        let versions = versions(&stored(&wanted.sweep.definition)?);
        match versions.launch_refusal(&wanted.sweep.trainer, &self.arithmetic) {
            Some(why) => Err(Error::Refused(format!("{} was {why}", wanted.name))),
            None => Ok(()),
        }
    }

    /// The sweep that is there for this file on these data, unless a new one is wanted.
    async fn same_sweep(&self, wanted: &LaunchSweep) -> Result<Option<SweepRow>, Error> {
        if wanted.again {
            return Ok(None);
        }
        let data = wanted.data.as_ref().map(|set| set.hash);
        let read = self.store.read();
        Ok(read.same_sweep(&wanted.sweep.identity, data).await?)
    }

    /// How many trials of the same sweep are tried again; `None`: only another sweep can do better.
    async fn go_on(
        &self,
        same: Option<&SweepRow>,
        retry_diverged: bool,
    ) -> Result<Option<u64>, Error> {
        use SweepState::{Completed, Failed, Stopped, Stopping};
        let Some(same) = same else {
            return Ok(Some(0));
        };
        if !matches!(same.state, Completed | Stopping | Stopped) {
            self.may_go_on(&same.id, &same.sweep)?;
        }
        if same.state == Failed {
            return self.revive(same, retry_diverged).await;
        }
        Ok(Some(0))
    }

    /// Refuses to go on with what another version has begun.
    pub fn may_go_on(&self, id: &SweepId, sweep: &NewSweep) -> Result<(), Error> {
        match self.not_continued(sweep)? {
            Some(why) => Err(Error::Refused(format!("{id} was {why}"))),
            None => Ok(()),
        }
    }

    /// Why this build does not go on with a sweep; `None`: it does.
    pub fn not_continued(&self, sweep: &NewSweep) -> Result<Option<String>, Error> {
        let begun = versions(&stored(&sweep.definition)?);
        Ok(begun.refusal(&sweep.trainer, &self.arithmetic))
    }
}
