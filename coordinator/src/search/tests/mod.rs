//! The search as a whole, driven by simulated workers.

pub(super) mod outcomes;
mod planned;
mod repeats;
mod samplers;
mod simulated;
mod written_rounds;
