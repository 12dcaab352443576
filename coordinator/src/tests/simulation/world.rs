//! One simulated world: a coordinator, workers and a person on a network, from the launch of a sweep to its end.

use std::{
    cell::RefCell,
    rc::Rc,
    sync::{Arc, Mutex},
    time::Duration,
};

use hone_proto::v1::{self, history_client::HistoryClient, sweeps_client::SweepsClient};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use super::{
    faults::Faults,
    host::{Bug, Host},
    judge::{Outcome, judge},
    machine::{Ledger, Machine},
    network::{COORDINATOR, channel},
    worker::{self, Worker},
};
use crate::{clock::ManualClock, store::WorkingSet, tests::harness::toy_sweep};

pub const WORKERS: usize = 3;
/// One step of the simulated world; a message takes a few.
const TICK: Duration = Duration::from_millis(200);
/// How often a fault may strike.
const MISFORTUNE: Duration = Duration::from_secs(6);
/// For so long faults strike.
const FAULTY: Duration = Duration::from_secs(900);
pub const SECOND: Duration = Duration::from_secs(1);
pub const LEASE: Duration = Duration::from_secs(60);

/// Once nothing strikes any more, one worker alone must be through within this time: the leases of the dead expire (after
/// a clock that jumped, twice), every epoch of the plan is trained again from the start, and each takes 14 s at most and
/// some messages.
const CALM: Duration = Duration::from_secs(3 * 60 + 80 * (14 + 6));

/// A world after its end.
pub struct World {
    pub outcome: Vec<Outcome>,
    pub ledger: Ledger,
    /// Hash of everything that was stored, with times, and of all counts.
    pub trace: blake3::Hash,
    pub simulated: Duration,
    /// What was stored.
    pub disk: Arc<Mutex<WorkingSet>>,
    /// Where that lies.
    pub _folder: tempfile::TempDir,
}

/// Runs the sweep to its end and checks all that must hold.
pub fn run(seed: u64, faults: bool, bug: Option<Bug>) -> World {
    // Blobs are synced: in memory that costs nothing.
    let folder = tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap();
    let disk = Arc::new(Mutex::new(WorkingSet::create(
        &folder.path().join("hone.db"),
    )));
    let (hand, clock) = ManualClock::new(1_700_000_000_000);
    let boots = Rc::new(RefCell::new(Vec::new()));
    let ledger = Rc::new(RefCell::new(Ledger::default()));
    let faulty = Rc::new(RefCell::new(faults));
    // One for all messages of a world: were it drawn for each, the order in which a killed process closes its connections,
    // which the runtime does not promise, would change all later ones.
    let latency = Duration::from_millis(1 + seed * 37 % 300);
    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .tick_duration(TICK)
        .simulation_duration(2 * (FAULTY + CALM))
        .min_message_latency(latency)
        .max_message_latency(latency)
        .build();
    let host = Host {
        disk: Arc::clone(&disk),
        database: folder.path().join("hone.db"),
        clock,
        seed,
        boots: Rc::clone(&boots),
        bug,
    };
    sim.host(COORDINATOR, move || host.clone().boot());
    for number in 0..WORKERS {
        let worker = Worker {
            name: format!("worker-{number}"),
            seed: seed.wrapping_mul(31).wrapping_add(number as u64),
            machine: Rc::new(RefCell::new(Machine::default())),
            ledger: Rc::clone(&ledger),
            faulty: Rc::clone(&faulty),
        };
        sim.host(worker.name.clone(), move || worker::live(worker.clone()));
    }
    sim.client(
        "person",
        person(seed, Rc::clone(&faulty), Rc::clone(&ledger)),
    );
    let mut faults = Faults::new(seed, &ledger);
    let mut next = MISFORTUNE;
    while !sim.step().unwrap() {
        hand.advance(TICK);
        let now = sim.elapsed();
        assert!(
            now < FAULTY + CALM,
            "seed {seed}: the sweep has not ended in time"
        );
        if now >= FAULTY && faulty.replace(false) {
            faults.undo_all(&mut sim);
        }
        if *faulty.borrow() && now >= next {
            next += MISFORTUNE;
            faults.strike(&mut sim, &hand, now);
        }
    }
    let simulated = sim.elapsed();
    drop(sim);
    // Still shared: with the hosts' factories, and with what faults would do next.
    let mut ledger = ledger.take();
    let (outcome, events) = judge(seed, &disk, &mut ledger, &boots.borrow());
    let trace = format!("{events} {:?} {simulated:?}", ledger.counts);
    World {
        outcome,
        ledger,
        trace: blake3::hash(trace.as_bytes()),
        simulated,
        disk,
        _folder: folder,
    }
}

/// Launches the sweep, pauses it now and then, and leaves when it has ended.
async fn person(
    seed: u64,
    faulty: Rc<RefCell<bool>>,
    ledger: Rc<RefCell<Ledger>>,
) -> turmoil::Result {
    let mut draws = ChaCha8Rng::seed_from_u64(!seed);
    let mut sweeps = SweepsClient::new(channel());
    let mut history = HistoryClient::new(channel());
    let launch = v1::LaunchRequest {
        sweep: Some(definition()),
        request_id: vec![9; 16].into(),
        ..v1::LaunchRequest::default()
    };
    while sweeps.launch(launch.clone()).await.is_err() {
        tokio::time::sleep(SECOND).await;
    }
    let sweep = || v1::SweepRequest {
        sweep: "toy".to_owned(),
    };
    loop {
        tokio::time::sleep(10 * SECOND).await;
        let request = v1::GetSweepRequest {
            sweep: "toy".to_owned(),
            trained: false,
        };
        let Ok(detail) = history.get_sweep(request).await else {
            continue;
        };
        let state = detail.into_inner().summary.unwrap_or_default().state();
        match state {
            v1::SweepState::Completed => return Ok(()),
            v1::SweepState::Paused => drop(sweeps.resume(sweep()).await),
            v1::SweepState::Running if *faulty.borrow() && draws.next_u64() % 100 < 6 => {
                ledger.borrow_mut().saw("paused");
                let _ = sweeps.pause(sweep()).await;
            }
            v1::SweepState::Running => {}
            other => return Err(format!("seed {seed}: the sweep is {other:?}").into()),
        }
    }
}

/// Rungs to wait at, points to prune, values that diverge, repeats at the end: about 80 epochs.
fn definition() -> v1::SweepDefinition {
    let planned = v1::Planned {
        strategy: v1::PlannedStrategy::Zoom.into(),
        budget: Some(v1::Budget {
            amount: Some(v1::budget::Amount::Epochs(70)),
        }),
        full_epochs: 9,
        eta: 3,
        parallel: 3,
        hedge: false,
        widen: false,
        finish: Some(v1::Finish { top: 1, repeats: 2 }),
    };
    let mut sweep = toy_sweep("toy", 1);
    if let Some(search) = &mut sweep.search {
        search.strategy = Some(v1::search::Strategy::Planned(planned));
    }
    sweep
}
