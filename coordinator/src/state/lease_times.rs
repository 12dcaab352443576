//! Expiry times of running attempts. They live in memory alone: a heartbeat writes nothing, and after a restart every
//! attempt that the store calls running gets fresh time before any is expired.

use std::{collections::HashMap, time::Duration};

use crate::{
    config::Timing,
    ids::{AttemptRef, SessionId, SweepId, TrialKey},
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

#[derive(Clone, Debug)]
struct Entry {
    claim: AttemptRef,
    session: SessionId,
    expires: Duration,
    directive: Directive,
    steps: u64,
    progress: Duration,
    /// When its worker last spoke of it here.
    heard: Duration,
    /// How long it had been silent before that, as far as an earlier coordinator's records tell.
    unheard: Duration,
    /// Its end is being stored: whoever speaks of it now asks the store.
    ending: bool,
}

/// Why an attempt's time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overdue {
    /// No heartbeat in time.
    Silent,
    /// Heartbeats, but not one more step for too long.
    Stuck,
}

/// All leases of a coordinator.
#[derive(Debug)]
pub struct Leases {
    timing: Timing,
    held: HashMap<TrialKey, Entry>,
}

impl Leases {
    pub fn new(timing: Timing) -> Self {
        let held = HashMap::new();
        Self { timing, held }
    }

    /// A trial was granted: its first lease begins.
    pub fn grant(&mut self, claim: &AttemptRef, session: SessionId, now: Duration) {
        self.insert(claim, session, now, self.timing.first_lease);
    }

    /// One taken back, or one that the store calls running after a restart: it has a lease from now.
    pub fn adopt(&mut self, claim: &AttemptRef, session: SessionId, now: Duration) {
        self.insert(claim, session, now, self.timing.lease);
    }

    /// The worker of an attempt that ran when the coordinator started had been silent for so long.
    pub fn was_silent(&mut self, claim: &AttemptRef, silent: Duration) {
        if let Some(entry) = self.entry(claim) {
            entry.unheard = silent;
        }
    }

    fn insert(&mut self, claim: &AttemptRef, session: SessionId, now: Duration, lease: Duration) {
        let entry = Entry {
            claim: claim.clone(),
            session,
            expires: now + lease,
            directive: Directive::Continue,
            steps: 0,
            progress: now,
            heard: now,
            unheard: Duration::ZERO,
            ending: false,
        };
        self.held.insert(claim.key(), entry);
    }

    /// Renews one attempt, since its worker spoke of it; what is wanted of it. A first lease is never cut short by it. `steps`: since
    /// the lease began; `None` with a report, which is progress by itself. The answer is `None` for what is not held: expired, over, or
    /// granted anew; the store knows which.
    pub fn renew(
        &mut self,
        claim: &AttemptRef,
        steps: Option<u64>,
        now: Duration,
    ) -> Option<Directive> {
        let lease = self.timing.lease;
        let entry = self.entry(claim).filter(|entry| !entry.ending)?;
        if steps != Some(entry.steps) {
            entry.steps = steps.unwrap_or(entry.steps);
            entry.progress = now;
        }
        entry.expires = entry.expires.max(now + lease);
        entry.heard = now;
        entry.unheard = Duration::ZERO;
        Some(entry.directive)
    }

    fn entry(&mut self, claim: &AttemptRef) -> Option<&mut Entry> {
        let entry = self.held.get_mut(&claim.key());
        entry.filter(|entry| entry.claim == *claim)
    }

    /// Who trains this now, as far as anybody holds it.
    pub fn holder(&self, trial: &TrialKey) -> Option<SessionId> {
        self.held.get(trial).map(|entry| entry.session)
    }

    /// Whether this attempt holds its trial now.
    pub fn may_speak(&mut self, claim: &AttemptRef) -> bool {
        self.entry(claim).is_some_and(|entry| !entry.ending)
    }

    /// The attempt has ended, whoever said so. Another one may have the trial already, granted between the commit that set
    /// it free and this call: that one keeps its lease.
    pub fn end(&mut self, claim: &AttemptRef) {
        if self.entry(claim).is_some() {
            self.held.remove(&claim.key());
        }
    }

    /// Whether the attempt's time is over, asked where its end is stored. If so, nothing renews it from then on.
    pub fn end_if_over(&mut self, claim: &AttemptRef, now: Duration) -> bool {
        let stuck = self.timing.stuck;
        let Some(entry) = self.entry(claim) else {
            return false;
        };
        entry.ending |= entry.overdue(stuck, now).is_some();
        entry.ending
    }

