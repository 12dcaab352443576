//! Expiry times of running attempts. They live in memory alone: a heartbeat writes nothing, and after a restart every
//! attempt that the store calls running gets fresh time before any is expired.

use std::{collections::HashMap, time::Duration};

use crate::{
    config::Timing,
    ids::{AttemptNumber, AttemptRef, SessionId, SweepId, Token, TrialKey},
    sweep::SweepState,
};

/// What the coordinator wants of a running attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Directive {
    /// Nothing: train on.
    Continue,
    /// End at the next epoch.
    Stop,
    /// End now.
    Prune,
    /// Give the trial back with a checkpoint.
    Release,
    /// Somebody else has the trial, or it is over.
    Fenced,
}

impl Directive {
    /// What a sweep in this state wants of its running trials.
    pub fn of_sweep(state: SweepState) -> Self {
        match state {
            SweepState::Paused => Self::Release,
            SweepState::Stopping | SweepState::Stopped | SweepState::Failed => Self::Stop,
            SweepState::Checking | SweepState::Running | SweepState::Completed => Self::Continue,
        }
    }

    /// Whether it holds until the attempt ends. What was asked of one trial is not taken back by what its sweep does.
    fn is_final(self) -> bool {
        matches!(self, Self::Stop | Self::Prune)
    }
}

/// Why the reaper ends an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overdue {
    /// No heartbeat in time.
    Silent,
    /// Heartbeats, but not one more step in [`Timing::stuck`].
    Stuck,
}

#[derive(Clone, Debug)]
struct Entry {
    attempt: AttemptNumber,
    token: Token,
    session: SessionId,
    expires: Duration,
    directive: Directive,
    steps: u64,
    progress: Duration,
    /// When its worker last spoke of it here.
    heard: Duration,
    /// How long it had been silent before that, as far as an earlier coordinator's records tell.
    unheard: Duration,
}

/// What a heartbeat of one attempt comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// Renewed; this is wanted of it.
    Renewed(Directive),
    /// Not held: expired, over, or granted anew. The store knows which.
    Unknown,
}

/// All leases of a coordinator.
#[derive(Debug)]
pub struct Leases {
    timing: Timing,
    held: HashMap<TrialKey, Entry>,
}

impl Leases {
    pub fn new(timing: Timing) -> Self {
        Self {
            timing,
            held: HashMap::new(),
        }
    }

    /// A trial was granted: its first lease begins.
    pub fn grant(&mut self, claim: &AttemptRef, session: SessionId, now: Duration) {
        let lease = self.timing.first_lease();
        self.insert(claim, session, now, lease, Duration::ZERO);
    }

    /// One taken back: it has a lease from now.
    pub fn adopt(&mut self, claim: &AttemptRef, session: SessionId, now: Duration) {
        self.adopt_silent(claim, session, now, Duration::ZERO);
    }

    /// An attempt that the store calls running, after a restart: it has a lease from now, and its worker has been silent for
    /// so long.
    pub fn adopt_silent(
        &mut self,
        claim: &AttemptRef,
        session: SessionId,
        now: Duration,
        silent: Duration,
    ) {
        self.insert(claim, session, now, self.timing.lease(), silent);
    }

    fn insert(
        &mut self,
        claim: &AttemptRef,
        session: SessionId,
        now: Duration,
        lease: Duration,
        unheard: Duration,
    ) {
        let entry = Entry {
            attempt: claim.attempt,
            token: claim.token,
            session,
            expires: now + lease,
            directive: Directive::Continue,
            steps: 0,
            progress: now,
            heard: now,
            unheard,
        };
        self.held.insert(claim.key(), entry);
    }

    /// Renews one attempt. A first lease is never cut short by it.
    pub fn renew(&mut self, claim: &AttemptRef, steps: u64, now: Duration) -> Renewal {
        let Some(entry) = self.entry(claim) else {
            return Renewal::Unknown;
        };
        if steps != entry.steps {
            entry.steps = steps;
            entry.progress = now;
        }
        let directive = entry.directive;
        let lease = self.timing.lease();
        if let Some(entry) = self.entry(claim) {
            entry.hear(now, lease);
        }
        Renewal::Renewed(directive)
    }

