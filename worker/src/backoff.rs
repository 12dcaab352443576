//! How long to wait before a call is tried again.

use std::time::Duration;

/// Doubles from a tenth of a second to five seconds, each wait shortened at random by up to a half: so that many
/// workers which lost the same coordinator do not come back in step.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

impl Backoff {
    pub(crate) fn new() -> Self {
        Self { next: FIRST }
    }

    /// The next wait.
    pub(crate) fn wait(&mut self) -> Duration {
        let full = self.next;
        self.next = (self.next * 2).min(LONGEST);
        full.mul_f64(1.0 - 0.5 * chance())
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
}
