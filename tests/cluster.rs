//! A coordinator and workers as processes of their own, to be killed, stopped and started again.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use hone_proto::v1::{Event, ListEventsRequest, history_client::HistoryClient};

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
}

/// What must not depend on what was killed: objective and `weights_hash` by trial.
pub type Results = BTreeMap<u64, (String, String)>;

impl Cluster {
    /// A coordinator that has been sent `sweep`, and `workers` workers.
    pub fn start(sweep: &str, workers: usize) -> Self {
        let mut cluster = Self::over(Hone::with(sweep));
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
        let arguments = [&["coordinator", "--listen", &self.address][..], &SHORT].concat();
        let mut child = self.spawn(&arguments);
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, rest) = line.split_once("http://")?;
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':');
            Some(rest[..end.unwrap_or(rest.len())].to_owned())
        });
        self.address = address.expect("the coordinator says where it listens");
        // Read on, so that it never waits for the pipe.
        thread::spawn(move || lines.for_each(drop));
        self.coordinator = Some(child);
    }

    /// kill -9 of the coordinator.
    pub fn kill_coordinator(&mut self) {
        end(self.coordinator.take().expect("it runs"));
    }

    /// One worker more, of one slot.
    pub fn start_worker(&mut self) {
        let url = format!("http://{}", self.address);
        let arguments = [
            "worker",
            "--coordinator",
            &url,
            "--slots",
            "1",
            "--scratch",
            "scratch",
        ];
        let mut child = self.spawn(&arguments);
        let lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        thread::spawn(move || lines.for_each(drop));
        self.workers.push(child);
    }

    /// kill -9 of the worker that was started longest ago.
    pub fn kill_worker(&mut self) {
        end(self.workers.remove(0));
    }

    /// Sends the oldest worker a signal: `STOP`, `CONT`, `TERM`.
    pub fn signal_worker(&self, signal: &str) {
        let pid = self.workers[0].id().to_string();
        let status = std::process::Command::new("kill")
            .args(["-s", signal, &pid])
            .status();
        assert!(status.expect("kill").success());
    }

    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.workers.len()
    }

    /// The oldest worker stands still until its lease has expired, and goes on.
    pub fn hang_worker(&self) {
        self.signal_worker("STOP");
        // Longer than a lease and the reaper's look.
        thread::sleep(Duration::from_millis(3500));
        self.signal_worker("CONT");
    }

    /// Transitions of trials so far, oldest first.
    pub fn events(&self) -> Vec<Event> {
        events(&format!("http://{}", self.address))
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

    fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = self.hone.command(arguments);
        command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("hone starts")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The workers first: a drained coordinator would wait for them.
        self.workers
            .drain(..)
            .chain(self.coordinator.take())
            .for_each(end);
    }
}

/// Objective and `weights_hash` of each trial.
pub fn results(trials: &[serde_json::Value]) -> Results {
    let of = |trial: &serde_json::Value| {
        let number = trial["trial"].as_u64().expect("a number");
        (
            number,
            (
                trial["objective"].to_string(),
                trial["weights_hash"].to_string(),
            ),
        )
    };
    trials.iter().map(of).collect()
}

/// Transitions of trials that the coordinator at `address` has stored.
fn events(address: &str) -> Vec<Event> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let mut history = HistoryClient::connect(address.to_owned())
            .await
            .expect("it listens");
        let request = ListEventsRequest::default();
        let mut stream = history
            .list_events(request)
            .await
            .expect("an answer")
            .into_inner();
        let mut events = Vec::new();
        while let Some(event) = stream.message().await.expect("an event") {
            events.extend(event.trial.is_some().then_some(event));
        }
        events
    })
}

fn end(mut child: Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// Asks until there is an answer, for at most a minute and a half.
fn within<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
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
