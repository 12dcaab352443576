//! What a coordinator is told when it starts.

use std::{path::PathBuf, time::Duration};

use crate::{clock::Clock, secrets::Secrets, versions::Arithmetic};

/// Everything `run` needs beside the listener.
#[derive(Clone, Debug)]
pub struct Config {
    /// The SQLite file; blobs lie in `blobs/` beside it.
    pub database: PathBuf,
    /// How the lease times are set.
    pub timing: Timing,
    /// Versions of the arithmetic of the trainers of this build.
    pub arithmetic: Arithmetic,
    /// Sizes and numbers above which a request is refused.
    pub limits: Limits,
    /// The clock that decides expiry.
    pub clock: Clock,
    /// Where lease tokens come from.
    pub secrets: Secrets,
}

impl Config {
    /// Defaults for a database file.
    pub fn new(database: impl Into<PathBuf>) -> Self {
        Self {
            database: database.into(),
            timing: Timing::default(),
            arithmetic: Arithmetic::new(),
            limits: Limits::default(),
            clock: Clock::system(),
            secrets: Secrets::system(),
        }
    }
}

/// Heartbeat, lease and first lease. Workers are told durations; moments stay here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How often a worker reports that it lives.
    pub(crate) heartbeat: Duration,
    /// How long an attempt lives without a heartbeat.
    pub(crate) lease: Duration,
    /// How long it may take to the first heartbeat: data and device start up.
    pub(crate) first_lease: Duration,
    /// How long an attempt may heartbeat without one more step before it is taken for stuck.
    pub(crate) stuck: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(15),
            lease: Duration::from_secs(60),
            first_lease: Duration::from_secs(300),
            stuck: Duration::from_secs(1800),
        }
    }
}

impl Timing {
    /// Refuses a lease below three heartbeats, since two lost messages must not cost a trial, and a first lease below
    /// the lease.
    pub fn new(
        heartbeat: Duration,
        lease: Duration,
        first_lease: Duration,
    ) -> Result<Self, TimingError> {
        if heartbeat.is_zero() {
            return Err(TimingError::NoHeartbeat);
        }
        if lease < 3 * heartbeat {
            return Err(TimingError::LeaseTooShort { heartbeat, lease });
        }
        if first_lease < lease {
            return Err(TimingError::FirstLeaseTooShort { lease, first_lease });
        }
        Ok(Self {
            heartbeat,
            lease,
            first_lease,
            ..Self::default()
        })
    }

    /// How often the reaper looks: often enough that an expiry is seen well within a lease.
    pub(crate) fn reaper_period(&self) -> Duration {
        (self.lease / 12).clamp(Duration::from_millis(10), Duration::from_secs(2))
    }
}

/// Why lease times are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimingError {
    /// A heartbeat of zero.
    #[error("--heartbeat must be above zero")]
    NoHeartbeat,
    /// Two lost heartbeats would cost a trial.
    #[error("--lease {lease:?} is below three heartbeats of {heartbeat:?}: give at least {:?}", *heartbeat * 3)]
    LeaseTooShort {
        heartbeat: Duration,
        lease: Duration,
    },
    /// The first lease covers the start-up as well.
    #[error("--first-lease {first_lease:?} is below --lease {lease:?}")]
    FirstLeaseTooShort {
        lease: Duration,
        first_lease: Duration,
    },
}

/// Bounds of what a client may ask at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest message in either direction, bytes: a piece of a blob and its frame.
    pub message_bytes: usize,
    /// Concurrent requests of one connection.
    pub streams_per_connection: u32,
    /// A request that takes longer than this is given up, long polls aside, which end before.
    pub request_timeout: Duration,
    /// Longest wait of an `Acquire`.
    pub longest_wait: Duration,
    /// Connected worker processes.
    pub sessions: usize,
    /// Bytes of all blobs together.
    pub blob_bytes: u64,
    /// How long a shutdown waits for requests under way.
    pub shutdown: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 4 << 20,
            streams_per_connection: 256,
            request_timeout: Duration::from_secs(30),
            longest_wait: Duration::from_secs(20),
            sessions: 20_000,
            blob_bytes: 50 << 30,
            shutdown: Duration::from_secs(5),
        }
    }
}
