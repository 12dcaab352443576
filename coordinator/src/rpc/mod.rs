//! The edge: a file per service, and `convert/` beside them, the only readers of proto fields.
//!
//! A handler is three steps: parse, call, encode.

pub(crate) mod convert;
mod history;
mod leases;
mod sweeps;

pub use history::HistoryService;
pub use leases::LeaseService;
pub use sweeps::SweepService;

use hone_proto::v1;

use crate::{
    Error,
    search::{Plan, Search},
};

/// What a sweep would do, without storing anything: `hone plan`.
pub fn plan(definition: v1::SweepDefinition) -> Result<Plan, Error> {
    let (_, sweep) = convert::definition::parse(definition)?;
    let search =
        Search::new(sweep.search).map_err(|error| Error::input(error.path, error.message))?;
    Ok(search.plan().clone())
}
