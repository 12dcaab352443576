//! The worker: takes trials on lease, trains them, reports.
//!
//! In reading order: [`run`] connects and starts the slots; `slot` asks for trials; `train` works on one lease, and
//! `curve` trains its epochs; `outbox` takes and `delivery` delivers what it has to say; `heartbeat` renews leases;
//! `spool` keeps calls while the coordinator is away, and `orphans` hands over those of a worker that died;
//! `checkpoint` and `transfer` store and move files; `client` is the only reader of the wire's fields. What is trained
//! stands behind [`trainer`]; files that people name are opened by [`user_file`].

pub mod cnn;
pub mod config;
pub mod data;
pub mod exec;
pub mod trainer;
pub mod user_file;

mod attempt;
mod backoff;
mod checkpoint;
mod client;
mod curve;
mod delivery;
mod heartbeat;
mod logs;
mod offers;
mod orphans;
mod outbox;
mod run;
mod scratch;
mod slot;
mod spool;
mod train;
mod transfer;
mod worker;

pub use client::speaks_otherwise;
pub use config::{Config, Shutdown};
pub use logs::LogLayer;
pub use run::{Error, run};
pub use scratch::remove_scratch;

#[cfg(test)]
mod tests;
