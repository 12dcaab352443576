//! A worker process in the simulation: it behaves as docs/worker-protocol.md says, over real tonic, and does some calls
//! twice. What it trains is a formula.

use std::{cell::RefCell, rc::Rc, time::Duration};

use hone_proto::v1::{self, Directive, finish_request::Outcome, leases_client::LeasesClient};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use tokio::{sync::mpsc, time::sleep};
use tonic::{Code, Status, transport::Channel};

use super::{
    calls::{Call, checkpoint, finish, is_passing, put, report, score, within},
    machine::{Ledger, Machine},
    network::channel,
};

/// How often a training looks for a directive.
const STEP: Duration = Duration::from_secs(2);

/// What a process needs: shared with its successors on the same machine, and with the test.
#[derive(Clone)]
pub struct Worker {
    pub name: String,
    pub seed: u64,
    pub machine: Rc<RefCell<Machine>>,
    pub ledger: Rc<RefCell<Ledger>>,
    /// Whether calls are repeated and trials given back now.
    pub faulty: Rc<RefCell<bool>>,
}

/// A process that lives.
struct Process {
    worker: Worker,
    draws: RefCell<ChaCha8Rng>,
    session: Vec<u8>,
    leases: LeasesClient<Channel>,
    held: RefCell<Option<Held>>,
}

/// The attempt under way.
struct Held {
    attempt: v1::AttemptRef,
    steps: u64,
    directive: Directive,
}

/// One process from its start until it is killed.
pub async fn live(worker: Worker) -> turmoil::Result {
    let number = {
        let mut machine = worker.machine.borrow_mut();
        machine.processes += 1;
        machine.processes
    };
    let mut draws = ChaCha8Rng::seed_from_u64(worker.seed ^ (number << 32));
    let mut session = vec![0; 16];
    draws.fill_bytes(&mut session);
    let process = Rc::new(Process {
        leases: LeasesClient::new(channel()),
        worker,
        draws: RefCell::new(draws),
        session,
        held: RefCell::default(),
    });
    process.register().await;
    tokio::task::spawn_local(Rc::clone(&process).beat_for_ever());
    process.hand_over().await;
    loop {
        let lease = process.acquire().await;
        process.train(&lease).await;
    }
}

impl Process {
    fn chance(&self, percent: u64) -> bool {
        *self.worker.faulty.borrow() && self.draws.borrow_mut().next_u64() % 100 < percent
    }

    fn saw(&self, what: &str) {
        self.worker.ledger.borrow_mut().saw(what);
    }

    async fn pause(&self) {
        let tenths = 10 + self.draws.borrow_mut().next_u64() % 40;
        sleep(Duration::from_millis(100 * tenths)).await;
    }

    async fn register(&self) {
        let request = v1::RegisterRequest {
            session: self.session.clone().into(),
            name: self.worker.name.clone(),
            trainers: vec!["toy".to_owned()],
            slots: 1,
            ..Default::default()
        };
        while self
            .leases
            .clone()
            .register(within(request.clone()))
            .await
            .is_err()
        {
            self.pause().await;
        }
    }

    async fn beat_for_ever(self: Rc<Self>) {
        // A connection of its own, as the real one has.
        let mut leases = LeasesClient::new(channel());
        loop {
            sleep(Duration::from_secs(15)).await;
            let attempts = self.held.borrow().as_ref().map(|held| v1::AttemptProgress {
                attempt: Some(held.attempt.clone()),
                steps: held.steps,
            });
            let request = v1::HeartbeatRequest {
                session: self.session.clone().into(),
                attempts: attempts.into_iter().collect(),
                draining: false,
            };
            let Ok(reply) = leases.heartbeat(within(request)).await else {
                self.saw("heartbeat lost");
                continue;
            };
            let reply = reply.into_inner();
            for told in reply.attempts {
                self.direct(told.attempt, told.directive());
            }
            if reply.unknown_session {
                self.register().await;
            }
        }
    }

    fn direct(&self, attempt: u32, directive: Directive) {
        if let Some(held) = &mut *self.held.borrow_mut()
            && held.attempt.attempt == attempt
            && directive as i32 > held.directive as i32
        {
            held.directive = directive;
        }
    }

    /// What the process before this one on the machine could not deliver.
    async fn hand_over(&self) {
        let left: Vec<Call> = self.worker.machine.borrow_mut().spool.drain(..).collect();
        for call in left {
            self.saw("call of a dead process handed over");
            if let Ok(()) = self.insist(&call).await {
                self.worker.ledger.borrow_mut().acknowledged(&call);
            }
        }
    }

