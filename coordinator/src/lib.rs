//! The coordinator: decides which trials run, stores what happened, and leases trials to workers.

pub mod ids;
pub mod search;
pub mod store;
pub mod sweep;
pub mod trial;