    /// A report came: the worker lives and has made progress.
    pub fn touch(&mut self, claim: &AttemptRef, now: Duration) -> Directive {
        let lease = self.timing.lease();
        match self.entry(claim) {
            Some(entry) => {
                entry.progress = now;
                entry.hear(now, lease);
                entry.directive
            }
            None => Directive::Continue,
        }
    }

    fn entry(&mut self, claim: &AttemptRef) -> Option<&mut Entry> {
        self.held
            .get_mut(&claim.key())
            .filter(|entry| entry.attempt == claim.attempt && entry.token == claim.token)
    }

    /// Who trains this now, as far as anybody holds it.
    pub fn holder(&self, trial: &TrialKey) -> Option<SessionId> {
        self.held.get(trial).map(|entry| entry.session)
    }

    /// Whether this attempt holds its trial now.
    pub fn may_speak(&mut self, claim: &AttemptRef) -> bool {
        self.entry(claim).is_some()
    }

    /// The attempt has ended, whoever said so. Another one may have the trial already, granted between the commit that set
    /// it free and this call: that one keeps its lease.
    pub fn end(&mut self, trial: &TrialKey, attempt: AttemptNumber) {
        if self
            .held
            .get(trial)
            .is_some_and(|entry| entry.attempt == attempt)
        {
            self.held.remove(trial);
        }
    }

    /// The attempt was expired in the store. A call of it that came right behind may have taken it back already: that gave it
    /// a fresh lease, which stays.
    pub fn expire(&mut self, claim: &AttemptRef, now: Duration) {
        let stuck = self.timing.stuck();
        let over = |entry: &mut Entry| entry.overdue(stuck, now).is_some();
        if self.entry(claim).is_some_and(over) {
            self.held.remove(&claim.key());
        }
    }

    /// Asks something of one running trial; the next heartbeat carries it.
    pub fn direct(&mut self, trial: &TrialKey, directive: Directive) {
        if let Some(entry) = self.held.get_mut(trial) {
            entry.ask(directive);
        }
    }

    /// Asks of every running trial of a sweep what the sweep's state wants.
    pub fn direct_sweep(&mut self, sweep: &SweepId, state: SweepState) {
        for (trial, entry) in &mut self.held {
            if trial.sweep == *sweep {
                entry.ask(Directive::of_sweep(state));
            }
        }
    }

    /// How long ago the worker that trains this was heard; `None` when nobody does.
    pub fn silence(&self, trial: &TrialKey, now: Duration) -> Option<Duration> {
        self.held.get(trial).map(|entry| entry.silence(now))
    }

    /// How long ago a worker was heard that trains a sweep, by sweep of which anything runs.
    pub fn silences(&self, now: Duration) -> HashMap<SweepId, Duration> {
        let mut silences = HashMap::new();
        for (trial, entry) in &self.held {
            let of_sweep = silences.entry(trial.sweep.clone()).or_insert(Duration::MAX);
            *of_sweep = entry.silence(now).min(*of_sweep);
        }
        silences
    }

    /// Number of running attempts by session.
    pub fn running_by_session(&self) -> HashMap<SessionId, u32> {
        let mut running = HashMap::new();
        for entry in self.held.values() {
            *running.entry(entry.session).or_default() += 1;
        }
        running
    }

    /// Attempts whose time is over, in order of trial.
    pub fn overdue(&self, now: Duration) -> Vec<(AttemptRef, Overdue)> {
        let stuck = self.timing.stuck();
        let mut overdue: Vec<_> = self
            .held
            .iter()
            .filter_map(|(trial, entry)| Some((entry.claim(trial), entry.overdue(stuck, now)?)))
            .collect();
        overdue.sort_by_key(|(claim, _)| claim.key());
        overdue
    }

    /// Gives every attempt a whole lease from `now`: the coordinator has been away, and doubts itself first.
    pub fn refresh(&mut self, now: Duration) {
        let lease = self.timing.lease();
        for entry in self.held.values_mut() {
            entry.expires = entry.expires.max(now + lease);
            entry.progress = now;
        }
    }

    /// Whether nothing runs.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }
}

impl Entry {
    fn hear(&mut self, now: Duration, lease: Duration) {
        self.expires = self.expires.max(now + lease);
        self.heard = now;
        self.unheard = Duration::ZERO;
    }

