//! What people do with sweeps and trials that are there: pause, resume, stop, remove, cancel.

use std::sync::Arc;

use super::{lease_times::Directive, shared::State};
use crate::{
    Error,
    ids::{SweepId, TrialKey},
    store::command::{CancelTrial, ChangeSweep, RemoveSweep, SweepChange, USER},
    sweep::SweepState,
    trial::TrialState,
};

impl State {
    /// Pauses, resumes or stops a sweep.
    pub(crate) async fn change(
        self: Arc<Self>,
        sweep: Option<SweepId>,
        change: SweepChange,
    ) -> Result<(SweepId, SweepState), Error> {
        let sweep = self.find(sweep).await?;
        if change == SweepChange::Resume {
            let row = self.store.read().sweep(&sweep).await?;
            self.may_go_on(&sweep, &row.summary.row.sweep)?;
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
        self.driver_inbox.sweep_changed(&sweep);
        Ok((sweep, state))
    }

    /// Removes an ended sweep and its blobs.
    pub(crate) async fn remove(
        self: Arc<Self>,
        sweep: Option<SweepId>,
    ) -> Result<(SweepId, SweepState), Error> {
        let sweep = self.find(sweep).await?;
        let was = self.store.read().sweep(&sweep).await?.summary.row.state;
        let unused = self
            .store
            .apply(RemoveSweep {
                sweep: sweep.clone(),
            })
            .await?;
        tracing::info!(%sweep, blobs = unused.len(), "sweep removed");
        self.remove_blobs(unused).await?;
        self.driver_inbox.sweep_changed(&sweep);
        Ok((sweep, was))
    }

    /// Cancels a trial: a request, when it runs.
    pub(crate) async fn cancel(self: Arc<Self>, trial: TrialKey) -> Result<TrialState, Error> {
        let command = CancelTrial {
            sweep: trial.sweep.clone(),
            trial: trial.trial,
            actor: USER.to_owned(),
            at: self.clock.unix_ms(),
        };
        let state = self.store.apply(command).await?;
        self.leases().direct(&trial, Directive::Stop);
        self.driver_inbox.sweep_changed(&trial.sweep);
        Ok(state)
    }

    /// The sweep of that name, or the latest.
    pub(crate) async fn find(&self, sweep: Option<SweepId>) -> Result<SweepId, Error> {
        let name = sweep.as_ref().map(SweepId::as_str);
        Ok(self.store.read().find_sweep(name).await?)
    }
}
