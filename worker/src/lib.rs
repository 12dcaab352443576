//! The worker: takes trials on lease, trains them, reports.

pub mod cnn;
pub mod config;
pub mod data;
pub mod trainer;

mod run;

pub use config::{Config, Shutdown};
pub use run::{Error, run};