    /// A trial, however long it takes; the same request until it has brought one.
    async fn acquire(&self) -> v1::Lease {
        let mut id = vec![0; 16];
        self.draws.borrow_mut().fill_bytes(&mut id);
        let local = self
            .worker
            .machine
            .borrow()
            .checkpoints
            .keys()
            .cloned()
            .collect::<Vec<_>>();
        loop {
            let request = v1::AcquireRequest {
                session: self.session.clone().into(),
                request_id: id.clone().into(),
                wait_ms: 10_000,
                local_checkpoints: local.iter().map(|hash| hash.clone().into()).collect(),
            };
            if self.chance(5) {
                // The answer is lost on its way: nobody reads it.
                self.saw("grant unread");
                let _ = self.leases.clone().acquire(within(request.clone())).await;
            }
            match self.leases.clone().acquire(within(request)).await {
                Ok(reply) => {
                    if let Some(lease) = reply.into_inner().lease {
                        return lease;
                    }
                }
                Err(status) => {
                    self.pause().await;
                    if status.code() == Code::NotFound {
                        self.register().await;
                    }
                }
            }
        }
    }

    /// Trains while a task of its own delivers, in order, what there is to say.
    async fn train(self: &Rc<Self>, lease: &v1::Lease) {
        let attempt = lease.attempt.clone().unwrap_or_default();
        *self.held.borrow_mut() = Some(Held {
            attempt: attempt.clone(),
            steps: 0,
            directive: Directive::Continue,
        });
        let (calls, outbox) = mpsc::unbounded_channel();
        let delivered = tokio::task::spawn_local(Rc::clone(self).deliver(outbox));
        let end = self.epochs(lease, &attempt, &calls).await;
        end.into_iter().for_each(|call| self.say(&calls, call));
        drop(calls);
        delivered.await.unwrap();
        *self.held.borrow_mut() = None;
    }

    fn say(&self, calls: &mpsc::UnboundedSender<Call>, call: Call) {
        self.worker
            .machine
            .borrow_mut()
            .spool
            .push_back(call.clone());
        let _ = calls.send(call);
    }

    /// The last calls of the attempt; none when nobody wants to hear them.
    async fn epochs(
        &self,
        lease: &v1::Lease,
        attempt: &v1::AttemptRef,
        calls: &mpsc::UnboundedSender<Call>,
    ) -> Vec<Call> {
        let mut done = match &lease.resume {
            Some(blob) => self.resume(lease, attempt, blob).await,
            None => 0,
        };
        while done < lease.to_epoch {
            if let Some(end) = self.interrupted(lease, attempt, done).await {
                return end;
            }
            done += 1;
            let (score, diverges) = score(lease, done);
            if diverges {
                let reason = "as it had to".to_owned();
                let outcome = Outcome::Diverged(v1::Diverged {
                    epoch: done,
                    reason,
                });
                return vec![finish(attempt, outcome)];
            }
            let (blob, content) = checkpoint(lease.seed, done);
            let keeps = done % 2 == 0;
            if keeps {
                self.keep(lease.seed, &blob);
            }
            let report = report(
                attempt,
                done,
                score,
                lease.seed,
                keeps.then(|| blob.clone()),
            );
            self.say(calls, Call::Report(report));
            if keeps && done % 4 == 0 {
                self.say(calls, put(attempt, &blob, content));
            }
        }
        if !lease.waits_at_end {
            return vec![finish(attempt, Outcome::Completed(v1::Completed {}))];
        }
        let (blob, content) = checkpoint(lease.seed, done);
        self.keep(lease.seed, &blob);
        let rung = v1::ReachedRung {
            checkpoint: Some(blob.clone()),
        };
        vec![
            put(attempt, &blob, content),
            finish(attempt, Outcome::ReachedRung(rung)),
        ]
    }

    /// Trains one epoch; how the attempt ends when it does in the middle of it.
    async fn interrupted(
        &self,
        lease: &v1::Lease,
        attempt: &v1::AttemptRef,
        done: u32,
    ) -> Option<Vec<Call>> {
        let steps = 3 + self.draws.borrow_mut().next_u64() % 5;
        let gives_back = self.chance(3);
        for _ in 0..steps {
            sleep(STEP).await;
            let directive = match &mut *self.held.borrow_mut() {
                Some(held) => {
                    held.steps += 1;
                    held.directive
                }
                None => Directive::Fenced,
            };
            match directive {
                Directive::Fenced => {
                    self.saw("fenced");
                    self.worker.machine.borrow_mut().spool.clear();
                    return Some(Vec::new());
                }
                Directive::Release => return Some(self.release(lease, attempt, done)),
                Directive::Stop | Directive::Prune => {
                    return Some(vec![finish(attempt, Outcome::Ended(v1::Ended {}))]);
                }
                _ => {}
            }
        }
        gives_back.then(|| self.release(lease, attempt, done))
    }

