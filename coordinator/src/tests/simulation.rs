//! A whole coordinator in one thread over the memory disk, with workers that die, fall silent, repeat themselves and
//! come late, coordinators that die, and clocks that jump; everything drawn from one seed, so that a failure can be
//! repeated.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use tokio::task::{JoinHandle, LocalSet};
use tokio_util::sync::CancellationToken;

use super::harness::toy_sweep;
use crate::{
    Config,
    attempts::Progress,
    blobs::Blobs,
    clock::{Clock, ManualClock},
    config::Timing,
    driver,
    granting::Acquire,
    ids::{RequestId, SessionId, SweepId},
    leases::Directive,
    reaper,
    rpc::convert::definition,
    secrets::Secrets,
    server::recover,
    session::Session,
    state::State,
    store::{
        Memory, Outcome, Store,
        command::{Finish, Granted, Release, Report},
    },
    sweep::SweepState,
    trial::TrialState,
};

/// Looks of the reaper, in simulated time.
const STEP: Duration = Duration::from_secs(5);
/// Steps with faults, and steps after them in which everything must end.
const FAULTY: u32 = 400;
const CALM: u32 = 3000;

/// What happened, by kind: a run in which some fault never struck has shown nothing.
type Counts = BTreeMap<&'static str, u32>;

struct World {
    disk: Arc<Mutex<Memory>>,
    state: Arc<State>,
    driver: JoinHandle<()>,
    folder: tempfile::TempDir,
    hand: ManualClock,
    clock: Clock,
    due: Duration,
    draws: ChaCha8Rng,
    workers: Vec<SimulatedWorker>,
    sessions: u64,
    sweep: SweepId,
    counts: Counts,
}

#[derive(Default)]
struct SimulatedWorker {
    session: u64,
    registered: bool,
    /// Steps for which it is out of reach.
    silent: u32,
    request: Option<RequestId>,
    held: Option<(Granted, u32)>,
}

impl World {
    async fn new(seed: u64, workers: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (hand, clock) = ManualClock::new(1_700_000_000_000);
        let disk = Arc::new(Mutex::new(Memory::default()));
        let (state, driver) = boot(&disk, &folder, &clock, seed).await;
        let (sweep, _) = definition::parse(toy_sweep("toy", 12)).unwrap();
        let launched = state
            .launch(sweep, false, RequestId([9; 16]))
            .await
            .unwrap();
        let mut world = Self {
            disk,
            state,
            driver,
            folder,
            hand,
            clock,
            due: Duration::ZERO,
            draws: ChaCha8Rng::seed_from_u64(seed),
            workers: Vec::new(),
            sessions: 0,
            sweep: launched.sweep,
            counts: Counts::new(),
        };
        for _ in 0..workers {
            let session = world.fresh_session();
            world.workers.push(SimulatedWorker {
                session,
                ..SimulatedWorker::default()
            });
        }
        world
    }

    fn fresh_session(&mut self) -> u64 {
        self.sessions += 1;
        self.sessions
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.draws.next_u64() % 100 < percent
    }

