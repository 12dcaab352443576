//! Worker processes of `hone run`: started, watched, started again when they die.

use std::{
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use hone_proto::v1::{LeaveRequest, leases_client::LeasesClient};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, Command},
    sync::mpsc,
};
use tonic::transport::Channel;

use super::former::{self, Former};
use crate::output::numbers;

/// A worker that dies sooner than this has not worked.
const SOON: Duration = Duration::from_secs(5);

/// So many such deaths in a row, and there is no point in another try.
const SOON_LIMIT: u32 = 5;

/// How to start one.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The coordinator's address.
    pub coordinator: String,
    /// For checkpoints and spooled reports.
    pub scratch: PathBuf,
    /// `--slots`, `--threads`, `--data`, `--exec`, ready to hand on.
    pub arguments: Vec<String>,
}

/// The worker processes.
#[derive(Debug)]
pub struct Workers {
    plan: Plan,
    leases: LeasesClient<Channel>,
    running: Vec<Worker>,
    lines: mpsc::UnboundedSender<String>,
    soon: u32,
}

#[derive(Debug)]
struct Worker {
    number: usize,
    session: [u8; 16],
    child: Child,
    started: Instant,
    // A word in it drains the worker, and its end tells that this process is gone.
    pipe: Option<ChildStdin>,
}

impl Workers {
    /// Starts `count` workers; what they say comes through `lines`.
    pub fn start(
        plan: Plan,
        count: usize,
        channel: Channel,
        lines: mpsc::UnboundedSender<String>,
    ) -> anyhow::Result<Self> {
        let leases = LeasesClient::new(channel);
        let mut workers = Workers {
            plan,
            leases,
            running: Vec::new(),
            lines,
            soon: 0,
        };
        for number in 1..=count {
            let worker = workers.spawn(number)?;
            workers.running.push(worker);
        }
        workers.remember();
        Ok(workers)
    }

    fn remember(&self) {
        let pid = |w: &Worker| w.child.id();
        let former = |w: &Worker| {
            Some(Former {
                pid: pid(w)?,
                session: w.session,
            })
        };
        let now: Vec<Former> = self.running.iter().filter_map(former).collect();
        former::remember(&self.plan.scratch, &now);
    }

    fn spawn(&self, number: usize) -> anyhow::Result<Worker> {
        let mut session = [0; 16];
        getrandom::fill(&mut session)?;
        let hex = numbers::hex(&session);
        let program = std::env::current_exe().context("where is the hone executable?")?;
        let mut child = Command::new(program)
            .args(["worker", "--coordinator", &self.plan.coordinator])
            .args([
                "--session",
                &hex,
                "--parent-pipe",
                "--name",
                &format!("worker-{number}"),
            ])
            .arg("--scratch")
            .arg(&self.plan.scratch)
            .args(&self.plan.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // A group of its own: Ctrl-C on the terminal is for this process, which drains them.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .context("cannot start a worker process")?;
        if let Some(stderr) = child.stderr.take() {
            let lines = self.lines.clone();
            tokio::spawn(async move {
                let mut reader = BufReader::new(stderr).lines();
                while let Ok(Some(line)) = reader.next_line().await {
                    let _ = lines.send(line);
                }
            });
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "a stopwatch: how long a process lived"
        )]
        let started = Instant::now();
        Ok(Worker {
            number,
            session,
            pipe: child.stdin.take(),
            child,
            started,
        })
    }

    /// Looks whether workers have died, says so to the coordinator, and starts others in their place.
    pub async fn tend(&mut self) -> anyhow::Result<()> {
        for i in 0..self.running.len() {
            let Some(status) = self.running[i].child.try_wait()? else {
                continue;
            };
            let (number, session) = (self.running[i].number, self.running[i].session);
            let lived = self.running[i].started.elapsed();
            let reason = describe(status);
            self.left(session, &reason).await;
            self.soon = if lived < SOON { self.soon + 1 } else { 0 };
            if self.soon >= SOON_LIMIT {
                bail!(
                    "worker {number} ended at once, {SOON_LIMIT} times in a row ({reason}); what it wrote stands above"
                );
            }
            let _ = self.lines.send(format!(
                "worker {number} ended ({reason}); starting another"
            ));
            self.running[i] = self.spawn(number)?;
            self.remember();
        }
        Ok(())
    }

    /// What a dead worker held goes back to the queue at once.
    async fn left(&mut self, session: [u8; 16], reason: &str) {
        let request = LeaveRequest {
            session: session.to_vec().into(),
            crashed: true,
            reason: reason.to_owned(),
        };
        if let Err(status) = self.leases.leave(request).await {
            let _ = self.lines.send(format!(
                "the coordinator did not take a worker's leave: {}",
                status.message()
            ));
        }
    }

    /// Asks all workers to give their trials back and end.
    pub async fn drain(&mut self) {
        for pipe in self.running.iter_mut().filter_map(|w| w.pipe.as_mut()) {
            // Already gone is as good.
            let _ = pipe.write_all(b"drain\n").await;
        }
    }

    /// Waits until all have ended; those that do not in time are killed.
    pub async fn join(&mut self, patience: Duration) {
        let all = async {
            for worker in &mut self.running {
                let _ = worker.child.wait().await;
            }
        };
        if tokio::time::timeout(patience, all).await.is_err() {
            self.kill().await;
        }
        former::remember(&self.plan.scratch, &[]);
    }

    /// Ends all at once.
    pub async fn kill(&mut self) {
        for worker in &mut self.running {
            let _ = worker.child.kill().await;
        }
    }

    /// How the coordinator knows them.
    pub fn sessions(&self) -> impl Iterator<Item = [u8; 16]> {
        self.running.iter().map(|worker| worker.session)
    }
}

fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("killed by signal {signal}"),
        (None, Some(code)) => format!("exit code {code}"),
        (None, None) => "ended".into(),
    }
}
