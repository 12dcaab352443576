//! Who is connected, and what a sweep waits for: what only a running coordinator can tell.

use std::{collections::HashMap, time::Duration};

use super::{sessions::Session, shared::State};
use crate::{
    ids::{SweepId, TrialKey},
    store::SweepDetail,
};

/// A worker, and how many trials it trains.
#[derive(Clone, Debug)]
pub struct WorkerView {
    pub session: Session,
    pub running: u32,
}

/// What a sweep has of the workers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectedTo {
    pub workers: u32,
    pub slots: u32,
    /// Why nothing of it runs, and what to do; empty when something runs or nothing is to run.
    pub waiting_for: String,
    /// When its workers were last heard, by sweep: of every one of which anything runs.
    pub last_heard: HashMap<SweepId, LastHeard>,
}

/// When a worker that trains something was last heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastHeard {
    pub ago: Duration,
    /// Two heartbeats are missing: it is dead, or cannot reach this coordinator.
    pub silent: bool,
}

impl State {
    /// Of a trial that runs.
    pub fn last_heard(&self, trial: &TrialKey) -> Option<LastHeard> {
        let ago = self.leases().silence(trial, self.clock.now())?;
        Some(self.heard(ago))
    }

    /// Of each sweep of which anything runs: the worker that was heard last.
    pub fn last_heard_of_sweeps(&self) -> HashMap<SweepId, LastHeard> {
        let silences = self.leases().silences(self.clock.now());
        let heard = silences.into_iter();
        heard.map(|(sweep, ago)| (sweep, self.heard(ago))).collect()
    }

    fn heard(&self, ago: Duration) -> LastHeard {
        LastHeard {
            ago,
            silent: ago > 2 * self.timing.heartbeat,
        }
    }

    /// Every connected worker, in order of name.
    pub fn workers(&self) -> Vec<WorkerView> {
        let running = self.leases().running_by_session();
        let sessions = self.sessions();
        let all = sessions.all().into_iter();
        all.map(|(id, session)| WorkerView {
            session: session.clone(),
            running: running.get(&id).copied().unwrap_or(0),
        })
        .collect()
    }

    /// The workers as this sweep sees them.
    pub fn connected(&self, sweep: &SweepDetail) -> ConnectedTo {
        let workers = self.workers();
        ConnectedTo {
            workers: u32::try_from(workers.len()).unwrap_or(u32::MAX),
            slots: workers.iter().map(|worker| worker.session.slots).sum(),
            waiting_for: waiting_for(sweep, &workers),
            last_heard: self.last_heard_of_sweeps(),
        }
    }
}

fn waiting_for(sweep: &SweepDetail, workers: &[WorkerView]) -> String {
    let row = &sweep.summary.row;
    if !row.state.grants() || row.running > 0 || row.queued == 0 {
        return String::new();
    }
    let trainer = &row.sweep.trainer;
    let able: Vec<&Session> = workers
        .iter()
        .map(|worker| &worker.session)
        .filter(|session| session.trainers.contains(trainer))
        .collect();
    if able.is_empty() {
        return no_worker(trainer, workers);
    }
    let Some(name) = &row.sweep.data_source else {
        return String::new();
    };
    let wanted = row.data.as_ref().map(|data| data.hash);
    let mut found = Vec::new();
    for session in able {
        match session.offer(name).map(|offer| &offer.data) {
            Some(Ok(set)) if wanted.is_none_or(|hash| hash == set.hash) => return String::new(),
            Some(Ok(set)) => found.push(format!(
                "{} has other content ({})",
                session.name,
                set.hash.short()
            )),
            Some(Err(problem)) => found.push(format!("{}: {problem}", session.name)),
            None => found.push(format!("{} has not tried to open it yet", session.name)),
        }
    }
    let hash = wanted.map_or_else(String::new, |hash| {
        format!(" with the hash {}", hash.short())
    });
    format!(
        "waiting for a worker with the data set `{name}`{hash}: {}; start one with `hone worker --data DIR`, \
         DIR holding it, or `--data {name}=FOLDER`",
        found.join("; ")
    )
}

fn no_worker(trainer: &str, workers: &[WorkerView]) -> String {
    if workers.is_empty() {
        return "waiting for a worker: none is connected; start one with `hone worker --coordinator URL`".to_owned();
    }
    let connected: Vec<String> = workers
        .iter()
        .map(
            |WorkerView { session, .. }| match session.refused.get(trainer) {
                Some(why) => format!("{} ({why})", session.name),
                None => format!("{} ({})", session.name, session.trainers.join(", ")),
            },
        )
        .collect();
    let mut refused = workers.iter().map(|worker| &worker.session.refused);
    let advice = if refused.any(|refused| refused.contains_key(trainer)) {
        String::new()
    } else {
        format!("; start one with `hone worker --exec {trainer}=COMMAND`")
    };
    format!(
        "waiting for a worker that trains `{trainer}`: connected are {}{advice}",
        connected.join("; ")
    )
}
