//! The coordinator: `hone coordinator` itself, so that its CPU time and memory can be told from the load's.

use std::{
    fs::File,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

/// A coordinator that runs until [`Served::end`].
pub struct Served {
    child: Child,
    pub address: String,
}

/// What it has used.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    pub cpu_seconds: f64,
    pub resident_bytes: u64,
}

impl Served {
    /// Starts it on this database; what it says goes into a file beside that.
    pub fn start(database: &Path) -> Self {
        let said = database.with_extension("log");
        let log = File::create(&said).expect("a file for its log");
        let mut child = Command::new(env!("CARGO_BIN_EXE_hone"))
            .args(["coordinator", "--listen", "127.0.0.1:0", "--db"])
            .arg(database)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("a coordinator");
        let address = loop {
            let said = std::fs::read_to_string(&said).unwrap_or_default();
            if let Some(address) = address(&said) {
                break address;
            }
            let ended = child.try_wait().expect("a child");
            assert!(ended.is_none(), "the coordinator has ended: {said}");
            std::thread::sleep(Duration::from_millis(1));
        };
        Self { child, address }
    }

    /// From `/proc`: the time of all its threads, and what it holds in memory.
    pub fn usage(&self) -> Usage {
        let stat =
            std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let fields: Vec<u64> = after_name
            .split_whitespace()
            .map(|f| f.parse().unwrap_or(0))
            .collect();
        let field = |number: usize| fields.get(number - 3).copied().unwrap_or(0);
        // Fields 14, 15 and 24 of proc(5): user and system time in ticks of 10 ms, resident pages of 4 KiB.
        Usage {
            cpu_seconds: (field(14) + field(15)) as f64 / 100.0,
            resident_bytes: field(24) * 4096,
        }
    }

    /// Ends it.
    pub fn end(mut self) {
        let process = i32::try_from(self.child.id()).expect("a process id");
        let process = Pid::from_raw(process).expect("a process id");
        kill_process(process, Signal::TERM).expect("a signal");
        self.child.wait().expect("its end");
    }
}

/// Where it listens, once it has said so: `listening on http://127.0.0.1:34567, database …`.
fn address(said: &str) -> Option<String> {
    let (address, _) = said.split_once("listening on ")?.1.split_once(',')?;
    Some(address.to_owned())
}

/// A folder for databases, on this machine's disk.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder")
}

/// Others under the same work, as many trials as take a few seconds: Optuna's storages with eight workers, Ray Tune with a process a core;
/// `rate` is ours.
pub fn peers(python: &str, rate: f64) {
    let optuna = |storage, trials| vec!["optuna_load.py", storage, "8", trials, "5"];
    peer(python, &optuna("journal", "800"), rate);
    peer(python, &optuna("sqlite", "160"), rate);
    peer(python, &optuna("grpc", "80"), rate);
    peer(python, &["raytune_load.py", "20", "5"], rate);
}

/// `command`: a script beside this file, and its arguments. It prints a line that ends with its trials a second.
fn peer(python: &str, command: &[&str], rate: f64) {
    let scripts = concat!(env!("CARGO_MANIFEST_DIR"), "/../benches/load");
    let done = Command::new(python)
        .current_dir(scripts)
        .args(command)
        .stderr(Stdio::null())
        .output();
    let said = done.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let said = said.unwrap_or_default();
    let said = said.lines().last().unwrap_or_default();
    let theirs: Option<f64> = said
        .rsplit_once(": ")
        .and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok());
    match theirs {
        Some(theirs) => println!(
            "{}; ours is {:.1} times that",
            said.trim_end(),
            rate / theirs
        ),
        None => println!("  {}: the peer did not run", command.join(" ")),
    }
}
