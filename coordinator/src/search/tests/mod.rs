//! The search as a whole, driven by simulated workers.

pub(super) mod outcomes;
mod planned;
mod simulated;
mod written_rounds;
