//! The conformance suite: each test runs against both appliers.

mod attempts;
pub(crate) mod bench;
mod decisions;
mod files;
mod full_disk;
mod groups;
mod machine;
mod metrics;
mod planted;
mod retries;
mod sweeps;
