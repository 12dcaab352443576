//! The worker as a whole: connect, serve, drain, leave.

use std::{io::Read, path::PathBuf, sync::Arc, thread, time::Duration};

use tokio::{sync::mpsc, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    backoff::Backoff,
    client::{self, Client, Directive, Identity},
    config::{Config, Shutdown},
    heartbeat, orphans,
    scratch::Scratch,
    slot,
    worker::Worker,
};

/// How long a drained worker waits for a coordinator that does not take its last calls.
const DELIVERY: Duration = Duration::from_secs(30);

/// How long trainings may take to notice that the worker ends at once.
const AT_ONCE: Duration = Duration::from_secs(2);

/// Why a worker could not go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is none, or nobody listened there in time.
    #[error("coordinator {address}: {reason}")]
    Coordinator {
        /// As it was given.
        address: String,
        /// The last answer.
        reason: String,
    },
    /// The scratch directory cannot be used.
    #[error("scratch directory {path}: {source}", path = path.display())]
    Scratch {
        /// The directory or a file in it.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The operating system gives no thread.
    #[error("no thread can be started: {0}")]
    Thread(std::io::Error),
}

/// Takes trials on lease and trains them until `shutdown`, or until the coordinator sends this worker away.
///
/// # Errors
/// Before the first trial: an address that is none, a coordinator that did not answer within
/// [`Config::connect_timeout`], a scratch directory that cannot be written. After that a worker goes on whatever
/// happens, unless the coordinator says that it understands no question for work.
pub async fn run(config: Config, shutdown: Shutdown) -> Result<(), Error> {
    let scratch = Scratch::open(&config.scratch, &config.session, config.disk_budget)?;
    let identity = Identity {
        session: config.session,
        name: config.name.clone(),
        trainers: config.trainers.keys().cloned().collect(),
        arithmetic: config
            .trainers
            .iter()
            .filter_map(|(name, trainer)| Some((name.clone(), trainer.arithmetic()?)))
            .collect(),
        slots: config.slots,
    };
    let no_address = |error: tonic::transport::Error| Error::Coordinator {
        address: config.coordinator.clone(),
        reason: client::causes(&error),
    };
    let for_calls = Client::new(&config.coordinator, identity).map_err(no_address)?;
    let for_heartbeats = for_calls.apart(&config.coordinator).map_err(no_address)?;
    if config.obey_stdin {
        obey_stdin(shutdown.clone());
    }
    let worker = Worker::new(config, for_calls, shutdown, scratch);
    if !first_registration(&worker).await? {
        return Ok(());
    }
    serve(&worker, for_heartbeats).await
}

/// Registers, however long the coordinator takes to appear. Returns whether there is anything to serve.
async fn first_registration(worker: &Worker) -> Result<bool, Error> {
    let address = &worker.config.coordinator;
    let mut backoff = Backoff::new();
    let mut said = None;
    let started = slot::stopwatch();
    loop {
        let registered = tokio::select! {
            biased;
            () = worker.shutdown.drain_token().cancelled() => return Ok(false),
            registered = worker.register(&worker.client) => registered,
        };
        let Err(status) = registered else {
            break;
        };
        let patience = worker.config.connect_timeout;
        let spent = patience.is_some_and(|patience| started.elapsed() >= patience);
        let is_other = client::speaks_otherwise(address).await;
        let wait = backoff.after(&status, worker.client.beats());
        let Some(wait) = wait.filter(|_| !spent && !is_other) else {
            return Err(Error::Coordinator {
                address: address.clone(),
                reason: match is_other {
                    true => {
                        "what listens there speaks no HTTP/2: it is no hone coordinator".to_owned()
                    }
                    false => client::explain(&status),
                },
            });
        };
        slot::say(&mut said, address, &status);
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = worker.shutdown.drain_token().cancelled() => return Ok(false),
        }
    }
    let (name, slots) = (&worker.config.name, worker.config.slots);
    tracing::info!("worker {name}: {slots} slots, connected to {address}");
    Ok(true)
}

