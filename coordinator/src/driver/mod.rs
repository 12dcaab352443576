//! Feeds results to the search and turns its decisions into commands for the writer, on a thread of its own: a slow
//! decision delays nobody's heartbeat.

mod actions;
mod active;
mod deciding;
mod ending;
mod load;
mod losses;
mod nets;
pub(crate) mod replay;
mod results;
mod retries;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::time::Interval;

use crate::{
    Error,
    ids::{SweepId, TrialKey},
    state::{Directive, LiveSweep, Needs, State},
    store::{
        StoreError, SweepRow, TrialResult,
        command::{Action, ChangeSweep, Decide, SweepChange},
    },
    sweep::SweepState,
};
use active::ActiveSweep;
use deciding::DecisionInput;

/// Queued trials kept ready: enough that no worker waits for the driver, few enough that a million points are not
/// stored before they are wanted.
const LEAST_QUEUED: u64 = 64;
const QUEUED_PER_SLOT: u64 = 4;
/// Each takes memory and time in the transaction that stores it.
const MOST_QUEUED: u64 = 20_000;
/// How long to wait after the store could not take a decision.
const RETRY: Duration = Duration::from_millis(500);

/// Drives every live sweep until the coordinator shuts down. Between two looks at what has changed there is at least `pace`:
/// results that come meanwhile are taken in together, so that many short trials do not cost a look and a commit each.
/// `None`: a sweep is looked at as soon as it has changed.
pub(crate) async fn drive(state: Arc<State>, mut pace: Option<Interval>) {
    let mut driver = Driver {
        state: Arc::clone(&state),
        active: BTreeMap::new(),
    };
    loop {
        let changed = tokio::select! {
            biased;
            () = state.shutdown.cancelled() => return,
            changed = async {
                if let Some(pace) = &mut pace {
                    pace.tick().await;
                }
                state.driver_inbox.take_changed().await
            } => changed,
        };
        for sweep in changed {
            driver.look(&sweep).await;
        }
    }
}

struct Driver {
    state: Arc<State>,
    active: BTreeMap<SweepId, ActiveSweep>,
}

impl Driver {
    /// Looks at what has changed in the sweep that has this name now.
    async fn look(&mut self, id: &SweepId) {
        let read = self.state.store.read();
        // Of a sweep that is met first, results are read after the trials that it has: else one of them could be neither.
        let seen = self.active.get(id).map_or(u64::MAX, |sweep| sweep.seen);
        match read.news(id, seen).await {
            Ok((row, results)) => match self.advance(&row, results).await {
                Ok(()) => _ = self.state.search_waits().remove(id),
                Err(error) => self.give_up(&row, &error).await,
            },
            // Removed meanwhile.
            Err(StoreError::NotFound { .. }) => self.forget(id),
            Err(error) => match read.row(id).await {
                Ok(row) => self.give_up(&row, &error.into()).await,
                Err(_) => self.look_again(id, &error.into()).await,
            },
        }
    }

    async fn advance(
        &mut self,
        row: &SweepRow,
        mut results: Vec<TrialResult>,
    ) -> Result<(), Error> {
        let id = &row.id;
        // Another sweep may have had the name before. And one that another decision came before knows something that is so no more:
        // a trial was tried again.
        let known = self.active.remove(id);
        let known = known.filter(|sweep| (sweep.key, sweep.decisions) == (row.key, row.decisions));
        if row.state.has_ended() {
            if let Some(mut sweep) = known {
                // The last results of a sweep that was stopped come with its end.
                self.step(&mut sweep, row, &results).await?;
            }
            self.forget(id);
            self.state.collect_blobs(id).await;
            return Ok(());
        }
        let mut sweep = match known {
            Some(sweep) => sweep,
            None => {
                if let Some(why) = self.state.not_continued(&row.sweep)? {
                    tracing::warn!(sweep = %id, why, "sweep not continued");
                    if row.state == SweepState::Stopping {
                        // It is waited for until its last trial has ended.
                        self.publish(row, None);
                    }
                    return Ok(());
                }
                let publish = |sweep: &ActiveSweep| self.publish(row, sweep.reports());
                let (sweep, all) = load::load(&self.state, row, publish).await?;
                results = all;
                sweep
            }
        };
        self.publish(row, sweep.reports());
        let decided = self.step(&mut sweep, row, &results).await;
        self.active.insert(id.clone(), sweep);
        if decided?.is_some_and(|state| state != row.state) {
            self.state.driver_inbox.sweep_changed(id);
        }
        Ok(())
    }

    /// Takes in new results and carries out what follows from them. The sweep's state after it.
    async fn step(
        &self,
        sweep: &mut ActiveSweep,
        row: &SweepRow,
        results: &[TrialResult],
    ) -> Result<Option<SweepState>, Error> {
        for reported in self.state.driver_inbox.take_epochs(&row.id) {
            sweep.epoch(reported.trial, reported.epoch, reported.value);
        }
        for result in results {
            sweep.apply(result);
        }
        let now = self.state.clock.unix_ms();
        let decide = if row.state.grants() {
            let slots = self.state.sessions().slots();
            let window = (QUEUED_PER_SLOT * u64::from(slots)).clamp(LEAST_QUEUED, MOST_QUEUED);
            let given = DecisionInput {
                want: usize::try_from(window.saturating_sub(row.queued)).unwrap_or(usize::MAX),
                slots,
                data: row.data.as_ref().map(|data| data.hash),
            };
            sweep.decide(given, now)
        } else {
            // Nothing is wanted any more, or not now. What has come counts all the same.
            sweep.decide_best(now)
        };
        match decide {
            Some(decide) => self.carry_out(sweep, decide).await.map(Some),
            None => Ok(None),
        }
    }

