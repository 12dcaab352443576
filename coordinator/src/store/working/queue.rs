//! The first trials of a sweep's queue. The file has all of them; a grant wants the first.

use std::collections::BTreeSet;

use crate::ids::TrialNumber;

/// Where a trial stands in its sweep's queue: by order, then by number.
pub type Position = (u64, TrialNumber);

/// Trials read from the file at once.
pub const READ: usize = 512;
/// Trials that may be kept; of more, the first [`READ`] stay.
const KEPT: usize = 8 * READ;

/// The beginning of a queue, without gaps.
#[derive(Debug, Default)]
pub struct Queue {
    ready: BTreeSet<Position>,
    /// Behind this one there are trials that only the file knows; `None`: all are here.
    known_to: Option<Position>,
}

impl Queue {
    /// From the file's first [`READ`] trials.
    pub fn from_file(first: Vec<Position>) -> Self {
        let known_to = (first.len() >= READ).then(|| first.last().copied());
        Self {
            ready: first.into_iter().collect(),
            known_to: known_to.flatten(),
        }
    }

    /// `Some(None)`: the queue is empty; `None`: the file must tell.
    pub fn first(&self) -> Option<Option<TrialNumber>> {
        match (self.ready.first(), self.known_to) {
            (Some((_, number)), _) => Some(Some(*number)),
            (None, None) => Some(None),
            (None, Some(_)) => None,
        }
    }

    pub fn contains(&self, position: Position) -> bool {
        self.ready.contains(&position)
    }

    pub fn add(&mut self, position: Position) {
        if self.known_to.is_none_or(|last| position <= last) {
            self.ready.insert(position);
        }
    }

    pub fn remove(&mut self, position: Position) {
        self.ready.remove(&position);
    }

    /// Gives up the end of a queue that has grown too long.
    pub fn shorten(&mut self) -> Vec<TrialNumber> {
        if self.ready.len() <= KEPT {
            return Vec::new();
        }
        let Some(first_out) = self.ready.iter().nth(READ).copied() else {
            return Vec::new();
        };
        let out = self.ready.split_off(&first_out);
        self.known_to = self.ready.last().copied();
        out.into_iter().map(|(_, number)| number).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(n: u64) -> Position {
        (n, TrialNumber(n))
    }

    #[test]
    fn a_queue_that_is_whole_knows_when_it_is_empty() {
        let mut queue = Queue::from_file(vec![position(3)]);
        queue.add(position(2));
        assert_eq!(queue.first(), Some(Some(TrialNumber(2))));
        queue.remove(position(2));
        queue.remove(position(3));
        assert_eq!(queue.first(), Some(None));
    }

    #[test]
    fn behind_what_was_read_only_the_file_knows() {
        let first: Vec<_> = (1..=READ as u64).map(position).collect();
        let mut queue = Queue::from_file(first.clone());
        queue.add(position(READ as u64 + 7));
        for place in first {
            queue.remove(place);
        }
        assert_eq!(queue.first(), None);
    }

    #[test]
    fn a_long_queue_is_cut_and_stays_without_gaps() {
        let mut queue = Queue::default();
        for n in 1..=KEPT as u64 + 1 {
            queue.add(position(n));
        }
        let out = queue.shorten();
        assert_eq!(out.len(), KEPT + 1 - READ);
        assert_eq!(out[0], TrialNumber(READ as u64 + 1));
        queue.add(position(KEPT as u64 + 5));
        assert!(!queue.contains(position(KEPT as u64 + 5)));
        assert!(queue.contains(position(READ as u64)));
    }
}
