//! The worker: takes trials on lease, trains them, reports.

pub mod trainer;