    /// Applies one decision, however long the store cannot take it.
    async fn carry_out(
        &self,
        sweep: &mut ActiveSweep,
        decide: Decide,
    ) -> Result<SweepState, Error> {
        loop {
            match self.state.store.apply(decide.clone()).await {
                Ok(decided) if decided.applied => {
                    sweep.decided(decided.last);
                    self.spread(&sweep.id, &decide, decided.state);
                    return Ok(decided.state);
                }
                // A retry came first: what was decided without knowing of it is decided anew.
                Ok(decided) => {
                    self.state.driver_inbox.sweep_changed(&sweep.id);
                    return Ok(decided.state);
                }
                Err(error @ (StoreError::Busy | StoreError::DiskFull(_))) => {
                    let error = Error::from(error);
                    self.waits(&sweep.id, &error);
                    tokio::select! {
                        () = tokio::time::sleep(RETRY) => {}
                        () = self.state.shutdown.cancelled() => return Err(error),
                    }
                }
                // Removed, and another one may have its name: that one was noted down when it came.
                Err(StoreError::NotFound { .. }) => return Ok(SweepState::Stopped),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// What a decision means for workers that wait or train.
    fn spread(&self, id: &SweepId, decide: &Decide, state: SweepState) {
        let mut queued = false;
        for action in &decide.actions {
            match action {
                Action::Enqueue(_) | Action::Promote { .. } => queued = true,
                Action::CheckPassed => {
                    tracing::info!(sweep = %id, "check passed");
                    queued = true;
                }
                Action::Prune { trial, .. } => {
                    let key = TrialKey {
                        sweep: id.clone(),
                        trial: *trial,
                    };
                    self.state.leases().direct(&key, Directive::Prune);
                }
                Action::Complete { winner, reason } => {
                    tracing::info!(sweep = %id, ?winner, reason, "sweep completed");
                }
                Action::Fail { reason } => {
                    self.state.leases().direct_sweep(id, state);
                    tracing::warn!(sweep = %id, reason, "sweep failed");
                }
                _ => {}
            }
        }
        if queued {
            self.state.queued.notify_waiters();
        }
    }

    /// Tells the granting side what is live.
    fn publish(&self, row: &SweepRow, compared_metric: Option<String>) {
        let id = &row.id;
        let now = LiveSweep {
            state: row.state,
            needs: Needs::of(row),
            compared_metric,
        };
        let changed = self
            .state
            .live
            .send_if_modified(|live| live.insert(id.clone(), now.clone()).as_ref() != Some(&now));
        if changed {
            self.state.queued.notify_waiters();
        }
    }

    fn forget(&mut self, id: &SweepId) {
        self.state.driver_inbox.take_epochs(id);
        self.state.search_waits().remove(id);
        self.active.remove(id);
        let gone = self
            .state
            .live
            .send_if_modified(|live| live.remove(id).is_some());
        if gone {
            self.state.queued.notify_waiters();
        }
    }

    /// A sweep that cannot be driven fails with the reason, unless it is the coordinator that cannot go on now.
    async fn give_up(&mut self, row: &SweepRow, error: &Error) {
        let id = &row.id;
        self.active.remove(id);
        if self.state.shutdown.is_cancelled() {
            return;
        }
        if matches!(error, Error::Unavailable(_) | Error::Busy(_)) {
            return self.look_again(id, error).await;
        }
        tracing::error!(sweep = %id, %error, "sweep cannot be driven");
        let fail = ChangeSweep {
            sweep: id.clone(),
            change: SweepChange::Fail(row.key),
            actor: "coordinator".to_owned(),
            reason: error.to_string(),
            at: self.state.clock.unix_ms(),
        };
        match self.state.store.apply(fail).await {
            // Another one has its name by now.
            Ok(_) | Err(StoreError::NotFound { .. }) => self.state.driver_inbox.sweep_changed(id),
            Err(error) => self.look_again(id, &error.into()).await,
        }
    }

    /// Nothing else may ever tell of a sweep that cannot be looked at now: it would stand still for good.
    async fn look_again(&self, id: &SweepId, error: &Error) {
        if self.state.shutdown.is_cancelled() {
            return;
        }
        self.waits(id, error);
        tokio::time::sleep(RETRY).await;
        self.state.driver_inbox.sweep_changed(id);
    }

    /// Says why a search stands still: to the log when it begins to, and to whoever asks.
    fn waits(&self, id: &SweepId, error: &Error) {
        let words = error.to_string();
        let known = self.state.search_waits().insert(id.clone(), words);
        if known.is_none() {
            tracing::warn!(sweep = %id, %error, "search waits");
        }
    }
}
