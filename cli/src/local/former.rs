//! Worker processes of a `hone run` that died: waited for, so that what they trained is free at once.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use hone_coordinator::{Coordinator, store};
use hone_worker::user_file;

use crate::output::numbers::hex;

/// A worker that has lost its parent ends by itself; one that does not is ended.
const PATIENCE: Duration = Duration::from_secs(10);

/// No note is longer.
const LARGEST: u64 = 1 << 20;

/// One worker process, as it was noted down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Former {
    /// Process id.
    pub pid: u32,
    /// How it was known to the coordinator.
    pub session: [u8; 16],
}

/// Where the workers of a `hone run` keep checkpoints: beside its database.
pub fn scratch(db: &Path) -> anyhow::Result<PathBuf> {
    Ok(store::beside(db, ".work")?)
}

/// What the workers of a dead `hone run` on this database still hold goes back to the queue.
pub async fn free(coordinator: &Coordinator, db: &Path) -> anyhow::Result<()> {
    let scratch = scratch(db)?;
    let former = recall(&scratch);
    for worker in &former {
        worker.end().await;
        let reason = "its hone run died";
        coordinator.gone(worker.session, true, reason).await?;
    }
    if !former.is_empty() {
        remember(&scratch, &[]);
    }
    Ok(())
}

/// Removes what the workers of this database kept on disk, and nothing else.
pub fn tidy(db: &Path) -> anyhow::Result<()> {
    let scratch = scratch(db)?;
    // Gone already is as good, and what cannot be removed does no harm.
    let _ = fs::remove_file(note(&scratch));
    hone_worker::remove_scratch(&scratch);
    Ok(())
}

fn note(scratch: &Path) -> PathBuf {
    scratch.join("workers")
}

/// Notes down who works now, for a successor to read. Failing to is no reason to stop: leases expire all the same.
pub fn remember(scratch: &Path, workers: &[Former]) {
    let lines: Vec<String> = workers
        .iter()
        .map(|w| format!("{} {}\n", w.pid, hex(&w.session)))
        .collect();
    let _ = fs::create_dir_all(scratch).and_then(|()| fs::write(note(scratch), lines.concat()));
}

/// Who worked when the last `hone run` on this database ended; none after an orderly end.
fn recall(scratch: &Path) -> Vec<Former> {
    let text = user_file::read(&note(scratch), LARGEST).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    text.lines().filter_map(parse).collect()
}

fn parse(line: &str) -> Option<Former> {
    let (pid, session) = line.split_once(' ')?;
    Some(Former {
        pid: pid.parse().ok()?,
        session: unhex(session)?,
    })
}

/// The session that 32 hex digits name.
pub fn unhex(text: &str) -> Option<[u8; 16]> {
    let digits = |i: usize| u8::from_str_radix(text.get(i..i + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..text.len()).step_by(2).map(digits).collect();
    bytes?.try_into().ok()
}

impl Former {
    /// Whether the process still runs, and is that worker: process ids are used again.
    fn runs(self) -> bool {
        let command = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        String::from_utf8_lossy(&command).contains(&hex(&self.session))
    }

    /// Waits for its end; a process that hangs is killed.
    async fn end(self) {
        let gone = async {
            while self.runs() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, gone).await.is_err()
            && let Some(pid) = i32::try_from(self.pid)
                .ok()
                .and_then(rustix::process::Pid::from_raw)
        {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_remembered() {
        let folder = tempfile::tempdir().expect("a folder");
        let scratch = folder.path().join("work");
        assert_eq!(recall(&scratch), []);
        let workers = [
            Former {
                pid: 7,
                session: [0xab; 16],
            },
            Former {
                pid: 8,
                session: [1; 16],
            },
        ];
        remember(&scratch, &workers);
        assert_eq!(recall(&scratch), workers);
        remember(&scratch, &[]);
        assert_eq!(recall(&scratch), []);
    }

    #[tokio::test]
    async fn a_process_that_is_another_by_now_is_not_waited_for() {
        let own = Former {
            pid: std::process::id(),
            session: [3; 16],
        };
        assert!(!own.runs());
        own.end().await;
    }
}
