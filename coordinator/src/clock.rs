//! The coordinator's clock: the only one that decides expiry. It is an argument, so that tests turn it by hand.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::{sync::watch, time::Instant};

/// Time as the coordinator sees it. Cheap to clone; clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// The machine's: monotonic for expiry, the calendar for records. `tokio`'s instant, so that a simulated network
    /// that owns the runtime's time owns this clock too.
    System {
        start: Instant,
        /// The latest calendar time that was read: a clock that is set back must not make records contradict each other.
        latest_ms: Arc<AtomicI64>,
    },
    /// Moved by [`ManualClock`] alone.
    Manual {
        now: watch::Receiver<Duration>,
        unix_ms: i64,
    },
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Kind::System {
            start: Instant::now(),
            latest_ms: Arc::default(),
        })
    }

    /// Monotonic time since the clock was made.
    pub fn now(&self) -> Duration {
        match &self.0 {
            Kind::System { start, .. } => start.elapsed(),
            Kind::Manual { now, .. } => *now.borrow(),
        }
    }

    /// The calendar's time in Unix milliseconds, in this process never less than before: for records, never for expiry.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that everybody else is given"
    )]
    pub fn unix_ms(&self) -> i64 {
        match &self.0 {
            Kind::System { latest_ms, .. } => {
                let elapsed = SystemTime::now().duration_since(UNIX_EPOCH);
                let now = elapsed.map_or(0, |elapsed| {
                    i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
                });
                latest_ms.fetch_max(now, Ordering::Relaxed).max(now)
            }
            Kind::Manual { now, unix_ms } => {
                unix_ms + i64::try_from(now.borrow().as_millis()).unwrap_or(i64::MAX)
            }
        }
    }

    /// Waits until [`now`](Self::now) is at least `moment`. With a manual clock that is gone: for ever.
    pub async fn sleep_until(&self, moment: Duration) {
        match &self.0 {
            Kind::System { start, .. } => tokio::time::sleep_until(*start + moment).await,
            Kind::Manual { now, .. } => {
                let mut now = now.clone();
                if now.wait_for(|now| *now >= moment).await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        }
    }
}

/// The hand that turns a manual [`Clock`].
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<watch::Sender<Duration>>);

impl ManualClock {
    /// A clock that stands still at zero, `unix_ms` by the calendar.
    pub fn new(unix_ms: i64) -> (Self, Clock) {
        let (hand, now) = watch::channel(Duration::ZERO);
        (Self(Arc::new(hand)), Clock(Kind::Manual { now, unix_ms }))
    }

    /// Moves the time on.
    pub fn advance(&self, by: Duration) {
        self.0.send_modify(|now| *now += by);
    }

    /// The time it shows.
    pub fn now(&self) -> Duration {
        *self.0.borrow()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_do_not_go_back_when_the_calendar_does() {
        let clock = Clock::system();
        let Kind::System { latest_ms, .. } = &clock.0 else {
            unreachable!()
        };
        let ahead = clock.unix_ms() + 60_000;
        latest_ms.store(ahead, Ordering::Relaxed);
        assert_eq!(clock.clone().unix_ms(), ahead);
    }
}
