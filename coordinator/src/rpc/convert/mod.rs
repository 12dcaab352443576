//! Wire to domain, once and fallibly; domain to wire. A file per service, and one for the nouns they share.

pub mod field;
pub mod history;
pub mod launch;
pub mod leases;
pub mod model;
