//! Times of calls, and their quantiles.

use std::{collections::BTreeMap, time::Duration};

/// Times of one kind of call.
#[derive(Clone, Debug, Default)]
pub struct Times(Vec<Duration>);

impl Times {
    /// One more.
    pub fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// How many calls.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The time within which a share `q` of the calls was answered.
    pub fn quantile(&self, q: f64) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let last = sorted.len().saturating_sub(1);
        let place = (q * last as f64).round() as usize;
        sorted.get(place).copied().unwrap_or_default()
    }
}

/// Times by kind of call.
#[derive(Clone, Debug, Default)]
pub struct Latencies(BTreeMap<&'static str, Times>);

impl Latencies {
    /// One call more.
    pub fn add(&mut self, call: &'static str, time: Duration) {
        self.0.entry(call).or_default().add(time);
    }

    /// All of another's.
    pub fn merge(&mut self, other: Latencies) {
        for (call, times) in other.0 {
            self.0.entry(call).or_default().0.extend(times.0);
        }
    }

    /// In order of name.
    pub fn by_call(&self) -> impl Iterator<Item = (&'static str, &Times)> {
        self.0.iter().map(|(call, times)| (*call, times))
    }
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// In milliseconds, two digits.
pub fn milliseconds(time: Duration) -> String {
    format!("{:.2}", 1000.0 * time.as_secs_f64())
}
