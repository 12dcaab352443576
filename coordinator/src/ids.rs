//! Ids, each a type of its own, so that a round is never taken for a repeat.

use std::{fmt, sync::Arc};

/// A sweep's id: its name, made unique (`fashion-2`). Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SweepId(Arc<str>);

impl SweepId {
    /// Takes a name as it is; [`is_valid_name`] says whether a new sweep may have it.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SweepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Characters of a sweep's name.
pub const LONGEST_NAME: usize = 100;

/// Whether a new sweep may have this name: letters, digits, `-` and `_`, at most 100 of them.
pub fn is_valid_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(fits)
}

/// A sweep's key in the file: grows, so the newest has the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SweepKey(pub i64);

/// A sweep's seed: 64 bits, all of which are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub u64);

impl Seed {
    /// Seed of everything random in a trial, below 2^32 so that any program can take it: the same for every attempt,
    /// another for another (round, point, repeat, fold).
    pub fn of_trial(self, round: u32, point: u64, repeat: u32, fold: u32) -> u64 {
        let mut hasher = blake3::Hasher::new_derive_key("hone 2026 trial seed");
        hasher.update(&self.0.to_le_bytes());
        hasher.update(&round.to_le_bytes());
        hasher.update(&point.to_le_bytes());
        hasher.update(&repeat.to_le_bytes());
        hasher.update(&fold.to_le_bytes());
        let mut bytes = [0; 4];
        hasher.finalize_xof().fill(&mut bytes);
        u64::from(u32::from_le_bytes(bytes))
    }
}

/// Number of a trial in its sweep, from 1 in plan order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrialNumber(pub u64);

impl fmt::Display for TrialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A trial, by its sweep and its number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrialKey {
    /// The sweep.
    pub sweep: SweepId,
    /// Its number in it, from 1.
    pub trial: TrialNumber,
}

impl fmt::Display for TrialKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.sweep, self.trial)
    }
}

/// Number of an attempt in its trial, from 1. Only a grant increments it and nothing resets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttemptNumber(pub u32);

impl fmt::Display for AttemptNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The secret of one lease. Its `Debug` form does not show it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub [u8; 16]);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(secret)")
    }
}

/// One worker process, for as long as it lives; never its name or host.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub [u8; 16]);

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Made once per wanted effect: a repeated call with the same id has one effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub [u8; 16]);

/// A blake3 hash: of a blob's content, of a training's state, of a data set.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Enough of it to tell two sets apart by eye.
    pub fn short(self) -> String {
        self.to_string().chars().take(12).collect()
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The right to speak for one attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AttemptRef {
    /// The sweep.
    pub sweep: SweepId,
    /// The trial in it.
    pub trial: TrialNumber,
    /// The attempt of it.
    pub attempt: AttemptNumber,
    /// The secret of that attempt's lease.
    pub token: Token,
}

impl AttemptRef {
    /// The trial alone.
    pub fn key(&self) -> TrialKey {
        TrialKey {
            sweep: self.sweep.clone(),
            trial: self.trial,
        }
    }
}
