//! What the store does, with rows kept in memory and without.

mod attempts;
pub(crate) mod bench;
mod decisions;
mod ends;
mod files;
mod full_disk;
mod groups;
mod machine;
mod metrics;
mod planted;
mod retries;
mod statements;
mod sweeps;
