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

use tonic::Status;

use crate::{
    Error,
    state::{State, detached},
};

/// Runs to its end, whatever becomes of the request.
async fn run_to_end<T, Work>(
    state: &Arc<State>,
    work: impl FnOnce(Arc<State>) -> Work,
) -> Result<T, Status>
where
    T: Send + 'static,
    Work: Future<Output = Result<T, Error>> + Send + 'static,
{
    Ok(detached(work(Arc::clone(state))).await?)
}