    fn silence(&self, now: Duration) -> Duration {
        now.saturating_sub(self.heard) + self.unheard
    }

    fn ask(&mut self, directive: Directive) {
        if !self.directive.is_final() {
            self.directive = directive;
        }
    }

    fn overdue(&self, stuck: Duration, now: Duration) -> Option<Overdue> {
        if self.expires <= now {
            Some(Overdue::Silent)
        } else if now.saturating_sub(self.progress) >= stuck {
            Some(Overdue::Stuck)
        } else {
            None
        }
    }

    fn claim(&self, trial: &TrialKey) -> AttemptRef {
        AttemptRef {
            sweep: trial.sweep.clone(),
            trial: trial.trial,
            attempt: self.attempt,
            token: self.token,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::TrialNumber;

    fn claim(attempt: u32) -> AttemptRef {
        AttemptRef {
            sweep: SweepId::new("fashion"),
            trial: TrialNumber(3),
            attempt: AttemptNumber(attempt),
            token: Token([attempt as u8; 16]),
        }
    }

    #[test]
    fn what_was_asked_of_one_trial_is_not_taken_back_by_its_sweep() {
        let mut leases = Leases::new(Timing::default());
        let (one, sweep) = (claim(1), SweepId::new("fashion"));
        let asked = |leases: &mut Leases| match leases.renew(&one, 0, Duration::ZERO) {
            Renewal::Renewed(directive) => directive,
            Renewal::Unknown => panic!("it is held"),
        };
        leases.grant(&one, SessionId([1; 16]), Duration::ZERO);
        leases.direct_sweep(&sweep, SweepState::Paused);
        assert_eq!(asked(&mut leases), Directive::Release);
        leases.direct_sweep(&sweep, SweepState::Running);
        assert_eq!(asked(&mut leases), Directive::Continue);
        leases.direct(&one.key(), Directive::Stop);
        for state in [SweepState::Paused, SweepState::Running] {
            leases.direct_sweep(&sweep, state);
            assert_eq!(asked(&mut leases), Directive::Stop);
        }
    }

    #[test]
    fn it_is_known_how_long_a_worker_has_been_silent() {
        let mut leases = Leases::new(Timing::default());
        let (one, sweep, second) = (claim(1), SweepId::new("fashion"), Duration::from_secs(1));
        leases.adopt_silent(&one, SessionId([1; 16]), second, 40 * second);
        assert_eq!(leases.silence(&one.key(), 3 * second), Some(42 * second));
        let mut other = claim(1);
        other.trial = TrialNumber(4);
        leases.grant(&other, SessionId([2; 16]), 2 * second);
        assert_eq!(leases.silences(9 * second).get(&sweep), Some(&(7 * second)));
        leases.renew(&one, 0, 8 * second);
        assert_eq!(leases.silence(&one.key(), 9 * second), Some(second));
        leases.end(&one.key(), one.attempt);
        assert_eq!(leases.silence(&one.key(), 9 * second), None);
    }

    #[test]
    fn a_grant_that_comes_before_the_news_of_the_loss_keeps_its_lease() {
        let mut leases = Leases::new(Timing::default());
        let (first, second) = (claim(1), claim(2));
        leases.grant(&first, SessionId([1; 16]), Duration::ZERO);
        // The reaper's commit has set the trial free, and it was granted before the reaper could say so here.
        leases.grant(&second, SessionId([2; 16]), Duration::ZERO);
        leases.end(&first.key(), first.attempt);
        assert!(leases.may_speak(&second));
        let late = Duration::from_secs(3600);
        assert_eq!(leases.overdue(late).len(), 1, "it still expires");
    }

    #[test]
    fn an_attempt_that_was_taken_back_before_the_news_of_its_loss_keeps_its_lease() {
        let mut leases = Leases::new(Timing::default());
        let (lost, late) = (claim(1), Duration::from_secs(3600));
        leases.grant(&lost, SessionId([1; 16]), Duration::ZERO);
        assert_eq!(leases.overdue(late).len(), 1);
        // Expired in the store, and in the same commit taken back by a report.
        leases.adopt(&lost, SessionId([1; 16]), late);
        leases.expire(&lost, late);
        assert!(leases.may_speak(&lost));
        leases.expire(&lost, 2 * late);
        assert!(!leases.may_speak(&lost));
    }
}