    fn saw(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// Lets the driver and everything that was spawned do its work.
    async fn settle(&self) {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }

    async fn step(&mut self, faults: bool) {
        self.hand.advance(STEP);
        self.due += STEP;
        if faults {
            self.misfortune().await;
        }
        for worker in 0..self.workers.len() {
            self.act(worker, faults).await;
            self.settle().await;
        }
        reaper::look(&self.state, self.due).await;
        self.due = self.clock.now();
        self.settle().await;
    }

    async fn misfortune(&mut self) {
        if self.chance(2) {
            self.saw("coordinator killed");
            self.driver.abort();
            self.state.shutdown.cancel();
            self.settle().await;
            let seed = self.draws.next_u64();
            (self.state, self.driver) = boot(&self.disk, &self.folder, &self.clock, seed).await;
        }
        if self.chance(1) {
            self.saw("clock jumped");
            self.hand.advance(Duration::from_secs(3600));
        }
        let victim = usize::try_from(self.draws.next_u64()).unwrap_or(0) % self.workers.len();
        if self.chance(2) {
            self.saw("worker killed");
            let old = self.workers[victim].session;
            let session = self.fresh_session();
            self.workers[victim] = SimulatedWorker {
                session,
                ..SimulatedWorker::default()
            };
            if self.chance(50) {
                self.saw("death told");
                let told = self.state.leave(id(old), true, false, "killed".to_owned());
                told.await.unwrap();
            }
        }
        if self.chance(4) {
            self.saw("worker silent");
            self.workers[victim].silent = u32::try_from(self.draws.next_u64() % 40).unwrap();
        }
    }

    async fn act(&mut self, number: usize, faults: bool) {
        let worker = &mut self.workers[number];
        if worker.silent > 0 {
            worker.silent -= 1;
            return;
        }
        let session = id(worker.session);
        if !std::mem::replace(&mut worker.registered, true) {
            self.state.register(session, toy_worker(number)).unwrap();
        }
        match self.workers[number].held.take() {
            None => self.acquire(number, session, faults).await,
            Some((granted, epoch)) => self.train(number, session, granted, epoch, faults).await,
        }
    }

    async fn acquire(&mut self, number: usize, session: SessionId, faults: bool) {
        let request = *self.workers[number].request.get_or_insert_with(|| {
            let mut bytes = [0; 16];
            self.draws.fill_bytes(&mut bytes);
            RequestId(bytes)
        });
        let acquire = Acquire {
            session,
            request,
            wait: Duration::ZERO,
            local_checkpoints: Vec::new(),
        };
        match self.state.try_acquire(&acquire).await {
            Ok(Some(acquired)) => {
                if faults && self.chance(10) {
                    self.saw("grant lost on its way");
                    return;
                }
                self.workers[number].request = None;
                let trained = 0;
                self.workers[number].held = acquired.granted.map(|granted| (*granted, trained));
            }
            Ok(None) => {}
            // The coordinator is another one.
            Err(_) => self.workers[number].registered = false,
        }
    }

    async fn train(
        &mut self,
        number: usize,
        session: SessionId,
        granted: Granted,
        epoch: u32,
        faults: bool,
    ) {
        let progress = Progress {
            attempt: granted.attempt.clone(),
            steps: u64::from(epoch) + 1,
        };
        let pulse = self
            .state
            .heartbeat(session, false, &[progress])
            .await
            .unwrap();
        self.workers[number].registered = !pulse.unknown_session;
        match pulse.directives[0] {
            Directive::Fenced => return self.saw("fenced"),
            Directive::Release => return self.release(&granted).await,
            _ => {}
        }
        if faults && self.chance(3) {
            self.saw("released");
            return self.release(&granted).await;
        }
        if epoch < granted.to_epoch {
            let report = report(&granted, epoch + 1);
            let mut done = self.state.report(report.clone(), None).await;
            if faults && self.chance(20) {
                self.saw("report repeated");
                done = self.state.report(report, None).await;
            }
            if done.is_ok() {
                self.workers[number].held = Some((granted, epoch + 1));
            }
            return;
        }
        let finish = finish(&granted);
        self.state.finish(finish.clone()).await.unwrap();
        if faults && self.chance(20) {
            self.saw("finish repeated");
            self.state.finish(finish).await.unwrap();
        }
    }

    async fn release(&mut self, granted: &Granted) {
        let release = Release {
            attempt: granted.attempt.clone(),
            checkpoint: None,
            reason: "drained".to_owned(),
            at: self.clock.unix_ms(),
        };
        self.state.release(release).await.unwrap();
    }

    async fn ended(&self) -> bool {
        let detail = self.state.store.read().sweep(&self.sweep).await.unwrap();
        detail.summary.state.has_ended()
    }

    /// Faults for a while, then calm until the sweep has ended.
    async fn run(&mut self, faults: bool) {
        for _ in 0..FAULTY {
            if !faults || self.ended().await {
                break;
            }
            self.step(true).await;
        }
        for _ in 0..CALM {
            if self.ended().await {
                return;
            }
            self.step(false).await;
        }
        panic!("the sweep did not end after the faults stopped");
    }

    /// (round, point) and what came out, by trial.
    async fn outcome(&self) -> Vec<(u64, String, TrialState, Option<f64>)> {
        let read = self.state.store.read();
        let trials = read
            .trials(&self.sweep, &crate::store::TrialFilter::default())
            .await
            .unwrap();
        let key = |t: crate::store::TrialSummary| (t.number.0, t.params_json, t.state, t.objective);
        trials.into_iter().map(key).collect()
    }

    /// The invariants of docs/protocol.md, from what is stored.
    async fn verify(&self) {
        let read = self.state.store.read();
        let detail = read.sweep(&self.sweep).await.unwrap();
        assert_eq!(detail.summary.state, SweepState::Completed);
        for (number, _, state, _) in self.outcome().await {
            assert!(state.is_terminal(), "{number} is {state:?}");
            let trial = read
                .trial(&self.sweep, crate::ids::TrialNumber(number))
                .await
                .unwrap();
            let numbers: Vec<_> = trial.attempts.iter().map(|a| a.attempt.0).collect();
            let expected: Vec<_> = (1..=u32::try_from(numbers.len()).unwrap()).collect();
            assert_eq!(numbers, expected, "attempts of {number}");
            let epochs: Vec<_> = trial.curve.iter().map(|point| point.epoch).collect();
            assert!(
                epochs.is_sorted_by(|a, b| a < b),
                "curve of {number}: {epochs:?}"
            );
            if state == TrialState::Completed {
                assert_eq!(
                    epochs.last(),
                    Some(&trial.summary.to_epoch),
                    "{number} ended early"
                );
            }
        }
        let mut over = HashSet::new();
        for event in read.events(&self.sweep, None, 0, 1_000_000).await.unwrap() {
            let Some(trial) = event.trial else { continue };
            assert!(
                !over.contains(&trial),
                "{trial} went on after its end: {}",
                event.event
            );
            if TrialState::parse(&event.to).is_some_and(TrialState::is_terminal) {
                over.insert(trial);
            }
        }
    }

    async fn trace(&self) -> blake3::Hash {
        let read = self.state.store.read();
        let events = read.events(&self.sweep, None, 0, 1_000_000).await.unwrap();
        blake3::hash(format!("{events:?}").as_bytes())
    }
}

async fn boot(
    disk: &Arc<Mutex<Memory>>,
    folder: &tempfile::TempDir,
    clock: &Clock,
    seed: u64,
) -> (Arc<State>, JoinHandle<()>) {
    let second = Duration::from_secs(1);
    let mut config = Config::new(folder.path().join("hone.db"));
    config.timing = Timing::new(15 * second, 60 * second, 60 * second).unwrap();
    config.clock = clock.clone();
    config.secrets = Secrets::seeded(seed);
    let store = Store::in_memory(Arc::clone(disk));
    let blobs = Blobs::open(&folder.path().join("blobs"), u64::MAX, &HashSet::new()).unwrap();
    let state = Arc::new(State::new(store, blobs, &config, CancellationToken::new()));
    recover(&state).await.unwrap();
    let driver = tokio::task::spawn_local(driver::drive(Arc::clone(&state)));
    (state, driver)
}

fn id(session: u64) -> SessionId {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&session.to_le_bytes());
    SessionId(bytes)
}

