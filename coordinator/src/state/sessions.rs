//! Worker processes that are connected, as far as memory knows: a session is a process, bound to its random id and
//! never to its name or host.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use crate::{
    ids::{Hash, SessionId},
    store::{DataSet, SweepRow},
    versions::{Arithmetic, Versions},
};

/// What a worker must have to train a sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    pub trainer: String,
    /// The data set, if its trainer takes one.
    pub data_source: Option<String>,
    /// That set's content, once the sweep has begun on it.
    pub data: Option<Hash>,
}

impl Needs {
    pub fn of(row: &SweepRow) -> Self {
        Self {
            trainer: row.sweep.trainer.clone(),
            data_source: row.sweep.data_source.clone(),
            data: row.data.as_ref().map(|data| data.hash),
        }
    }
}

/// A data set that a worker has opened, or why it could not.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    pub name: String,
    pub data: Result<DataSet, String>,
}

/// One worker process.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// For people.
    pub name: String,
    /// What it can train, and is to train here.
    pub trainers: Vec<String>,
    /// By which arithmetic, where a trainer promises the same bits.
    pub arithmetic: Arithmetic,
    /// What it gets nothing for, and why, by trainer.
    pub refused: BTreeMap<String, String>,
    /// How many trials at once.
    pub slots: u32,
    /// Data sets it has tried to open.
    pub offers: Vec<Offer>,
    /// It wants nothing new.
    pub draining: bool,
    /// It has lost so many attempts that it gets nothing new for a while.
    pub quarantine: Option<Quarantine>,
    /// What is held against it since its last success.
    pub losses: Losses,
    /// Unix milliseconds, for people.
    pub last_seen_ms: i64,
    /// For expiry.
    pub last_seen: Duration,
}

/// Why a worker gets nothing new, and how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// In words.
    pub why: String,
    /// Then it is tried again.
    pub until: Duration,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Losses {
    in_a_row: u32,
    quarantines: u32,
    /// When it had been heard last, when a loss by silence was counted.
    silent_since: Option<Duration>,
}

impl Session {
    /// Whether it may get another trial.
    pub fn takes_trials(&self) -> bool {
        !self.draining && self.quarantine.is_none()
    }

    /// Takes from it the trainers that would bring the same trial to other bits than those of this coordinator.
    pub fn refuse_other_arithmetic(&mut self, here: &Arithmetic) {
        for (trainer, here) in here {
            let there = self.arithmetic.get(trainer).copied();
            let there = there.unwrap_or(Versions::FIRST.arithmetic);
            if there != *here && self.trainers.contains(trainer) {
                self.trainers.retain(|other| other != trainer);
                let why = format!(
                    "`{trainer}` trains by arithmetic {there}, the coordinator's is {here}: update the older of the two"
                );
                self.refused.insert(trainer.clone(), why);
            }
        }
    }

    /// For how long it has not been heard, if that is longer than a worker that lives is silent: two heartbeats are missing.
    pub fn silent(&self, now: Duration, heartbeat: Duration) -> Option<Duration> {
        let ago = now.saturating_sub(self.last_seen);
        (ago > 2 * heartbeat).then_some(ago)
    }

    /// Why it lacks the data of a sweep.
    pub fn lacks_data(&self, needs: &Needs) -> Option<String> {
        let (name, set) = (&self.name, needs.data_source.as_ref()?);
        match self.offer(set).map(|offer| &offer.data) {
            Some(Ok(set)) if needs.data.is_none_or(|hash| hash == set.hash) => None,
            Some(Ok(set)) => Some(format!("{name} has other content ({})", set.hash.short())),
            Some(Err(problem)) => Some(format!("{name}: {problem}")),
            None => Some(format!("{name} has not tried to open it yet")),
        }
    }

    /// Why it takes no trial of a sweep that its trainers train, however many slots are free. `silent`: as it is known.
    pub fn obstacle(&self, needs: &Needs, silent: Option<Duration>) -> Option<String> {
        let name = &self.name;
        if let Some(problem) = self.lacks_data(needs) {
            return Some(problem);
        }
        if let Some(silent) = silent {
            return Some(format!(
                "{name} has not been heard for {} s",
                silent.as_secs()
            ));
        }
        if let Some(quarantine) = &self.quarantine {
            return Some(format!("{name} is quarantined: {}", quarantine.why));
        }
        self.draining.then(|| format!("{name} is leaving"))
    }

    /// The set of that name, if it has been tried.
    pub fn offer(&self, name: &str) -> Option<&Offer> {
        self.offers.iter().find(|offer| offer.name == name)
    }
}

/// Losses in a row on one worker before it gets nothing new. With the next one after its quarantine it is in again, twice as long.
const QUARANTINE_AFTER: u32 = 5;
const QUARANTINE: Duration = Duration::from_secs(5 * 60);
const LONGEST_QUARANTINE: Duration = Duration::from_secs(80 * 60);