    fn release(&self, lease: &v1::Lease, attempt: &v1::AttemptRef, done: u32) -> Vec<Call> {
        self.saw("released");
        let (blob, content) = checkpoint(lease.seed, done);
        let kept = (done > 0).then(|| {
            self.keep(lease.seed, &blob);
            blob
        });
        let put = kept.as_ref().map(|blob| put(attempt, blob, content));
        let release = Call::Release(v1::ReleaseRequest {
            attempt: Some(attempt.clone()),
            checkpoint: kept,
            reason: "drained".to_owned(),
        });
        put.into_iter().chain([release]).collect()
    }

    fn keep(&self, seed: u64, blob: &v1::Blob) {
        let mut machine = self.worker.machine.borrow_mut();
        machine
            .checkpoints
            .insert(blob.hash.to_vec(), (seed, blob.epoch));
    }

    /// The epoch to go on from: the checkpoint's, which must be this very trial's, or 0 when it cannot be had.
    async fn resume(&self, lease: &v1::Lease, attempt: &v1::AttemptRef, blob: &v1::Blob) -> u32 {
        if self.chance(10) {
            self.saw("begun anew");
            return 0;
        }
        let local = self
            .worker
            .machine
            .borrow()
            .checkpoints
            .get(&blob.hash[..])
            .copied();
        if let Some(found) = local {
            assert_eq!(
                found,
                (lease.seed, blob.epoch),
                "the checkpoint of another training"
            );
            self.saw("resumed from its own disk");
            return blob.epoch;
        }
        for _ in 0..3 {
            let request = v1::GetPieceRequest {
                attempt: Some(attempt.clone()),
                hash: blob.hash.clone(),
                offset: 0,
            };
            if let Ok(piece) = self.leases.clone().get_piece(within(request)).await {
                let (_, content) = checkpoint(lease.seed, blob.epoch);
                assert_eq!(
                    piece.into_inner().data,
                    content,
                    "the checkpoint of another training"
                );
                self.saw("resumed from the coordinator's");
                return blob.epoch;
            }
            self.pause().await;
        }
        self.saw("begun anew");
        0
    }

    async fn deliver(self: Rc<Self>, mut outbox: mpsc::UnboundedReceiver<Call>) {
        let mut next: Option<Call> = None;
        loop {
            let taken = match next.take() {
                Some(call) => Some(call),
                None => outbox.recv().await,
            };
            let Some(mut call) = taken else { return };
            let mut calls = 1;
            // As one whose epochs are short.
            while matches!(call, Call::Report(_)) && self.chance(20) {
                match outbox.recv().await {
                    Some(later) if call.absorb(&later) => calls += 1,
                    later => {
                        next = later;
                        break;
                    }
                }
            }
            if calls > 1 {
                self.saw("calls joined");
                let spool = &mut self.worker.machine.borrow_mut().spool;
                spool.drain(..calls.min(spool.len()));
                spool.push_front(call.clone());
            }
            let answered = self.insist(&call).await;
            let again = answered.is_ok() && self.chance(10);
            match answered {
                Ok(()) => self.worker.ledger.borrow_mut().acknowledged(&call),
                Err(status)
                    if matches!(call, Call::Put(_))
                        && status.code() != Code::FailedPrecondition => {}
                Err(_) => {
                    self.saw("refused");
                    self.direct(call.attempt().attempt, Directive::Fenced);
                    self.worker.machine.borrow_mut().spool.clear();
                    return;
                }
            }
            self.worker.machine.borrow_mut().spool.pop_front();
            if again && !matches!(call, Call::Put(_)) {
                self.saw("call repeated");
                let repeated = self.insist(&call).await;
                assert!(
                    repeated.is_ok(),
                    "acknowledged once and refused the second time: {call:?}: {repeated:?}"
                );
            }
            if call.is_end() {
                return;
            }
        }
    }

    /// Makes a call until it is answered.
    async fn insist(&self, call: &Call) -> Result<(), Status> {
        loop {
            match self.make(call).await {
                Err(status) if is_passing(&status) => {
                    self.saw("call tried again");
                    self.pause().await;
                }
                answered => return answered,
            }
        }
    }

    async fn make(&self, call: &Call) -> Result<(), Status> {
        let mut leases = self.leases.clone();
        match call.clone() {
            Call::Report(report) => {
                let attempt = call.attempt().attempt;
                let reply = leases.report(within(report)).await?.into_inner();
                self.direct(attempt, reply.directive());
            }
            Call::Put(put) => drop(leases.put_piece(within(put)).await?),
            Call::Finish(finish) => drop(leases.finish(within(finish)).await?),
            Call::Release(release) => drop(leases.release(within(release)).await?),
        }
        Ok(())
    }
}