fn toy_worker(number: usize) -> Session {
    Session {
        name: format!("worker-{number}"),
        trainers: vec!["toy".to_owned()],
        slots: 1,
        offers: Vec::new(),
        draining: false,
        quarantined: false,
        lost_in_a_row: 0,
        last_seen_ms: 0,
        last_seen: Duration::ZERO,
    }
}

fn report(granted: &Granted, epoch: u32) -> Report {
    let spec: serde_json::Value = serde_json::from_str(&granted.spec_json).unwrap();
    let x = spec["params"]["x"].as_f64().unwrap();
    Report {
        attempt: granted.attempt.clone(),
        epoch,
        metrics: vec![(
            "score".to_owned(),
            1.0 - (x - 0.3).powi(2) - 0.1 / f64::from(epoch),
        )],
        layers: Vec::new(),
        weights_hash: None,
        seconds: 1.0,
        images: 1,
        at: 0,
    }
}

fn finish(granted: &Granted) -> Finish {
    Finish {
        attempt: granted.attempt.clone(),
        outcome: if granted.waits_at_end {
            Outcome::ReachedRung { checkpoint: None }
        } else {
            Outcome::Completed
        },
        weights: None,
        diagnosis_json: String::new(),
        result_json: String::new(),
        at: 0,
    }
}

/// In one thread, the driver too: nothing but the seed decides who comes first.
async fn simulate(seed: u64, faults: bool) -> World {
    let simulation = async {
        let mut world = World::new(seed, 4).await;
        world.run(faults).await;
        world.verify().await;
        world
    };
    LocalSet::new().run_until(simulation).await
}

#[tokio::test]
async fn whatever_dies_every_trial_ends_and_the_search_takes_the_same_way() {
    let undisturbed = simulate(0, false).await.outcome().await;
    let mut seen = Counts::new();
    for seed in 1..=60 {
        let world = simulate(seed, true).await;
        let outcome = world.outcome().await;
        // A trial that met three dead workers in a row is given up; then the search rightly goes another way.
        if outcome
            .iter()
            .all(|(_, _, state, _)| *state != TrialState::Failed)
        {
            assert_eq!(outcome, undisturbed, "seed {seed}");
            *seen.entry("same way").or_default() += 1;
        }
        for (what, count) in world.counts {
            *seen.entry(what).or_default() += count;
        }
    }
    for what in [
        "clock jumped",
        "coordinator killed",
        "death told",
        "fenced",
        "finish repeated",
        "grant lost on its way",
        "released",
        "report repeated",
        "same way",
        "worker killed",
        "worker silent",
    ] {
        assert!(
            seen.contains_key(what),
            "never seen: {what}; seen: {seen:?}"
        );
    }
}

#[tokio::test]
async fn the_same_seed_gives_the_same_trace() {
    let first = simulate(3, true).await.trace().await;
    assert_eq!(first, simulate(3, true).await.trace().await);
    assert_ne!(first, simulate(4, true).await.trace().await);
}
