//! The coordinator in a process of its own, so that its CPU time and memory can be told from the load's.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
};

use hone_coordinator::{Config, Coordinator};

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

/// Runs as the coordinator: prints its address, ends when standard input closes.
pub fn serve(database: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let coordinator = Coordinator::start(listener, Config::new(database))
            .await
            .expect("a coordinator");
        println!("http://{}", coordinator.address());
        std::io::stdout().flush().expect("standard output");
        let closed = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
        let _ = closed.await;
        coordinator.stop().await;
    });
}

impl Served {
    /// Starts it on this database.
    pub fn start(database: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .arg("--serve")
            .arg(database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a second process");
        let mut address = String::new();
        let stdout = child.stdout.take().expect("its output");
        BufReader::new(stdout)
            .read_line(&mut address)
            .expect("its address");
        Self {
            child,
            address: address.trim().to_owned(),
        }
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
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// A folder for databases, on this machine's disk.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder")
}

/// Optuna's storages under the same work, with eight workers, as many trials as take a few seconds; `rate` is ours.
pub fn peers(python: &str, rate: f64) {
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../benches/load/optuna_load.py"
    );
    for (storage, trials) in [("journal", "800"), ("sqlite", "160"), ("grpc", "80")] {
        let done = Command::new(python)
            .args([script, storage, "8", trials, "5"])
            .stderr(Stdio::inherit())
            .output();
        let said = done.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let said = said.unwrap_or_default();
        let theirs: Option<f64> = said
            .rsplit_once(": ")
            .and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok());
        match theirs {
            Some(theirs) => println!(
                "{}; ours is {:.1} times that",
                said.trim_end(),
                rate / theirs
            ),
            None => println!("  {storage}: the peer did not run"),
        }
    }
}
