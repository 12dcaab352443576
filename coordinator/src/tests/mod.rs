//! The whole coordinator over real sockets and a real file, with scripted workers and a clock turned by hand.

mod arrows;
mod fuzz;
pub(crate) mod harness;
mod hostile;
mod leasing;
mod listing;
mod people;
mod requests;
mod retries;
mod room;
pub(crate) mod simulation;
mod sizes;
mod sweeping;
mod versions;
mod wire;
