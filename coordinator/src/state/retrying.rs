//! Trying trials again: one that a person names, or all that a failed sweep lacks.

use std::{ops::Range, sync::Arc};

use super::shared::State;
use crate::{
    Error, definition,
    ids::{SweepId, TrialKey, TrialNumber},
    store::{
        NewSweep, StoreError, SweepRow,
        command::{RetryTrials, USER},
    },
    trial::TrialState,
};

impl State {
    /// A new trial of the same point, or the one that there is already, and how that one stands.
    pub async fn retry(self: Arc<Self>, trial: TrialKey) -> Result<(TrialKey, TrialState), Error> {
        let (read, sweep) = (self.store.read(), trial.sweep);
        let row = read.sweep(&sweep).await?.summary.row.sweep;
        self.may_go_on(&sweep, &row)?;
        let original = read.original(&sweep, trial.trial).await?;
        let hinged = self.hinge_on(&sweep, &row, original)?;
        let numbers = self.try_again(&sweep, vec![trial.trial], hinged).await?;
        let number = numbers.first().copied();
        let trial = number.ok_or_else(|| Error::Broken("a retry without a trial".to_owned()))?;
        let now = read.trial(&sweep, trial).await?.summary.row.state;
        Ok((TrialKey { sweep, trial }, now))
    }

    /// A failed sweep tries again what it lacks: trials that failed, those that its failure cancelled, and with `diverged`
    /// those that diverged. How many; `None`: its later trials were chosen by what failed, only another sweep can do better.
    pub async fn revive(&self, failed: &SweepRow, diverged: bool) -> Result<Option<u64>, Error> {
        let (read, sweep) = (self.store.read(), &failed.id);
        let trials = read.missing(sweep, diverged).await?;
        // The earliest is what most hinges on.
        let hinged = match trials.first() {
            Some(first) => {
                let original = read.original(sweep, *first).await?;
                self.hinge_on(sweep, &failed.sweep, original)?
            }
            // Nothing in it would come out otherwise.
            None if failed.trials > 0 => return Ok(Some(0)),
            None => Vec::new(),
        };
        match self.try_again(sweep, trials, hinged).await {
            Ok(numbers) => Ok(Some(numbers.len() as u64)),
            Err(StoreError::BuiltUpon { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn try_again(
        &self,
        sweep: &SweepId,
        trials: Vec<TrialNumber>,
        hinged: Vec<Range<u64>>,
    ) -> Result<Vec<TrialNumber>, StoreError> {
        let command = RetryTrials {
            sweep: sweep.clone(),
            trials,
            hinged,
            actor: USER.to_owned(),
            at: self.clock.unix_ms(),
        };
        let numbers = self.store.apply(command).await?;
        tracing::info!(%sweep, trials = numbers.len(), "trials are tried again");
        self.queued.notify_waiters();
        self.serve_too(sweep);
        self.driver_inbox.sweep_changed(sweep);
        Ok(numbers)
    }

    /// Numbers of the trials whose points are chosen by what this trial gives.
    fn hinge_on(
        &self,
        id: &SweepId,
        sweep: &NewSweep,
        trial: TrialNumber,
    ) -> Result<Vec<Range<u64>>, Error> {
        let definition = definition::parse_stored(&sweep.definition)?;
        if definition.awaits_rate() {
            return Ok(Vec::new());
        }
        let search = definition
            .search()
            .map_err(|error| Error::Refused(format!("{id}: {error}")))?;
        let plan = search.plan().clone();
        self.driver_inbox.leave_plan(&sweep.definition, plan);
        Ok(definition.hinge_on(&search, trial))
    }
}
