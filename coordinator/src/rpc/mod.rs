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

use std::sync::Arc;

use hone_proto::v1;
use tonic::Status;

use crate::{
    Error,
    search::Search,
    state::{State, detached},
};

/// Runs to its end, whatever becomes of the request.
async fn apart<T, Work>(
    state: &Arc<State>,
    work: impl FnOnce(Arc<State>) -> Work,
) -> Result<T, Status>
where
    T: Send + 'static,
    Work: Future<Output = Result<T, Error>> + Send + 'static,
{
    Ok(detached(work(Arc::clone(state))).await?)
}

/// The search of a sweep before any result, without storing anything: its plan is what `hone plan` prints. Of a budget in
/// minutes that nothing has measured yet, a plan of twenty trainings.
pub fn plan(definition: v1::SweepDefinition) -> Result<Search, Error> {
    let (_, plan) = convert::definition::parse(definition)?;
    convert::definition::search(&plan)
}
