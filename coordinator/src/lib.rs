//! The coordinator of hone: it decides. It knows nothing of candle, nor what a CNN is.
//!
//! In reading order: [`search`] proposes and ranks points, [`definition`] is what is stored of a sweep, [`trial`] and [`sweep`] are the
//! state machines, [`store`] keeps everything, `driver` turns results into decisions, `state` is what workers and people may do to a
//! running coordinator and what takes time away, [`rpc`] is the edge where messages become values, and [`verify`] tells of a
//! database what does not hold.

mod blob_folder;
pub mod clock;
mod config;
pub mod definition;
mod driver;
mod error;
mod fault;
pub mod ids;
pub mod rpc;
pub mod search;
pub mod secrets;
mod server;
mod state;
pub mod store;
mod sweep;
mod trial;
pub mod verify;
pub mod versions;

pub use config::{Config, Timing};
pub use error::Error;
pub use server::{Coordinator, StartError};
pub use trial::TrialKind;

#[cfg(test)]
mod tests;
