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

use crate::{Error, search::Search};

/// The search of a sweep before any result, without storing anything: its plan is what `hone plan` prints. Of a budget in
/// minutes that nothing has measured yet, a plan of twenty trainings.
pub fn plan(definition: v1::SweepDefinition) -> Result<Search, Error> {
    let (_, sweep) = convert::definition::parse(definition)?;
    sweep
        .make_search()
        .map_err(|error| Error::input(error.path, error.message))
}
