//! Faults of `hone run`: two of its workers are killed, and then itself.

use std::{fs, path::Path, process::Command, thread, time::Duration};

use crate::{
    cluster::{Cluster, Results},
    count::Counts,
    hone::Hone,
    judge,
    luck::Luck,
};

/// A sweep under `hone run` to its end, over as many starts of it as it takes.
pub fn episode(sweep: &str, expected: &Results, luck: &mut Luck, counts: &mut Counts) {
    let hone = Hone::with(sweep);
    let mut kills = 0;
    let (code, said) = loop {
        let mut run = hone.start(&["run", "sweep.toml", "--workers", "2", "--slots", "1"]);
        let ended = loop {
            thread::sleep(Duration::from_millis(300 + luck.below(400)));
            if let Some(code) = run.has_ended() {
                break Some(code);
            }
            match children(run.id()).first() {
                // Not again and again: three deaths without an epoch between them end a trial.
                Some(worker) if kills < 2 => {
                    kill(*worker);
                    counts.fault("KillWorkerOfRun");
                    kills += 1;
                }
                _ if kills == 2 => {
                    kills += 1;
                    counts.fault("KillRun");
                    break None;
                }
                _ => {}
            }
        };
        match ended {
            Some(code) => break (code, run.wait().err),
            None => run.kill(),
        }
    };
    let whole = judge(&Cluster::over(hone), expected, counts);
    assert!(
        code == Some(0) || !whole,
        "hone run ends with {code:?}:\n{said}"
    );
}

/// Processes whose parent is `of`.
fn children(of: u32) -> Vec<u32> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let parent = |process: &Path| {
        let stat = fs::read_to_string(process.join("stat")).ok()?;
        // The name stands in brackets and may hold anything; state and parent follow.
        stat.rsplit_once(')')?
            .1
            .split_whitespace()
            .nth(1)?
            .parse::<u32>()
            .ok()
    };
    let mut found: Vec<u32> = processes
        .flatten()
        .filter(|entry| parent(&entry.path()) == Some(of))
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    found.sort_unstable();
    found
}

fn kill(process: u32) {
    let _ = Command::new("kill")
        .args(["-9", &process.to_string()])
        .status();
}
