//! Faults of the disk: a small tmpfs that is full for a while, and one that is read-only when a coordinator starts.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use crate::{
    cluster::{Cluster, Results},
    count::Counts,
    hone::Hone,
    judge,
    luck::Luck,
};

/// What is done to a disk.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    FullDisk,
    ReadOnlyDisk,
}

impl Fault {
    /// Each as often as the other.
    pub const ALL: [(Self, u64); 2] = [(Self::FullDisk, 1), (Self::ReadOnlyDisk, 1)];
}

/// Room for database, log, blobs and checkpoints of one sweep.
const SIZE: &str = "size=24m";

/// A sweep to its end on a disk with faults; `false` when this user may not mount.
pub fn episode(sweep: &str, expected: &Results, luck: &mut Luck, counts: &mut Counts) -> bool {
    let hone = Hone::new();
    let Some(disk) = Disk::mount(hone.path()) else {
        return false;
    };
    hone.write("sweep.toml", sweep);
    // The disk goes before the folder that it is mounted on.
    let (mut cluster, disk) = (Cluster::start_in(hone, 2), disk);
    let mut before = cluster.epochs();
    loop {
        cluster.progress(before);
        before = cluster.epochs();
        if cluster.has_ended() {
            break;
        }
        thread::sleep(Duration::from_millis(luck.below(120)));
        let fault = counts.rarest(&Fault::ALL, luck);
        match fault {
            Fault::FullDisk => full(&cluster, &disk, luck),
            Fault::ReadOnlyDisk => read_only(&mut cluster, &disk),
        }
        counts.fault(&format!("{fault:?}"));
    }
    judge(&cluster, expected, counts);
    true
}

/// No byte more can be written for a while; what is there is served.
fn full(cluster: &Cluster, disk: &Disk, luck: &mut Luck) {
    let ballast = disk.0.join("ballast");
    if let Ok(mut file) = File::create(&ballast) {
        while file.write_all(&[0; 1 << 16]).is_ok() {}
    }
    thread::sleep(Duration::from_millis(500 + luck.below(2500)));
    assert!(!cluster.trials().is_empty(), "a full disk can be read");
    let _ = std::fs::remove_file(ballast);
}

/// Everything dies, and the disk is read-only when a coordinator comes back.
fn read_only(cluster: &mut Cluster, disk: &Disk) {
    let workers = cluster.workers();
    for _ in 0..workers {
        cluster.kill_worker();
    }
    cluster.kill_coordinator();
    disk.remount("ro");
    let (said, code) = cluster.cannot_start();
    assert!(
        code != Some(0) && said.contains("hone.db"),
        "on a read-only disk ({code:?}): {said}"
    );
    disk.remount("rw");
    cluster.start_coordinator();
    for _ in 0..workers {
        cluster.start_worker();
    }
}

/// A mounted tmpfs.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path) -> Option<Self> {
        let mounted = mount(&["-t", "tmpfs", "-o", SIZE, "hone-soak"], at);
        mounted.then(|| Disk(at.to_path_buf()))
    }

    fn remount(&self, how: &str) {
        let done = mount(&["-o", &format!("remount,{how}")], &self.0);
        assert!(done, "remounted {how}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: the processes that are killed next may still hold files.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn mount(arguments: &[&str], at: &Path) -> bool {
    let mut command = Command::new("mount");
    command.args(arguments).arg(at).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
