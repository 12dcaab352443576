//! The search as a whole, driven by simulated workers.

mod outcomes;
mod simulated;
mod written_rounds;