async fn serve(worker: &Arc<Worker>, for_heartbeats: Client) -> Result<(), Error> {
    // Also when this future is dropped: slots must not outlive the runtime that they wait on.
    let _end_slots = worker.shutdown.drain_token().clone().drop_guard();
    let ended = CancellationToken::new();
    let _end_heartbeats = ended.clone().drop_guard();
    heartbeat::start(Arc::clone(worker), for_heartbeats, ended).map_err(Error::Thread)?;
    let orphans = tokio::spawn(orphans::hand_over_for_ever(Arc::clone(worker)));
    let drains = tokio::spawn(release_on_drain(Arc::clone(worker)));
    let slots = start_slots(worker).map_err(Error::Thread)?;
    wait(worker, slots).await;
    orphans.abort();
    drains.abort();
    worker.failure().map_or(Ok(()), Err)
}

/// One thread a slot. The receiver closes when the last has ended.
fn start_slots(worker: &Arc<Worker>) -> std::io::Result<mpsc::Receiver<()>> {
    let (alive, slots) = mpsc::channel(1);
    for number in 0..worker.config.slots.max(1) {
        let (worker, alive) = (Arc::clone(worker), alive.clone());
        thread::Builder::new()
            .name(format!("slot-{number}"))
            .spawn(move || {
                let _alive = alive;
                slot::serve(&worker);
            })?;
    }
    Ok(slots)
}

async fn wait(worker: &Worker, mut slots: mpsc::Receiver<()>) {
    let now = worker.shutdown.now_token();
    tokio::select! {
        // First: the slots end then too, and what waits in the session's directory is for the next process.
        biased;
        () = now.cancelled() => {
            let _ = timeout(AT_ONCE, slots.recv()).await;
            // Whoever is in a hurry has not crashed: what is held here is free for others, and counts against no trial.
            return leave(worker, "ended at once", AT_ONCE).await;
        }
        _ = slots.recv() => {}
    }
    worker.outboxes.close();
    tokio::select! {
        biased;
        () = now.cancelled() => return leave(worker, "ended at once", AT_ONCE).await,
        delivered = timeout(DELIVERY, worker.outboxes.wait()) => {
            if delivered.is_err() {
                tracing::warn!("the coordinator is away; what it has not taken waits in {}", worker.config.scratch.display());
                return;
            }
        }
    }
    if worker.shutdown.is_now() {
        return;
    }
    leave(worker, "drained", Duration::from_secs(5)).await;
    worker.scratch.remove_session();
    tracing::info!("worker {} has left", worker.config.name);
}

/// Says that this process goes, if the coordinator hears it.
async fn leave(worker: &Worker, reason: &str, deadline: Duration) {
    if let Err(status) = worker.client.leave(reason, deadline).await {
        tracing::debug!("leaving: {}", client::explain(&status));
    }
}

/// Passes the operator's wish on to the trainings.
async fn release_on_drain(worker: Arc<Worker>) {
    worker.shutdown.drain_token().cancelled().await;
    tracing::info!("draining: trainings end between two steps and are given back");
    worker.attempts.direct_all(Directive::Release);
    worker.shutdown.now_token().cancelled().await;
    worker.attempts.direct_all(Directive::Fenced);
}

/// Drains when its parent, who holds the other end of standard input, says anything there, and ends when the parent is gone. A
/// signal would not do: one that is sent to both of them at once would count twice here, and the second one ends a worker.
fn obey_stdin(shutdown: Shutdown) {
    // A thread, since a read of standard input cannot be cancelled; it ends with the process.
    let watcher = thread::Builder::new().name("parent".to_owned());
    let started = watcher.spawn(move || {
        let mut buffer = [0; 64];
        let mut stdin = std::io::stdin().lock();
        loop {
            match stdin.read(&mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(_) => shutdown.drain(),
            }
        }
        tracing::info!("the parent process has ended; so does this one");
        shutdown.now();
    });
    if let Err(error) = started {
        tracing::warn!("the parent process cannot be watched: {error}");
    }
}