/// All connected sessions.
#[derive(Debug, Default)]
pub struct Sessions {
    connected: HashMap<SessionId, Session>,
}

impl Sessions {
    /// Adds a session, or changes what a known one offers.
    pub fn register(&mut self, id: SessionId, mut session: Session) {
        if let Some(known) = self.connected.get(&id) {
            session.draining |= known.draining;
            session.quarantine.clone_from(&known.quarantine);
            session.losses = known.losses;
        }
        self.connected.insert(id, session);
    }

    pub fn get(&self, id: SessionId) -> Option<&Session> {
        self.connected.get(&id)
    }

    /// A sign of life of a session, if it is known.
    pub fn seen(
        &mut self,
        id: SessionId,
        draining: bool,
        now: Duration,
        unix_ms: i64,
    ) -> Option<&Session> {
        let session = self.connected.get_mut(&id)?;
        session.last_seen = now;
        session.last_seen_ms = unix_ms;
        session.draining |= draining;
        Some(session)
    }

    pub fn remove(&mut self, id: SessionId) -> Option<Session> {
        self.connected.remove(&id)
    }

    /// Forgets sessions that hold nothing and were not heard of since `since`.
    pub fn forget_silent(&mut self, since: Duration, holds: impl Fn(SessionId) -> bool) {
        self.connected
            .retain(|id, session| session.last_seen >= since || holds(*id));
    }

    /// Whether a worker other than this one takes trials of such a sweep: what this one has lost can run there. Of a worker that nobody
    /// remembers, one of two is another.
    pub fn others_serve(
        &self,
        needs: &Needs,
        worker: Option<SessionId>,
        (now, heartbeat): (Duration, Duration),
    ) -> bool {
        let mut others = self.connected.iter().filter(|(id, session)| {
            Some(**id) != worker
                && session.trainers.contains(&needs.trainer)
                && session
                    .obstacle(needs, session.silent(now, heartbeat))
                    .is_none()
        });
        others.nth(usize::from(worker.is_none())).is_some()
    }

    /// An attempt was lost or crashed there. The worker's name and its quarantine's reason when that was one too many and others can
    /// take its trials: one bad host must not eat the sweep, and the last healthy one is never sent away.
    pub fn lost_attempt(
        &mut self,
        id: SessionId,
        silent: bool,
        others: bool,
        now: Duration,
    ) -> Option<(String, String)> {
        let session = self.connected.get_mut(&id)?;
        let losses = &mut session.losses;
        // An outage is one event, however many trials it had and however long it takes until all of them are given up.
        let heard = silent.then_some(session.last_seen);
        if heard.is_some() && heard == losses.silent_since {
            return None;
        }
        losses.silent_since = heard;
        losses.in_a_row = losses.in_a_row.saturating_add(1);
        if session.quarantine.is_some() || !others || losses.in_a_row < QUARANTINE_AFTER {
            return None;
        }
        let longer = 1 << losses.quarantines.min(8);
        losses.quarantines += 1;
        let time = (QUARANTINE * longer).min(LONGEST_QUARANTINE);
        let why = format!(
            "it lost or crashed {} attempts in a row; it is tried again after {} minutes",
            losses.in_a_row,
            time.as_secs() / 60
        );
        session.quarantine = Some(Quarantine {
            why: why.clone(),
            until: now + time,
        });
        Some((session.name.clone(), why))
    }

    /// An attempt ended well there. The worker's name if that ended a quarantine.
    pub fn succeeded(&mut self, id: SessionId) -> Option<String> {
        let session = self.connected.get_mut(&id)?;
        session.losses = Losses::default();
        session.quarantine.take().map(|_| session.name.clone())
    }

    /// Those whose time is over are tried again; whether there were any.
    pub fn end_quarantines(&mut self, now: Duration) -> bool {
        let mut ended = false;
        for session in self.connected.values_mut() {
            ended |= session.quarantine.take_if(|it| it.until <= now).is_some();
        }
        ended
    }

    /// How many of those that count have not been heard since.
    pub fn silent_since(&self, since: Duration, counts: impl Fn(SessionId) -> bool) -> usize {
        let all = self.connected.iter();
        all.filter(|(id, session)| counts(**id) && session.last_seen < since)
            .count()
    }

    /// Every session, in order of name and id.
    pub fn all(&self) -> Vec<(SessionId, &Session)> {
        let connected = self.connected.iter();
        let mut all: Vec<_> = connected.map(|(id, session)| (*id, session)).collect();
        all.sort_by(|(a, x), (b, y)| x.name.cmp(&y.name).then(a.cmp(b)));
        all
    }

    pub fn len(&self) -> usize {
        self.connected.len()
    }

    /// Slots of all sessions that take new trials.
    pub fn slots(&self) -> u32 {
        self.connected
            .values()
            .filter(|session| session.takes_trials())
            .map(|session| session.slots)
            .sum()
    }
}