    /// What became of an end: stored or not. A call of the attempt that came right behind may have taken it back already: that gave
    /// it a fresh lease, which stays.
    pub fn ended(&mut self, claim: &AttemptRef, is_stored: bool) {
        let Some(entry) = self.entry(claim).filter(|entry| entry.ending) else {
            return;
        };
        entry.ending = false;
        if is_stored {
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
        use SweepState as S;
        let wanted = match state {
            S::Paused => Directive::Release,
            S::Stopping | S::Stopped | S::Failed => Directive::Stop,
            S::Checking | S::Running | S::Completed => Directive::Continue,
        };
        for (trial, entry) in &mut self.held {
            if trial.sweep == *sweep {
                entry.ask(wanted);
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
        let stuck = self.timing.stuck;
        let is_over = |held: &Entry| Some((held.claim.clone(), held.overdue(stuck, now)?));
        let mut overdue: Vec<_> = self.held.values().filter_map(is_over).collect();
        overdue.sort_by_key(|(claim, _)| claim.key());
        overdue
    }

    /// Gives every attempt a whole lease from `now`: the coordinator has been away, and doubts itself first.
    pub fn refresh(&mut self, now: Duration) {
        let lease = self.timing.lease;
        for entry in self.held.values_mut() {
            entry.expires = entry.expires.max(now + lease);
            entry.progress = now;
        }
    }
}

impl Entry {
    fn silence(&self, now: Duration) -> Duration {
        now.saturating_sub(self.heard) + self.unheard
    }

    fn ask(&mut self, directive: Directive) {
        // What was asked of one trial is not taken back by what its sweep does.
        if !matches!(self.directive, Directive::Stop | Directive::Prune) {
            self.directive = directive;
        }
    }

    fn overdue(&self, stuck: Duration, now: Duration) -> Option<Overdue> {
        if self.expires <= now {
            return Some(Overdue::Silent);
        }
        let is_stuck = now.saturating_sub(self.progress) >= stuck;
        is_stuck.then_some(Overdue::Stuck)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{AttemptNumber, Token, TrialNumber};

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
        let asked = |leases: &mut Leases| leases.renew(&one, None, Duration::ZERO).unwrap();
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
        leases.adopt(&one, SessionId([1; 16]), second);
        leases.was_silent(&one, 40 * second);
        assert_eq!(leases.silence(&one.key(), 3 * second), Some(42 * second));
        let mut other = claim(1);
        other.trial = TrialNumber(4);
        leases.grant(&other, SessionId([2; 16]), 2 * second);
        assert_eq!(leases.silences(9 * second).get(&sweep), Some(&(7 * second)));
        leases.renew(&one, None, 8 * second);
        assert_eq!(leases.silence(&one.key(), 9 * second), Some(second));
        leases.end(&one);
        assert_eq!(leases.silence(&one.key(), 9 * second), None);
    }

    #[test]
    fn a_grant_that_comes_before_the_news_of_the_loss_keeps_its_lease() {
        let mut leases = Leases::new(Timing::default());
        let (first, second) = (claim(1), claim(2));
        leases.grant(&first, SessionId([1; 16]), Duration::ZERO);
        // The reaper's commit has set the trial free, and it was granted before the reaper could say so here.
        leases.grant(&second, SessionId([2; 16]), Duration::ZERO);
        leases.end(&first);
        assert!(leases.may_speak(&second));
        let late = Duration::from_secs(3600);
        assert_eq!(leases.overdue(late).len(), 1, "it still expires");
    }

    #[test]
    fn an_attempt_that_was_taken_back_before_the_news_of_its_loss_keeps_its_lease() {
        let mut leases = Leases::new(Timing::default());
        let (lost, late) = (claim(1), Duration::from_secs(3600));
        leases.grant(&lost, SessionId([1; 16]), Duration::ZERO);
        assert_eq!(leases.overdue(late), [(lost.clone(), Overdue::Silent)]);
        assert!(leases.end_if_over(&lost, late));
        // Expired in the store, and in the same commit taken back by a report.
        leases.adopt(&lost, SessionId([1; 16]), late);
        leases.ended(&lost, true);
        assert!(leases.may_speak(&lost));
        assert!(leases.end_if_over(&lost, 2 * late));
        leases.ended(&lost, true);
        assert!(!leases.may_speak(&lost));
    }

    #[test]
    fn what_was_heard_before_its_end_is_stored_goes_on_and_what_comes_later_asks_the_store() {
        let mut leases = Leases::new(Timing::default());
        let (one, late) = (claim(1), Duration::from_secs(3600));
        leases.grant(&one, SessionId([1; 16]), Duration::ZERO);
        assert_eq!(leases.overdue(late).len(), 1);
        assert!(leases.renew(&one, None, late).is_some());
        assert!(!leases.end_if_over(&one, late), "its turn came too late");
        assert!(leases.end_if_over(&one, 2 * late));
        assert!(
            leases.end_if_over(&one, 2 * late),
            "a group may be done twice"
        );
        assert_eq!(leases.renew(&one, None, 2 * late), None);
        // The disk was full.
        leases.ended(&one, false);
        assert_eq!(
            leases.overdue(2 * late).len(),
            1,
            "the next look tries again"
        );
    }
}
