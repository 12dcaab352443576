//! `hone extend`: an ended sweep gets one round more.

use std::sync::Arc;

use serde_json::Value;

use super::shared::State;
use crate::{
    Error,
    definition::{self, SweepDefinition, epochs_of_minutes},
    ids::{SweepId, TrialNumber},
    search::{Budget, Extension, Strategy},
    store::{
        StoreError, SweepDetail,
        command::{ExtendSweep, USER},
    },
    sweep::SweepState,
};

/// A retry may take the number that an extension was made for; then it is made again.
const TRIES: usize = 5;

impl State {
    /// Gives a completed or stopped sweep more budget.
    pub async fn extend(self: Arc<Self>, sweep: SweepId, by: Budget) -> Result<SweepState, Error> {
        for _ in 0..TRIES {
            let detail = self.store.read().sweep(&sweep).await?;
            let command = self.extension(&detail, by)?;
            match self.store.apply(command).await {
                Err(StoreError::Busy) => {}
                done => {
                    let state = done?;
                    tracing::info!(%sweep, ?by, "sweep extended");
                    self.leases().direct_sweep(&sweep, state);
                    self.serve_too(&sweep);
                    self.driver_inbox.sweep_changed(&sweep);
                    return Ok(state);
                }
            }
        }
        Err(Error::Busy(format!(
            "{sweep} changes all the time: try again"
        )))
    }

    fn extension(&self, detail: &SweepDetail, by: Budget) -> Result<ExtendSweep, Error> {
        let row = &detail.summary.row;
        let id = &row.id;
        if !matches!(row.state, SweepState::Completed | SweepState::Stopped) {
            return Err(Error::Refused(format!(
                "{id} is {}: only a completed or stopped sweep can be extended",
                row.state.as_str()
            )));
        }
        self.may_go_on(id, &row.sweep)?;
        if row.trials == 0 {
            return Err(Error::Refused(format!(
                "{id} was stopped before its first trial: there is nothing to extend, `--again` starts it anew"
            )));
        }
        let now = definition::parse_stored(&row.sweep.definition)?;
        let added = Extension {
            epochs: self.epochs_of(&now, by, &row.check_json)?,
            first_trial: now.search_number(row.next_number),
        };
        let definition = definition::with_extension(&row.sweep.definition, added)?;
        let extended = definition::parse_stored(&definition)?;
        let search = extended
            .search()
            .map_err(|error| Error::Refused(format!("{id}: {error}")))?;
        let plan = search.plan().clone();
        self.driver_inbox.leave_plan(&definition, plan);
        Ok(ExtendSweep {
            sweep: id.clone(),
            definition,
            first_trial: TrialNumber(row.next_number),
            reserve: extended.last_reserved(&search),
            actor: USER.to_owned(),
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
