//! `hone extend`: an ended sweep gets one round more.

use std::sync::Arc;

use serde_json::Value;

use super::shared::State;
use crate::{
    Error,
    definition::{self, SweepDefinition, epochs_of_minutes},
    ids::{SweepId, TrialNumber},
    search::{Budget, Extension, Strategy},
    store::{StoreError, SweepDetail, command::ExtendSweep},
    sweep::SweepState,
};

/// A retry may take the number that an extension was made for; then it is made again.
const TRIES: usize = 5;

impl State {
    /// Gives a completed or stopped sweep more budget.
    pub(crate) async fn extend(
        self: Arc<Self>,
        sweep: Option<SweepId>,
        by: Budget,
    ) -> Result<(SweepId, SweepState), Error> {
        let sweep = self.find(sweep).await?;
        for _ in 0..TRIES {
            let detail = self.store.read().sweep(&sweep).await?;
            let command = self.extension(&detail, by)?;
            match self.store.apply(command).await {
                Err(StoreError::Busy) => {}
                done => {
                    let state = done?;
                    tracing::info!(%sweep, ?by, "sweep extended");
                    self.leases().direct_sweep(&sweep, state);
                    self.driver_inbox.sweep_changed(&sweep);
                    return Ok((sweep, state));
                }
            }
        }
        Err(Error::Busy(format!(
            "{sweep} changes all the time: try again"
        )))
    }

    fn extension(&self, detail: &SweepDetail, by: Budget) -> Result<ExtendSweep, Error> {
        let id = &detail.summary.row.id;
        match detail.summary.row.state {
            SweepState::Completed | SweepState::Stopped => {}
            state => {
                return Err(Error::Refused(format!(
                    "{id} is {}: only a completed or stopped sweep can be extended",
                    state.as_str()
                )));
            }
        }
        self.may_go_on(id, &detail.summary.row.sweep)?;
        if detail.summary.row.trials == 0 {
            return Err(Error::Refused(format!(
                "{id} was stopped before its first trial: there is nothing to extend, `--again` starts it anew"
            )));
        }
        let now = definition::parse(&definition::stored(&detail.summary.row.sweep.definition)?)?;
        let next = detail.summary.row.next_number;
        let added = Extension {
            epochs: self.epochs_of(&now, by, &detail.summary.row.check_json)?,
            first_trial: now.search_number(next),
        };
        let definition = definition::with_extension(&detail.summary.row.sweep.definition, added)?;
        let extended = definition::parse(&definition::stored(&definition)?)?;
        let search = extended
            .search()
            .map_err(|error| Error::Refused(format!("{id}: {error}")))?;
        Ok(ExtendSweep {
            sweep: id.clone(),
            definition,
            first_trial: TrialNumber(next),
            reserve: extended.last_reserved(&search),
            actor: crate::store::command::USER.to_owned(),
            reason: format!("{} epochs more", added.epochs),
            at: self.clock.unix_ms(),
        })
    }

    fn epochs_of(&self, now: &SweepDefinition, by: Budget, check: &str) -> Result<u64, Error> {
        let Strategy::Planned(planned) = &now.search.strategy else {
            // Refused with the reason when the plan is made.
            return Ok(by.epochs(1).unwrap_or(0));
        };
        match by {
            Budget::Minutes(minutes) => {
                let slots = self.sessions().slots();
                let check: Value = serde_json::from_str(check).unwrap_or_default();
                epochs_of_minutes(minutes, &check, planned.parallel, slots)
                    .map_err(|problem| Error::input("by", problem))
            }
            other => Ok(other.epochs(planned.full_epochs).unwrap_or(0)),
        }
    }
}
