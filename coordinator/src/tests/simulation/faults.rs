//! What strikes hosts and links, and for how long.

use std::{cell::RefCell, rc::Rc, time::Duration};

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use turmoil::Sim;

use super::{
    machine::Ledger,
    network::COORDINATOR,
    world::{SECOND, WORKERS},
};
use crate::clock::ManualClock;

/// What undoes a fault.
#[derive(Clone, Copy, Debug)]
enum Undo {
    Bounce,
    Repair,
    Release,
}

/// The faults of one world.
pub struct Faults {
    draws: ChaCha8Rng,
    /// What is broken now: until when, which host, and how.
    undo: Vec<(Duration, String, Undo)>,
    ledger: Rc<RefCell<Ledger>>,
}

impl Faults {
    pub fn new(seed: u64, ledger: &Rc<RefCell<Ledger>>) -> Self {
        Self {
            draws: ChaCha8Rng::seed_from_u64(seed),
            undo: Vec::new(),
            ledger: Rc::clone(ledger),
        }
    }

    fn below(&mut self, end: u64) -> u64 {
        self.draws.next_u64() % end
    }

    pub fn strike(&mut self, sim: &mut Sim<'_>, hand: &ManualClock, now: Duration) {
        let due: Vec<_> = self
            .undo
            .extract_if(.., |(until, ..)| *until <= now)
            .collect();
        for (_, host, how) in due {
            undo(sim, &host, how);
        }
        let worker = format!("worker-{}", self.below(WORKERS as u64));
        // Shorter and longer than a lease.
        let until = now + SECOND * u32::try_from(5 + self.below(100)).unwrap_or(5);
        let soon = now + SECOND * u32::try_from(1 + self.below(20)).unwrap_or(5);
        let is_whole = |undo: &[(Duration, String, Undo)], host: &str| {
            undo.iter().all(|(_, broken, _)| broken != host)
        };
        let (what, host, until, how) = match self.below(100) {
            0..4 => ("worker killed", worker, until, Undo::Bounce),
            4..7 => (
                "coordinator killed",
                COORDINATOR.to_owned(),
                soon,
                Undo::Bounce,
            ),
            7..12 => ("partition", worker, until, Undo::Repair),
            12..15 => ("partition, one way", worker, until, Undo::Repair),
            15..20 => ("messages delayed", worker, until, Undo::Release),
            20..22 => {
                self.ledger.borrow_mut().saw("clock jumped");
                return hand.advance(Duration::from_secs(600));
            }
            _ => return,
        };
        if !is_whole(&self.undo, &host) {
            return;
        }
        match what {
            "partition" => sim.partition(host.as_str(), COORDINATOR),
            "partition, one way" => sim.partition_oneway(COORDINATOR, host.as_str()),
            "messages delayed" => sim.hold(host.as_str(), COORDINATOR),
            _ => sim.crash(host.as_str()),
        }
        self.ledger.borrow_mut().saw(what);
        self.undo.push((until, host, how));
    }

    /// Mends everything.
    pub fn undo_all(&mut self, sim: &mut Sim<'_>) {
        for (_, host, how) in self.undo.drain(..) {
            undo(sim, &host, how);
        }
    }
}

fn undo(sim: &mut Sim<'_>, host: &str, how: Undo) {
    match how {
        Undo::Bounce => sim.bounce(host),
        Undo::Repair => sim.repair(host, COORDINATOR),
        Undo::Release => sim.release(host, COORDINATOR),
    }
}
