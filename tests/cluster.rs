//! A coordinator and workers as processes of their own, to be killed, stopped and started again.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStderr, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use hone_proto::v1::{
    Event, ListEventsRequest, ListWorkersRequest, WorkerSummary, history_client::HistoryClient,
};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use tonic::{Status, Streaming, transport::Channel};

use crate::hone::Hone;

/// Leases so short that a dead worker's trial is free within seconds, and long enough for a machine with much to do.
const SHORT: [&str; 6] = [
    "--heartbeat",
    "300ms",
    "--lease",
    "2s",
    "--first-lease",
    "2s",
];

/// One coordinator, its database, and workers that share a scratch folder.
pub struct Cluster {
    hone: Hone,
    address: String,
    coordinator: Option<Child>,
    workers: Vec<Child>,
    log: Log,
}

/// What coordinator and workers have said.
type Log = Arc<Mutex<Vec<String>>>;

/// What must not depend on what was killed: state, objective and `weights_hash` by trial.
pub type Results = BTreeMap<u64, [String; 3]>;

impl Cluster {
    /// A coordinator that has been sent `sweep`, and `workers` workers.
    pub fn start(sweep: &str, workers: usize) -> Self {
        Self::start_in(Hone::with(sweep), workers)
    }

    /// The same in a folder that has a `sweep.toml`.
    pub fn start_in(hone: Hone, workers: usize) -> Self {
        let mut cluster = Self::over(hone);
        cluster.hone.good(&["launch", "sweep.toml"]);
        for _ in 0..workers {
            cluster.start_worker();
        }
        cluster
    }

    /// A coordinator over a folder that may have a database already.
    pub fn over(hone: Hone) -> Self {
        let mut cluster = Cluster {
            hone,
            address: "127.0.0.1:0".to_owned(),
            coordinator: None,
            workers: Vec::new(),
            log: Log::default(),
        };
        cluster.start_coordinator();
        cluster
    }

    /// The folder, and calls in it.
    pub fn hone(&self) -> &Hone {
        &self.hone
    }

    /// Starts a coordinator where the last one was, and waits until it listens.
    pub fn start_coordinator(&mut self) {
        self.start_coordinator_with(&[]);
    }

    /// The same, with more flags.
    pub fn start_coordinator_with(&mut self, flags: &[&str]) {
        let arguments = ["coordinator", "--listen", &self.address];
        let arguments = [&arguments[..], &SHORT, flags].concat();
        let mut child = self.spawn(&arguments);
        let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
        let address = stderr
            .by_ref()
            .lines()
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, rest) = line.split_once("http://")?;
                let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':');
                Some(rest[..end.unwrap_or(rest.len())].to_owned())
            });
        self.address = address.expect("the coordinator says where it listens");
        self.listen(stderr);
        self.coordinator = Some(child);
    }

    /// Tries to start a coordinator where none can; what it said, and its exit code.
    pub fn cannot_start(&self) -> (String, Option<i32>) {
        let ended = self.hone.run(&["coordinator", "--listen", &self.address]);
        (ended.err, ended.code)
    }

    /// kill -9 of the coordinator.
    pub fn kill_coordinator(&mut self) {
        end(self.coordinator.take().expect("it runs"));
    }

    /// One worker more, of one slot.
    pub fn start_worker(&mut self) {
        self.start_worker_with(&[]);
    }

    /// The same, with more flags.
    pub fn start_worker_with(&mut self, flags: &[&str]) {
        self.start_worker_of(1, flags);
    }

    /// The same, of so many slots.
    pub fn start_worker_of(&mut self, slots: u32, flags: &[&str]) {
        let (url, slots) = (format!("http://{}", self.address), slots.to_string());
        let arguments = [
            "worker",
            "--coordinator",
            &url,
            "--slots",
            &slots,
            "--scratch",
            "scratch",
        ];
        let mut child = self.spawn(&[&arguments[..], flags].concat());
        self.listen(BufReader::new(child.stderr.take().expect("piped")));
        self.workers.push(child);
    }

    /// Keeps what a process says, which so never waits for the pipe.
    fn listen(&self, stderr: BufReader<ChildStderr>) {
        let log = Arc::clone(&self.log);
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                lock(&log).push(line);
            }
        });
    }

    /// Everything that was said so far.
    pub fn log(&self) -> Vec<String> {
        lock(&self.log).clone()
    }

    /// Waits until a process says something with `text` in it.
    pub fn hears(&self, text: &str) {
        let said = || lock(&self.log).iter().any(|line| line.contains(text));
        within(&format!("somebody says {text:?}"), || said().then_some(()));
    }

    /// From now on no file of the oldest worker grows beyond `bytes`; `None`: as it likes.
    pub fn limit_worker(&self, bytes: Option<u64>) {
        limit_files(&self.workers[0], bytes);
    }

    /// The same for the coordinator.
    pub fn limit_coordinator(&self, bytes: Option<u64>) {
        limit_files(self.coordinator.as_ref().expect("it runs"), bytes);
    }

    /// kill -9 of the worker that was started longest ago.
    pub fn kill_worker(&mut self) {
        end(self.workers.remove(0));
    }

    /// Sends the oldest worker a signal: `STOP`, `CONT`, `TERM`.
    pub fn signal_worker(&self, signal: &str) {
        send(signal, &self.workers[0]);
    }

    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.workers.len()
    }

    /// The oldest worker stands still until its lease has expired, and goes on.
    pub fn hang_worker(&self) {
        hang(&self.workers[0]);
    }

    /// Nobody reaches the coordinator for longer than a lease.
    pub fn hang_coordinator(&self) {
        hang(self.coordinator.as_ref().expect("it runs"));
    }

    /// Transitions of trials so far, oldest first.
    pub fn events(&self) -> Vec<Event> {
        events(&format!("http://{}", self.address))
    }

    /// Names of the workers that are quarantined.
    pub fn quarantined(&self) -> Vec<String> {
        quarantined(&format!("http://{}", self.address))
    }

    /// Waits for the oldest worker to end by itself; its exit code.
    pub fn worker_ends(&mut self) -> Option<i32> {
        let mut child = self.workers.remove(0);
        within("the worker ends", || {
            child
                .try_wait()
                .expect("a child")
                .map(|status| status.code())
        })
    }

    /// Epochs that have been reported, over all trials.
    pub fn epochs(&self) -> u64 {
        self.trials()
            .iter()
            .filter_map(|trial| trial["epoch"].as_u64())
            .sum()
    }

    /// Waits until one more epoch has been reported than `before`.
    pub fn progress(&self, before: u64) {
        within("an epoch more", || {
            (self.epochs() > before || self.has_ended()).then_some(())
        });
    }

    /// Whether the sweep is over.
    pub fn has_ended(&self) -> bool {
        self.hone.json(&["sweeps", "--json"])[0]["state"] == "completed"
    }

    /// Waits for the end of the sweep; what came out.
    pub fn results(&self) -> Results {
        within("the sweep is over", || self.has_ended().then_some(()));
        results(&self.trials())
    }

    /// `hone trials --json`.
    pub fn trials(&self) -> Vec<serde_json::Value> {
        self.hone.json(&["trials", "--json"])
    }

    /// Asserts every invariant over what is stored.
    pub fn verify(&self) {
        let database = self.hone.path().join("hone.db");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let verified = runtime.block_on(hone_coordinator::verify::verify(&database));
        let checked = verified.expect("a database");
        let findings = checked.findings;
        assert!(checked.trials > 0 && findings.is_empty(), "{findings:#?}");
    }

    fn spawn(&self, arguments: &[&str]) -> Child {
        let hone = self.hone.command(arguments);
        // With the signal ignored, a file that may not grow is an error, as it is on a full disk.
        let mut command = Command::new("sh");
        command.args(["-c", r#"trap "" XFSZ; exec "$0" "$@""#]);
        command.arg(hone.get_program()).args(hone.get_args());
        command.current_dir(self.hone.path()).stdin(Stdio::null());
        for (key, value) in hone.get_envs() {
            match value {
                Some(value) => command.env(key, value),
                None => command.env_remove(key),
            };
        }
        command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("hone starts")
    }
}

impl Drop for Cluster {
    #[expect(clippy::print_stderr, reason = "what a failed test has to show")]
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}", self.log().join("\n"));
        }
        // The workers first: a drained coordinator would wait for them.
        self.workers
            .drain(..)
            .chain(self.coordinator.take())
            .for_each(end);
    }
}

