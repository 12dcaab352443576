//! The coordinator of hone: it decides. It knows nothing of candle, nor what a CNN is.
//!
//! In reading order: [`search`] proposes and ranks points, [`definition`] is what is stored of a sweep, [`trial`] and [`sweep`] are the state machines, [`store`]
//! keeps everything, `driver` turns results into decisions, [`granting`] and [`attempts`] are what workers ask and say,
//! [`leases`] and the `reaper` give time and take it away, and [`rpc`] is the edge where messages become values.

pub mod attempts;
pub mod blobs;
pub mod clock;
pub mod config;
mod connected;
pub mod definition;
mod driver;
mod earlier;
mod error;
mod extend;
pub mod granting;
pub mod ids;
pub mod leases;
mod reaper;
mod retry;
pub mod rpc;
pub mod search;
pub mod secrets;
mod server;
pub mod session;
mod state;
pub mod store;
pub mod sweep;
mod sweeps;
mod transfer;
pub mod trial;
pub mod versions;

pub use config::Config;
pub use error::Error;
pub use server::{Coordinator, StartError, run};

#[cfg(test)]
mod tests;
