//! What was done and what was seen.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    time::Duration,
};

use hone_proto::v1::Event;

use crate::luck::Luck;

/// Events that every soak must have seen, each from the state to the state it goes with.
const EVENTS: [(&str, &str, &str); 10] = [
    ("granted", "queued", "running"),
    ("completed", "running", "completed"),
    ("diverged", "running", "diverged"),
    ("reached_rung", "running", "waiting"),
    ("promoted", "waiting", "queued"),
    ("pruned", "waiting", "pruned"),
    ("lost", "running", "queued"),
    ("released", "running", "queued"),
    ("crashed", "running", "queued"),
    ("taken_back", "queued", "running"),
];

#[derive(Default)]
pub struct Counts {
    faults: BTreeMap<String, u64>,
    events: BTreeMap<(String, String, String), u64>,
    checked: u64,
}

impl Counts {
    pub fn fault(&mut self, name: &str) {
        *self.faults.entry(name.to_owned()).or_default() += 1;
    }

    /// One of the faults that are due most: made least often so far for what they weigh.
    pub fn rarest<T: Copy + Debug>(&self, all: &[(T, u64)], luck: &mut Luck) -> T {
        let made = |(fault, weight): &(T, u64)| {
            let made = self.faults.get(&format!("{fault:?}")).copied();
            made.unwrap_or(0) / weight
        };
        let least = all.iter().map(made).min().unwrap_or(0);
        let rare: Vec<&(T, u64)> = all.iter().filter(|one| made(one) == least).collect();
        rare[usize::try_from(luck.below(rare.len() as u64)).unwrap_or(0)].0
    }

    /// Counts the transitions of one sweep's trials and checks what must hold over them.
    pub fn events(&mut self, events: &[Event]) {
        let mut attempts: BTreeMap<u64, u32> = BTreeMap::new();
        let mut over: BTreeSet<u64> = BTreeSet::new();
        for event in events {
            let trial = event.trial.unwrap_or_default();
            assert!(!over.contains(&trial), "after its end: {event:?}");
            if event.event == "granted" {
                let last = attempts.insert(trial, event.attempt.unwrap_or_default());
                assert_eq!(
                    event.attempt,
                    Some(last.unwrap_or(0) + 1),
                    "attempts count up: {event:?}"
                );
            }
            if !["queued", "running", "waiting"].contains(&event.to_state.as_str()) {
                over.insert(trial);
            }
            let what = (
                event.event.clone(),
                event.from_state.clone(),
                event.to_state.clone(),
            );
            *self.events.entry(what).or_default() += 1;
        }
        assert_eq!(
            over.len(),
            attempts.len(),
            "a trial that was begun has not ended"
        );
        self.checked += 1;
    }

    pub fn print(&self, episodes: usize, took: Duration) {
        println!(
            "{episodes} sweeps in {:.0} s, {} checked",
            took.as_secs_f64(),
            self.checked
        );
        for (fault, count) in &self.faults {
            println!("{count:8} {fault}");
        }
        for ((event, from, to), count) in &self.events {
            println!("{count:8} {event}: {from} -> {to}");
        }
    }

    /// Panics when something was never made or seen.
    pub fn fail_if_vacuous(&self, faults: &[String]) {
        let unmade = faults
            .iter()
            .filter(|fault| !self.faults.contains_key(*fault));
        let seen = |wanted: &(&str, &str, &str)| {
            self.events
                .keys()
                .any(|(event, from, to)| (event.as_str(), from.as_str(), to.as_str()) == *wanted)
        };
        let unseen = EVENTS
            .iter()
            .filter(|event| !seen(event))
            .map(|event| format!("{event:?}"));
        let missing: Vec<String> = unmade.cloned().chain(unseen).collect();
        assert!(
            missing.is_empty(),
            "never happened, so nothing is proven about: {}",
            missing.join(", ")
        );
    }
}
