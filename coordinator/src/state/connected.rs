//! Who is connected, and what a sweep waits for: what only a running coordinator can tell.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use super::{
    sessions::{Needs, Session},
    shared::{Served, State},
};
use crate::{
    ids::{SweepId, TrialKey},
    store::SweepRow,
};

/// A worker, and how many trials it trains.
#[derive(Clone, Debug)]
pub struct WorkerView {
    pub session: Session,
    pub running: u32,
    /// For how long it has not been heard, if that is longer than a worker that lives is silent.
    pub silent: Option<Duration>,
}

/// What only a running coordinator knows of its sweeps.
#[derive(Clone, Debug, Default)]
pub struct Connected {
    workers: Vec<WorkerView>,
    served: Served,
    last_heard: HashMap<SweepId, LastHeard>,
    /// What the coordinator itself lacks.
    pub shortage: Option<String>,
    search_waits: BTreeMap<SweepId, String>,
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

    fn heard(&self, ago: Duration) -> LastHeard {
        LastHeard {
            ago,
            silent: ago > 2 * self.timing.heartbeat,
        }
    }

    /// Every connected worker, in order of name.
    pub fn workers(&self) -> Vec<WorkerView> {
        let running = self.leases().running_by_session();
        let now = self.clock.now();
        let sessions = self.sessions();
        let all = sessions.all().into_iter();
        all.map(|(id, session)| WorkerView {
            silent: session.silent(now, self.timing.heartbeat),
            session: session.clone(),
            running: running.get(&id).copied().unwrap_or(0),
        })
        .collect()
    }

    /// Who is connected, and when they were heard.
    pub fn connected(&self) -> Connected {
        let silences = self.leases().silences(self.clock.now()).into_iter();
        Connected {
            workers: self.workers(),
            served: self.served().clone(),
            search_waits: self.search_waits().clone(),
            last_heard: silences
                .map(|(sweep, ago)| (sweep, self.heard(ago)))
                .collect(),
            shortage: self.blobs.shortage(),
        }
    }
}

impl Connected {
    /// How many.
    pub fn workers(&self) -> u32 {
        u32::try_from(self.workers.len()).unwrap_or(u32::MAX)
    }

    /// Of all of them.
    pub fn slots(&self) -> u32 {
        let slots = self.workers.iter().map(|worker| worker.session.slots);
        slots.fold(0, u32::saturating_add)
    }

    /// The worker that was heard last, of a sweep of which anything runs.
    pub fn last_heard(&self, sweep: &SweepId) -> Option<LastHeard> {
        self.last_heard.get(sweep).copied()
    }

    /// Why a sweep does not get on, and what to do: its search stands still, or nothing of it runs that could. Empty otherwise.
    pub fn waiting_for(&self, row: &SweepRow) -> String {
        if let Some(why) = self.search_waits.get(&row.id) {
            return format!("waiting: its search cannot go on: {why}");
        }
        if !row.state.grants() || row.running > 0 || row.queued == 0 {
            return String::new();
        }
        if let Some(first) = self.served.instead_of(&row.id) {
            return format!(
                "waiting: the `hone run` that serves this database trains {first}; after its end go on with `hone run` and this \
                 sweep's file, or now with `hone launch` and the file"
            );
        }
        let needs = &Needs::of(row);
        let trainer = &needs.trainer;
        let able = self.workers.iter();
        let able: Vec<_> = able
            .filter(|worker| worker.session.trainers.contains(trainer))
            .collect();
        if able.is_empty() {
            return no_worker(trainer, &self.workers);
        }
        let obstacles: Option<Vec<String>> =
            able.iter().map(|worker| worker.obstacle(needs)).collect();
        let Some(obstacles) = obstacles else {
            return String::new();
        };
        let lacks_data = |worker: &&WorkerView| worker.session.lacks_data(needs).is_some();
        let advice = match &needs.data_source {
            Some(name) if able.iter().all(lacks_data) => format!(
                "; start one with `hone worker --data DIR`, DIR holding it, or `--data {name}=FOLDER`"
            ),
            _ => String::new(),
        };
        let wanted = match (&row.sweep.data_source, &row.data) {
            (None, _) => format!("a worker that trains `{trainer}`"),
            (Some(name), None) => format!("a worker with the data set `{name}`"),
            (Some(name), Some(set)) => {
                format!(
                    "a worker with the data set `{name}` with the hash {}",
                    set.hash.short()
                )
            }
        };
        format!("waiting for {wanted}: {}{advice}", some_of(&obstacles))
    }
}

impl WorkerView {
    /// Why it takes no trial of this sweep now.
    fn obstacle(&self, needs: &Needs) -> Option<String> {
        let Session { name, slots, .. } = &self.session;
        let busy = || {
            let busy = self.running >= *slots;
            busy.then(|| format!("{name} is busy with other sweeps"))
        };
        self.session.obstacle(needs, self.silent).or_else(busy)
    }
}

/// So many that a line can take them.
fn some_of(all: &[String]) -> String {
    const MOST: usize = 5;
    let mut some = all[..all.len().min(MOST)].join("; ");
    if all.len() > MOST {
        some.push_str(&format!("; and {} more", all.len() - MOST));
    }
    some
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
        some_of(&connected)
    )
}
