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
    pub async fn change(
        self: Arc<Self>,
        sweep: SweepId,
        change: SweepChange,
    ) -> Result<SweepState, Error> {
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
        if change == SweepChange::Resume {
            self.serve_too(&sweep);
        }
        self.leases().direct_sweep(&sweep, state);
        self.driver_inbox.sweep_changed(&sweep);
        Ok(state)
    }

    /// Removes an ended sweep and its blobs. The state it was in.
    pub async fn remove(self: Arc<Self>, sweep: SweepId) -> Result<SweepState, Error> {
        let was = self.store.read().sweep(&sweep).await?.summary.row.state;
        let name = sweep.clone();
        let unused = self.store.apply(RemoveSweep { sweep: name }).await?;
        tracing::info!(%sweep, blobs = unused.len(), "sweep removed");
        self.remove_blobs(unused).await?;
        self.driver_inbox.sweep_changed(&sweep);
        Ok(was)
    }

    /// Cancels a trial: a request, when it runs.
    pub async fn cancel(self: Arc<Self>, trial: TrialKey) -> Result<TrialState, Error> {
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
}
