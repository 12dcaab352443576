//! What `hone run` starts on this machine: a coordinator in this process, workers as processes beside it.

pub mod coordinator;
pub mod data;
pub mod estimate;
pub mod follow;
pub mod former;
pub mod preflight;
mod remembered;
pub mod setup;
pub mod signals;
pub mod workers;