/// State, objective and `weights_hash` of each trial.
pub fn results(trials: &[serde_json::Value]) -> Results {
    let of = |trial: &serde_json::Value| {
        let what = ["state", "objective", "weights_hash"].map(|key| trial[key].to_string());
        (trial["trial"].as_u64().expect("a number"), what)
    };
    trials.iter().map(of).collect()
}

/// Transitions of trials that the coordinator at `address` has stored.
fn events(address: &str) -> Vec<Event> {
    let events = asked(address, async |mut history| {
        let request = ListEventsRequest::default();
        Ok(history.list_events(request).await?.into_inner())
    });
    let of_a_trial = |event: &Event| event.trial.is_some();
    events.into_iter().filter(of_a_trial).collect()
}

/// Workers that get nothing from the coordinator at `address`.
fn quarantined(address: &str) -> Vec<String> {
    let workers = asked(address, async |mut history| {
        Ok(history
            .list_workers(ListWorkersRequest {})
            .await?
            .into_inner())
    });
    let quarantined = |worker: WorkerSummary| worker.quarantined.then_some(worker.name);
    workers.into_iter().filter_map(quarantined).collect()
}

/// All that a coordinator answers.
fn asked<T>(
    address: &str,
    ask: impl AsyncFnOnce(HistoryClient<Channel>) -> Result<Streaming<T>, Status>,
) -> Vec<T> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let history = HistoryClient::connect(address.to_owned())
            .await
            .expect("it listens");
        let mut stream = ask(history).await.expect("an answer");
        let mut rows = Vec::new();
        while let Some(row) = stream.message().await.expect("a row") {
            rows.push(row);
        }
        rows
    })
}

/// `STOP`, `CONT`, `TERM`.
fn send(signal: &str, to: &Child) {
    let pid = to.id().to_string();
    let status = Command::new("kill").args(["-s", signal, &pid]).status();
    assert!(status.expect("kill").success());
}

fn hang(child: &Child) {
    send("STOP", child);
    // Longer than a lease and the reaper's look.
    thread::sleep(Duration::from_millis(3500));
    send("CONT", child);
}

/// The soft limit alone, so that it can be raised again.
fn limit_files(of: &Child, bytes: Option<u64>) {
    let limit = Rlimit {
        current: bytes,
        maximum: None,
    };
    let process = Pid::from_child(of);
    prlimit(Some(process), Resource::Fsize, limit).expect("the limit of a child");
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn end(mut child: Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// Asks until there is an answer, for at most a minute and a half.
pub fn within<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    #[expect(
        clippy::disallowed_methods,
        reason = "a deadline: a hang must fail, not last"
    )]
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(90),
            "still not: {what}"
        );
        thread::sleep(Duration::from_millis(30));
    }
}
