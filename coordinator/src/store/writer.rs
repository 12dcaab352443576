//! The one writer: a thread that owns the write connection and commits what is queued as one group.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
};

use tokio::sync::oneshot;

use crate::fault::{EndsProcess, end_process};

use super::{
    StoreError,
    apply::apply,
    command::{Command, Reply},
    error::Rows,
    place::Identity,
    working::WorkingSet,
};

/// Commands that may wait in each lane; one more is refused as `Busy`.
const LANE: usize = 8192;
/// Commands of each lane in one commit.
const GROUP: usize = 512;

/// What is queued: grants, finishes and stops go before reports, so that no flood of reports holds a slot idle.
#[derive(Debug, Default)]
struct Lanes {
    urgent: VecDeque<Waiting>,
    reports: VecDeque<Waiting>,
    closed: bool,
}

#[derive(Debug)]
struct Waiting {
    command: Command,
    answer: oneshot::Sender<Rows<Reply>>,
}

#[derive(Debug, Default)]
struct Queue {
    lanes: Mutex<Lanes>,
    arrived: Condvar,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Lanes> {
        // Nothing panics while it holds this lock; and if it did, the queues are whole at every moment.
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The writer's end for everybody else.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Arc<Queue>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(set: WorkingSet, file: Identity) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let shared = Arc::clone(&queue);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                let _ends = EndsProcess("the store's writer");
                run(set, &shared, &file);
            })?;
        Ok(Self {
            queue,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Queues a command and waits for its commit. Dropping this future does not take the command back.
    pub(super) async fn send(&self, command: Command) -> Rows<Reply> {
        let (answer, answered) = oneshot::channel();
        {
            let mut lanes = self.queue.lock();
            if lanes.closed {
                return Err(StoreError::Closed);
            }
            let lane = match command {
                Command::Report(_) | Command::Log(_) => &mut lanes.reports,
                _ => &mut lanes.urgent,
            };
            if lane.len() >= LANE {
                return Err(StoreError::Busy);
            }
            lane.push_back(Waiting { command, answer });
        }
        self.queue.arrived.notify_one();
        answered.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Applies what is queued and ends the thread.
    pub(super) fn close(&self) {
        self.queue.lock().closed = true;
        self.queue.arrived.notify_one();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // A panic there has been printed already.
            thread.join().ok();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}

fn run(mut set: WorkingSet, queue: &Queue, file: &Identity) {
    while let Some((commands, answers)) = next_group(queue) {
        let replies = set.apply_group(&commands, apply);
        if let Some(problem) = file.lost() {
            // What was written went into a file that nobody will find: nothing of it is acknowledged.
            end_process(&problem);
        }
        tell_of_failure(&replies);
        for (answer, reply) in answers.into_iter().zip(replies) {
            // Whoever asked may have gone; what it asked for is stored all the same.
            answer.send(reply).ok();
        }
    }
    set.close();
}

/// What the disk or the file is to blame for is told once a group, not only to those who asked.
fn tell_of_failure(replies: &[Rows<Reply>]) {
    let failed = |reply: &&Rows<Reply>| {
        use StoreError::{Damaged, Database, DiskFull};
        matches!(reply, Err(Damaged { .. } | Database(_) | DiskFull(_)))
    };
    if let Some(Err(error)) = replies.iter().find(failed) {
        let commands = replies.iter().filter(failed).count();
        tracing::error!(%error, commands, "commands were not stored");
    }
}

type Group = (Vec<Command>, Vec<oneshot::Sender<Rows<Reply>>>);

/// Waits for commands and takes what is queued; `None` when closed and empty.
fn next_group(queue: &Queue) -> Option<Group> {
    let mut lanes = queue.lock();
    while lanes.urgent.is_empty() && lanes.reports.is_empty() {
        if lanes.closed {
            return None;
        }
        lanes = queue
            .arrived
            .wait(lanes)
            .unwrap_or_else(PoisonError::into_inner);
    }
    let urgent = lanes.urgent.len().min(GROUP);
    let mut group: Vec<Waiting> = lanes.urgent.drain(..urgent).collect();
    let reports = lanes.reports.len().min(GROUP);
    group.extend(lanes.reports.drain(..reports));
    Some(
        group
            .into_iter()
            .map(|waiting| (waiting.command, waiting.answer))
            .unzip(),
    )
}
