//! The search as a whole, driven by simulated workers.

mod hinges;
pub(super) mod outcomes;
mod planned;
mod repeats;
mod samplers;
mod simulated;
mod written_rounds;
