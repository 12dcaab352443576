//! How long to wait before a call is tried again, and when that is no use.

use std::time::Duration;

use tonic::Status;

use crate::client::{self, Again};

/// Doubles from a tenth of a second to five seconds, each wait shortened at random by up to a half: so that many
/// workers which lost the same coordinator do not come back in step. One for each call and its repetitions.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
    /// Failures that said nothing while heartbeats were answered, and how many heartbeats had been at the last one.
    unclear: u32,
    beats: Option<u64>,
}

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// So many failures that say nothing, each with an answered heartbeat since the one before, and the call is given up: the
/// coordinator is there and does not understand it. As many as take a minute with the usual heartbeats.
const UNCLEAR: u32 = 5;

impl Backoff {
    pub(crate) fn new() -> Self {
        Self {
            next: FIRST,
            unclear: 0,
            beats: None,
        }
    }

    /// The next wait.
    pub(crate) fn wait(&mut self) -> Duration {
        let full = self.next;
        self.next = (self.next * 2).min(LONGEST);
        full.mul_f64(1.0 - 0.5 * chance())
    }

    /// How long to wait before the call that failed with `status` is made again, `beats` heartbeats having been answered so
    /// far; `None`: it is no use.
    pub(crate) fn after(&mut self, status: &Status, beats: u64) -> Option<Duration> {
        match client::again(status) {
            Again::Never => return None,
            Again::Unclear if self.beats != Some(beats) => {
                self.unclear += u32::from(self.beats.is_some());
                self.beats = Some(beats);
            }
            Again::Unclear | Again::Later => {}
        }
        (self.unclear < UNCLEAR).then(|| self.wait())
    }
}

/// A number from 0 to 1. Nothing but waiting depends on it, so a failing source only means less spread.
pub(crate) fn chance() -> f64 {
    getrandom::u32().map_or(0.5, |bits| f64::from(bits) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_limit() {
        let mut backoff = Backoff::new();
        let waits: Vec<_> = (0..12).map(|_| backoff.wait()).collect();
        assert!(waits[0] <= FIRST && waits[0] >= FIRST / 2);
        assert!(waits[11] <= LONGEST && waits[11] >= LONGEST / 2);
    }

    #[test]
    fn only_a_call_that_fails_alone_is_given_up() {
        let internal = Status::internal("no idea");
        let broken = Status::from_error(Box::new(std::io::Error::other("reset")));
        let tries = |status: &Status, beats: fn(u64) -> u64| {
            let mut backoff = Backoff::new();
            (0..100)
                .take_while(|n| backoff.after(status, beats(*n)).is_some())
                .count()
        };
        assert_eq!(tries(&internal, |n| n), UNCLEAR as usize);
        assert_eq!(tries(&internal, |_| 7), 100, "nobody hears anything");
        assert_eq!(tries(&broken, |n| n), 100, "the connection is at fault");
        assert_eq!(tries(&Status::unavailable("full"), |n| n), 100);
        assert_eq!(tries(&Status::invalid_argument("no"), |n| n), 0);
    }
}
