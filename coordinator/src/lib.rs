//! The coordinator: decides which trials run, stores what happened, and leases trials to workers.

pub mod search;
